"""Cells that hold functions are found without a solve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.domains.trees import Tree
from pinnlab.solvers.cut_cells.discretization import CutDiscretization
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.local_experts.basis import TotalDegree
from pinnlab.solvers.plane_march.cells import SpaceCells, moved
from pinnlab.solvers.plane_march.holding import Held, holding

PROBLEM = pl.Problem(
    pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.laplacian,
    [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
)  # fmt: skip
MADE = CutDiscretization(PROBLEM, TotalDegree(2, 4), 100.0)


def front(points: np.ndarray) -> np.ndarray:
    """A front next to the corner at the origin, of width 0.05."""
    return 1 / (1 + np.exp((points.sum(axis=1, keepdims=True) - 0.2) / 0.05))


def grown() -> Callable[[Sequence[int]], SpaceCells]:
    tree = Tree([0.0, 0.0], [1.0, 1.0], (2, 2))

    def halve(boxes: Sequence[int]) -> SpaceCells:
        tree.split(boxes)
        return SpaceCells(MADE, Inside(MADE.region, tree))

    return halve


def held(allowed: float, most: int = 1000, fits: Callable[[SpaceCells], bool] = lambda cells: True) -> Held:
    return holding(grown(), [front], np.zeros(1), allowed, most, fits)


def test_cells_are_halved_where_the_front_is() -> None:
    found = held(1e-3)
    assert found.whole and 8 < found.cells.count < 64
    missed = found.cells.misfit(front, found.values[0])
    size = found.cells.sizes(found.values[0])[0]
    assert found.cells.mean(missed[:, 0] / size) < 1e-3
    lower, sides = found.cells.tree.corners(found.cells.tree.leaves)
    assert sides[(lower > 0.49).all(axis=1)].min() == 0.5 and sides.min() < 0.2


def test_polynomials_need_no_more_than_the_first_cells() -> None:
    found = holding(grown(), [lambda p: p[:, :1] ** 3], np.zeros(1), 1e-10, 1000, lambda cells: True)
    assert found.whole and found.cells.count == 4


def test_without_room_or_memory_the_last_cells_that_fit_are_what_there_is() -> None:
    assert not held(1e-3, most=6).whole and held(1e-3, most=6).cells.count == 4
    found = held(1e-3, fits=lambda cells: cells.count < 10)
    assert not found.whole and 4 < found.cells.count < 10


def test_what_coarse_cells_hold_is_the_same_on_finer_ones() -> None:
    halve = grown()
    before = halve([])
    cubes = [before.sampled(lambda p: p[:, :1] ** 3 * p[:, 1:]), before.sampled(lambda p: p[:, 1:] ** 2)]
    after = halve([0, 3])
    points = after.system.groups[0].sites[0].points
    for function, exact in zip(
        moved(cubes, before, after), (points[:, 0] ** 3 * points[:, 1], points[:, 1] ** 2), strict=True
    ):
        assert after.values(function)[0] == pytest.approx(exact, abs=1e-12)
