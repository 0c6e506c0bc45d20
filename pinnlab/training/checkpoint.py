"""Checkpoints: where a run stands, written to a file while it goes on, and read by a run that goes on from there.

Reading a file never executes code from it.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field, fields
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


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a run is saved.

    Args:
        path: the file. If it exists when ``solve`` starts, the run resumes from it.
        every_seconds: time between saves.

    Raises:
        TypeError: the path is none.
        ValueError: an empty path, or a time that is negative.
    """

    path: str | os.PathLike[str]
    every_seconds: float = 15.0

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(f"Checkpoint(path={self.path!r}): give the path of a file.")
        if not os.fspath(self.path):
            raise ValueError(f"Checkpoint(path={self.path!r}): an empty path names no file.")
        if not isinstance(self.every_seconds, int | float) or not self.every_seconds >= 0:
            raise ValueError(f"Checkpoint(every_seconds={self.every_seconds!r}): must not be negative.")


@dataclass
class PhaseState:
    """Where the training of one phase stands.

    Attributes:
        stage, step: of its optimizers, from 0.
        theta: parameters; None before the first step.
        optimizer: its state; None before the first step of a stage.
        best_theta, best_loss: those with the smallest held-out loss so far.
        rollbacks: how often it went back after numbers that were not finite.
    """

    stage: int = 0
    step: int = 0
    theta: Tensor | None = None
    optimizer: dict[str, Any] | None = None
    best_theta: Tensor | None = None
    best_loss: float = math.inf
    rollbacks: int = 0

    def next_stage(self) -> None:
        """The next optimizer goes on from the best parameters."""
        self.stage, self.step, self.optimizer, self.theta = self.stage + 1, 0, None, self.best_theta


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
    """

    phase: PhaseState = field(default_factory=PhaseState)
    finished: list[Tensor] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    saved: dict[str, Any] | None = None

    def next_phase(self, theta: Tensor) -> None:
        """The present phase is done with these parameters."""
        self.finished.append(theta)
        self.phase = PhaseState()

    def to_data(self) -> dict[str, Any]:
        """Plain data, for files."""
        return {
            "finished": self.finished,
            **vars(self.phase),
            "seconds": self.clock.seconds,
            "statuses": [status.name for status in self.statuses],
            "records": History(tuple(self.records)).to_data(),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> RunState:
        """The inverse of ``to_data``, with the state of what was trained under ``"system"``."""
        phase = PhaseState(**{f.name: data[f.name] for f in fields(PhaseState)})
        statuses = [Status[name] for name in data["statuses"]]
        records = list(History.from_data(data["records"]))
        return cls(phase, data["finished"], statuses, records, Clock(data["seconds"]), data["system"])


def identity(problem: Problem, solver: object, seed: int, dtype: torch.dtype) -> str:
    """By which a checkpoint recognizes the run that may go on from it: the same for the same problem, solver and numbers.

    The reference does not matter: a better one does not change the run.
    """
    return fingerprint(
        repr(problem.domain), problem.unknowns, problem.equations, problem.conditions, problem.parameters,
        solver, seed, str(dtype),
    )  # fmt: skip


class Resumable(Protocol):
    """A system or march that a run can go on with later."""

    def state(self) -> dict[str, Any]:
        """Plain data from which it goes on with the same numbers."""
        ...


class CheckpointFile:
    """The file of one run.

    Args:
        checkpoint: where and how often; None writes and reads nothing.
        own: the run's ``identity``: it goes on from a file with the same one only.
        processes: those that share the run; the leading one writes and reads.
    """

    def __init__(self, checkpoint: Checkpoint | None, own: str, processes: Processes):
        self.checkpoint, self.own, self.processes = checkpoint, own, processes
        self._saved = time.monotonic()

    def save(self, state: RunState, system: Resumable, force: bool = False) -> None:
        """Write the file where it is due, or in any case."""
        if self.checkpoint is None or not self.processes.leads:
            return
        if not force and time.monotonic() - self._saved < self.checkpoint.every_seconds:
            return
        head = {"pinnlab": "checkpoint", "identity": self.own}
        files.write(self.checkpoint.path, {**head, **state.to_data(), "system": system.state()})
        self._saved = time.monotonic()

    def read(self, device: torch.device) -> RunState:
        """Where the run stood; the start where there is no file.

        Raises:
            ValueError: the file belongs to another run, or is no checkpoint.
        """
        if self.checkpoint is None:
            return RunState()
        path = Path(self.checkpoint.path)
        # only the leading process needs to see the file
        content = self.processes.first(path.read_bytes() if self.processes.leads and path.exists() else None)
        if content is None:
            return RunState()
        data = files.read(path, device, content)
        if data["pinnlab"] != "checkpoint" or data["identity"] != self.own:
            raise ValueError(
                f"checkpoint={os.fspath(self.checkpoint.path)!r} belongs to another problem, solver, seed or dtype; "
                "delete it or give another path."
            )
        return RunState.from_data(data)
