"""Balls: discs in the plane, balls in space.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import scipy
import torch
from torch import Tensor

from pinnlab.domains.naming import TIME, Named
from pinnlab.domains.regions import Bounds, Region
from pinnlab.domains.sites import Site, on_cpu


def directions(unit: Tensor) -> Tensor:
    """Map (n, d - 1) points of the unit cube onto the unit sphere in d >= 2 coordinates, areas in proportion.

    Of a point spread evenly over the sphere in m coordinates, one coordinate c has the density (1 - c^2)^((m - 3) / 2):
    (1 + c) / 2 has a beta distribution, and the others are spread over a sphere of radius sqrt(1 - c^2).
    """
    n, d = len(unit), unit.shape[1] + 1
    found, radius = [], torch.ones(n, dtype=unit.dtype)
    for k in range(d - 2):
        shape = (d - k - 1) / 2
        c = 2 * torch.as_tensor(scipy.special.betaincinv(shape, shape, unit[:, k].numpy())) - 1
        found.append(radius * c)
        radius = radius * torch.sqrt((1 - c * c).clamp_min(0))
    angle = 2 * math.pi * unit[:, -1]
    return torch.stack([*found, radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)


@dataclass(frozen=True, init=False, repr=False)
class Ball(Region):
    """All points within a distance of a centre: ``Ball(center={"x": 0.0, "y": 0.0}, radius=1.0)``.

    Args:
        center: {coordinate: position}, two or more.
        radius: positive.
        name: of its boundary, for ``on=``.

    Raises:
        TypeError: the centre is no mapping of names to numbers.
        ValueError: fewer than two coordinates, time among them, numbers that are not finite, a radius that is not
            positive.
    """

    center: dict[str, float] = field(hash=False)
    radius: float
    name: str
    coordinates: tuple[str, ...] = field(init=False, compare=False)
    bounds: Bounds = field(init=False, compare=False)

    def __init__(self, center: Mapping[str, float], radius: float, name: str = "surface") -> None:
        usual = 'write Ball(center={"x": 0.0, "y": 0.0}, radius=1.0)'
        try:
            at, r = {str(c): float(v) for c, v in center.items()}, float(radius)
        except (AttributeError, OverflowError, TypeError, ValueError):
            raise TypeError(
                f"Ball(center={center!r}, radius={radius!r}): give {{coordinate: number}} and a number; {usual}."
            ) from None
        if TIME in at:
            raise ValueError(f"Ball(center={at!r}): 't' is time; write Ball(...) * Box(t=(start, end)); {usual}.")
        if len(at) < 2:
            raise ValueError(f"Ball(center={at!r}): give two coordinates or more; an interval is a Box(x=(-1.0, 1.0)).")
        if not all(map(math.isfinite, at.values())):
            raise ValueError(f"Ball(center={at!r}): the centre must be finite; {usual}.")
        if not (math.isfinite(r) and r > 0):
            raise ValueError(f"Ball(radius={radius!r}): must be a positive number; {usual}.")
        if not isinstance(name, str) or not name:
            raise TypeError(f"Ball(name={name!r}): give the name of its boundary, such as 'surface'.")
        set_ = object.__setattr__
        set_(self, "center", at)
        set_(self, "radius", r)
        set_(self, "name", name)
        set_(self, "coordinates", tuple(at))
        set_(self, "bounds", {c: (v - r, v + r) for c, v in at.items()})

    def __repr__(self) -> str:
        return f"Ball(center={self.center!r}, radius={self.radius:g})"

    @property
    def named_pieces(self) -> Named:
        return {self.name: (self.name,)}

    def interior(self, unit: Tensor) -> Site:
        u = on_cpu(unit)
        # the first coordinate is the share of the volume that lies further inside
        radius = self.radius * u[:, :1] ** (1 / len(self.coordinates))
        return Site((self._center(u) + radius * directions(u[:, 1:])).to(unit))

    def boundary(self, piece: str, unit: Tensor) -> Site:
        u = on_cpu(unit)
        normals = directions(u[:, 1:])
        return Site((self._center(u) + self.radius * normals).to(unit), normals.to(unit))

    def depth(self, points: Tensor) -> Tensor:
        return self.radius - (points - self._center(points)).norm(dim=1)

    def to_data(self) -> dict[str, Any]:
        return {"kind": "ball", "center": dict(self.center), "radius": self.radius, "name": self.name}

    def _center(self, like: Tensor) -> Tensor:
        return like.new_tensor(list(self.center.values()))
