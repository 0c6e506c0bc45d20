"""What a bench has found, as frozen records and as a JSON file."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pinnlab.algebra.largest import largest

FAILED = "failed"


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        problem: label of the case.
        solver: what was asked for: ``"recipe"``, ``"pinn"``, ...
        seed: of the run.
        max_seconds: the budget.
        configuration: the solver in full.
        status: name of a ``Status``, or ``"failed"``.
        message: the status' advice, or what failed.
        errors: {unknown: relative L2 error} of the finished solution, empty without any reference.
        together: the error of all unknowns relative to the norm of all, NaN without a reference or with one unknown.
        seconds: training time.
        windows: number of time windows.
        curve: columns of the history: ``seconds``, ``window``, ``loss``, ``held_out``, and ``error``, the largest over
            the unknowns. With several windows it is the error of the window in training.
        date: when it ended.
        commit: of the code.
        dtype: of the numbers.
        device: on which it ran; "" where the file does not say.
        digest: of the problem, with the version of Python; "" where the file does not say.
    """

    problem: str
    solver: str
    seed: int
    max_seconds: float
    configuration: str = ""
    status: str = FAILED
    message: str = ""
    errors: dict[str, float] = field(default_factory=dict)
    together: float = math.nan
    seconds: float = 0.0
    windows: int = 1
    curve: dict[str, list[float]] = field(default_factory=dict)
    date: str = ""
    commit: str = ""
    dtype: str = "float64"
    device: str = ""
    digest: str = ""

    @property
    def key(self) -> tuple[str, str, int, float]:
        """What makes it a run of its own."""
        return self.problem, self.solver, self.seed, self.max_seconds

    def differs(self, planned: Run) -> str:
        """In what this run is another one than what is planned now, in words; "" where in nothing that is known."""
        if self.dtype != planned.dtype:
            return f"in {self.dtype}, not {planned.dtype}"
        if self.device and self.device != planned.device:
            return f"on {self.device}, not {planned.device}"
        if planned.configuration and _nameless(self.configuration) != _nameless(planned.configuration):
            return "with other settings of the solver"
        python, _, digest = self.digest.partition(":")
        # byte code, which the digest is of, is another one in another version of Python
        if python == planned.digest.partition(":")[0] and digest != planned.digest.partition(":")[2]:
            return "of a problem with other equations, conditions or parameters"
        return ""

    @property
    def error(self) -> float:
        """The largest error of an unknown; NaN where nothing was measured."""
        return largest(self.errors.values())

    def error_at(self, seconds: float) -> float:
        """The error after so many seconds of training; NaN before the first record, or while windows are missing."""
        if seconds >= self.seconds:
            return self.error
        if self.windows > 1:
            return math.nan
        past = [e for s, e in zip(self.curve["seconds"], self.curve["error"], strict=True) if s <= seconds]
        return past[-1] if past else math.nan


@dataclass(frozen=True)
class Baseline:
    """What stands next to the runs on one problem: the classical solver, and what others report.

    Attributes:
        problem: label of the case.
        error_estimate: {unknown: relative L2 error that it estimates for itself}.
        errors: {unknown: relative L2 error against the problem's reference}, empty without one.
        seconds: of everything it computed, the error estimate included.
        method: in words; or why there is none.
        resolution: nodes per space axis.
        published: what others report for the problem.
    """

    problem: str
    error_estimate: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    seconds: float = math.nan
    method: str = ""
    resolution: int = 0
    published: str = ""

    @property
    def estimate(self) -> float:
        """The largest estimated error of an unknown; NaN without an estimate."""
        return largest(self.error_estimate.values())


@dataclass(frozen=True)
class Results:
    """All that a bench has found so far; frozen, ``adding`` returns a new one."""

    machine: dict[str, Any]
    runs: tuple[Run, ...] = ()
    baselines: tuple[Baseline, ...] = ()

    def adding(self, found: Run | Baseline) -> Results:
        """With one more run or row, which replaces an older one of the same run or problem."""
        if isinstance(found, Run):
            return Results(self.machine, (*(r for r in self.runs if r.key != found.key), found), self.baselines)
        return Results(self.machine, self.runs, (*(c for c in self.baselines if c.problem != found.problem), found))

    def write(self, path: Path) -> None:
        """Write as JSON, atomically; numbers that are not finite become null."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(_finite(asdict(self)), indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)

    @classmethod
    def read(cls, path: Path) -> Results:
        """The inverse of ``write``.

        Raises:
            ValueError: the file is not one of a bench.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"), object_hook=_restored)
            # files of version 0.1 say it in the command only
            single = "float32" in str(data["machine"].get("command", "")).replace("=", " ").split()
            runs = tuple(Run(**{"dtype": "float32" if single else "float64", **run}) for run in data["runs"])
            return cls(data["machine"], runs, tuple(Baseline(**row) for row in data["baselines"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a results file of pinnlab bench: {error}") from error


def _nameless(configuration: str) -> str:
    """Without places in memory, which are others in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", configuration)


def _finite(value: Any) -> Any:
    """Plain JSON: not-a-number has none, so it is null there."""
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _restored(data: dict[str, Any]) -> dict[str, Any]:
    """The numbers that ``_finite`` took away."""

    def number(value: Any) -> Any:
        return math.nan if value is None else value

    return {k: [number(v) for v in w] if isinstance(w, list) else number(w) for k, w in data.items()}
