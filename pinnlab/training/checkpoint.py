"""Files that outlive a run: checkpoints and saved solutions. Reading one never executes code from it."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a run is saved.

    Args:
        path: the file. If it exists when ``solve`` starts, the run resumes from it.
        every_seconds: time between saves.

    Raises:
        ValueError: a time that is negative.
    """

    path: str | os.PathLike[str]
    every_seconds: float = 15.0

    def __post_init__(self) -> None:
        if not self.every_seconds >= 0:
            raise ValueError(f"Checkpoint(every_seconds={self.every_seconds}): must not be negative.")
