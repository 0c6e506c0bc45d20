"""Conditions that certainly leave no solution, or several, although their number is right."""

from __future__ import annotations

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.counting.needed import NotUniqueError

XT = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))


def test_what_is_carried_in_is_not_told_by_what_leaves():
    start = pl.Initial(u=lambda x: torch.sin(x))
    outflow = pl.Problem(XT, "u", lambda u: u.t + u.x, [start, pl.Dirichlet(u=lambda t: torch.sin(1 - t), on="x+")])
    with pytest.raises(NotUniqueError, match="'x-' needs 1 condition and has 0"):
        outflow.check_unique()
    with pytest.raises(NotUniqueError, match="move one to 'x-'"):
        pl.solve(outflow, pl.PINN(), max_seconds=5, progress=False)
    inflow = pl.Problem(XT, "u", lambda u: u.t + u.x, [start, pl.Dirichlet(u=lambda t: torch.sin(-t), on="x-")])
    inflow.check_unique()


def test_both_waves_given_at_one_end_leave_those_that_come_from_the_other():
    def acoustics(u, p):
        return {"momentum": u.t + p.x, "mass": p.t + u.x}

    start = pl.Initial(u=0.0, p=0.0)
    with pytest.raises(NotUniqueError, match="needs 1 condition"):
        pl.Problem(XT, ("u", "p"), acoustics, [start, pl.Dirichlet(u=0.0, p=0.0, on="x-")]).check_unique()
    pl.Problem(XT, ("u", "p"), acoustics, [start, pl.Dirichlet(u=0.0)]).check_unique()


def test_a_rate_at_the_start_that_the_equation_tells_is_refused():
    def heat(u):
        return u.t - 0.1 * u.xx

    ends = pl.Dirichlet(u=0.0)
    twice = pl.Problem(XT, "u", heat, [pl.Initial(u=lambda x: torch.sin(torch.pi * x), u_t=1.0), ends])
    with pytest.raises(NotUniqueError, match="the initial value of u_t is none that the equations ask for; drop it"):
        pl.solve(twice, max_seconds=5, progress=False)
    assert twice.check().excess and not twice.check().missing
    decay = pl.Problem(pl.Box(t=(0.0, 1.0)), "u", lambda u: u.t + u, [pl.Initial(u=1.0, u_t=5.0)])
    with pytest.raises(NotUniqueError, match="u_t"):
        pl.reference_solution(decay)
    wave = pl.Problem(XT, "u", lambda u: u.tt - u.xx, [pl.Initial(u=0.0, u_t=1.0), ends])
    wave.check_unique()
