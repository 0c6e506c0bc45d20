"""Nodes and cells that cover regions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pinnlab.domains import Ball, Box, Mesh, Polygon, Region
from pinnlab.domains.meshing.grids import cover, refined
from pinnlab.domains.simplices import volumes

SQUARE = Box(x=(0.0, 1.0), y=(0.0, 1.0))
ELL = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])


def total(nodes: np.ndarray, cells: np.ndarray) -> float:
    return float(volumes(torch.from_numpy(nodes[cells])).sum())


@pytest.mark.parametrize(
    ("region", "size", "relative"),
    [
        (Ball({"x": 0.0, "y": 0.0}, 1.0), math.pi, 1e-3),
        (ELL, 3.0, 1e-9),
        (SQUARE - Ball({"x": 0.5, "y": 0.5}, 0.25), 1 - math.pi / 16, 1e-3),
        (SQUARE - Ball({"x": 1.0, "y": 1.0}, 0.5), 1 - math.pi / 16, 1e-3),
        (Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0), 4 / 3 * math.pi, 2e-2),
    ],
    ids=["disc", "ell", "hole", "corner", "ball"],
)
def test_triangles_and_tetrahedra_fill_a_region_up_to_its_boundary(
    region: Region, size: float, relative: float
) -> None:
    n = 33 if len(region.coordinates) == 2 else 13
    found = cover(region, dict.fromkeys(region.coordinates, n))
    assert found.kind == ("triangle" if len(region.coordinates) == 2 else "tetra")
    assert total(found.nodes, found.cells) == pytest.approx(size, rel=relative)
    assert bool(region.contains(torch.from_numpy(found.nodes)).all())
    assert set(found.cells.reshape(-1)) == set(range(len(found.nodes))), "no node is idle"


def test_boxes_get_grids() -> None:
    line = cover(Box(x=(0.0, 1.0)), {"x": 3})
    assert line.kind == "line" and line.cells.tolist() == [[0, 1], [1, 2]]
    plane = cover(Box(x=(0.0, 1.0), y=(0.0, 2.0)), {"x": 2, "y": 3})
    assert plane.kind == "quad" and plane.cells.tolist() == [[0, 3, 4, 1], [1, 4, 5, 2]]
    assert plane.nodes.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    room = cover(Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0)), {"x": 2, "y": 2, "z": 3})
    assert room.kind == "hexahedron" and room.cells.tolist() == [[0, 6, 9, 3, 1, 7, 10, 4], [1, 7, 10, 4, 2, 8, 11, 5]]


def test_meshes_keep_their_own_nodes() -> None:
    mesh = Mesh([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.array([[0, 1, 2]]))
    found = cover(mesh, {})
    assert found.nodes.tolist() == mesh.nodes.tolist() and found.cells.tolist() == [[0, 1, 2]]
    finer = refined(found, 10)
    assert len(finer.cells) == 16 and total(finer.nodes, finer.cells) == pytest.approx(0.5)
