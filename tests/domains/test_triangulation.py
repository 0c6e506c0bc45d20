"""Triangles over plane regions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.domains.meshing.triangulation import Triangulation, triangulate

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
SHAPES = {
    "square": (SQUARE, 0.2, 1.0),
    "four holes": (
        pl.Box(x=(-0.5, 0.5), y=(-0.5, 0.5))
        - pl.Ball({"x": -0.3, "y": -0.3}, 0.1)
        - pl.Ball({"x": -0.3, "y": 0.3}, 0.1)
        - pl.Ball({"x": 0.3, "y": -0.3}, 0.1)
        - pl.Ball({"x": 0.3, "y": 0.3}, 0.1),
        0.15,
        1 - 0.04 * math.pi,
    ),
    "channel": (
        pl.Box(x=(0.0, 2.2), y=(0.0, 0.41)) - pl.Ball({"x": 0.2, "y": 0.2}, 0.05),
        0.1,
        0.902 - 0.0025 * math.pi,
    ),
    "corner": (pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]), 0.3, 3.0),
    "quarter of a plate": (
        pl.Box(x=(0.0, 4.0), y=(0.0, 4.0)) - pl.Ball({"x": 0.0, "y": 0.0}, 1.0),
        0.6,
        16 - math.pi / 4,
    ),
}


def angles(mesh: Triangulation) -> np.ndarray:
    corners = mesh.nodes[mesh.elements]
    a, b, c = (np.linalg.norm(corners[:, (i + 1) % 3] - corners[:, (i + 2) % 3], axis=1) for i in range(3))
    return np.degrees([np.arccos((q**2 + r**2 - p**2) / (2 * q * r)) for p, q, r in ((a, b, c), (b, c, a), (c, a, b))])


def areas(mesh: Triangulation) -> np.ndarray:
    a, b, c = mesh.nodes[mesh.elements].transpose(1, 0, 2)
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


@pytest.mark.parametrize("name", SHAPES)
def test_triangles_fill_the_region_and_have_good_angles(name: str) -> None:
    region, size, area = SHAPES[name]
    mesh = triangulate(region, size)
    assert areas(mesh).min() > 0
    assert angles(mesh).min() > 15
    finer = mesh.refined().refined()
    chords = abs(areas(mesh).sum() - area)
    assert abs(areas(finer).sum() - area) <= chords / 15 + 1e-12, (
        "chords come closer to arcs by the square of their length"
    )
    assert set(mesh.pieces) == set(region.pieces(None))
    sides = np.sort(np.concatenate([mesh.elements[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), axis=1)
    outer = {tuple(s) for s, n in zip(*np.unique(sides, axis=0, return_counts=True), strict=True) if n == 1}
    assert outer == {tuple(sorted(e)) for e in mesh.edges.tolist()}, "the boundary's edges are the mesh's outer sides"


def test_new_nodes_of_the_boundary_lie_on_arcs() -> None:
    mesh = triangulate(pl.Ball({"x": 0.0, "y": 0.0}, 2.0), 0.8).refined()
    assert np.allclose(np.linalg.norm(mesh.nodes[mesh.edges], axis=2), 2.0)
    assert np.allclose(np.linalg.norm(mesh.middles(), axis=1), 2.0)


def test_triangles_are_graded_towards_a_point() -> None:
    region = SHAPES["corner"][0]
    mesh = triangulate(region, 0.3, [(np.array([1.0, 1.0]), 1e-4)])
    shortest = np.linalg.norm(np.diff(mesh.nodes[mesh.edges], axis=1), axis=2).min()
    assert shortest < 3e-4
    assert len(mesh.elements) < 2000 and angles(mesh).min() > 12


def test_a_mesh_keeps_its_triangles() -> None:
    mesh = pl.Mesh([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [[0, 1, 2], [0, 3, 2]], {"floor": [[0, 1]]})
    found = triangulate(mesh, 2.0)
    assert len(found.elements) == 2 and areas(found).tolist() == [0.5, 0.5]
    assert set(found.pieces) == {"floor", "untagged"}
    assert len(triangulate(mesh, 0.5).elements) == 8, "edges of 0.5, 0.5 and 0.7"
