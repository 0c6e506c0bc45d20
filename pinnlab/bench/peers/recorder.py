"""The clock of a peer's training, and its curve of errors against time.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.algebra.largest import largest
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import error_meter, relative_errors
from pinnlab.machine.deadline import Deadline

_MEASUREMENTS = 100
_BATCH = 8192


@dataclass(frozen=True)
class PeerFunction:
    """A peer's network as what errors are measured of.

    Attributes:
        function: (n, d) points -> (n, m) unknowns.
        parameters: one tensor, which says what type points must have.
    """

    function: Callable[[Tensor], Tensor]
    parameters: tuple[Tensor, ...]

    def values(self, points: Tensor) -> Tensor:
        """(n, m), any n."""
        with torch.no_grad():
            return torch.cat([self.function(part) for part in points.split(_BATCH)]).detach()


class Recorder:
    """Measures errors while a peer trains; the clock stands still meanwhile.

    Args:
        problem: with a reference, else nothing is measured.
        max_seconds: of training.
        clock: for tests.
    """

    def __init__(self, problem: Problem, max_seconds: float, clock: Callable[[], float] = time.perf_counter):
        self.problem, self.max_seconds = problem, max_seconds
        self.curve: dict[str, list[float]] = {name: [] for name in ("seconds", "loss", "held_out", "window", "error")}
        self.seconds = 0.0
        self._clock, self._last = clock, math.nan
        self._due = 0.0
        self._field: PeerFunction | None = None
        self._measure: Callable[[], dict[str, float]] = dict

    def start(self, function: Callable[[Tensor], Tensor], dtype: torch.dtype) -> None:
        """Start the clock; ``function`` maps (n, d) points to the unknowns (n, m) as they are when it is called."""
        self._field = PeerFunction(function, (torch.zeros((), dtype=dtype),))
        self._measure = error_meter(self.problem.domain, self.problem, self._field, Deadline())
        self._last = self._clock()

    def go_on(self) -> None:
        """Let the clock go on from now: what has passed since it was looked at, a compilation say, is not training."""
        self._last = self._clock()

    def check(self) -> bool:
        """Look at the clock, measure when it is time; whether the time is up."""
        self.seconds += self._clock() - self._last
        late = self.late
        if late or self.seconds >= self._due:
            self._record()
            self._due = self.seconds + self.max_seconds / _MEASUREMENTS
        self._last = self._clock()
        return late

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.seconds >= self.max_seconds

    def final_errors(self) -> dict[str, float]:
        """{unknown: relative L2 error} over the grid of the whole domain; empty without a reference."""
        if self.problem.reference is None or self._field is None:
            return {}
        field = self._field
        return relative_errors(
            lambda at: field.values(at.to(field.parameters[0])), self.problem.reference, self.problem
        )

    def _record(self) -> None:
        # a peer's loss is its own business: what its terms are divided by differs from package to package
        self.curve["seconds"].append(self.seconds)
        self.curve["error"].append(largest(self._measure().values()))
        for name, value in (("loss", math.nan), ("held_out", math.nan), ("window", 0.0)):
            self.curve[name].append(value)
