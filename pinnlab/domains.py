"""Regions in which a problem lives: named coordinates, interior, boundary with outward normals.

Letters: n points, d coordinates.

A region knows geometry only. It maps unit-cube points to its interior and its boundary pieces, so that how points are
drawn (``sampling.py``) and where they lie (here) stay apart.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

TIME = "t"
"""The name that makes a coordinate time: initial conditions, causality and time marching refer to it."""


@dataclass(frozen=True)
class Site:
    """Points at which residuals are evaluated.

    Attributes:
        points: (n, d), columns in the order of ``region.coordinates``.
        normals: (n, d) outward unit normals on a boundary (zero in time), or None in the interior.
    """

    points: Tensor
    normals: Tensor | None = None

    @property
    def side(self) -> tuple[int, bool]:
        """Which face of a box this is: number of the coordinate that is constant on it, and whether it is the upper end."""
        assert self.normals is not None, "points of the interior are on no side"
        normal = self.normals[0]
        axis = int(normal.abs().argmax())
        return axis, bool(normal[axis] > 0)


class Region(ABC):
    """Where the unknowns live. Subclasses give ``coordinates``, ``bounds`` and the maps below."""

    coordinates: tuple[str, ...]
    bounds: dict[str, tuple[float, float]]

    @property
    def space(self) -> tuple[str, ...]:
        """The coordinates other than time."""
        return tuple(name for name in self.coordinates if name != TIME)

    @property
    def has_time(self) -> bool:
        """Whether ``t`` is one of the coordinates."""
        return TIME in self.coordinates

    @abstractmethod
    def pieces(self, on: str | None) -> tuple[str, ...]:
        """Names of the boundary pieces that ``on`` means; None means the whole spatial boundary.

        Raises:
            ValueError: ``on`` names no boundary of this region.
        """

    @abstractmethod
    def interior(self, unit: Tensor) -> Site:
        """Map (n, d) points of the unit cube into the region."""

    @abstractmethod
    def boundary(self, piece: str, unit: Tensor) -> Site:
        """Map (n, d) points of the unit cube onto one boundary piece, with normals."""

    @abstractmethod
    def contains(self, points: Tensor) -> Tensor:
        """(n,) boolean mask of the points that lie in the closed region."""

    def columns(self, points: Tensor) -> dict[str, Tensor]:
        """Split (n, d) points into named coordinates, each (n,)."""
        return {name: points[:, i] for i, name in enumerate(self.coordinates)}


@dataclass(frozen=True, init=False)
class Box(Region):
    """A product of intervals: ``Box(x=(-1.0, 1.0), t=(0.0, 1.0))``. The coordinate ``t`` is time.

    Args:
        intervals: one (lower, upper) pair per named coordinate, finite, lower < upper.

    Raises:
        TypeError: an interval is not a pair of numbers.
        ValueError: no coordinate, or an interval that is empty, reversed or not finite.
    """

    bounds: dict[str, tuple[float, float]] = field(hash=False)

    def __init__(self, **intervals: tuple[float, float]) -> None:
        if not intervals:
            raise ValueError("Box() got no coordinates; name at least one, such as Box(x=(0.0, 1.0)).")
        checked = {name: _interval(name, value) for name, value in intervals.items()}
        object.__setattr__(self, "bounds", checked)

    @property
    def coordinates(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.bounds)

    def __repr__(self) -> str:
        return "Box(" + ", ".join(f"{name}=({lo:g}, {hi:g})" for name, (lo, hi) in self.bounds.items()) + ")"

    def replace(self, **intervals: tuple[float, float]) -> Box:
        """The same box with some intervals changed."""
        return Box(**{**self.bounds, **intervals})

    def pieces(self, on: str | None) -> tuple[str, ...]:
        if on is None:
            return tuple(name + side for name in self.space for side in "-+")
        name, sides = (on[:-1], on[-1]) if on[-1:] in ("-", "+") else (on, "-+")
        if name == TIME:
            raise ValueError(f"on={on!r} is a boundary in time; use Initial(...) for the state at the start.")
        if name not in self.space:
            choices = ", ".join(f"{c!r}, '{c}-', '{c}+'" for c in self.space) or "none: the problem has no space"
            raise ValueError(f"on={on!r} names no boundary of {self!r}; its boundaries are {choices}.")
        return tuple(name + side for side in sides)

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

    def initial(self, unit: Tensor) -> Site:
        """Map (n, d) points of the unit cube onto the slice at the first time."""
        points = self.interior(unit).points.clone()
        points[:, self.coordinates.index(TIME)] = self.bounds[TIME][0]
        return Site(points)

    def contains(self, points: Tensor) -> Tensor:
        lower, width = self._corners(points)
        return ((points >= lower) & (points <= lower + width)).all(dim=1)

    def _corners(self, like: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = (like.new_tensor(side) for side in zip(*self.bounds.values(), strict=True))
        return lower, upper - lower


def _interval(name: str, value: object) -> tuple[float, float]:
    usual = f"write {name}=(lower, upper) with two finite numbers"
    try:
        lower, upper = (float(v) for v in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise TypeError(f"Box({name}={value!r}): an interval is a pair of numbers; {usual}.") from None
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ValueError(f"Box({name}=({lower}, {upper})): bounds must be finite; {usual}.")
    if lower >= upper:
        kind = "empty" if lower == upper else "reversed"
        raise ValueError(f"Box({name}=({lower:g}, {upper:g})): the interval is {kind}; {usual}, lower < upper.")
    return lower, upper
