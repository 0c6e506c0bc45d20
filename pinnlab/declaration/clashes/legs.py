"""Legs of time: data that jump at some moments are smooth functions on each of the legs between these.

Letters: c derivatives, n points, d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.discontinuities.joints import hair
from pinnlab.derivatives.indices import Indices
from pinnlab.domains import Region


@dataclass(frozen=True)
class Leg:
    """A part of time.

    The moment of a jump is known to some tenths of a hair only. A leg begins half a hair before it, and its data are taken
    a little away from both of its ends, so that they are all of one side.

    Attributes:
        time: number of the coordinate.
        start, end: the leg; infinite where it is the first, or the last.
        first, last: between which its data are taken.
    """

    time: int
    start: float
    end: float
    first: float
    last: float

    def clamped(self, points: Tensor) -> Tensor:
        """Points (n, d) at times at which data are those of the leg."""
        at = points.clone()
        at[:, self.time] = at[:, self.time].clamp(self.first, self.last)
        return at

    def holds(self, points: Tensor) -> Tensor:
        """(n,) which of the (n, d) points lie in it."""
        times = points[:, self.time]
        return (times >= self.start) & (times < self.end)


def legs_of(region: Region, moments: Sequence[float]) -> list[Leg]:
    """The legs between increasing moments inside the time interval of a region: one more than there are moments."""
    (lower, upper), near = region.time_interval, hair(region.time_interval) / 2
    starts = [-math.inf, *(moment - near for moment in moments)]
    ends = [*starts[1:], math.inf]
    return [
        Leg(region.time_index, start, end, max(lower, start + 2 * near), min(upper, end - near))
        for start, end in zip(starts, ends, strict=True)
    ]


@dataclass(frozen=True)
class During:
    """Data as they are on one leg, and beyond it as at its end."""

    value: FunctionValue
    leg: Leg

    @property
    def depends_on(self) -> set[str]:
        """The coordinates it depends on."""
        return self.value.depends_on

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        return self.value.jet(self.leg.clamped(points), indices)

    def values(self, points: Tensor) -> Tensor:
        """(n, 1) at (n, d) points."""
        with torch.no_grad():
            return self.value.values(self.leg.clamped(points))
