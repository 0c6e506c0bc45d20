"""Coordinates that are folded at positions along them, so that the parts in between lie on one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.derivatives.axes import Axis
from pinnlab.derivatives.stencils import Array


@dataclass(frozen=True)
class Interval:
    """A part of one coordinate, stretched over (0, 1).

    Attributes:
        lower, upper: its ends.
        reverse: whether 0 is its upper end.
        inner: which of its ends lie inside the domain.
    """

    lower: float
    upper: float
    reverse: bool
    inner: tuple[bool, bool]

    @property
    def stretch(self) -> float:
        """Factor from a derivative by the folded coordinate to one by the coordinate."""
        return (-1.0 if self.reverse else 1.0) / (self.upper - self.lower)

    def side(self, upper: bool) -> str:
        """Which end of (0, 1) its lower or upper end is."""
        return "+" if upper != self.reverse else "-"

    def unfolded(self, at: Any) -> Any:
        """Positions from those in (0, 1)."""
        unit = 1 - at if self.reverse else at
        return self.lower + unit * (self.upper - self.lower)

    def folded(self, at: Array) -> Array:
        """The inverse."""
        unit = (at - self.lower) / (self.upper - self.lower)
        return 1 - unit if self.reverse else unit


class FoldedAxis(Axis):
    """The nodes of a coordinate that is cut: those of each part, one part after the other.

    Args:
        inner: of (0, 1).
        intervals: the parts, in order.
    """

    def __init__(self, inner: Axis, intervals: Sequence[Interval]):
        self.inner, self.intervals = inner, tuple(intervals)
        self.points = np.unique(np.concatenate([i.unfolded(inner.points) for i in intervals]))

    def stencil(self, at: Array, order: int = 0) -> tuple[Array, Array]:
        which = np.searchsorted([i.lower for i in self.intervals[1:]], at, side="right")
        unit = np.zeros(len(at))
        for k, interval in enumerate(self.intervals):
            mine = which == k
            unit[mine] = interval.folded(at[mine])
        index, weights = self.inner.stencil(unit, order)
        stretch = np.array([interval.stretch**order for interval in self.intervals])
        return index + which[:, None] * self.inner.size, weights * stretch[which][:, None]
