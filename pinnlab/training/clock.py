"""The time of a run: seconds of training, without those in which it is only looked at."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """A stopwatch that can be stopped and started again, also by another process of a resumed run.

    Attributes:
        seconds: until it was last stopped.
    """

    def __init__(self, seconds: float = 0.0):
        self.seconds = seconds
        self._since = math.inf

    @property
    def now(self) -> float:
        """Seconds until this moment."""
        return self.seconds + max(0.0, time.perf_counter() - self._since)

    def start(self) -> None:
        """Let it run."""
        self._since = time.perf_counter()

    def stop(self) -> None:
        """Let it stand."""
        self.seconds, self._since = self.now, math.inf

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run meanwhile."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let a running one stand meanwhile; it stays so where that fails."""
        self.stop()
        yield
        self.start()
