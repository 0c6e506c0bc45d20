"""A family's numbers on [-1, 1], where polynomials live.

Letters: p parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pinnlab.declaration.parameters.kinds import Uniform

WIDE = 5.0
"""Ratio of positive bounds from which on a number is taken by its logarithm: what depends on 1 / a or exp(-a) over decades
needs a polynomial of lower degree in log a."""


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
        """By its logarithm where it goes over more than a factor of ``WIDE`` and is positive."""
        return cls(name, family.lower, family.upper, family.lower > 0 and family.upper >= WIDE * family.lower)

    def number(self, place: float) -> float:
        """The number at a place on [-1, 1]; at its ends the bounds themselves."""
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
