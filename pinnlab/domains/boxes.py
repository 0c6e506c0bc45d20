"""Boxes: products of intervals.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.domains.naming import Named
from pinnlab.domains.regions import TIME, Bounds, Region, Site

_FARTHEST = 1e150
"""From zero: squares of lengths are computed with."""
_THINNEST = 1e-13
"""Length beside the distance from zero: 16 digits resolve nothing inside what is thinner."""


@dataclass(frozen=True, init=False)
class Box(Region):
    """A product of intervals: ``Box(x=(-1.0, 1.0), t=(0.0, 1.0))``. The coordinate ``t`` is time.

    Args:
        intervals: one (lower, upper) pair per named coordinate, finite, lower < upper.

    Raises:
        TypeError: an interval is not a pair of numbers.
        ValueError: no coordinate, or an interval that is empty, reversed or not finite.
    """

    bounds: Bounds = field(hash=False)

    def __init__(self, **intervals: tuple[float, float]) -> None:
        if not intervals:
            raise ValueError("Box() got no coordinates; name at least one, such as Box(x=(0.0, 1.0)).")
        checked = {name: _interval(name, value) for name, value in intervals.items()}
        object.__setattr__(self, "bounds", checked)

    # no second field: names of data sets on disk are made from the one
    @property
    def coordinates(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.bounds)

    def __repr__(self) -> str:
        return "Box(" + ", ".join(f"{name}=({lo:g}, {hi:g})" for name, (lo, hi) in self.bounds.items()) + ")"

    def __mul__(self, other: Region) -> Region:
        if isinstance(other, Box) and not set(self.bounds) & set(other.bounds):
            return Box(**self.bounds, **other.bounds)
        return super().__mul__(other)

    def replace(self, **intervals: tuple[float, float]) -> Box:
        """The same box with some intervals changed."""
        return Box(**{**self.bounds, **intervals})

    @property
    def at_rest(self) -> Box | None:
        space = {name: self.bounds[name] for name in self.space}
        return Box(**space) if space else None

    @property
    def named_pieces(self) -> Named:
        both = {name: (name + "-", name + "+") for name in self.space}
        return {**both, **{piece: (piece,) for pieces in both.values() for piece in pieces}}

    def pieces(self, on: str | None) -> tuple[str, ...]:
        if on is None or on in self.named_pieces:
            return super().pieces(on)
        if on in (TIME, TIME + "-", TIME + "+"):
            raise ValueError(f"on={on!r} is a boundary in time; use Initial(...) for the state at the start.")
        choices = ", ".join(f"{c!r}, '{c}-', '{c}+'" for c in self.space) or "none: the problem has no space"
        raise ValueError(f"on={on!r} names no boundary of {self!r}; its boundaries are {choices}.")

    def face(self, piece: str) -> tuple[int, float, float]:
        """(coordinate index, position, outward sign) of a face such as ``"x-"``."""
        name, side = piece[:-1], piece[-1]
        return self.coordinates.index(name), self.bounds[name][side == "+"], 1.0 if side == "+" else -1.0

    def interior(self, unit: Tensor) -> Site:
        lower, width = self._corners(unit)
        return Site(lower + unit * width)

    def boundary(self, piece: str, unit: Tensor) -> Site:
        index, position, sign = self.face(piece)
        points = self.interior(unit).points.clone()
        points[:, index] = position
        normals = torch.zeros_like(points)
        normals[:, index] = sign
        return Site(points, normals)

    def contains(self, points: Tensor) -> Tensor:
        lower, width = self._corners(points)
        return ((points >= lower) & (points <= lower + width)).all(dim=1)

    def depth(self, points: Tensor) -> Tensor:
        lower, width = self._corners(points)
        return torch.minimum(points - lower, lower + width - points).amin(dim=1)

    def to_data(self) -> dict[str, Any]:
        return {name: list(interval) for name, interval in self.bounds.items()}

    def _corners(self, like: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = (like.new_tensor(side) for side in zip(*self.bounds.values(), strict=True))
        return lower, upper - lower


def _interval(name: str, value: tuple[float, float]) -> tuple[float, float]:
    usual = f"write {name}=(lower, upper) with two finite numbers"
    try:
        lower, upper = (float(v) for v in (None if isinstance(value, str | bytes) else value))
    except OverflowError:
        raise ValueError(f"Box({name}=...): a bound is an integer beyond the range of floats; {usual}.") from None
    except (TypeError, ValueError):
        raise TypeError(f"Box({name}={value!r}): an interval is a pair of numbers; {usual}.") from None
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ValueError(f"Box({name}=({lower}, {upper})): bounds must be finite; {usual}.")
    if lower >= upper:
        kind = "empty" if lower == upper else "reversed"
        raise ValueError(f"Box({name}=({lower:g}, {upper:g})): the interval is {kind}; {usual}, lower < upper.")
    if max(-lower, upper) > _FARTHEST or upper - lower < 1 / _FARTHEST:
        raise ValueError(
            f"Box({name}=({lower:g}, {upper:g})): squares of it leave the range of floats; use other units."
        )
    if upper - lower < _THINNEST * max(abs(lower), abs(upper)):
        raise ValueError(
            f"Box({name}=({lower!r}, {upper!r})): floats have next to no numbers in between; measure {name} from its start."
        )
    return lower, upper
