"""The boundary of a region of the plane as curves: segments and arcs, cut where they meet, with the names of its pieces.

Letters: n points.

Points of a boundary are drawn anywhere (``regions.py``); a mesh also needs its corners, and to move along it. Boxes,
polygons, discs and meshes know their own curves; of set operations, the curves of the parts are cut at one another, and
kept where the result lies on one side only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch

from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.meshes import Mesh
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Region
from pinnlab.domains.splines import Spline

Array = np.ndarray
_CLOSE = 1e-9
"""Relative to the region's size: points that are no closer are different ones."""
_BESIDE = 1e-6
"""How far off a curve one looks to see what is on its two sides, relative to the region's size."""


@dataclass(frozen=True, eq=False)
class Segment:
    """A straight part of a boundary.

    Attributes:
        piece: name of the boundary piece.
        start, end: (2,).
    """

    piece: str
    start: Array
    end: Array

    @property
    def length(self) -> float:
        """Its length."""
        return float(np.linalg.norm(self.end - self.start))

    @property
    def radius(self) -> float:
        """Of curvature."""
        return math.inf

    def at(self, share: Array) -> Array:
        """(n, 2) points at shares (n,) of the way."""
        return self.start + np.asarray(share)[:, None] * (self.end - self.start)

    def normals(self, share: Array) -> Array:
        """(n, 2) unit normals, all on one side."""
        along = (self.end - self.start) / self.length
        return np.broadcast_to([along[1], -along[0]], (len(share), 2))

    def beside(self, points: Array) -> Array:
        """(n,) distances from the line, of either sign."""
        return (points - self.start) @ self.normals(np.zeros(1))[0]

    def share(self, points: Array) -> Array:
        """(n,) shares of the nearest points of the line."""
        along = self.end - self.start
        return (points - self.start) @ along / (along @ along)

    def part(self, first: float, last: float) -> Segment:
        """From one share of the way to another."""
        start, end = self.at(np.array([first, last]))
        return Segment(self.piece, start, end)


@dataclass(frozen=True, eq=False)
class Arc:
    """A part of a circle, counter-clockwise.

    Attributes:
        piece: name of the boundary piece.
        centre: (2,).
        radius: of the circle.
        first, last: angles, first < last <= first + 2 pi.
    """

    piece: str
    centre: Array
    radius: float
    first: float
    last: float

    @property
    def length(self) -> float:
        """Its length."""
        return self.radius * (self.last - self.first)

    def at(self, share: Array) -> Array:
        """(n, 2) points at shares (n,) of the way."""
        return self.centre + self.radius * self.normals(share)

    def normals(self, share: Array) -> Array:
        """(n, 2) unit normals, away from the centre."""
        angle = self.first + np.asarray(share) * (self.last - self.first)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def beside(self, points: Array) -> Array:
        """(n,) distances from the circle, negative inside of it."""
        return np.linalg.norm(points - self.centre, axis=1) - self.radius

    def share(self, points: Array) -> Array:
        """(n,) shares of the nearest points of the circle, from -1/2 turn before the middle to 1/2 turn after it."""
        middle = (self.first + self.last) / 2
        away = points - self.centre
        turn = np.arctan2(away[:, 1], away[:, 0]) - middle
        turn = (turn + math.pi) % (2 * math.pi) - math.pi
        return 0.5 + turn / (self.last - self.first)

    def part(self, first: float, last: float) -> Arc:
        """From one share of the way to another."""
        width = self.last - self.first
        return Arc(self.piece, self.centre, self.radius, self.first + first * width, self.first + last * width)


Curve = Segment | Arc | Spline


def outline(region: Region) -> list[Curve]:
    """The curves that bound a region of the plane; they meet at their ends only.

    Raises:
        TypeError: it is no region of the plane, or one of a kind whose boundary is not known as curves.
    """
    if len(region.coordinates) != 2 or region.has_time:
        raise TypeError(f"{region!r} is no region of the plane.")
    return _curves(region)


