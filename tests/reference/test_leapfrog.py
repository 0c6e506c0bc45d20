"""Leapfrog from node to node: exact for plain waves, of the fourth order on two grids for others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.reference.leapfrog import WavesOnALine, extrapolated

LINE = pl.Box(x=(0.0, 1.0), t=(0.0, 2.5))
REST = pl.Initial(u=0.0, u_t=0.0)
HELD = pl.Dirichlet(u=0.0, on="x+")


def line(equation, *conditions, domain=LINE):
    return pl.Problem(domain, "u", equation, list(conditions))


def wave(u):
    return u.tt - u.xx


def saw(t):
    return torch.relu(1 - (t - 0.5).abs() / 0.25)


def off(problem, exact, cells=16):
    """Largest error on a grid."""
    grid = WavesOnALine(problem).solved(cells, Deadline())
    box = problem.domain
    (lower, upper), (first, _) = box.bounds["x"], box.time_interval
    x, t = np.linspace(lower, upper, cells + 1), first + np.arange(len(grid))[:, None] / cells * (upper - lower)
    return np.abs(grid - exact(x, t)).max()


def pulse(s):
    return saw(torch.as_tensor(s)).numpy()


def test_plain_waves_are_exact():
    moved = pl.Dirichlet(u=saw, on="x-")
    # kinks pass between nodes
    assert off(line(wave, REST, moved, HELD), lambda x, t: pulse(t - x) - pulse(t - 2 + x) + pulse(t - 2 - x)) < 1e-14
    free = pl.Neumann(u=0.0, on="x+")
    assert off(line(wave, REST, moved, free), lambda x, t: pulse(t - x) + pulse(t - 2 + x) - pulse(t - 2 - x)) < 1e-14
    open_end = pl.Condition(lambda u: u.t + u.x, on="x+")
    assert off(line(wave, REST, moved, open_end), lambda x, t: pulse(t - x)) < 1e-14
    # a string that is plucked: its kink is at a node
    plucked = pl.Initial(u=lambda x: 0.5 - (x - 0.5).abs(), u_t=0.0)

    def odd(y):
        return np.abs(np.mod(y + 0.5, 2.0) - 1.0) * -1 + 0.5

    assert off(line(wave, plucked, pl.Dirichlet(u=0.0, on="x")), lambda x, t: (odd(x - t) + odd(x + t)) / 2) < 1e-14


def test_lower_orders_and_sources_are_of_the_second_order():
    # u = exp(-t / 2) cos(x + t) + x t
    def exact(x, t):
        return np.exp(-t / 2) * np.cos(x + t) + x * t

    def equation(u, x, t):
        return u.tt + u.t - u.xx + 0.25 * u - x - 0.25 * x * t

    def both(t):
        return torch.exp(-t / 2) * (torch.cos(1 + t) - torch.sin(1 + t)) + 2 * t

    problem = line(
        equation,
        pl.Initial(u=lambda x: torch.cos(x), u_t=lambda x: x - torch.sin(x) - torch.cos(x) / 2),
        pl.Dirichlet(u=lambda t: torch.exp(-t / 2) * torch.cos(t), on="x-"),
        pl.Robin(u=(1.0, 1.0, both), on="x+"),
    )
    coarse, fine = off(problem, exact, 16), off(problem, exact, 32)
    assert coarse < 5e-3 and fine == pytest.approx(coarse / 4, rel=0.15)
    found = extrapolated(problem, 1e-7, Deadline())
    x, t = found.points.T.numpy()
    error = np.sqrt(np.square(found.values.numpy() - exact(x, t)).mean())
    assert error < found.doubt < 1e-7


@pytest.mark.parametrize(
    "problem, why",
    [
        (line(lambda u, x: u.tt - (1 + x) * u.xx, REST, HELD, pl.Dirichlet(u=0.0, on="x-")), "one speed"),
        (line(wave, REST, HELD, pl.Dirichlet(u=1.0, on="x-")), "no nodes where u has no value"),
        (line(wave, REST, HELD, pl.Condition(lambda u: u.x - u**2, on="x-")), "linear conditions"),
        (line(wave, REST, HELD, pl.Condition(lambda u, t: u.x + t * u.t, on="x-")), "constant coefficients"),
        (line(wave, REST, HELD, pl.Condition(lambda u: u.t - 1, on="x-")), "has neither"),
        (line(wave, REST, HELD, pl.Dirichlet(u=0.0, on="x-", where=lambda t: t < 1)), "one condition on 'x-'"),
    ],
)  # fmt: skip
def test_others_are_refused(problem, why):
    with pytest.raises(ValueError, match=why):
        WavesOnALine(problem).solved(8, Deadline())


def test_time_that_is_up():
    with pytest.raises(TimeIsUpError):
        extrapolated(line(wave, REST, pl.Dirichlet(u=saw, on="x-"), HELD), 1e-8, Deadline.after(-1.0))


def test_units():
    box = pl.Box(x=(0.0, 0.3), t=(0.0, 0.004))

    def tone(t):
        return 1e-3 * torch.sin(2 * math.pi * 800 * t)

    problem = line(lambda u: u.tt - 340.0**2 * u.xx, REST, pl.Dirichlet(u=tone, on="x-"), HELD, domain=box)
    found = extrapolated(problem, 1e-9, Deadline())
    x, t = found.points.T

    def sent(s):
        return torch.where(s > 0, tone(s), 0.0)

    exact = sum(sent(t - (0.6 * k + x) / 340) - sent(t - (0.6 * (k + 1) - x) / 340) for k in range(4))
    assert float((found.values - exact).abs().max()) < 1e-14
