"""Set operations in the plane, cut into strips and their boundaries into stretches, over which one can integrate exactly.

Letters: n points, K strips, c curves.

Every boundary of a part is a segment or a half circle y(x). Between two neighbouring abscissas of ends and meetings of
such curves, the region is a stack of strips, each between two of them: a smooth map of the square, but for the vertical
tangents of circles, which a sine squared in x takes away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch

from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.meshes import Mesh
from pinnlab.domains.patches import Array, Patches, Placed, Stretches
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Region

_LOOKS = 17
"""Places between two abscissas where one looks whether the strips are the same."""
_FINE = 1e-13
"""Relative to the region's size: differences that are rounding."""
_OFF = 1e-6
"""How far off a surface one looks to see what is on its two sides, relative to the region's size."""
_BESIDE = 1e-4
"""Share of a stretch at its ends where the sides of it are not looked at: there another part is too near."""
_SAMPLES = 513
"""Places along a boundary piece where one looks whether it enters another part."""


@dataclass(frozen=True, eq=False)
class _Curves:
    """y = height + slope (x - x0) + bend sqrt(radius^2 - (x - x0)^2) for lower < x < upper, each attribute (c,)."""

    lower: Array
    upper: Array
    x0: Array
    height: Array
    slope: Array
    bend: Array
    radius: Array

    def __call__(self, number: Array, x: Array) -> Array:
        away = x - self.x0[number]
        under = (self.radius[number] - away) * (self.radius[number] + away)
        return self.height[number] + self.slope[number] * away + self.bend[number] * np.sqrt(np.maximum(under, 0.0))


def strips(region: Combination) -> Patches:
    """Strips that fill a set operation in the plane."""
    curves = _Curves(*np.array([row for leaf in region.leaves for row in _rows(leaf)]).T)
    left, right = region.bounds[region.coordinates[0]]
    ends = np.concatenate([curves.lower, curves.upper, [left, right]])
    edges = [left]
    for x in sorted(ends[(ends > left) & (ends <= right)].tolist()):
        if x - edges[-1] > _FINE * region.size:
            edges.append(x)
    found = []
    for a, b in zip(edges, edges[1:], strict=False):
        for first, last, stack in _panels(region, curves, a, b):
            found += [(first, last, below, above) for below, above in stack]
    return _Strips(curves, np.array(found))


class _Strips(Patches):
    dimension = 2

    def __init__(self, curves: _Curves, found: Array):
        self.curves, self.count = curves, len(found)
        self.ends, self.sides = found[:, :2], found[:, 2:].astype(int)

    def place(self, which: Array, unit: Array) -> Placed:
        start, end = self.ends[which].T
        share = np.sin(np.pi / 2 * unit[:, 0]) ** 2
        x = start + (end - start) * share
        below, above = (self.curves(side, x) for side in self.sides[which].T)
        points = np.stack([x, below + unit[:, 1] * (above - below)], axis=1)
        return Placed(points, (end - start) * np.pi / 2 * np.sin(np.pi * unit[:, 0]) * (above - below))


Stack = tuple[tuple[int, int], ...]
"""Numbers of the curves below and above each strip."""


def _panels(region: Combination, curves: _Curves, a: float, b: float) -> Iterator[tuple[float, float, Stack]]:
    """The interval from a to b, cut where curves meet."""
    places = [a + (b - a) * (i + 0.5) / _LOOKS for i in range(_LOOKS)]
    stacks = [_stack(region, curves, x) for x in places]
    start = a
    for i in range(_LOOKS - 1):
        for x in _changes(region, curves, (places[i], stacks[i]), (places[i + 1], stacks[i + 1])):
            yield start, x, _stack(region, curves, (start + x) / 2)
            start = x
    yield start, b, _stack(region, curves, (start + b) / 2)


def _changes(region: Combination, curves: _Curves, a: tuple[float, Stack], b: tuple[float, Stack]) -> list[float]:
    """Where the stack changes between two places."""
    if a[1] == b[1]:
        return []
    x = (a[0] + b[0]) / 2
    if b[0] - a[0] < _FINE * region.size:
        return [x]
    middle = x, _stack(region, curves, x)
    return _changes(region, curves, a, middle) + _changes(region, curves, middle, b)


