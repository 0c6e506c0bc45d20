"""The record of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Record:
    """One line of the history.

    Attributes:
        phase: time window, from 0.
        stage: optimizer stage, from 0.
        step: steps taken in this stage.
        seconds: of the run so far, planning and measuring included.
        loss: the training loss at the current points.
        held_out: the loss on points that training never sees.
        errors: {unknown: relative L2 error}; empty without a reference, and in short runs while it is yet to be computed.
        info: numbers of the optimizer and the weighting.
        coefficients: {name: value} of the parameters that are to be found.
    """

    phase: int
    stage: int
    step: int
    seconds: float
    loss: float
    held_out: float
    errors: dict[str, float] = field(default_factory=dict)
    info: dict[str, float] = field(default_factory=dict)
    coefficients: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """All records of a run, in order; ``history.column("loss")`` is an array."""

    records: tuple[Record, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    def column(self, name: str) -> np.ndarray:
        """One attribute, coefficient or entry of ``info`` as an array; NaN where it is missing."""
        found = [getattr(r, name, {**r.info, **r.coefficients}.get(name, np.nan)) for r in self.records]
        return np.array(found, dtype=float)

    def error(self, unknown: str) -> np.ndarray:
        """The error of one unknown over the run; NaN where it is missing."""
        return np.array([r.errors.get(unknown, np.nan) for r in self.records])

    def to_data(self) -> list[dict[str, Any]]:
        """Plain data, for files."""
        return [asdict(r) for r in self.records]

    @classmethod
    def from_data(cls, data: list[dict[str, Any]]) -> History:
        """The inverse of ``to_data``."""
        return cls(tuple(Record(**d) for d in data))
