"""Marches at smaller and smaller tolerances: what their differences say."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.trees import Tree
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.basis import TotalDegree
from pinnlab.solvers.local_experts.system import Pace
from pinnlab.solvers.plane_march.settings import SweepSettings
from pinnlab.solvers.plane_march.sweep import Sweep
from pinnlab.solvers.plane_march.sweeps import Finished, Stride, Sweeps, growth, overall_difference

PROBLEM = pl.Problem(
    pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.laplacian,
    [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
)  # fmt: skip


def sweeps(difference: float | None) -> Sweeps:
    strides = [Stride(tolerance, TotalDegree(2, 4), 2) for tolerance in (1e-2, 1e-4)]
    made = Sweeps(PROBLEM, strides, lambda: Tree([0.0, 0.0], [1.0, 1.0], (2, 2)), 10, 100.0, math.inf)
    made.best = Finished([], 1e-4, (), 0.0, 4, difference, 1, None if difference is None else 1e-2)
    return made


@pytest.mark.parametrize(
    ("difference", "apart"), [(None, False), (5e-3, False), (0.09, False), (0.2, True), (math.nan, True)]
)
def test_marches_that_differ_by_ten_tolerances_of_the_first_confirm_nothing(
    difference: float | None, apart: bool
) -> None:
    assert sweeps(difference).apart is apart


class Slab:
    """What tells the length of slabs."""

    def __init__(self, begin: float, end: float):
        self.region = PROBLEM.domain.replace(t=(begin, end))


def test_slabs_of_a_march_that_has_not_ended_tell_how_many_there_would_be() -> None:
    made = sweeps(None)
    # ten until a fourth of the interval: forty in all, which takes halving it six times
    pieces = [Slab(k / 40, (k + 1) / 40) for k in range(10)]
    assert made._usual(pieces) == 6  # type: ignore[arg-type]
    assert made._usual([]) == 4 and made._usual(pieces[:0] + [Slab(0.0, 1.0)]) == 4  # type: ignore[arg-type,list-item]


def test_the_difference_is_that_of_the_worst_unknown() -> None:
    now = torch.tensor([[3.0, 1.0], [4.0, 0.0]])
    before = torch.tensor([[3.0, 0.9], [4.5, 0.0]])
    # 0.5 of 5, and 0.1 of 1
    assert overall_difference(now, before) == pytest.approx(0.1, rel=1e-6)
    assert overall_difference(now, now) == 0.0


def test_a_march_at_a_smaller_tolerance_is_not_begun_without_time() -> None:
    made = sweeps(None)
    made._took = 10.0
    with pytest.raises(TimeoutError, match="a march at a smaller tolerance would take about 15 s"):
        made.advance(Deadline.after(5.0))


@pytest.mark.parametrize(
    ("experts", "left", "number"),
    [(9, 35.0, 1), (9, 145.0, 1), (9, 155.0, 2), (9, 760.0, 3), (9, math.inf, 4), (4, 16.0, 1), (4, 51.0, 4)],
)
def test_the_next_march_is_as_strict_as_there_is_time_for(experts: int, left: float, number: int) -> None:
    """The next stricter tolerance takes three times as long, and each further one five times: 30, 150, 750 seconds after a
    march of ten that has halved cells; where the four of the beginning were enough half as long again: 15, ..., 51."""
    made = sweeps(None)
    made.best = Finished([], 1e-2, (), 0.0, experts, None, 0)
    made.strides = [Stride(10.0 ** (-2 - k / 2), TotalDegree(2, 4), 2) for k in range(9)]
    made.number, made._took = 1, 10.0
    assert made._next(Deadline(left, left, lambda: 0.0)) == number


def test_two_marches_tell_how_much_longer_the_next_one_takes() -> None:
    """Two tolerances stricter took 16 times as long: four times each."""
    assert growth(10.0, 160.0, 2) == pytest.approx(4.0, rel=1e-12)
    assert growth(10.0, 9.0, 1) == 1.2 and growth(0.0, 9.0, 1) == 10.0
    made = sweeps(None)
    made.best = Finished([], 1e-2, (), 0.0, 9, None, 0)
    made.strides = [Stride(10.0 ** (-2 - k / 2), TotalDegree(2, 4), 2) for k in range(9)]
    made.number, made._took, made._growth = 1, 10.0, 4.0
    assert made._next(Deadline(155.0, 155.0, lambda: 0.0)) == 1
    assert made._next(Deadline(165.0, 165.0, lambda: 0.0)) == 2
    # where cells have been halved twice as long at least, where the four of the beginning were enough what was measured
    made._growth = 1.2
    assert made._next(Deadline(39.0, 39.0, lambda: 0.0)) == 1
    assert made._next(Deadline(41.0, 41.0, lambda: 0.0)) == 2
    made.best = Finished([], 1e-2, (), 0.0, 4, None, 0)
    assert made._next(Deadline(21.0, 21.0, lambda: 0.0)) == 4


@pytest.mark.parametrize(
    ("coarse", "hurried", "number"),
    [
        ({}, False, 1),
        ({"space": "cells are not fine enough"}, False, 2),
        ({"space": "cells are not fine enough"}, True, 0),
    ],
)
def test_a_march_that_was_coarse_for_lack_of_time_is_made_again(coarse: Any, hurried: bool, number: int) -> None:
    made = sweeps(None)
    made.best, made.number = None, 0
    cells = SimpleNamespace(count=9)
    found = SimpleNamespace(pieces=[], tolerance=1e-2, coarse=coarse, hurried=hurried, added=0.0, cells=cells)
    made._finish(found, Deadline())  # type: ignore[arg-type]
    assert made.number == number and made.best is not None and made.best.hurried is hurried
    made._took = 10.0
    if hurried:
        # the next one may take three times as long, though it began with as many cells
        assert made._next(Deadline(35.0, 35.0, lambda: 0.0)) == 0
        with pytest.raises(TimeoutError, match="a march at a smaller tolerance would take about 30 s"):
            made._next(Deadline(25.0, 25.0, lambda: 0.0))
        # once: the same march a second time tells nothing of its error
        made._finish(found, Deadline())  # type: ignore[arg-type]
        assert made.number == 1 and made.best.difference is None


@pytest.mark.parametrize(("difference", "confirmed"), [(None, False), (9e-4, True), (2e-3, False), (math.nan, False)])
def test_two_marches_confirm_one_another(difference: float | None, confirmed: bool) -> None:
    assert sweeps(difference).confirmed is confirmed


def late(settings: SweepSettings, left: float) -> Sweep:
    """A march in the midst of its time, whose slabs have taken ten seconds each, and which has looked at the clock."""
    sweep = Sweep(
        PROBLEM, TotalDegree(2, 4), Tree([0.0, 0.0], [1.0, 1.0], (2, 2)), settings, np.ones(1), 4, 4, Pace(), {}
    )
    for _ in range(8):
        sweep.clock.advance()
        sweep.pacing.tried(10.0)
        sweep.pacing.added(4)
    sweep._loosen(Deadline(left, left, lambda: 0.0))
    return sweep


def test_a_march_that_would_be_late_takes_a_larger_tolerance_and_says_so() -> None:
    settings = SweepSettings(1e-2, 3, 100, may_loosen=True)
    # eight slabs of ten seconds are left
    sweep = late(settings, 60.0)
    assert sweep.tolerance == pytest.approx(4e-2)
    assert list(sweep.coarse.values()) == ["time was too short for a tolerance of 1e-02 from t = 0.5 on"]
    assert late(SweepSettings(0.1, 3, 100, may_loosen=True), 60.0).tolerance == pytest.approx(0.2)


@pytest.mark.parametrize(("may", "left"), [(True, 100.0), (True, math.inf), (False, 60.0)])
def test_other_marches_keep_their_tolerance(may: bool, left: float) -> None:
    sweep = late(SweepSettings(1e-2, 3, 100, may_loosen=may), left)
    assert sweep.tolerance == 1e-2 and not sweep.coarse
