"""What diffusion makes of a jump at the boundary: layers along sides and spheres, and what happens where two sides meet.

Letters: n points, d coordinates.

Every function solves the heat equation, so that what is left of a solution from which it is taken is smooth. X and Y are
distances from two sides at a right angle, over the diffusion length 2 sqrt(D t). Source: Carslaw & Jaeger, Conduction of
Heat in Solids, 1959, sections 2.4 and 13.5; for the edge, Owen, Annals of Mathematical Statistics 27 (1956) 1075.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices

_FIRST = {torch.float32: 1e-14, torch.float64: 1e-24}
"""Share of the unit of time that stands for no time at all: a layer without width has no derivatives."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def erfc_quarter(x: Tensor, y: Tensor) -> Tensor:
    """The heat in a quarter of the plane that starts at 0, with 1 on the side X = 0 and 0 on the side Y = 0.

    It is (2 / sqrt(pi)) times the integral of exp(-z^2) erf(z Y / X) over z from X to infinity, four times Owen's function
    T(sqrt(2) X, Y / X): erfc(X) far from the other side, and the angle (2 / pi) atan(Y / X) in the end.

    Args:
        x, y: (n,) distances, not negative, over the diffusion length.
    """
    return _Quarter.apply(x, y)


def erfc_source(z: Tensor) -> Tensor:
    """2 z ierfc(z): t times it is the heat from a source erfc(z) beside a side that is kept at 0.

    ierfc(z) = exp(-z^2) / sqrt(pi) - z erfc(z) is the integral of erfc from z to infinity.
    """
    return 2 * z * (torch.exp(-z * z) / math.sqrt(math.pi) - z * torch.erfc(z))


class _Quarter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        a, b = x.abs(), y.abs()
        small, large = torch.minimum(a, b), torch.maximum(a, b)
        ratio = small / large.clamp_min(torch.finfo(x.dtype).tiny)
        share = (x.new_tensor(_NODES) + 1) / 2 * ratio[:, None]
        # T(sqrt(2) X, a) is the integral of exp(-X^2 (1 + s^2)) / (1 + s^2) over s from 0 to a, over 2 pi
        wave = torch.exp(-((large[:, None] ** 2) * (1 + share**2))) / (1 + share**2)
        below = (wave @ x.new_tensor(_WEIGHTS)) * ratio / math.pi
        return torch.where(a >= b, below, 1 - torch.erf(a) * torch.erf(b) - below)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        square = (x * x + y * y).clamp_min(torch.finfo(x.dtype).tiny)
        wave = 2 / math.pi * torch.exp(-square) / square
        by_x = -2 / math.sqrt(math.pi) * torch.exp(-x * x) * torch.erf(y) - y * wave
        return grad * by_x, grad * x * wave


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


@dataclass(frozen=True)
class Clock:
    """When a layer begins, and how fast it grows.

    Attributes:
        time: number of the time coordinate.
        start: the first time.
        unit: a length of time, such as the whole; its tiniest part stands for none.
    """

    time: int
    start: float
    unit: float

    def width(self, points: Tensor, diffusion: float) -> Tensor:
        """2 sqrt(D t) at (n, d) points, (n,)."""
        elapsed = (points[:, self.time] - self.start).clamp_min(_FIRST[points.dtype] * self.unit)
        return 2 * torch.sqrt(diffusion * elapsed)

    def since(self, points: Tensor, layer: Tensor) -> Tensor:
        """A layer (n,) at (n, d) points, and nothing before it begins."""
        return torch.where(points[:, self.time] >= self.start, layer, torch.zeros_like(layer))


@dataclass(frozen=True)
class Side:
    """A flat side across a coordinate.

    Attributes:
        axis: number of the coordinate.
        position: where.
        outward: 1 at the upper end, -1 at the lower.
        diffusion: D along the coordinate.
    """

    axis: int
    position: float
    outward: float
    diffusion: float

    def distance(self, points: Tensor) -> Tensor:
        """(n,) of (n, d) points."""
        return (self.position - points[:, self.axis]) * self.outward


@dataclass(frozen=True)
class SideLayer:
    """erfc(X): 1 on a side, 0 at the start."""

    clock: Clock
    side: Side

    def __call__(self, points: Tensor) -> Tensor:
        """(n,) at (n, d) points."""
        layer = torch.erfc(self.side.distance(points) / self.clock.width(points, self.side.diffusion))
        return self.clock.since(points, layer)


