"""Trials of interface conditions: one solve each, written down when it is over."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pinnlab.api import solve
from pinnlab.declaration.fluxes import LostFluxError
from pinnlab.declaration.problem import Problem
from pinnlab.selection.arms import Arms
from pinnlab.training.status import Status

_KIND = "interface trials"


@dataclass(frozen=True)
class Trial:
    """One solve of one member.

    Attributes:
        number: trials are numbered from 0.
        parameters: of the member.
        interface: names of the interface conditions.
        reward: larger is better; NaN where the solve failed.
        status: name of the solve's ``Status``, or what failed.
        seconds: of the trial, the reward included.
    """

    number: int
    parameters: dict[str, float]
    interface: tuple[str, ...]
    reward: float = math.nan
    status: str = ""
    seconds: float = 0.0

    def to_data(self) -> dict[str, Any]:
        """Plain data; a reward that is not finite becomes a string."""
        return {**asdict(self), "reward": self.reward if math.isfinite(self.reward) else str(self.reward)}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Trial:
        """The inverse of ``to_data``."""
        return cls(**{**data, "interface": tuple(data["interface"]), "reward": float(data["reward"])})


@dataclass(frozen=True)
class Player:
    """Plays trials: solves the member with the interface, and measures.

    Args:
        problem: the family.
        solver: its ``interface`` is replaced.
        arms: know the conditions behind the names.
        measure: the reward of a solution.
        max_seconds: training time of a trial.
        seed: of the selector.
    """

    problem: Problem
    solver: Any
    arms: Arms
    measure: Callable[[Any], float]
    max_seconds: float | None
    seed: int

    def __call__(self, trial: Trial) -> Trial:
        """The trial with reward, status and seconds.

        Raises:
            KeyboardInterrupt: the user stopped the solve.
            TypeError, ValueError: what the solver refuses. Numerical failure is a status instead, and so are conditions
                that do not join the fluxes of a problem whose coefficients jump.
        """
        start = time.perf_counter()
        seed = int(trial_generator(self.seed, trial.number, 1).integers(2**31))
        chosen, reward = self.arms.applied(self.solver, trial.interface), math.nan
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
        return replace(trial, reward=reward, status=status, seconds=time.perf_counter() - start)


def trial_generator(seed: int, number: int, purpose: int) -> np.random.Generator:
    """Random numbers of one trial, for its member (0) or its solve (1): whatever was drawn before."""
    return np.random.default_rng([seed, number, purpose])


class TrialLog:
    """A file of trials, one JSON line each after a first line that says what they belong to.

    A line counts once it is complete: whoever is killed while writing loses that line and no other.

    Args:
        path: the file; None keeps nothing.
        identity: of the family, the solver and the selector.

    Attributes:
        trials: {number: trial} of those that are over.

    Raises:
        ValueError: the file is of another kind, or belongs to something else.
    """

    def __init__(self, path: str | os.PathLike[str] | None, identity: str):
        self.path = None if path is None else Path(path)
        self.trials: dict[int, Trial] = {}
        if self.path is None:
            return
        lines = self._complete_lines()
        if not lines:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._write({"pinnlab": _KIND, "identity": identity})
            return
        try:
            head, *rest = (json.loads(line) for line in lines)
            kind, found = head["pinnlab"], head["identity"]
            self.trials = {data["number"]: Trial.from_data(data) for data in rest}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"path={os.fspath(self.path)!r} is no file of trials, or is damaged: {error}") from error
        if kind != _KIND or found != identity:
            raise ValueError(
                f"path={os.fspath(self.path)!r} holds trials of another family, solver or selector; delete it or give "
                "another path."
            )

    def append(self, trial: Trial) -> None:
        """Write a trial; it is on disk when this returns."""
        self.trials[trial.number] = trial
        self._write(trial.to_data())

    def _write(self, data: dict[str, Any]) -> None:
        if self.path is None:
            return
        with open(self.path, "ab") as file:
            file.write(json.dumps(data, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _complete_lines(self) -> list[bytes]:
        """Lines that end; what follows the last of them is cut off."""
        if self.path is None or not self.path.exists():
            return []
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if content and not whole:
            raise ValueError(f"path={os.fspath(self.path)!r} is no file of trials; give another path.")
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        return whole.splitlines()