def divided(region: Region, inner: Sequence[Curve]) -> tuple[list[Curve], list[Curve]]:
    """The outline of a region, and the parts of other curves that lie inside of it; they meet at their ends only.

    Args:
        region: of the plane.
        inner: curves of any length and place, whose pieces have no name then.

    Raises:
        TypeError: as ``outline``.
    """
    own = outline(region)
    if not inner:
        return own, []
    parts = _cut([*own, *(named(curve, "") for curve in inner)], _CLOSE * region.size)
    outer, inside = [c for c in parts if c.piece], []
    middles: list[Array] = []
    for curve in (c for c in parts if not c.piece):
        half = np.array([0.5])
        middle, normal = curve.at(half), curve.normals(half)
        sides = [torch.from_numpy(middle + s * _BESIDE * region.size * normal) for s in (-1.0, 1.0)]
        twice = any(np.linalg.norm(middle - other) < _CLOSE * region.size for other in middles)
        if all(bool(region.depth(side)[0] > 0) for side in sides) and not twice:
            inside.append(curve)
            middles.append(middle)
    return outer, inside


def corners_of(region: Region) -> list[tuple[Array, float, set[str]]]:
    """Of each corner of a region of the plane its place (2,), how much of its surroundings the region takes, its pieces."""
    curves = outline(region)
    ends = [(c.at(np.array([e]))[0], c.piece) for c in curves for e in (0.0, 1.0)]
    turn = np.linspace(0.0, 2 * np.pi, 128, endpoint=False)
    around = 1e-4 * region.size * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    found: list[tuple[Array, float, set[str]]] = []
    for point, _ in ends:
        if any(np.linalg.norm(point - other) < 1e-9 * region.size for other, _, _ in found):
            continue
        meeting = {piece for other, piece in ends if np.linalg.norm(point - other) < 1e-9 * region.size}
        share = float((region.depth(torch.from_numpy(point + around)) > 0).double().mean())
        found.append((point, share, meeting))
    return found


@singledispatch
def _curves(region: Region) -> list[Curve]:
    raise TypeError(f"the boundary of {region!r} is not known as curves.")


@_curves.register
def _(region: Box) -> list[Curve]:
    (left, right), (bottom, top) = region.bounds.values()
    x, y = region.coordinates
    corners = np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
    pieces = (y + "-", x + "+", y + "+", x + "-")
    return [Segment(piece, corners[i], corners[(i + 1) % 4]) for i, piece in enumerate(pieces)]


@_curves.register
def _(region: Polygon) -> list[Curve]:
    corners = region.corners.numpy()
    return [Segment(name, corners[i], corners[(i + 1) % len(corners)]) for i, name in enumerate(region.edges)]


@_curves.register
def _(region: Ball) -> list[Curve]:
    centre, quarter = np.array(list(region.center.values())), math.pi / 2
    return [Arc(region.name, centre, region.radius, k * quarter, (k + 1) * quarter) for k in range(4)]


@_curves.register
def _(region: Mesh) -> list[Curve]:
    return [Segment(piece, *facet) for piece, facets in region.facets.items() for facet in facets.numpy()]


@_curves.register
def _(region: Combination) -> list[Curve]:
    names = {owner: piece for piece, owner in region.owners.items()}
    found: list[Curve] = []
    for i, leaf in enumerate(region.leaves):
        for curve in _curves(leaf):
            # pieces that the result does not show have no name in it
            found.append(named(curve, names.get((i, curve.piece), "")))
    return _exposed(region, _cut(found, _CLOSE * region.size))


def named(curve: Curve, piece: str) -> Curve:
    """The same curve as a part of a piece of the boundary."""
    if isinstance(curve, Spline):
        return curve.named(piece)
    if isinstance(curve, Segment):
        return Segment(piece, curve.start, curve.end)
    return Arc(piece, curve.centre, curve.radius, curve.first, curve.last)


