"""Integrals over regions and their boundaries, against values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.domains import Region
from pinnlab.domains.coverings import boundary_patches, interior_patches
from pinnlab.domains.cubature import Integral, integrate

Array = np.ndarray
DISC = pl.Ball(center={"x": 1.0, "y": 0.5}, radius=0.7)
BALL = pl.Ball(center={"x": 0.0, "y": 0.0, "z": 0.0}, radius=2.0)
L_SHAPE = pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
SQUARE = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0))
HOLE = SQUARE - pl.Ball(center={"x": 0.1, "y": 0.2}, radius=0.5, name="hole")
BITE = SQUARE - pl.Ball(center={"x": 1.0, "y": 1.0}, radius=0.5, name="bite")
LENS = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0) & pl.Ball(center={"x": 1.0, "y": 0.0}, radius=1.0)
CORNERED = pl.Box(x=(0.0, 2.0), y=(0.0, 2.0)) - pl.Box(x=(1.0, 2.0), y=(1.0, 2.0))
SKEWED = pl.Polygon([(0, 0), (2, 0.3), (1.5, 1.7), (0.1, 1.2)]) - pl.Ball(center={"x": 0.9, "y": 0.8}, radius=0.3)
MESH = pl.Mesh([[0, 0], [1, 0], [1, 1], [0, 1], [0.4, 0.6]], [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])


def over(region: Region, f: Callable[[Array], Array], **axes: float) -> Integral:
    return integrate(interior_patches(region, axes), lambda p, _: f(p)[:, None], 1e-9)


def across(region: Region, on: str | None, f: Callable[[Array, Array], Array]) -> float:
    pieces = [boundary_patches(region, piece, {}) for piece in region.pieces(on)]
    found = [integrate(patches, lambda p, n: f(p, np.asarray(n))[:, None], 1e-9).value[0] for patches in pieces]
    return float(sum(found))


@pytest.mark.parametrize(
    ("region", "f", "exact"),
    [
        (pl.Box(x=(0.0, 2.0), y=(0.0, 1.0)), lambda p: np.exp(p[:, 1]), 2 * (math.e - 1)),
        (DISC, lambda p: p[:, 0] ** 2, math.pi * 0.49 * (1 + 0.49 / 4)),
        (BALL, lambda p: p[:, 2] ** 2, 4 / 15 * math.pi * 32),
        (pl.Ball(center=dict.fromkeys("abcd", 0.0), radius=1.0), lambda p: np.ones(len(p)), math.pi**2 / 2),
        (L_SHAPE, lambda p: np.exp(p[:, 0]), math.e**2 + math.e - 2),
        (MESH, lambda p: p[:, 0] * p[:, 1], 0.25),
        (HOLE, lambda p: p[:, 0] ** 2, 4 / 3 - math.pi / 4 * (0.01 + 0.25 / 4)),
        (BITE, lambda p: np.ones(len(p)), 4 - math.pi / 16),
        (LENS, lambda p: np.ones(len(p)), 2 * math.pi / 3 - math.sqrt(3) / 2),
        (CORNERED, lambda p: p[:, 1], 4.0 - 1.5),
        (HOLE * pl.Box(t=(0.0, 2.0)), lambda p: p[:, 2], 2 * (4 - math.pi / 4)),
    ],
)
def test_over_regions(region: Region, f: Callable[[Array], Array], exact: float) -> None:
    found = over(region, f)
    assert abs(found.value[0] - exact) < 1e-10 * abs(exact) and found.bound[0] < 1e-9 * found.size[0]


@pytest.mark.parametrize(
    ("region", "on", "exact"),
    [
        (pl.Box(x=(0.0, 3.0)), "x", 2.0),
        (pl.Box(x=(0.0, 2.0), y=(0.0, 1.0)), "x+", 1.0),
        (DISC, None, 2 * math.pi * 0.7),
        (BALL, "surface", 16 * math.pi),
        (L_SHAPE, "edge2", 1.0),
        (MESH, "boundary", 4.0),
        (HOLE, "hole", math.pi),
        (HOLE, "x", 4.0),
        (BITE, "bite", math.pi / 4),
        (BITE, "x+", 1.5),
        (CORNERED, "x+", 1.0),
        (CORNERED, None, 8.0),
        (LENS, None, 4 * math.pi / 3),
        (HOLE * pl.Box(t=(0.0, 2.0)), "hole", 2 * math.pi),
    ],
)
def test_lengths_and_areas_of_boundaries(region: Region, on: str | None, exact: float) -> None:
    assert abs(across(region, on, lambda p, n: (n**2).sum(axis=1)) - exact) < 1e-9 * exact


@pytest.mark.parametrize("region", [DISC, L_SHAPE, HOLE, BITE, LENS, CORNERED, SKEWED, MESH])
def test_the_divergence_theorem(region: Region) -> None:
    def field(p: Array) -> Array:
        return np.stack([np.sin(p[:, 0]) * p[:, 1], p[:, 0] * p[:, 1] ** 2], axis=1)

    inside = over(region, lambda p: np.cos(p[:, 0]) * p[:, 1] + 2 * p[:, 0] * p[:, 1]).value[0]
    outwards = across(region, None, lambda p, n: (field(p) * n).sum(axis=1))
    assert abs(inside - outwards) < 1e-10


def test_a_coordinate_that_stands_still_and_cells_that_end_at_a_kink() -> None:
    box = pl.Box(x=(0.0, 1.0), t=(0.0, 2.0))
    assert abs(over(box, lambda p: p[:, 0] * p[:, 1], t=1.5).value[0] - 0.75) < 1e-14
    cut = integrate(interior_patches(box, {"x": (0.3,)}), lambda p, _: abs(p[:, :1] - 0.3), 1e-9)
    assert abs(cut.value[0] - (0.09 + 0.49)) < 1e-14 and cut.points < 1000


def test_cells_are_halved_where_it_matters() -> None:
    sharp = over(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), lambda p: np.exp(-(((p[:, 0] - 0.3) / 1e-3) ** 2)))
    assert abs(sharp.value[0] - 1e-3 * math.sqrt(math.pi)) < 1e-12 and sharp.bound[0] < 1e-9 * sharp.size[0]
    jump = integrate(interior_patches(DISC, {}), lambda p, _: (p[:, :1] > 1.1) * 1.0, 1e-9, most=20_000)
    exact = 0.49 * math.acos(1 / 7) - 0.1 * math.sqrt(0.49 - 0.01)
    assert abs(jump.value[0] - exact) < jump.bound[0] < 1e-2 and jump.points < 120_000


def test_a_set_operation_in_space_is_known_roughly_and_says_so() -> None:
    cube = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), z=(-1.0, 1.0))
    region = cube - pl.Ball(center={"x": 0.1, "y": 0.2, "z": 0.0}, radius=0.5, name="hole")
    found = integrate(interior_patches(region, {}), lambda p, _: np.ones((len(p), 1)), 1e-9, most=100_000)
    assert abs(found.value[0] - (8 - math.pi / 6)) < found.bound[0] < 0.1
    # the hole's volume, with normals that point into it
    assert abs(across(region, "hole", lambda p, n: p[:, 2] * n[:, 2]) + math.pi / 6) < 1e-9
