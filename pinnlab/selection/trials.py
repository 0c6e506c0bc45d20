"""Trials of interface conditions: one solve each, written down when it is over."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from pinnlab.api import solve
from pinnlab.declaration.discontinuities.fluxes import LostFluxError
from pinnlab.declaration.problem import Problem
from pinnlab.machine.files import blamed, why_not_writable
from pinnlab.machine.locks import locked
from pinnlab.selection.arms import Arms
from pinnlab.training.status import Status

_KIND = "interface trials"


@dataclass(frozen=True)
class Trial:
    """One solve of one member.

    Attributes:
        number: trials are numbered from 0.
        parameters: of the member.
        interface: names of the interface conditions; of the last stage, where each stage has its own.
        reward: larger is better; NaN where the solve failed.
        status: name of the solve's ``Status``, or what failed.
        seconds: of the trial, the reward included; of several stages, that of all of them together.
        before: (names of the interface conditions, reward) of the stages before the last, where each has its own.
    """

    number: int
    parameters: dict[str, float]
    interface: tuple[str, ...]
    reward: float = math.nan
    status: str = ""
    seconds: float = 0.0
    before: tuple[tuple[tuple[str, ...], float], ...] = ()

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Names of the interface conditions of all stages, in order."""
        return (*(names for names, _ in self.before), self.interface)

    @property
    def rewards(self) -> tuple[float, ...]:
        """Of all stages, in order."""
        return (*(reward for _, reward in self.before), self.reward)

    def followed_by(self, interface: tuple[str, ...]) -> Trial:
        """The same with one more stage, which has not been played."""
        return replace(self, interface=interface, reward=math.nan, before=(*self.before, (self.interface, self.reward)))

    def to_data(self) -> dict[str, Any]:
        """Plain data; a reward that is not finite becomes a string."""
        before = [[list(names), _plain(reward)] for names, reward in self.before]
        return {**asdict(self), "reward": _plain(self.reward), "before": before}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Trial:
        """The inverse of ``to_data``.

        Raises:
            Exception: of any kind, where it is not what ``to_data`` gives.
        """
        before = tuple((tuple(names), float(reward)) for names, reward in data.get("before", ()))
        trial = cls(
            **{**data, "interface": tuple(data["interface"]), "reward": float(data["reward"]), "before": before}
        )
        if type(trial.number) is not int or not all(isinstance(v, float | int) for v in trial.parameters.values()):
            raise TypeError(f"trial {trial.number!r} has parameters {trial.parameters!r}")
        return trial


def _plain(reward: float) -> float | str:
    return reward if math.isfinite(reward) else str(reward)


@dataclass(frozen=True)
class Player:
    """Plays trials: solves the member with the interface, and measures.

    Where each stage has its own interface, a trial's stages are those that it knows of, from the first one on: the numbers
    are those of one undisturbed training with these conditions.

    Args:
        problem: the family.
        solver: its ``interface`` is replaced.
        arms: know the conditions behind the names.
        measure: the reward of a solution.
        max_seconds: training time of a trial.
        seed: of the selector.
        by_stage: whether each stage has its own interface.
    """

    problem: Problem
    solver: Any
    arms: Arms
    measure: Callable[[Any], float]
    max_seconds: float | None
    seed: int
    by_stage: bool = False

    def __call__(self, trial: Trial) -> Trial:
        """The trial with reward, status and seconds.

        Raises:
            KeyboardInterrupt: the user stopped the solve.
            TypeError, ValueError: what the solver refuses. Numerical failure is a status instead, and so are conditions
                that do not join the fluxes of a problem whose coefficients jump.
        """
        start = time.perf_counter()
        seed = int(trial_generator(self.seed, trial.number, 1).integers(2**31))
        reward = math.nan
        if self.by_stage:
            chosen = self.arms.applied_by_stage(self.solver, trial.sets)
        else:
            chosen = self.arms.applied(self.solver, trial.interface)
        try:
            member = self.problem.at(**trial.parameters)
            solution = solve(member, chosen, max_seconds=self.max_seconds, seed=seed, progress=False)
            status = solution.status.name
            if solution.status is not Status.INTERRUPTED:
                reward = float(self.measure(solution))
        except (RuntimeError, ArithmeticError, np.linalg.LinAlgError, LostFluxError) as error:
            status = f"{type(error).__name__}: {error}"
        if status == Status.INTERRUPTED.name:
            raise KeyboardInterrupt
        return replace(trial, reward=reward, status=status, seconds=trial.seconds + time.perf_counter() - start)


def trial_generator(seed: int, number: int, purpose: int) -> np.random.Generator:
    """Random numbers of one trial, for its member (0) or its solve (1): whatever was drawn before."""
    return np.random.default_rng([seed, number, purpose])


class TrialLog:
    """A file of trials, one JSON line each after a first line that says what they belong to.

    A line counts once it is complete: whoever is killed while writing loses that line and no other. Several processes may
    share a file: they take turns, and of a trial that two have played the one that was written first counts.

    Args:
        path: the file; None keeps nothing.
        identity: of the family, the solver and the selector.

    Attributes:
        trials: {number: trial} of those that are over.

    Raises:
        ValueError: the file is of another kind, is damaged, belongs to something else, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str] | None, identity: str):
        self.path = None if path is None else Path(path)
        self.identity = identity
        self.trials: dict[int, Trial] = {}
        self._read = 0
        if self.path is None:
            return
        why = why_not_writable(self.path)
        if why is not None:
            raise ValueError(f"path={os.fspath(self.path)!r} {why}.")
        with self._open() as file:
            self._update(file)

    def append(self, trial: Trial) -> None:
        """Write a trial, unless another process has written the same one; it is on disk when this returns."""
        if self.path is not None:
            with self._open() as file:
                self._update(file)
                if trial.number in self.trials:
                    return
                self._write(file, trial.to_data())
        self.trials[trial.number] = trial

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        """The file, which no other process writes to meanwhile."""
        assert self.path is not None
        with open(self.path, "a+b") as file, locked(file):
            yield file

    def _write(self, file: IO[bytes], data: dict[str, Any]) -> None:
        file.write(json.dumps(data, allow_nan=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        self._read = file.tell()

    def _update(self, file: IO[bytes]) -> None:
        """Take in the lines that are new; what follows the last complete one was never finished, and is cut off."""
        named = f"path={os.fspath(file.name)!r}"
        file.seek(self._read)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if content and not whole and not self._read:
            raise ValueError(f"{named} is no file of trials; give another path.")
        lines = whole.splitlines()
        with blamed(f"{named} is no file of trials, or", "delete it to begin again, or give another path"):
            data = [json.loads(line) for line in lines]
            if not self._read and data:
                head = data.pop(0)
                kind, found = head["pinnlab"], head["identity"]
            found_trials = [Trial.from_data(d) for d in data]
        if not self._read and lines:
            if kind != _KIND or found != self.identity:
                raise ValueError(
                    f"{named} holds trials of another family, solver or selector; delete it or give another path."
                )
        if len(whole) < len(content):
            file.truncate(self._read + len(whole))
        for trial in found_trials:
            self.trials.setdefault(trial.number, trial)
        first = not self._read and not lines
        self._read += len(whole)
        if first:
            self._write(file, {"pinnlab": _KIND, "identity": self.identity})
