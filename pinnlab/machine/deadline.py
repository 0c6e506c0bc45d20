"""When time is up: looked at inside long work, and looked ahead to before work whose cost is known.

A deadline goes down to whoever works as an argument. Work that has been started cannot be stopped from outside, so a loop
looks at each turn, and linear algebra, which has no turns, is not begun where it would end too late.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pinnlab.machine.processes import Processes

_SIZE, _TRIES = 384, 3
"""Of the product of matrices by which a processor is measured: some milliseconds."""


NOMINAL_RATE = 1e10
"""Multiplications per second of a usual core, by which sizes are chosen: these must not depend on what else is running."""


class TimeIsUpError(TimeoutError):
    """Work was stopped, or not begun, because its time is up."""


@dataclass(eq=False)
class Deadline:
    """A moment after which nothing should go on.

    Args:
        at: the moment, on the clock ``now``; infinity never comes.
        seconds: how long there was in all when it was set, by which sizes may be chosen.
        now: a clock.
        extra: seconds by which it will be put off if work goes well; one may plan with them.
    """

    at: float = math.inf
    seconds: float = math.inf
    now: Callable[[], float] = field(default_factory=lambda: time.perf_counter)
    extra: float = 0.0

    @classmethod
    def after(cls, seconds: float | None, now: Callable[[], float] | None = None) -> Deadline:
        """So many seconds from now; None for never."""
        now = now or time.perf_counter
        return cls(now=now) if seconds is None else cls(now() + seconds, seconds, now)

    def share(self, share: float, reserved: float = 0.0) -> Deadline:
        """An earlier one, when so large a share (0 to 1) of what is left, but for some seconds, is over."""
        return self if math.isinf(self.at) else Deadline.after(share * max(0.0, self.left - reserved), self.now)

    def sooner(self, seconds: float) -> Deadline:
        """An earlier one, by so many seconds."""
        return self if math.isinf(self.at) else Deadline(self.at - seconds, self.seconds, self.now)

    def together(self, processes: Processes) -> Deadline:
        """The leading process', by its clock, for several processes that look at the time at the same moments."""
        if processes.count == 1:
            return self
        at, seconds, extra = processes.first((self.at, self.seconds, self.extra))
        return Deadline(at, seconds, lambda: processes.leading(self.now()), extra)

    @property
    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return math.inf if math.isinf(self.at) else self.at - self.now()

    @property
    def planned(self) -> float:
        """Seconds until then if work goes well."""
        return self.left + self.extra

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self.left <= 0

    def allows(self, seconds: float) -> bool:
        """Whether something that takes so long may still be begun."""
        return seconds < self.left

    def check(self) -> None:
        """Raise TimeIsUpError if the time is up."""
        if self.passed:
            raise TimeIsUpError("the time is up")

    def require(self, seconds: float, what: str) -> None:
        """Raise TimeIsUpError if ``what``, which takes so many seconds, would end too late."""
        left = self.left
        if seconds >= left:
            raise TimeIsUpError(f"{what} would take about {seconds:.2g} s, of which {max(0.0, left):.2g} s are left")


def multiplications_per_second() -> float:
    """What one product of matrices reaches on this processor now, as fast as BLAS may; factorizations reach about half."""
    matrix = np.full((_SIZE, _SIZE), 0.5)
    best = math.inf
    for _ in range(_TRIES):
        began = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - began)
    return _SIZE**3 / max(best, 1e-9)
