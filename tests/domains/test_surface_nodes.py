"""Nodes on boundaries: their areas add up, their spacing is what was asked for, their normals point outwards."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.domains.coverings import boundary_patches
from pinnlab.domains.meshing.surface_nodes import surface_nodes

DISC = pl.Ball({"x": 0.0, "y": 0.0}, 0.5)
BALL = pl.Ball({"x": 0.5, "y": 0.5, "z": 0.5}, 0.25)
CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0)) - BALL


@pytest.mark.parametrize(("region", "piece", "area"), [(DISC, "surface", math.pi), (BALL, "surface", math.pi / 4)])
def test_areas_add_up(region: pl.Ball, piece: str, area: float) -> None:
    found = surface_nodes(boundary_patches(region, piece, {}), lambda x: np.full(len(x), 0.1), 4)
    assert found.density.sum() == pytest.approx(area, rel=1e-6)


def test_nodes_are_dense_where_they_are_asked_to_be() -> None:
    patches = boundary_patches(DISC, "surface", {})
    found = surface_nodes(patches, lambda x: np.where(x[:, 0] > 0, 0.01, 0.5), 4)
    right = (found.points[:, 0] > 0.1).sum()
    assert right > 20 * (found.points[:, 0] < -0.1).sum() and right > 400


def test_normals_point_out_of_what_is_left() -> None:
    patches = boundary_patches(CUBE, "surface", {})
    found = surface_nodes(patches, lambda x: np.full(len(x), 0.2), 3, seed=0)
    assert found.normals is not None
    centre = np.array(list(BALL.center.values()))
    assert np.allclose(found.points + 0.25 * found.normals, centre, atol=1e-12)
