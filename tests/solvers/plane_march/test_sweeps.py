"""Marches at smaller and smaller tolerances: what their differences say."""

from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.domains.trees import Tree
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.basis import TotalDegree
from pinnlab.solvers.plane_march.sweeps import Finished, Stride, Sweeps, overall_difference

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


def test_the_difference_is_that_of_the_worst_unknown() -> None:
    now = torch.tensor([[3.0, 1.0], [4.0, 0.0]])
    before = torch.tensor([[3.0, 0.9], [4.5, 0.0]])
    # 0.5 of 5, and 0.1 of 1
    assert overall_difference(now, before) == pytest.approx(0.1, rel=1e-6)
    assert overall_difference(now, now) == 0.0


def test_a_march_at_a_smaller_tolerance_is_not_begun_without_time() -> None:
    made = sweeps(None)
    made._took = 10.0
    with pytest.raises(TimeoutError, match="a march at a smaller tolerance would take about 20 s"):
        made.advance(Deadline.after(5.0))
