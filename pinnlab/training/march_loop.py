"""The loop of a march, which advances piece by piece until it ends, or the budget does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from pinnlab.declaration.relative_error import error_meter
from pinnlab.machine.deadline import Deadline
from pinnlab.training.history import Record
from pinnlab.training.ongoing import OngoingRun
from pinnlab.training.part import Part
from pinnlab.training.plans import Advance, March
from pinnlab.training.status import Status

_SHARES = 1000
"""Parts in which the bar of a march shows the time that is solved."""


def advance_march(plan: March, run: OngoingRun) -> Status:
    """Let a march advance until it ends, or the budget does.

    Raises:
        KeyboardInterrupt: before the first piece.
    """
    state, options, file = run.state, run.options, run.file
    resumed, status, alone = state.saved is not None, None, run.processes.count == 1
    if state.saved is not None:
        with file.blamed():
            plan.restore(state.saved)
    run.observers.start(run.problem.name, 1, None, _SHARES)
    hurried = run.deadline if options.target_error is None else Deadline()
    # processes that share a run go on together: where they cannot tell the time alike, the lookout below stops them together
    ahead = run.deadline.together(run.processes) if alone or plan.shared else None
    try:
        while status is None:
            with file.blamed() if resumed and plan.pieces else nullcontext():
                step = plan.advance(ahead)
            resumed = False
            run.worked = run.worked or step.accepted
            record = _recorded(plan.pieces, step, run, hurried) if step.accepted else None
            if step.accepted or step.stopped is None:
                file.remember(state, plan)
            if record is not None and run.observers.ask_to_stop(record):
                status = Status.INTERRUPTED
            status = step.stopped or status
            if (
                status is None
                and run.lookout.late(run.deadline.now(), run.deadline.at)
                and not (alone and plan.complete)
            ):
                # what is complete says itself how it ends, and what it lacks
                status = Status.BUDGET_REACHED if plan.complete else Status.INCOMPLETE
            if status is None:
                file.save()
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    finally:
        run.observers.close()
    file.save(force=True)
    if status is Status.INTERRUPTED and not plan.pieces:
        raise KeyboardInterrupt
    return Status.TARGET_REACHED if status is Status.CONVERGED and options.met(state.records) else status


def _recorded(pieces: Sequence[Part], step: Advance, run: OngoingRun, hurried: Deadline) -> Record:
    """The record of a new piece, which observers are shown."""
    count, piece = len(pieces), pieces[-1]
    errors = error_meter(piece.region, run.problem, piece, hurried, n=512)()
    numbers = {name: float(value) for name, value in piece.coefficients.items()}
    record = Record(0, 0, count, run.clock.seconds, step.loss, step.held_out, errors, step.info, numbers)
    run.state.records.append(record)
    run.observers.show(record, _SHARES * step.share - count)
    return record
