"""Small parts of space in which sources, initial and boundary values change: where they are, and that solvers see them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.discontinuities.spots import Spot, narrow
from pinnlab.domains.trees import Tree
from pinnlab.solvers.cut_cells.corners import Corners
from pinnlab.solvers.cut_cells.marking import Marking

LINE = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
WALLS = [pl.Dirichlet(u=0.0)]
A, B, C = 0.37, 0.58, 0.45


def peak(width: float, *places: tuple[torch.Tensor, float]) -> torch.Tensor:
    return torch.exp(-sum((x - at) ** 2 for x, at in places) / (2 * width**2))


def heated(width: float, domain: pl.Region = SQUARE) -> pl.Problem:
    return pl.Problem(domain, "u", lambda u, x, y: u.laplacian + 1e4 * peak(width, (x, A), (y, B)), WALLS)


def on_a_line(width: float) -> pl.Problem:
    start = pl.Initial(u=lambda x: peak(width, (x, A)))
    return pl.Problem(LINE, "u", lambda u: u.t - 1e-3 * u.xx, [start, *WALLS])


def at_a_side(width: float) -> pl.Problem:
    sides = [pl.Dirichlet(u=lambda x: peak(width, (x, A)), on="y-"), pl.Dirichlet(u=0.0, on="y+")]
    return pl.Problem(SQUARE, "u", lambda u: u.laplacian, [*sides, pl.Dirichlet(u=0.0, on="x")])


def in_space(width: float) -> pl.Problem:
    return pl.Problem(
        CUBE, "u", lambda u, x, y, z: u.laplacian + peak(width, (x, A), (y, B), (z, C)), WALLS
    )  # fmt: skip


def test_points_of_a_bin_that_differ_from_most_are_a_spot() -> None:
    points = np.stack(np.meshgrid(*[np.arange(20) + 0.5] * 2, indexing="ij"), axis=2).reshape(-1, 2)
    values = np.zeros((1, 400))
    values[0, [20 * 7 + 13, 20 * 8 + 13]] = 2.0, 1.0
    # bins of 10 x 10 points; two points of a hundred differ, the larger one is the centre, and they span one row
    ((share, spot),) = narrow(points, values, 2)
    assert share == 1.0
    assert spot.center == (7.5, 13.5)
    assert spot.width == pytest.approx(1.0)


@pytest.mark.parametrize(
    "values",
    [np.ones(400), np.arange(400.0), (np.arange(400) % 20 > 5) * 1.0, 1e6 + 1e-3 * (np.arange(400) == 153)],
    ids=["constant", "a slope", "a step", "next to nothing"],
)
def test_what_changes_everywhere_or_nowhere_is_no_spot(values: np.ndarray) -> None:
    points = np.stack(np.meshgrid(*[np.arange(20) + 0.5] * 2, indexing="ij"), axis=2).reshape(-1, 2)
    assert narrow(points, values[None], 2) == []


@pytest.mark.parametrize(
    ("problem", "center", "apart"),
    [
        (on_a_line(2e-4), (A,), 1e-4),
        (heated(2e-3), (A, B), 4e-3),
        (heated(2e-3, SQUARE * pl.Box(t=(0.0, 1.0))), (A, B), 8e-3),
        (at_a_side(1e-3), (A, 0.0), 1e-3),
        (in_space(0.02), (A, B, C), 0.02),
    ],
    ids=["initial", "source", "source with time", "boundary", "space"],
)
def test_a_narrow_part_is_found(problem: pl.Problem, center: tuple[float, ...], apart: float) -> None:
    (spot,) = problem.spots
    assert np.abs(np.subtract(spot.center, center)).max() < apart


@pytest.mark.parametrize("problem", [on_a_line(0.05), heated(0.1), at_a_side(0.05), in_space(0.2)])
def test_what_cells_see_by_themselves_is_no_spot(problem: pl.Problem) -> None:
    assert problem.spots == ()


def test_cells_are_halved_until_they_are_two_widths_wide() -> None:
    marking = Marking(Corners(np.zeros((0, 2)), np.zeros(0)), 1e-6, [Spot((0.3, 0.3), 0.06)])
    rough, tree = Tree([0.0, 0.0], [1.0, 1.0], (1, 1)), Tree([0.0, 0.0], [1.0, 1.0], (1, 1))
    marking.begin(rough, 1000, deepest=3)
    marking.begin(tree, 1000)
    assert marking.sees(tree) and not marking.sees(rough)
    # 1 / 2^4 <= 0.12 < 1 / 2^3
    assert Marking.deepest(tree) == 4
    (leaf,) = tree.locate(np.array([[0.3, 0.3]]))
    assert tree.places[leaf][0] == 4


def test_units_are_those_of_what_a_narrow_source_makes() -> None:
    """A source of 1e4 in a part of 2 mm of a square of 1 m: 1e4 2 pi w^2 = 0.25 in all."""
    unknown = heated(2e-3).scales().change.unknown("u").scale
    assert 1e-3 < unknown < 1e3


def test_a_pulse_between_all_nodes_is_solved_on_a_line() -> None:
    width = 2e-4
    found = pl.solve(on_a_line(width), max_seconds=60, progress=False)
    x, t = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0.1, 1.0, 5))
    spread = width**2 + 2e-3 * t
    images = ((1, A), (-1, -A), (-1, 2 - A), (1, 2 + A), (1, A - 2))
    exact = width / np.sqrt(spread) * sum(s * np.exp(-((x - at) ** 2) / 2 / spread) for s, at in images)
    error = np.linalg.norm(np.asarray(found(x=x, t=t)["u"]) - exact) / np.linalg.norm(exact)
    assert found.status is pl.Status.CONVERGED
    assert error < 1e-5


def test_a_wire_in_a_square_is_solved_and_known_to_be() -> None:
    width = 2e-3
    found = pl.solve(heated(width), max_seconds=60, progress=False)
    x, y = np.meshgrid(np.linspace(0.05, 0.95, 19), np.linspace(0.05, 0.95, 19))
    away = np.hypot(x - A, y - B) > 0.06
    x, y = x[away], y[away]
    n, low, high = np.arange(1, 400)[:, None] * math.pi, np.minimum(y, B), np.maximum(y, B)
    lift = np.exp(-n * (high - low)) * (1 - np.exp(-2 * n * low)) * (1 - np.exp(-2 * n * (1 - high)))
    # Green's function of the square, a sum of sines along x
    green = (np.sin(n * x) * np.sin(n * A) / n * lift / (1 - np.exp(-2 * n))).sum(axis=0)
    exact = 1e4 * 2 * math.pi * width**2 * green
    error = np.linalg.norm(np.asarray(found(x=x, y=y)["u"]) - exact) / np.linalg.norm(exact)
    assert error < 1e-6
    report = found.report(max_seconds=5)
    assert report.verdict.value == "good"
