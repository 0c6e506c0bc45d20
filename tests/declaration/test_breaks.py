"""Kinks, jumps and infinite derivatives of given functions are found, with their positions; steep layers are none."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.discontinuities.breaks import Jet, find_breaks, unseen_order
from pinnlab.derivatives.autograd import autograd_jet

LINE = torch.zeros(1, 1, dtype=torch.float64)
NODES = torch.linspace(0.0, 1.0, 5, dtype=torch.float64)
VALUES = torch.sin(3 * NODES)


def jet_of(function: Callable[[Tensor], Tensor]) -> Jet:
    return lambda points, indices: autograd_jet(lambda at: function(at[:, 0])[:, None], points, indices, keep=False)


def table(x: Tensor) -> Tensor:
    """Linear between nodes."""
    k = torch.bucketize(x.detach(), NODES).clamp(1, 4) - 1
    return VALUES[k] + (x - NODES[k]) * (VALUES[k + 1] - VALUES[k]) * 4


@pytest.mark.parametrize(
    ("function", "order", "expected"),
    [
        (lambda x: torch.clamp(x - 0.3, min=0), 2, [(0.3, 1, False)]),
        (lambda x: 1e-9 * torch.clamp(x - 0.3, min=0), 2, [(0.3, 1, False)]),
        (lambda x: 1e6 + 1e3 * (x - 0.3).abs(), 2, [(0.3, 1, False)]),
        (lambda x: torch.sin(x) + 1e-4 * (x - 0.5).abs(), 2, [(0.5, 1, False)]),
        (lambda x: torch.where(x > 0.7, 1.0, 0.0) + 0 * x, 1, [(0.7, 0, False)]),
        (lambda x: (x - 0.5).abs().sqrt(), 1, [(0.5, 1, True)]),
        (lambda x: x.sqrt(), 1, [(0.0, 1, True)]),
        (lambda x: (x - 0.5).abs() ** 1.5, 1, []),
        (lambda x: (x - 0.5).abs() ** 1.5, 2, [(0.5, 2, True)]),
        (lambda x: torch.clamp(x - 0.3, min=0) ** 3, 2, []),
        (lambda x: torch.clamp(x - 0.3, min=0) ** 3, 4, [(0.3, 3, False)]),
        (lambda x: ((x - 0.3) * (x > 0.3)).sqrt(), 2, [(0.3, 1, True)]),
        (lambda x: ((x - 0.3) * (0.9 - x) * (x > 0.3) * (x < 0.9)).sqrt(), 2, [(0.3, 1, True), (0.9, 1, True)]),
        (lambda x: x.detach().sqrt() + (0 * x).sqrt(), 1, [(0.00298411, 1, True)]),
        (table, 2, [(0.25, 1, False), (0.5, 1, False), (0.75, 1, False)]),
    ],
    ids=["max", "tiny", "offset", "small", "jump", "root", "root at an end", "1.5 by one", "1.5 by two", "spline by two",
         "spline by four", "root cut off", "roots cut off", "no slope anywhere", "table"],
)  # fmt: skip
def test_what_breaks_and_where(function: Callable, order: int, expected: list[tuple[float, int, bool]]) -> None:
    found = find_breaks(jet_of(function), LINE, 0, (0.0, 1.0), order)
    assert [(round(b.position, 8), b.order, b.infinite) for b in found] == expected


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.tanh((x - 0.37) / 1e-3),
        lambda x: torch.tanh((x - 0.37) / 1e-6),
        lambda x: torch.sin(40 * math.pi * x),
        lambda x: torch.exp(100 * (x - 1)),
        lambda x: 293.15 + 1e-6 * torch.sin(x),
        lambda x: x * (1 - x) - x + x * x,
        lambda x: torch.ones_like(x),
    ],
    ids=["layer", "thin layer", "waves", "boundary layer", "offset", "zero but for rounding", "constant"],
)
def test_what_is_smooth(function: Callable) -> None:
    assert find_breaks(jet_of(function), LINE, 0, (0.0, 1.0), 2) == []
    assert unseen_order(jet_of(function), LINE, 0, (0.0, 1.0), 2) is None


def test_derivatives_that_exist_nowhere_are_compared_without_a_warning() -> None:
    """Automatic differentiation of the root of nothing is 0 / 0, here on half of more lines than are followed at once."""
    lines = torch.zeros(100, 1, dtype=torch.float64)
    found = find_breaks(jet_of(lambda x: torch.clamp(x - 0.5, min=0).sqrt()), lines, 0, (0.0, 1.0), 1)
    assert found and all(b.infinite for b in found)


def test_what_torch_does_not_see() -> None:
    blind = jet_of(lambda x: torch.from_numpy(np.sin(3 * x.detach().numpy())))
    assert unseen_order(blind, LINE, 0, (0.0, 1.0), 2) == 1
    assert unseen_order(jet_of(lambda x: torch.sin(3 * x)), LINE, 0, (0.0, 1.0), 2) is None


# -- what is built in


def heat(**start: object) -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - 0.02 * u.xx,
        [pl.Initial(**start), pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=0.7, on="x+")],
    )  # fmt: skip


def test_a_kink_is_not_built_in() -> None:
    plan = heat(u=lambda x: torch.clamp(x - 0.3, min=0)).exact_plan()
    assert len(plan.built_in) == 2 and len(plan.soft) == 1
    assert plan.notes == ("Initial(u=<lambda>) is soft: its slope jumps at x = 0.3",)
    with pytest.raises(ValueError, match=r"cannot be exact: its slope jumps at x = 0\.3"):
        heat(u=lambda x: torch.clamp(x - 0.3, min=0), exact=True)


def test_rough_data_are_built_in_where_nothing_is_differentiated() -> None:
    problem = heat(u=lambda x: torch.clamp(x - 0.3, min=0))
    assert len(problem.exact_plan(rough=True).built_in) == 3


@pytest.mark.parametrize(
    ("start", "place"),
    [
        (lambda x, y: torch.relu(x + y - 0.8), "its slope along x jumps at x = "),
        (lambda x, y: torch.relu(x - 0.3) * torch.cos(y), "its slope along x jumps at x = 0.3, y = "),
        (lambda x, y: torch.sqrt((x - 0.5) ** 2 + (y - 0.5) ** 2), "at x = 0.5, y = 0.5"),
        (lambda x, y: torch.cos(y) * torch.where(y > 0.3, 1.0, 0.0) + 0 * x, "its value jumps at x = "),
    ],
    ids=["oblique", "across x", "tip", "jump"],
)
def test_in_the_plane(start: Callable, place: str) -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.xx - u.yy, [pl.Initial(u=start)]
    )
    (note,) = problem.exact_plan().notes
    assert place in note


def test_values_on_sides() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u: u.xx + u.yy,
        [pl.Dirichlet(u=0.0, on="x"), pl.Dirichlet(u=lambda x: torch.minimum(x, 1 - x), on="y+")],
    )  # fmt: skip
    assert problem.exact_plan().notes == ("Dirichlet(u=<lambda>, on='y+') is soft: its slope jumps at x = 0.5",)


def test_a_jump_that_is_carried_along_characteristics_stays_built_in() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t + u.x,
        [pl.Initial(u=lambda x: torch.where((x - 0.5).abs() < 0.2, 1.0, 0.0)), pl.Periodic(on="x")],
        velocity=lambda: 1.0,
    )  # fmt: skip
    solution = pl.solve(problem, pl.LagrangianPINN(), max_seconds=2, progress=False)
    x = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(solution(x=(x + 0.25) % 1, t=0.25)["u"], [0.0, 1.0, 0.0], atol=1e-6)
