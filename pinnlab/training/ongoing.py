"""A run while it goes on: what it was asked for, where it stands, its clock, its checkpoint and its observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from pinnlab.algebra.largest import largest
from pinnlab.declaration.problem import Problem
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.machine.processes import ALONE, Lookout, Processes
from pinnlab.training.checkpoint import Checkpoint, CheckpointFile, identity
from pinnlab.training.history import History, Record
from pinnlab.training.part import Part
from pinnlab.training.plans import Settings, Solver
from pinnlab.training.progress import Callback, Observers
from pinnlab.training.result import Members, Result
from pinnlab.training.sharing import exchanged
from pinnlab.training.status import Status


@dataclass(frozen=True)
class RunOptions:
    """When a run ends, who watches it, where it is saved and who shares it.

    Attributes:
        max_seconds, target_error, checkpoint, callbacks, progress, parallel: as in ``pl.solve``; when the time is up is
            said by the deadline of ``Settings``.
        processes: those that share the work; all of them call ``run``.
    """

    max_seconds: float | None = None
    target_error: float | None = None
    checkpoint: Checkpoint | None = None
    callbacks: Sequence[Callback] = ()
    progress: bool = True
    processes: Processes = ALONE
    parallel: str = "auto"

    def met(self, records: Sequence[Record]) -> bool:
        """Whether the errors of these records are within the target."""
        errors = [error for record in records for error in record.errors.values()]
        return self.target_error is not None and bool(errors) and largest(errors) <= self.target_error


class OngoingRun:
    """What both loops work with.

    Attributes:
        state: where the run stands; goes on from a checkpoint where there is one.
        file: the checkpoint.
        lookout: says for all processes together whether time is up.
        steps: taken by optimizers, in this process and since it was started.
        amplifying: names of the last phase's optimizers that amplify rounding.
        deadline: of the run; what an earlier part of it has used is taken from it.
        worked: whether this call has done anything that was not done before it.
        remarks: on what there was no time for.
    """

    def __init__(self, problem: Problem, solver: Solver, settings: Settings, options: RunOptions, began: float):
        self.problem, self.solver, self.options, self.processes = problem, solver, options, options.processes
        own = identity(problem, solver, settings.seed, settings.dtype)
        if settings.start is not None:  # another start is another run
            own = fingerprint(own, settings.start.digest)
        if self.processes.any(self.processes.first(own) != own):
            raise ValueError(
                f"solve(): the {self.processes.count} processes have different problems or solvers; all must run the same "
                "script, and what is random in it (initial weights, noise in data) needs a seed, such as "
                "torch.manual_seed(0)."
            )
        self.lookout = Lookout(self.processes)
        self.observers = Observers(options.callbacks, options.progress, self.processes)
        velocity = "" if problem.velocity is None else fingerprint(problem.velocity)
        self.file = CheckpointFile(options.checkpoint, own, velocity, self.processes)
        self.state = self.file.read(settings.device)
        with self.file.blamed():
            self.state.take_up(options.max_seconds)
        self.clock, self.deadline = self.state.clock, settings.deadline
        self.deadline.at -= self.clock.seconds
        self._before, self.worked = self.clock.seconds, False
        self.remarks: list[str] = []
        self.clock.start(began)
        self.steps = 0
        self.amplifying: list[str] = []

    def result(
        self,
        parts: Sequence[Part],
        function: Callable[[Tensor], Tensor],
        status: Status,
        notes: tuple[str, ...],
        members: Members | None = None,
    ) -> Result:
        """What the run leaves."""
        notes = (*notes, *self.remarks)
        if self.processes.count > 1:
            notes = (*notes, exchanged(self.processes, self.steps, self.amplifying))
        history = History(tuple(self.state.records))
        # a finished run that is only read again took what it took
        seconds = self.clock.seconds if self.worked or not self._before else self._before
        return Result(self.problem, function, list(parts), history, status, seconds, self.solver, notes, members)
