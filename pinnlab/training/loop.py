"""``run``: the phases of a plan are trained in order, or its march advances; a Result comes out."""

from __future__ import annotations

import time
from dataclasses import replace

from pinnlab.declaration.problem import Problem
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.machine.memory import kept_memory
from pinnlab.machine.threads import limited_threads
from pinnlab.training.march_loop import advance_march
from pinnlab.training.ongoing import OngoingRun, RunOptions
from pinnlab.training.outer import plan_in_natural_units
from pinnlab.training.phase_loop import train_phases
from pinnlab.training.plans import March, NothingSolvedError, Settings, Solver
from pinnlab.training.result import Result, members_of
from pinnlab.training.status import Status


def run(problem: Problem, solver: Solver, settings: Settings, options: RunOptions) -> Result:
    """Train every phase of ``solver.plan(problem, settings)``, or let its march advance to the end.

    Raises:
        TypeError, ValueError: before training, for anything that cannot work, also a start that would change nothing.
        NothingSolvedError: a march ended before its first piece, or the time was up before the plan was made.
        KeyboardInterrupt: Ctrl-C before anything was trained or solved.
    """
    began = time.perf_counter()
    if settings.start is not None and not solver.uses_start(problem):
        marches = "marches through time from the initial state and " if problem.domain.has_time else ""
        raise ValueError(
            f"solve(start=...): {type(solver).__name__} {marches}solves for everything directly, so that a start changes "
            "nothing; leave start out, or use PINN()."
        )
    with limited_threads(settings.threads), kept_memory():
        shared = OngoingRun(problem, solver, settings, options, began)
        # processes that share a run must make the same plan, whatever their clocks say
        alone = options.processes.count == 1
        try:
            plan = plan_in_natural_units(problem, solver, settings if alone else replace(settings, deadline=Deadline()))
        except TimeIsUpError as error:
            raise NothingSolvedError(
                f"solve(max_seconds={options.max_seconds}): the time was up before there was a plan ({error}); give more "
                "seconds, fewer points, or a smaller problem."
            ) from error
        # plans are of two kinds, and each has a loop
        if isinstance(plan, March):
            with shared.lookout.listening():
                status = advance_march(plan, shared)
            found = shared.result(plan.pieces, plan.field(), status, plan.notes, members_of(problem, plan.pieces))
            return replace(found, uncertainty=plan.uncertainty)
        with shared.lookout.listening():
            models, status = train_phases(plan, shared)
        try:
            status, remarks = plan.verdict(models, status)
        except KeyboardInterrupt:
            status, remarks = Status.INTERRUPTED, ()
        parts = [plan.view(model) for model in models]
        return shared.result(parts, plan.field(models), status, (*plan.notes, *remarks), plan.members(models))
