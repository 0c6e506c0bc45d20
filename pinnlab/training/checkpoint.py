"""Checkpoints: where a run stands, written to a file while it goes on, and read by a run that goes on from there.

Reading a file never executes code from it.
"""

from __future__ import annotations

import math
import os
import time
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.machine import files
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.machine.processes import Processes
from pinnlab.training.clock import Clock
from pinnlab.training.history import History, Record
from pinnlab.training.status import Status

_FIX = "delete it to begin again, or give another path"


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a run is saved.

    Args:
        path: the file. If it exists when ``solve`` starts, the run resumes from it.
        every_seconds: time between saves.

    Raises:
        TypeError: a path that is none.
        ValueError: an empty path, or a time that is negative.
    """

    path: str | os.PathLike[str]
    every_seconds: float = 15.0

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(f"checkpoint={self.path!r}: give the path of a file, such as 'run.pt'.")
        if not os.fspath(self.path):
            raise ValueError("checkpoint='': give the path of a file, such as 'run.pt', or None to save nothing.")
        if not (isinstance(self.every_seconds, int | float) and self.every_seconds >= 0):
            raise ValueError(f"Checkpoint(every_seconds={self.every_seconds!r}): must not be negative, in seconds.")

    @property
    def named(self) -> str:
        """As messages call it."""
        return f"checkpoint={os.fspath(self.path)!r}"


class Resumable(Protocol):
    """A system or march that a run can go on with later."""

    def state(self) -> dict[str, Any]:
        """Plain data from which it goes on with the same numbers; nothing in it changes later."""
        ...


@dataclass
class PhaseState:
    """Where the training of one phase stands.

    Attributes:
        stage, step: of its optimizers, from 0.
        theta: parameters; None before the first step.
        optimizer: its state; None before the first step of a stage.
        best_theta, best_loss: those with the smallest held-out loss so far.
        rollbacks: how often it went back after numbers that were not finite.
        good_theta, good_optimizer: where it goes back to; None before the first step of a stage.
    """

    stage: int = 0
    step: int = 0
    theta: Tensor | None = None
    optimizer: dict[str, Any] | None = None
    best_theta: Tensor | None = None
    best_loss: float = math.inf
    rollbacks: int = 0
    good_theta: Tensor | None = None
    good_optimizer: dict[str, Any] | None = None

    @property
    def found(self) -> Tensor | None:
        """The best parameters; before the first look at the held-out loss the present ones."""
        return self.theta if math.isinf(self.best_loss) else self.best_theta

    def next_stage(self) -> None:
        """The next optimizer goes on from the best parameters."""
        self.stage, self.step, self.optimizer, self.theta = self.stage + 1, 0, None, self.best_theta
        self.good_theta = self.good_optimizer = None

    def check(self, stages: int, size: int) -> None:
        """Raise ValueError for a state that is none of a phase with so many stages and parameters."""
        vectors = [v for v in (self.theta, self.best_theta, self.good_theta) if v is not None]
        if not all(torch.is_tensor(v) and v.shape == (size,) and v.is_floating_point() for v in vectors):
            raise ValueError(f"its parameters are not the {size} numbers that are trained")
        counts = (self.stage, self.step, self.rollbacks)
        if not all(type(n) is int and n >= 0 for n in counts) or self.stage > stages:
            raise ValueError(f"there is no step {self.step!r} of stage {self.stage!r}")
        if (self.theta is None) != (self.best_theta is None) or type(self.best_loss) is not float:
            raise ValueError("its best parameters are missing")


@dataclass
class RunState:
    """Where a run stands: with the state of what is trained, all that a checkpoint holds.

    Attributes:
        phase: the phase that is being trained.
        finished: parameters of the phases before it.
        statuses: how these ended.
        records: the history.
        clock: seconds of training.
        saved: the state of the system or march that a file held, until it is restored.
        budget: ``max_seconds`` of a run whose last phase ended because they were over; only more of them take it up again.
    """

    phase: PhaseState = field(default_factory=PhaseState)
    finished: list[Tensor] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    saved: dict[str, Any] | None = None
    budget: float | None = None

    def next_phase(self, theta: Tensor) -> None:
        """The present phase is done with these parameters."""
        self.finished.append(theta)
        self.phase = PhaseState()

    def take_up(self, max_seconds: float | None) -> None:
        """Leave a run whose time was up as it is, unless there is more of it now."""
        found = self.phase.found
        if (
            self.budget is not None
            and max_seconds is not None
            and max_seconds <= self.budget
            and torch.is_tensor(found)
        ):
            self.statuses.append(Status.BUDGET_REACHED)
            self.next_phase(found)
        self.budget = None

    def check(self, phases: int) -> None:
        """Raise ValueError for a state that is none of a run with so many phases."""
        if not len(self.finished) == len(self.statuses) <= phases:
            raise ValueError(
                f"{len(self.finished)} of {phases} phases are finished, {len(self.statuses)} have a status"
            )

    def moment(self, system: Resumable) -> RunState:
        """The state as it is now, which later steps leave as it is: they make new tensors and edit none in place."""
        lists = list(self.finished), list(self.statuses), list(self.records)
        return RunState(replace(self.phase), *lists, Clock(self.clock.seconds), system.state())

    def to_data(self) -> dict[str, Any]:
        """Plain data, for files."""
        return {
            "finished": self.finished,
            **vars(self.phase),
            "seconds": self.clock.seconds,
            "statuses": [status.name for status in self.statuses],
            "records": History(tuple(self.records)).to_data(),
            "system": self.saved,
            "budget": self.budget,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> RunState:
        """The inverse of ``to_data``.

        Raises:
            Exception: of any kind, where it is not what ``to_data`` gives.
        """
        # files of version 0.1 do not say where to go back to
        known = {f.name: data[f.name] for f in fields(PhaseState) if f.name in data or not f.name.startswith("good")}
        finished, seconds, system = data["finished"], data["seconds"], data["system"]
        if not (isinstance(finished, list) and all(torch.is_tensor(theta) for theta in finished)):
            raise TypeError("the parameters of finished phases are no list of tensors")
        if not (isinstance(seconds, int | float) and 0 <= seconds < math.inf):
            raise ValueError(f"it ran for {seconds!r} seconds")
        if not isinstance(system, dict):
            raise TypeError("the state of what is trained is missing")
        statuses, records = [Status[name] for name in data["statuses"]], list(History.from_data(data["records"]))
        budget = data.get("budget")  # files of version 0.1 do not tell
        if not (budget is None or isinstance(budget, int | float)):
            raise TypeError(f"its time was up after {budget!r} seconds")
        return cls(PhaseState(**known), finished, statuses, records, Clock(float(seconds)), system, budget)


def identity(problem: Problem, solver: object, seed: int, dtype: torch.dtype) -> str:
    """By which a checkpoint recognizes the run that may go on from it: the same for the same problem, solver and numbers.

    The reference does not matter: a better one does not change the run. The velocity does, and stands beside it in the
    file.
    """
    # in which units it is solved follows from the rest; files of problems that are natural do not tell
    units = () if problem.scales().natural else (problem.scales(),)
    return fingerprint(
        repr(problem.domain), problem.unknowns, problem.equations, problem.conditions, problem.parameters,
        solver, seed, str(dtype), *units,
    )  # fmt: skip


class CheckpointFile:
    """The file of one run.

    What it writes is always a moment between two steps, the last one that ``remember`` was told of: a run that is
    interrupted within a step has updated its weights or points, but not its parameters.

    Args:
        checkpoint: where and how often; None writes and reads nothing.
        own: the run's ``identity``: it goes on from a file with the same one only.
        velocity: the digest of the problem's transport velocity, "" without one.
        processes: those that share the run; the leading one writes and reads.

    Raises:
        ValueError: nothing can be written there.
    """

    def __init__(self, checkpoint: Checkpoint | None, own: str, velocity: str, processes: Processes):
        self.checkpoint, self.own, self.velocity, self.processes = checkpoint, own, velocity, processes
        self._saved = time.monotonic()
        self._moment: RunState | None = None
        self._failed = False
        if checkpoint is not None:
            why = processes.first(files.why_not_writable(checkpoint.path) if processes.leads else None)
            if why is not None:
                raise ValueError(f"{checkpoint.named} {why}.")

    def remember(self, state: RunState, system: Resumable) -> None:
        """Take the present moment as the one to be written; to be called between steps."""
        if self.checkpoint is not None and self.processes.leads:
            self._moment = state.moment(system)

    def save_to_go_on(self, budget: float | None) -> None:
        """Write the last moment of a run whose time is up.

        Args:
            budget: its ``max_seconds``; whoever gives more goes on from here.
        """
        if self._moment is not None:
            self._moment.budget = budget
        self.save(force=True)

    def save(self, force: bool = False) -> None:
        """Write the last moment where it is due, or in any case; a failure is a warning, and the run goes on."""
        if self.checkpoint is None or self._moment is None:
            return
        if not force and time.monotonic() - self._saved < self.checkpoint.every_seconds:
            return
        head = {"pinnlab": "checkpoint", "identity": self.own, "velocity": self.velocity}
        try:
            files.write(self.checkpoint.path, {**head, **self._moment.to_data()})
        except OSError as error:
            if not self._failed:
                warnings.warn(
                    f"{self.checkpoint.named} could not be written ({error.strerror}); the run goes on, and the file, if "
                    "there is one, holds an earlier state.",
                    stacklevel=2,
                )
            self._failed = True
        self._saved = time.monotonic()

    def read(self, device: torch.device) -> RunState:
        """Where the run stood; the start where there is no file.

        Raises:
            ValueError: the file belongs to another run, is no checkpoint, or is damaged.
        """
        if self.checkpoint is None:
            return RunState()
        path, named = Path(self.checkpoint.path), self.checkpoint.named
        # only the leading process needs to see the file
        content = self.processes.first(path.read_bytes() if self.processes.leads and path.exists() else None)
        if content is None:
            return RunState()
        data = files.read(path, device, content, _FIX)
        if data["pinnlab"] != "checkpoint":
            raise ValueError(f"{named} is a {data['pinnlab']}, not a checkpoint; give another path.")
        # files of version 0.1 do not know the velocity
        if data.get("identity") != self.own or data.get("velocity", self.velocity) != self.velocity:
            raise ValueError(
                f"{named} belongs to another problem, solver, seed or dtype; delete it or give another path."
            )
        with self.blamed():
            return RunState.from_data(data)

    def blamed(self) -> AbstractContextManager[None]:
        """While what the file held is taken up, whatever fails is its fault."""
        return files.blamed("the checkpoint" if self.checkpoint is None else self.checkpoint.named, _FIX)