def _exposed(region: Region, curves: Sequence[Curve]) -> list[Curve]:
    """The curves with the region on one side only, each once."""
    kept: list[Curve] = []
    middles: list[Array] = []
    for curve in curves:
        half = np.array([0.5])
        middle, normal = curve.at(half), curve.normals(half)
        sides = [torch.from_numpy(middle + s * _BESIDE * region.size * normal) for s in (-1.0, 1.0)]
        inside = [bool(region.depth(side)[0] > 0) for side in sides]
        twice = any(np.linalg.norm(middle - other) < _CLOSE * region.size for other in middles)
        if inside[0] != inside[1] and curve.piece and not twice:
            kept.append(curve)
            middles.append(middle)
    return kept


def _cut(curves: Sequence[Curve], close: float) -> list[Curve]:
    """The same curves, cut wherever one meets another."""
    found: list[Curve] = []
    for i, curve in enumerate(curves):
        shares = {0.0, 1.0}
        for j, other in enumerate(curves):
            if i != j:
                points = np.concatenate([_meetings(curve, other), other.at(np.array([0.0, 1.0]))])
                where = curve.share(points)
                on = np.linalg.norm(curve.at(where) - points, axis=1) < close
                shares |= set(where[on].tolist())
        tiny = close / curve.length
        inner = sorted(s for s in shares if tiny < s < 1 - tiny)
        ends = [0.0, *(s for k, s in enumerate(inner) if k == 0 or s - inner[k - 1] > tiny), 1.0]
        found += [curve.part(a, b) for a, b in zip(ends, ends[1:], strict=False)]
    return found


def _meetings(a: Curve, b: Curve) -> Array:
    """(n, 2) points where the line or circle of a curve meets that of another; splines have themselves."""
    if isinstance(a, Spline):
        return a.crossings(b) if isinstance(b, Spline) else a.roots(b.beside)
    if isinstance(b, Spline):
        return b.roots(a.beside)
    if isinstance(a, Segment) and isinstance(b, Segment):
        return _of_lines(a, b)
    if isinstance(a, Segment) and isinstance(b, Arc):
        return _of_line_and_circle(a, b)
    if isinstance(b, Segment) and isinstance(a, Arc):
        return _of_line_and_circle(b, a)
    assert isinstance(a, Arc) and isinstance(b, Arc)
    return _of_circles(a, b)


def _of_lines(a: Segment, b: Segment) -> Array:
    u, v, gap = a.end - a.start, b.end - b.start, b.start - a.start
    turn = u[0] * v[1] - u[1] * v[0]
    if abs(turn) <= 1e-12 * a.length * b.length:
        return np.empty((0, 2))
    return (a.start + (gap[0] * v[1] - gap[1] * v[0]) / turn * u)[None]


def _of_line_and_circle(line: Segment, circle: Arc) -> Array:
    foot = line.at(line.share(circle.centre[None]))[0]
    distance = float(np.linalg.norm(foot - circle.centre))
    if distance > circle.radius:
        return np.empty((0, 2))
    half = math.sqrt(circle.radius**2 - distance**2)
    along = (line.end - line.start) / line.length
    return np.stack([foot - half * along, foot + half * along])


def _of_circles(a: Arc, b: Arc) -> Array:
    gap = b.centre - a.centre
    distance = float(np.linalg.norm(gap))
    if not abs(a.radius - b.radius) <= distance <= a.radius + b.radius or distance == 0:
        return np.empty((0, 2))
    along = (distance**2 + a.radius**2 - b.radius**2) / (2 * distance)
    half = math.sqrt(max(a.radius**2 - along**2, 0.0))
    unit = gap / distance
    foot, across = a.centre + along * unit, np.array([-unit[1], unit[0]])
    return np.stack([foot - half * across, foot + half * across])
