"""Boxes: products of intervals.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.domains.naming import Named, only_time, usual_time
from pinnlab.domains.regions import Bounds, Region
from pinnlab.domains.sites import Site
from pinnlab.machine.calls import explained_call

_FARTHEST = 1e150
"""From zero: squares of lengths are computed with."""
_THINNEST = 1e-13
"""Length beside the distance from zero: 16 digits resolve nothing inside what is thinner."""


@explained_call("name the coordinates: Box(x=(0.0, 1.0), t=(0.0, 1.0))")
@dataclass(frozen=True, init=False)
class Box(Region):
    """A product of intervals: ``Box(x=(-1.0, 1.0), t=(0.0, 1.0))``. The coordinate ``t`` is time.

    Where time has another name, say so: ``Box(x=(-1.0, 1.0), tau=(0.0, 1.0), time="tau")``; a coordinate ``t`` is then
    one like the others. ``time=None`` makes no coordinate time.

    Args:
        intervals: one (lower, upper) pair per named coordinate, finite, lower < upper; and ``time``, the name of the
            coordinate that is time, or None.

    Raises:
        TypeError: an interval is not a pair of numbers.
        ValueError: no coordinate, an interval that is empty, reversed or not finite, or a time that is no coordinate.
    """

    bounds: Bounds = field(hash=False)

    def __init__(self, **intervals: tuple[float, float] | str | None) -> None:
        # a pair is an interval: of a coordinate that is called time
        named = "time" in intervals and (intervals["time"] is None or isinstance(intervals["time"], str))
        time = intervals.pop("time") if named else usual_time(intervals)
        if not intervals:
            raise ValueError("Box() got no coordinates; name at least one, such as Box(x=(0.0, 1.0)).")
        checked = {name: _interval(name, value) for name, value in intervals.items()}
        if time is not None and time not in checked:
            raise ValueError(
                f"Box(time={time!r}): names no coordinate; the coordinates are {', '.join(map(repr, checked))}. Give time "
                f"the name of one, or add {time}=(start, end)."
            )
        object.__setattr__(self, "bounds", checked)
        # names of data sets on disk are made from what is set: only what is not usual
        if time != usual_time(checked):
            object.__setattr__(self, "_time", time)

    @classmethod
    def of(cls, bounds: Bounds, time: str | None) -> Box:
        """The box with these bounds in which ``time``, or nothing, is time."""
        box = cls(**bounds)
        if time != box.time:
            object.__setattr__(box, "_time", time)
        return box

    @property
    def time(self) -> str | None:
        found: str | None = self.__dict__.get("_time", usual_time(self.bounds))
        return found

    # no second field: names of data sets on disk are made from the one
    @property
    def coordinates(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.bounds)

    def __repr__(self) -> str:
        parts = [f"{name}=({lo:g}, {hi:g})" for name, (lo, hi) in self.bounds.items()]
        parts += [f"time={self.time!r}"] if "_time" in self.__dict__ else []
        return f"Box({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        return (self.bounds, self.time) == (other.bounds, other.time) if isinstance(other, Box) else NotImplemented

    def __mul__(self, other: Region) -> Region:
        if isinstance(other, Box) and not set(self.bounds) & set(other.bounds):
            time = only_time([self.time, other.time], f"{self!r} * {other!r}")
            return Box.of({**self.bounds, **other.bounds}, time)
        return super().__mul__(other)

    def replace(self, **intervals: tuple[float, float]) -> Box:
        """The same box with some intervals changed."""
        return Box.of({**self.bounds, **intervals}, self.time)

    @property
    def at_rest(self) -> Box | None:
        space = {name: self.bounds[name] for name in self.space}
        return Box.of(space, None) if space else None

    @property
    def named_pieces(self) -> Named:
        both = {name: (name + "-", name + "+") for name in self.space}
        return {**both, **{piece: (piece,) for pieces in both.values() for piece in pieces}}

    def pieces(self, on: str | None) -> tuple[str, ...]:
        if on is None or on in self.named_pieces:
            return super().pieces(on)
        if self.time is not None and on in (self.time, self.time + "-", self.time + "+"):
            raise ValueError(
                f"on={on!r} is a boundary in time; use Initial(...) for the state at the start, Final(...) at the end."
            )
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
        data: dict[str, Any] = {name: list(interval) for name, interval in self.bounds.items()}
        return {**data, "time": self.time} if "_time" in self.__dict__ else data

    def _corners(self, like: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = (like.new_tensor(side) for side in zip(*self.bounds.values(), strict=True))
        return lower, upper - lower


def _interval(name: str, value: Any) -> tuple[float, float]:
    usual = f"write {name}=(lower, upper) with two finite numbers"
    try:
        lower, upper = map(float, () if isinstance(value, str | bytes) else value)
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
