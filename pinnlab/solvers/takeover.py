"""Where the first choice of a solver is not certain to solve the whole, another one takes over in the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from pinnlab.declaration.problem import Problem
from pinnlab.machine.processes import Processes
from pinnlab.solvers.choice import Choice, choose
from pinnlab.training.history import Record
from pinnlab.training.plans import NothingSolvedError, Settings, Solver
from pinnlab.training.progress import Callback
from pinnlab.training.result import Result
from pinnlab.training.status import Status

_SHARE = 0.25
"""Of the whole, which a march has to have done when half of its budget is over."""
_LEAST = 0.1
"""Part of the budget that is worth another solver; one that takes over gets at least that."""


class Watch:
    """A callback that stops a march which has not done a quarter of the whole in half of its budget.

    One that is only somewhat late goes on: what it has is more accurate than what a network makes of the time left.

    Attributes:
        share: how much of the whole is solved, 0 to 1.
        stopped: whether it stopped the march.
    """

    def __init__(self, seconds: float):
        self.share, self.stopped = 0.0, False
        self._half, self._judged = seconds / 2, False

    def __call__(self, record: Record) -> bool:
        self.share = record.info["share"]
        if record.seconds > self._half and not self._judged:
            self._judged, self.stopped = True, self.share < _SHARE
        return self.stopped


class SolveWith(Protocol):
    """A solve with a solver that is given, within so many seconds; ``watching`` are callbacks besides the user's."""

    def __call__(self, solver: Solver, seconds: float | None, *watching: Callback) -> Result: ...


def solve_by_choice(
    problem: Problem,
    settings: Settings,
    seconds: float,
    solve_with: SolveWith,
    announce: Callable[[Choice, float], None],
    *,
    once: bool,
    processes: Processes,
) -> Result:
    """Solve with the first choice; where that finds nothing, gets stuck or is late, with the next in the time left.

    Args:
        problem: what to solve.
        settings: of the solve.
        seconds: its budget.
        solve_with: solves.
        announce: is told every choice and the seconds it gets, before it is tried.
        once: whether the first choice is the only one.
        processes: those that share the solve.
    """
    choice = choose(problem, settings, seconds)
    announce(choice, seconds)
    if choice.certain or once:
        return solve_with(choice.solver, seconds)
    watch, began = Watch(seconds), time.perf_counter()
    result: Result | None = None
    try:
        result = solve_with(choice.solver, seconds, watch)
    except NothingSolvedError:
        left = seconds - (time.perf_counter() - began)
    else:
        left = seconds - result.seconds
        by_user = result.status is Status.INTERRUPTED and not watch.stopped
        if processes.first(watch.share >= 1 or by_user or left < _LEAST * seconds):
            return result
    left = processes.first(max(left, _LEAST * seconds))
    try:
        choice = choose(problem, settings, left, experts=False)
        announce(choice, left)
        return solve_with(choice.solver, left)
    except KeyboardInterrupt:
        if result is None:
            raise
        return replace(result, status=Status.INTERRUPTED)
