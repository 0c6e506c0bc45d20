"""Where the first choice of a solver is not certain to solve the whole, another one takes over in the time that is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from pinnlab.declaration.problem import Problem
from pinnlab.machine.deadline import Deadline
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
"""Part of the budget that is worth another solver."""


class Watch:
    """A callback that stops a march which has not done a quarter of the whole in half of its budget.

    One that is only somewhat late goes on: what it has is more accurate than what a network makes of the time left.

    Args:
        whole: the deadline of the whole solve.

    Attributes:
        deadline: of the march: half of the budget, and the whole of it once a quarter is done.
        share: how much of the whole is solved, 0 to 1.
        stopped: whether it stopped the march.
    """

    def __init__(self, whole: Deadline):
        self.share, self.stopped = 0.0, False
        self._whole, self._judged = whole, False
        self.deadline = Deadline(whole.at - whole.seconds / 2, whole.seconds, whole.now, extra=whole.seconds / 2)

    def __call__(self, record: Record) -> bool:
        self.share = max(0.0, record.info["share"])
        # a march alone ends at the deadline by itself; those of several processes are stopped here, together
        if self.deadline.passed and not self._judged:
            self._judged, self.stopped = True, self.share < _SHARE
        if self.share >= _SHARE:
            self.deadline.at, self.deadline.extra = self._whole.at, 0.0
        return self.stopped


class SolveWith(Protocol):
    """A solve with a solver that is given, until a deadline; ``watching`` are callbacks besides the user's."""

    def __call__(self, solver: Solver, deadline: Deadline, *watching: Callback) -> Result: ...


def solve_by_choice(
    problem: Problem,
    settings: Settings,
    solve_with: SolveWith,
    announce: Callable[[Choice, float], None],
    *,
    once: bool,
    processes: Processes,
) -> Result:
    """Solve with the first choice; where that finds nothing, gets stuck or is late, with the next in the time left.

    The time that the choice and the first solver took is taken from that of the next, and counts in the result's.

    Args:
        problem: what to solve.
        settings: of the solve; their deadline is that of all attempts together, and its seconds the budget.
        solve_with: solves.
        announce: is told every choice and the seconds it gets, before it is tried.
        once: whether the first choice is the only one.
        processes: those that share the solve.
    """
    whole = settings.deadline
    budget = whole.seconds
    choice = choose(problem, settings, budget)
    announce(choice, budget)
    if choice.certain or once:
        return _whole_time(solve_with(choice.solver, whole), whole)
    watch = Watch(whole)
    result: Result | None = None
    try:
        result = solve_with(choice.solver, watch.deadline, watch)
    except NothingSolvedError as error:
        why = str(error)
    else:
        by_user = result.status is Status.INTERRUPTED and not watch.stopped
        done = watch.share >= 1 or result.status is Status.CONVERGED
        if processes.first(done or by_user or whole.left < _LEAST * budget):
            return _whole_time(result, whole)
        why = f"{100 * watch.share:.0f} % of the whole was solved ({result.status.name.lower().replace('_', ' ')})"
    left = processes.first(whole.left)
    tried = f"local experts were tried for {budget - left:.2g} s and dropped: {why}"
    try:
        choice = choose(problem, settings, max(left, _LEAST * budget), experts=False)
        choice = replace(choice, why=f"{tried}; {choice.why}")
        announce(choice, left)
        second = solve_with(choice.solver, Deadline(whole.now() + left, left, whole.now))
    except KeyboardInterrupt:
        if result is None:
            raise
        return _whole_time(replace(result, status=Status.INTERRUPTED), whole)
    return _whole_time(replace(second, notes=(tried, *second.notes)), whole)


def _whole_time(result: Result, whole: Deadline) -> Result:
    """The result with the seconds of the whole solve; of a resumed run the earlier ones are in it already."""
    return replace(result, seconds=max(result.seconds, whole.seconds - whole.left))
