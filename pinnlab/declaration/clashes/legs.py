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
from pinnlab.declaration.clashes.layers import Leg
from pinnlab.declaration.discontinuities.one_sided import hair
from pinnlab.derivatives.indices import Indices
from pinnlab.domains import Region


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