def _stack(region: Combination, curves: _Curves, x: float) -> Stack:
    number = np.flatnonzero((curves.lower < x) & (x < curves.upper))
    y = curves(number, np.full(len(number), x))
    order = np.argsort(y, kind="stable")
    number, y = number[order], y[order]
    if not len(y):
        return ()
    # curves that lie on one another are one
    new = np.diff(y, prepend=-np.inf) > _FINE * region.size
    group = np.cumsum(new) - 1
    number = np.array([number[group == g].min() for g in range(group[-1] + 1)])
    y = y[new]
    middles = (y[1:] + y[:-1]) / 2
    inside = region.depth(torch.from_numpy(np.stack([np.full_like(middles, x), middles], axis=1))).numpy() > 0
    return tuple((int(number[i]), int(number[i + 1])) for i in np.flatnonzero(inside))


@singledispatch
def _rows(region: Region) -> list[tuple[float, ...]]:
    """The curves that bound a part, as the attributes of ``_Curves``."""
    raise TypeError(f"there is no quadrature over a set operation with {region!r}.")


@_rows.register
def _(region: Box) -> list[tuple[float, ...]]:
    (left, right), (bottom, top) = region.bounds.values()
    return [(left, right, left, height, 0.0, 0.0, 0.0) for height in (bottom, top)]


@_rows.register
def _(region: Ball) -> list[tuple[float, ...]]:
    (x, y), r = region.center.values(), region.radius
    return [(x - r, x + r, x, y, 0.0, side, r) for side in (-1.0, 1.0)]


@_rows.register(Polygon)
@_rows.register(Mesh)
def _(region: Polygon | Mesh) -> list[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    for corners, _ in region.sides.values():
        for (x0, y0), (x1, y1) in corners.tolist():
            if x0 != x1:
                found.append((min(x0, x1), max(x0, x1), x0, y0, (y1 - y0) / (x1 - x0), 0.0, 0.0))
    return found


def exposed_stretches(region: Combination, number: int, whole: Patches) -> Patches:
    """What a set operation in the plane shows of a boundary piece of one of its parts.

    Args:
        region: the set operation.
        number: of the part among its ``leaves``.
        whole: the piece, curves with normals.
    """
    others = [leaf for i, leaf in enumerate(region.leaves) if i != number]
    found = []
    for k in range(whole.count):

        def placed(share: Array, k: int = k) -> Placed:
            return whole.place(np.full(len(share), k), share[:, None])

        def signs(share: Array) -> Array:
            at = placed(share)
            return outward_sign(region, at.points, np.asarray(at.normals))

        def crossings(leaf: Region) -> list[float]:
            return _jumps(lambda at: leaf.depth(torch.from_numpy(placed(at).points)).numpy() > 0, 0.0, 1.0)

        # where the piece enters another part is known exactly, where it runs along one not even that it does
        ends = sorted({0.0, 1.0, *(share for leaf in others for share in crossings(leaf))})
        pairs = [(a, b) for a, b in zip(ends, ends[1:], strict=False) if b - a > _FINE]
        for a, b in pairs:
            inner = [a, *_jumps(signs, a + _BESIDE * (b - a), b - _BESIDE * (b - a)), b]
            for c, d in zip(inner, inner[1:], strict=False):
                sign = float(signs(np.array([(c + d) / 2]))[0])
                if sign:
                    found.append((k, c, d, sign))
    rows = np.array(found).reshape(-1, 4)
    return Stretches(whole, rows[:, 0].astype(int), rows[:, 1:3], rows[:, 3])


def outward_sign(region: Region, points: Array, normals: Array) -> Array:
    """(n,): 1 where the normals of a surface point out of a region, -1 where into it, 0 where it is no boundary of it."""
    step = _OFF * region.size * normals
    below, above = (region.depth(torch.from_numpy(points + side * step)).numpy() > 0 for side in (-1.0, 1.0))
    return below.astype(float) - above


def _jumps(function: Callable[[Array], Array], first: float, last: float) -> list[float]:
    """Where a function of shares (n,) that takes few values changes, by bisection between samples."""
    grid = np.linspace(first, last, _SAMPLES)
    values, found = function(grid), []
    for i in np.flatnonzero(values[1:] != values[:-1]):
        low, high = grid[i], grid[i + 1]
        for _ in range(52):
            middle = (low + high) / 2
            low, high = (middle, high) if function(np.array([middle]))[0] == values[i] else (low, middle)
        found.append(float(low + high) / 2)
    return found
