"""When another solver takes over from the first choice, and what it gets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.processes import ALONE
from pinnlab.solvers.choice import Choice
from pinnlab.solvers.takeover import Watch, solve_by_choice
from pinnlab.training.history import History, Record
from pinnlab.training.plans import NothingSolvedError, Settings
from pinnlab.training.result import Result

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
HEAT = pl.Problem(
    pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - 0.1 * u.xx,
    [pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
)  # fmt: skip


def progress(seconds: float, share: float) -> Record:
    return Record(0, 0, 1, seconds, 0.0, 0.0, {}, {"share": share})


def test_a_march_is_judged_when_half_of_its_budget_is_over() -> None:
    now = [0.0]

    def stops(*records: tuple[float, float]) -> bool:
        now[0] = 0.0
        watch, found = Watch(Deadline.after(10.0, lambda: now[0])), []
        for seconds, share in records:
            now[0] = seconds
            found.append(watch(progress(seconds, share)))
        return found[-1]

    assert not stops((4.9, 0.01))
    assert not stops((6.0, 0.25))
    assert stops((4.0, 0.1), (6.0, 0.24))
    assert not stops((5.1, 0.3), (9.9, 0.31))


def test_a_march_alone_gets_half_of_the_budget_until_a_quarter_is_done() -> None:
    now = [0.0]
    watch = Watch(Deadline.after(10.0, lambda: now[0]))
    watch(progress(1.0, 0.2))
    assert watch.deadline.at == 5.0 and watch.deadline.planned == watch.deadline.left + 5.0
    watch(progress(4.0, 0.25))
    assert watch.deadline.at == 10.0 and watch.deadline.planned == watch.deadline.left


def test_nothing_is_no_less_than_nothing() -> None:
    watch = Watch(Deadline.after(10.0, lambda: 0.0))
    watch(progress(1.0, -0.0))
    assert f"{100 * watch.share:.0f} %" == "0 %"


def taken(problem: pl.Problem, *records: Record, status: pl.Status, seconds: float, once: bool = False) -> list:
    """(solver, seconds) of every attempt with a budget of 20 s, the first of which goes as given."""
    told: list[tuple[str, float]] = []
    attempts: list[tuple[str, float]] = []
    now = [0.0]

    def attempt(solver: Any, deadline: Deadline, *watching: Any) -> Result:
        attempts.append((type(solver).__name__, deadline.seconds))
        if len(attempts) == 1:
            for record in records:
                now[0] = record.seconds
                for watch in watching:
                    watch(record)
            now[0] = seconds
            if not records and watching:
                raise NothingSolvedError("nothing")
        return Result(problem, lambda points: points, [], History(), status, seconds, solver)

    def announce(choice: Choice, budget: float) -> None:
        told.append((type(choice.solver).__name__, budget))

    settings = replace(SETTINGS, deadline=Deadline.after(20.0, lambda: now[0]))
    found = solve_by_choice(problem, settings, attempt, announce, once=once, processes=ALONE)
    assert told == attempts and type(found.solver).__name__ == attempts[-1][0]
    assert found.seconds >= seconds and len(found.notes) == len(attempts) - 1
    return attempts


FIRST, OTHER = ("HardConstraintMoE", 20.0), "PINN"
STOPPED, INCOMPLETE = pl.Status.INTERRUPTED, pl.Status.INCOMPLETE


def test_a_march_that_is_late_hands_the_rest_of_its_time_on() -> None:
    assert taken(HEAT, progress(11.0, 0.2), status=STOPPED, seconds=11.0) == [FIRST, (OTHER, 9.0)]


def test_a_march_that_got_stuck_does_too() -> None:
    assert taken(HEAT, progress(4.0, 0.9), status=pl.Status.UNRESOLVED, seconds=5.0) == [FIRST, (OTHER, 15.0)]


def test_a_march_that_finds_nothing_does_too() -> None:
    assert taken(HEAT, status=INCOMPLETE, seconds=6.0) == [FIRST, (OTHER, 14.0)]


@pytest.mark.parametrize(
    ("record", "status", "seconds"),
    [
        (progress(3.0, 1.0), pl.Status.CONVERGED, 3.0),  # done
        (progress(3.0, 0.3), STOPPED, 3.0),  # the user asked for it
        (progress(19.0, 0.8), INCOMPLETE, 19.0),  # nothing can be made of one second
    ],
)
def test_the_first_solver_keeps_what_it_has(record: Record, status: pl.Status, seconds: float) -> None:
    assert taken(HEAT, record, status=status, seconds=seconds) == [FIRST]


def test_nobody_takes_over_where_a_checkpoint_belongs_to_the_first() -> None:
    assert taken(HEAT, progress(11.0, 0.2), status=STOPPED, seconds=11.0, once=True) == [FIRST]


def test_nobody_takes_over_from_a_choice_that_is_certain() -> None:
    inverse = HEAT.replace(equations=lambda u, k: u.t - k * u.xx, parameters={"k": pl.Unknown(0.1)})
    assert taken(inverse, progress(11.0, 0.2), status=STOPPED, seconds=11.0) == [("PINN", 20.0)]
