"""The time of a run: all seconds of it, planning and looking included."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Clock:
    """A stopwatch that goes on from what another process of a resumed run has used.

    Args:
        seconds: used before.
        moment: tells the time; None for ``time.perf_counter``.
    """

    def __init__(self, seconds: float = 0.0, moment: Callable[[], float] | None = None):
        self._before, self._since, self._moment = seconds, math.inf, moment or time.perf_counter

    @property
    def seconds(self) -> float:
        """Until this moment."""
        return self._before + max(0.0, self._moment() - self._since)

    def start(self, since: float | None = None) -> None:
        """Let it run, from now or from an earlier moment."""
        self._before, self._since = self.seconds, self._moment() if since is None else since