@dataclass(frozen=True)
class EdgeLayer:
    """What another side with the value 0 changes about erfc(X): 0 on the side itself, -erfc(X) on the other."""

    clock: Clock
    side: Side
    other: Side

    def __call__(self, points: Tensor) -> Tensor:
        """(n,) at (n, d) points."""
        x, y = (s.distance(points) / self.clock.width(points, s.diffusion) for s in (self.side, self.other))
        return self.clock.since(points, erfc_quarter(x, y) - torch.erfc(x))


@dataclass(frozen=True)
class BallLayer:
    """(R / r)^p erfc(|r - R| / width) beside a sphere in k coordinates, p = (k - 1) / 2; exact in three, outside.

    Attributes:
        columns: numbers of the coordinates of space.
        center: of the sphere.
        radius: R.
        inside: whether the region is inside; then the layer is cut off smoothly towards the centre.
        diffusion: D.
    """

    clock: Clock
    columns: tuple[int, ...]
    center: tuple[float, ...]
    radius: float
    inside: bool
    diffusion: float

    def __call__(self, points: Tensor) -> Tensor:
        """(n,) at (n, d) points."""
        apart = points[:, list(self.columns)] - points.new_tensor(self.center)
        square = (apart * apart).sum(dim=1)
        # a root has no derivatives at the centre, where the layer is cut off
        r = torch.sqrt(square.clamp_min((0.2 * self.radius) ** 2))
        distance = (self.radius - r) if self.inside else (r - self.radius)
        power, width = (len(self.columns) - 1) / 2, self.clock.width(points, self.diffusion)
        # without the factor: v_t = D (v_dd + p (1 - p) / r^2 v), whose last term changes v by this, at first
        bend = power * (1 - power) / 4 * (width / self.radius) ** 2 * erfc_source(distance / width)
        layer = self.clock.since(points, (self.radius / r) ** power * (torch.erfc(distance / width) + bend))
        return layer * _rise((r / self.radius - 0.25) / 0.5) if self.inside else layer


@dataclass(frozen=True)
class Wedge:
    """The angle about a vertex from one side to the other, over the whole: 0 on the one, 1 on the other, harmonic.

    Attributes:
        columns: numbers of the two coordinates.
        vertex: where the sides meet.
        scales: square roots of the diffusivities along the coordinates, or of their ratio.
        middle: direction (radians, in scaled coordinates) halfway between the sides.
        opening: the angle between them, in scaled coordinates.
        leg: of time, outside of which there is none; None where it is there at all times.
    """

    columns: tuple[int, int]
    vertex: tuple[float, float]
    scales: tuple[float, float]
    middle: float
    opening: float
    leg: Leg | None = None

    def __call__(self, points: Tensor) -> Tensor:
        """(n,) at (n, d) points."""
        p, q = (
            (points[:, i] - at) / scale for i, at, scale in zip(self.columns, self.vertex, self.scales, strict=True)
        )
        c, s = math.cos(self.middle), math.sin(self.middle)
        along, across = c * p + s * q, c * q - s * p
        # at the vertex itself there is no angle
        along = torch.where((along == 0) & (across == 0), torch.ones_like(along), along)
        angle = 0.5 + torch.atan2(across, along) / self.opening
        return angle if self.leg is None else torch.where(self.leg.holds(points), angle, torch.zeros_like(angle))


Shape = SideLayer | EdgeLayer | BallLayer | Wedge


def shape_jet(shape: Shape, points: Tensor, indices: Indices) -> Tensor:
    """Derivatives (c, n, 1) at (n, d) points."""
    return autograd_jet(lambda at: shape(at)[:, None], points, indices, keep=False)


def shape_data(shape: Shape) -> dict[str, Any]:
    """Plain data from which ``shape_from`` makes the shape again."""
    return {"kind": type(shape).__name__, **_plain(asdict(shape))}


def shape_from(data: dict[str, Any]) -> Shape:
    """The inverse of ``shape_data``."""
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    kind = given.pop("kind")
    for name, part in (("clock", Clock), ("side", Side), ("other", Side), ("leg", Leg)):
        if given.get(name) is not None:
            given[name] = part(**given[name])
    return _SHAPES[kind](**given)


_SHAPES: dict[str, Any] = {shape.__name__: shape for shape in (SideLayer, EdgeLayer, BallLayer, Wedge)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _rise(share: Tensor) -> Tensor:
    """0 below 0, 1 above 1, with three continuous derivatives."""
    s = share.clamp(0, 1)
    return s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3)
