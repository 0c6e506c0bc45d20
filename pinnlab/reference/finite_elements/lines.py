"""Lines on the boundary of a region in space along which a solution has unbounded derivatives.

Where a value on one part of a side ends and a flux begins, a solution grows as the square root of the distance from that
line; where two values clash on an edge of the region, it is not even continuous. Tetrahedra are small along such lines.

Letters: n points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.domains import Mesh, Region
from pinnlab.domains.columns import columns_of
from pinnlab.domains.meshing.surfaces import Surface, features, surfaces
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.finite_elements.conditions import Array, Essential, jumps_at

_POINTS = 4096
"""Of a piece of the boundary, between which a part of it may end."""
_NEXT = 3.0
"""Distance of neighbours among these, at most, in mean distances."""
_HALVINGS = 40
_BLUNT = math.cos(math.radians(97.0))
"""Cosine of the angle inside a region up to which a value beside a flux leaves no unbounded derivatives."""
_BESIDE = 1e-5
"""How far off an edge one looks to see what is beside it, relative to the region's size."""
_FLAT, _PARALLEL = 1e-9, 1e-6
"""How far points are off a plane that lie in it, relative to the region's size; sine of the angle of what is parallel."""
_LOOKED_AT = 8
"""Points of an edge at which it is asked whether values clash there."""


@dataclass(frozen=True, eq=False)
class Line:
    """Where derivatives are unbounded.

    Attributes:
        points: (n, 3) many of it.
        is_edge: whether it is an edge of the region, along which tetrahedra have edges as it is.
        planes: {coordinate: its value on all of the line}, of those across which a plane cuts the side.
    """

    points: Array
    is_edge: bool
    planes: Mapping[str, float]


def singular_lines(problem: Problem, region: Region, essential: Sequence[Essential]) -> list[Line]:
    """The lines at which derivatives are unbounded; edges that point inwards are no matter here.

    Args:
        problem: what is solved.
        region: in space, without time.
        essential: the conditions on values.
    """
    ends = [_end(problem, region, each) for each in essential if each.holds is not None]
    edges = [] if isinstance(region, Mesh) else _edges(problem, region, essential)
    return [line for line in ends if len(line.points)] + edges


def _end(problem: Problem, region: Region, given: Essential) -> Line:
    """Where the part of a piece ends on which a condition holds; without points where it is all of the piece."""
    domain, holds = problem.domain, given.holds
    assert holds is not None
    first = domain.time_interval[0] if domain.has_time else 0.0

    def inside(points: Array) -> Array:
        at = dict(zip(domain.space, points.T, strict=True))
        columns = {n: torch.as_tensor(at.get(n, np.full(len(points), first))) for n in domain.coordinates}
        return holds(columns_of(domain, columns)).numpy()

    unit = unit_points("sobol", _POINTS, 3, np.random.default_rng(6)).double()
    points = region.boundary(given.piece, unit).points.numpy()
    mask = inside(points)
    if mask.all() or not mask.any():
        return Line(np.empty((0, 3)), False, {})
    near = _NEXT * float(np.median(scipy.spatial.cKDTree(points).query(points, k=2)[0][:, 1]))
    gap, which = scipy.spatial.cKDTree(points[~mask]).query(points[mask])
    low, high = points[mask][gap < near], points[~mask][which[gap < near]]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        same = inside(middle)[:, None]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    if isinstance(region, Mesh):
        return Line(high, False, {})
    own = [s for s in surfaces(region) if s.piece == given.piece]
    nearest = np.argmin([np.abs(s.distance(high)) for s in own], axis=0)
    planes = {
        name: float(high[:, k].mean())
        for k, name in enumerate(region.coordinates)
        if np.ptp(high[:, k]) < _FLAT * region.size
        and all(np.abs(own[i].normals(high)[nearest == i, k]).max() < _PARALLEL for i in set(nearest.tolist()))
    }
    return Line(high, False, planes)


def _edges(problem: Problem, region: Region, essential: Sequence[Essential]) -> list[Line]:
    """Those edges of a region on which values clash, or a value meets a flux at a blunt angle."""
    pieces = surfaces(region)
    found = []
    for (i, j), line in features(region, pieces).edges.items():
        one, other = pieces[i], pieces[j]
        meeting = {one.piece, other.piece}
        fixed = [{e.unknown for e in essential if e.piece == piece and e.holds is None} for piece in meeting]
        some = line[:: max(1, len(line) // _LOOKED_AT)]
        clash = any(jumps_at(problem, essential, meeting, point) for point in some)
        if clash or (fixed[0] != fixed[-1] and _is_blunt(region, one, other, some)):
            found.append(Line(line, True, {}))
    return found


def _is_blunt(region: Region, one: Surface, other: Surface, points: Array) -> bool:
    """Whether a region takes more than 97 degrees at some of the points (n, 3) where two of its surfaces meet."""
    a, b = one.normals(points), other.normals(points)
    cosine = (a * b).sum(axis=1, keepdims=True)
    inside = []
    for sign in (1.0, -1.0):
        for tie in (1.0, -1.0):
            # a step that is as long across the one as across the other
            way = (sign * (a - cosine * b) + tie * (b - cosine * a)) / (1 - cosine**2)
            depth = region.depth(torch.from_numpy(points + _BESIDE * region.size * way)).numpy()
            inside.append(np.where(depth > 0, sign * tie, 0.0))
    signs = np.stack(inside)
    alone = (signs != 0).sum(axis=0) == 1
    # the angle inside is what the angle between inward normals lacks to a straight one
    return bool((~alone | (signs.sum(axis=0) * cosine[:, 0] > -_BLUNT)).any())
