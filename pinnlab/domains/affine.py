"""Affine maps of one number: the units in which a coordinate or an unknown is counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

N = TypeVar("N", float, Tensor, np.ndarray)


@dataclass(frozen=True)
class Affine:
    """outer = offset + scale * inner: ``Affine(293.0, 3.0)`` counts from 293 in steps of 3.

    A negative scale mirrors: ``Affine(t0 + t1, -1.0)`` maps an interval of time onto itself, backwards.

    Args:
        offset: what the inner zero stands for, in outer units.
        scale: what an inner one is, in outer units; not zero.

    Raises:
        ValueError: numbers that are not finite, or a scale of zero.
    """

    offset: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.offset) and math.isfinite(self.scale) and self.scale != 0):
            raise ValueError(f"{self!r}: both must be finite, and the scale not zero.")

    @property
    def is_identity(self) -> bool:
        """Whether inner and outer numbers are the same."""
        return self.offset == 0 and self.scale == 1

    @property
    def inverse(self) -> Affine:
        """The map from outer to inner numbers."""
        return Affine(-self.offset / self.scale, 1 / self.scale)

    def after(self, first: Affine) -> Affine:
        """The map that applies another one first, from its inner numbers on."""
        return Affine(self.offset + self.scale * first.offset, self.scale * first.scale)

    def outer(self, inner: N) -> N:
        """The outer number, offset + scale * inner."""
        return inner if self.is_identity else self.offset + self.scale * inner

    def inner(self, outer: N) -> N:
        """The inner number, (outer - offset) / scale."""
        return outer if self.is_identity else (outer - self.offset) / self.scale

    def interval(self, outer: tuple[float, float]) -> tuple[float, float]:
        """An interval of outer numbers in inner ones, the smaller end first."""
        # no negative zeros, which read oddly
        first, last = self.inner(outer[0]) + 0.0, self.inner(outer[1]) + 0.0
        return (first, last) if first <= last else (last, first)


UNCHANGED = Affine()
"""The identity."""
