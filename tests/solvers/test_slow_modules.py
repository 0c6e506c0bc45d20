"""Modules of the user's own without fast derivatives: steps are timed, and optimizers chosen that fit into the budget."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import pinnlab as pl
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.slow_modules import FIRST_ORDER, affordable_stages
from pinnlab.training.plans import Settings


class Gated(nn.Module):
    """A layer times another one: no sequence of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.last = nn.Linear(2, 6), nn.Linear(2, 6), nn.Linear(6, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.one(x)) * torch.sigmoid(self.other(x)))


def heat() -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - 0.1 * u.xx,
        [pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    )  # fmt: skip


def planned(network: nn.Module, seconds: float = math.inf, **options):
    deadline = Deadline() if math.isinf(seconds) else Deadline.after(seconds)
    settings = Settings(torch.device("cpu"), torch.float64, 0, deadline=deadline)
    plan = pl.PINN(network=network, points=80, **options).plan(heat(), settings)
    told = [note for note in plan.notes if "fast derivatives" in note]
    return plan.start(0, []).stages, told


def test_fifty_steps_have_to_fit():
    stages, told = affordable_stages("Mine", 0.5, 25.0)
    assert isinstance(stages[0], pl.LevenbergMarquardt)
    assert told.startswith("Mine is a module of your own without fast derivatives") and told.endswith(
        "takes about 0.5 s"
    )
    stages, told = affordable_stages("Mine", 0.5, 24.0)
    assert stages == FIRST_ORDER
    assert "48 of which fit into 24 s; it is trained with Adam and L-BFGS, unless stages=... says otherwise" in told
    assert affordable_stages("Mine", math.inf, 24.0)[0] == FIRST_ORDER


def test_a_module_is_timed_and_the_plan_says_so():
    stages, (told,) = planned(Gated())
    assert isinstance(stages[0], pl.LevenbergMarquardt) and told.startswith("Gated is a module of your own")


def test_a_short_budget_takes_first_order_optimizers():
    stages, (told,) = planned(Gated(), seconds=1e-4)
    assert stages == FIRST_ORDER and "Adam and L-BFGS" in told


def test_given_stages_stay():
    mine = pl.LevenbergMarquardt(steps=3)
    assert planned(Gated(), seconds=1e-4, stages=mine) == ((mine,), [])


@pytest.mark.parametrize("network", [pl.MLP(width=6), nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))])
def test_fast_derivatives_need_no_timing(network):
    stages, told = planned(network)
    assert isinstance(stages[0], pl.LevenbergMarquardt) and not told
