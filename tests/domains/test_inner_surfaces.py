"""Tetrahedra with faces on surfaces inside a region."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.surfaces import inner_surfaces, labels
from pinnlab.domains.meshing.tetrahedra import qualities
from pinnlab.domains.meshing.tetrahedralization import tetrahedralize
from pinnlab.reference.finite_elements.tetrahedra import TetrahedralSpace

CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
BELOW = pl.Box(x=(-1.0, 2.0), y=(-1.0, 2.0), z=(-1.0, 0.5))
BALL = pl.Ball({"x": 0.5, "y": 0.5, "z": 0.5}, 0.3)
PILLAR = pl.Ball({"x": 0.5, "y": 0.5}, 0.25) * pl.Box(z=(-1.0, 2.0))


@pytest.mark.parametrize(
    ("part", "volume", "close"),
    [
        (BELOW, 0.5, 1e-12),
        (BALL, 4 / 3 * np.pi * 0.027, 4e-3),
        (PILLAR, np.pi / 16, 1e-2),
    ],
    ids=["plane", "ball", "cylinder"],
)
def test_a_part_is_filled_by_tetrahedra_of_its_own(part: pl.Region, volume: float, close: float) -> None:
    misses = []
    mesh = tetrahedralize(CUBE, 0.25, [part])
    assert qualities(mesh.nodes[mesh.elements]).min() > 0.01
    for each in (mesh, mesh.refined()):
        assert set(each.pieces) == {"x-", "x+", "y-", "y+", "z-", "z+"}
        weights = TetrahedralSpace(each).inside.weights.sum(axis=1)
        middles = each.nodes[each.elements].mean(axis=1)
        inside = part.depth(torch.from_numpy(middles)).numpy() > 0
        assert weights.sum() == pytest.approx(1.0, abs=1e-12)
        misses.append(abs(weights[inside].sum() / volume - 1))
    assert misses[0] < close and misses[1] < max(misses[0] / 6, 1e-12), "flat faces would gain a factor of four"


def test_parts_may_cross_each_other_and_holes() -> None:
    holed = CUBE - pl.Ball({"x": 0.5, "y": 0.5, "z": 0.6}, 0.2)
    mesh = tetrahedralize(holed, 0.25, [BELOW, PILLAR])
    corners = mesh.nodes[mesh.elements]
    for depth in (BELOW.depth, PILLAR.depth):
        away = depth(torch.from_numpy(corners.reshape(-1, 3))).numpy().reshape(-1, 4)
        assert ((away > -1e-9).all(axis=1) | (away < 1e-9).all(axis=1)).all(), "no tetrahedron has nodes on both sides"


def test_what_lies_on_the_boundary_is_no_surface_inside() -> None:
    found = inner_surfaces(CUBE, [pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 0.5))])
    assert [surface.piece for surface in found] == ["z+"]
    assert inner_surfaces(CUBE, [pl.Ball({"x": 5.0, "y": 5.0, "z": 5.0}, 1.0)]) == []


def test_labels_by_hand() -> None:
    points = np.array([[0.5, 0.5, 0.4], [0.5, 0.5, 0.6], [0.9, 0.9, 0.9], [0.9, 0.9, 0.1], [2.0, 0.0, 0.0]])
    assert labels(CUBE, [BELOW, BALL], points).tolist() == [7, 5, 1, 3, 0]
