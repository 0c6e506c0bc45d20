"""Problems for one set of numbers after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.inverse.members import Members


def decay(equation):
    data = pl.Data({"t": np.linspace(0.0, 5.0, 9)}, u=np.ones(9))
    numbers = {"k": pl.Unknown(0.5), "a": pl.Unknown(1.0)}
    return pl.Problem(pl.Box(t=(0.0, 5.0)), "u", equation, [pl.Initial(u=lambda a: a), data], numbers)


def posed(problem):
    return problem.replace(conditions=[c for c in problem.conditions if not isinstance(c, pl.Data)], reference=None)


def test_members_are_what_at_makes_of_a_problem() -> None:
    problem = decay(lambda u, k, t: u.t + k * u - t)
    mine, plain = Members(problem).at({"k": 0.7, "a": 2.0}), posed(problem).at(k=0.7, a=2.0)
    assert mine.parameters == plain.parameters and not mine.unknown_parameters
    assert mine.conditions == plain.conditions and mine.derivatives == plain.derivatives
    assert mine.scales() == plain.scales() and mine.check() == plain.check()
    t = np.linspace(0.0, 5.0, 4)
    found, wanted = (pl.reference_solution(each)(t=t)["u"] for each in (mine, plain))
    np.testing.assert_array_equal(found, wanted)


def test_what_is_known_of_the_first_guess_is_kept() -> None:
    problem = decay(lambda u, k: u.t + k * u)
    first = problem.guessed
    first.scales()
    members = Members(problem)
    assert problem.guessed is first and members.at({"k": 0.5, "a": 1.0}) is first
    # and nothing of it is believed of other numbers
    assert members.at({"k": 50.0, "a": 1e6}).scales().unknowns["u"][1] > 1e5


@pytest.mark.parametrize("jumps", [False, True])
def test_next_to_a_problem_without_jumps_there_are_none(jumps: bool) -> None:
    problem = decay(lambda u, k, t: u.t + k * (torch.where(t < 2.5, 1.0, 3.0) if jumps else 1.0) * u)
    members = Members(problem)
    here = members.at({"k": 0.7, "a": 1.0})
    beside = members.beside(here, {"k": 0.7001, "a": 1.0})
    assert bool(here.jumps) is jumps and ("jumps" in vars(beside)) is not jumps
    assert [jump.position for jump in beside.jumps] == [jump.position for jump in here.jumps]
