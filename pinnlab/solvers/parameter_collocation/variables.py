"""A family's numbers on [-1, 1], where polynomials live.

Letters: p parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from pinnlab.declaration.parameters.kinds import Uniform

WIDE = 5.0
"""Ratio of positive bounds from which on a number may be better taken by its logarithm: what depends on 1 / a or exp(-a)
over decades needs a polynomial of lower degree in log a, and what is linear in a one of higher degree."""

_CLEARLY = 0.1
"""Share of the error that the other way of taking a number has to be below; where both are close, logarithms need less."""


@dataclass(frozen=True)
class Axis:
    """One number of a family.

    Args:
        name: of the parameter.
        lower, upper: its bounds.
        logarithmic: whether its logarithm is linear on [-1, 1], and not itself.
    """

    name: str
    lower: float
    upper: float
    logarithmic: bool

    @classmethod
    def of(cls, name: str, family: Uniform) -> Axis:
        """By its logarithm where it is wide."""
        axis = cls(name, family.lower, family.upper, False)
        return axis.other if axis.wide else axis

    @property
    def wide(self) -> bool:
        """Whether it is positive and goes over more than a factor of ``WIDE``."""
        return self.lower > 0 and self.upper >= WIDE * self.lower

    @property
    def other(self) -> Axis:
        """The same number by its logarithm where this is by itself, and the other way round."""
        return replace(self, logarithmic=not self.logarithmic)

    def number(self, place: float) -> float:
        """The number at a place on [-1, 1]; at its ends the bounds themselves."""
        if abs(place) == 1:
            return self.lower if place < 0 else self.upper
        share = (place + 1) / 2
        if self.logarithmic:
            number = self.lower * (self.upper / self.lower) ** share
        else:
            number = self.lower + share * (self.upper - self.lower)
        return min(max(number, self.lower), self.upper)

    def place(self, number: float) -> float:
        """The inverse of ``number``."""
        if self.logarithmic:
            return 2 * math.log(number / self.lower) / math.log(self.upper / self.lower) - 1
        return 2 * (number - self.lower) / (self.upper - self.lower) - 1


def numbers_at(axes: Sequence[Axis], places: Sequence[float]) -> dict[str, float]:
    """{parameter: number} at a place (p,) in [-1, 1]^p."""
    return {axis.name: axis.number(place) for axis, place in zip(axes, places, strict=True)}


def place_of(axes: Sequence[Axis], numbers: Mapping[str, float]) -> list[float]:
    """The inverse of ``numbers_at``."""
    return [axis.place(numbers[axis.name]) for axis in axes]


def quadratic(z: float) -> tuple[float, float, float]:
    """How much values at -1, 0 and 1 weigh in the parabola through them, at z."""
    return z * (z - 1) / 2, 1 - z**2, z * (z + 1) / 2


def better_axis(axis: Axis, low: Tensor, middles: Sequence[Tensor], high: Tensor) -> Axis:
    """The axis, or the other one where a parabola along it comes clearly closer to a member that it does not go through.

    Args:
        axis: a wide number.
        low, high: values of the members at its ends.
        middles: those at its own middle and at that of the other axis; each is what the other parabola should foretell.
    """
    mine, others = middles

    def off(along: Axis, middle: Tensor, at: Axis, value: Tensor) -> float:
        a, b, c = quadratic(along.place(at.number(0.0)))
        return float((a * low + b * middle + c * high - value).norm())

    clearly = off(axis.other, others, axis, mine) < _CLEARLY * off(axis, mine, axis.other, others)
    return axis.other if clearly else axis
