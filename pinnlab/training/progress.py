"""Observers of a run: they look at records and may ask to stop, and never change anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from pinnlab.algebra.largest import largest
from pinnlab.machine.processes import Processes
from pinnlab.training.history import Record

Callback = Callable[[Record], Any]
"""Called with every record; a return value of True stops the run."""


class ProgressBar:
    """A bar of the budget with loss, error where a reference exists, and the time left.

    Args:
        label: what is solved.
        phases: number of time windows.
        max_seconds: the time budget, or None.
        steps: all steps of all stages of one phase, the measure where there is no time budget.
    """

    def __init__(self, label: str, phases: int, max_seconds: float | None, steps: int):
        self.phases, self.max_seconds, self.steps = phases, max_seconds, steps
        total = max_seconds if max_seconds is not None else phases * steps
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
        self.bar = tqdm(total=total, desc=label, bar_format=form, file=sys.stderr, dynamic_ncols=True, leave=True)
        self._reached = 0.0

    def __call__(self, record: Record, taken: float = 0.0) -> None:
        """Move to a record; ``taken``: steps before this record's own, in earlier stages of its phase."""
        done = record.seconds if self.max_seconds is not None else record.phase * self.steps + taken + record.step
        done = min(float(done), float(self.bar.total))
        parts = [f"window {record.phase + 1}/{self.phases}"] if self.phases > 1 else []
        parts.append(f"loss {record.loss:.1e}")
        if record.errors:
            parts.append(f"error {largest(record.errors.values()):.1e}")
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update(max(0.0, done - self._reached))
        self._reached = max(self._reached, done)

    def close(self) -> None:
        """Finish the line."""
        self.bar.close()


class Observers:
    """Those who look at a run: callbacks and a progress bar, in the leading process only.

    Args:
        callbacks: see ``Callback``.
        progress: whether a bar is shown.
        processes: those that share the run.
    """

    def __init__(self, callbacks: Sequence[Callback], progress: bool, processes: Processes):
        self.callbacks, self.processes = tuple(callbacks), processes
        self._progress = progress and processes.leads
        self._bar: ProgressBar | None = None

    def start(self, label: str, phases: int, max_seconds: float | None, steps: int) -> None:
        """Show the bar, unless it is there already; the arguments are those of ``ProgressBar``."""
        if self._progress and self._bar is None:
            self._bar = ProgressBar(label, phases, max_seconds, steps)

    def show(self, record: Record, taken: float = 0.0) -> None:
        """Move the bar to a record; ``taken`` as for ``ProgressBar``."""
        if self._bar is not None:
            self._bar(record, taken)

    def ask_to_stop(self, record: Record) -> bool:
        """Call every callback; whether one in the leading process asks to stop."""
        if not self.callbacks:
            return False
        asked = self.processes.leads and any([callback(record) is True for callback in self.callbacks])
        return self.processes.first(asked)

    def close(self) -> None:
        """Finish the bar."""
        if self._bar is not None:
            self._bar.close()
