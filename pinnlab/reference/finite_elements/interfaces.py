"""Where coefficients jump inside a region of the plane: the curves that triangles follow, and their corners.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from pinnlab.declaration.discontinuities.declared import Declared
from pinnlab.declaration.discontinuities.fluxes import Jump
from pinnlab.declaration.discontinuities.traces import traced
from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box, Mesh, Region
from pinnlab.domains.meshing.outlines import Array, Curve, Segment, divided, outline

_ON = 1e-6
"""Distance from a curve up to which a jump lies on it, relative to the region's size: jumps are found to less."""
_SMOOTH = 1e-6
"""Sine of the angle up to which two curves go on as one."""


def interfaces(problem: Problem) -> list[Curve]:
    """The boundaries of materials inside a region of the plane, and other lines and curves along which something jumps.

    Args:
        problem: on a region of the plane, or its product with time. A mesh has its own edges, and only those around its
            parts are meant.
    """
    rest = problem.domain.at_rest
    assert rest is not None
    parts = [p for v in problem.parameters.values() if isinstance(v, PiecewiseFunction) for p in v.parts]
    if isinstance(rest, Mesh):
        return [curve for part in parts if isinstance(part.region, Mesh) for curve in outline(part.region)]
    found: list[Curve] = []
    for part in parts:
        found += _outline(part.region, rest)
    for jump in off_curves(problem, found):
        if jump.position is not None:
            found.append(_line(rest, jump.coordinate, jump.position))
    known = divided(rest, found)[1]
    if not off_curves(problem, known):
        return known
    term = problem.equation_term()
    declared = Declared(
        problem.domain,
        problem.unknowns,
        lambda scope: term.evaluate((scope,)),
        problem.parameter_values(),
        problem.derivatives,
    )
    return divided(rest, [*found, *traced(declared)])[1]


def _outline(region: Region, whole: Region) -> list[Curve]:
    """Of a part of the plane: that is given by all of its coordinates in any order, or by some of them."""
    if isinstance(region, Box):
        bounds = {name: region.bounds.get(name, ends) for name, ends in whole.bounds.items()}
        return [] if region.has_time else list(outline(Box(**bounds)))
    return list(outline(region)) if region.coordinates == whole.coordinates else []


def _line(whole: Region, coordinate: str, position: float) -> Segment:
    ends = [{**{n: b[k] for n, b in whole.bounds.items()}, coordinate: position} for k in (0, 1)]
    start, end = (np.array([point[name] for name in whole.coordinates]) for point in ends)
    return Segment("", start, end)


def off_curves(problem: Problem, curves: Sequence[Curve]) -> list[Jump]:
    """The jumps of a problem in space that lie on none of the curves."""
    rest = problem.domain.at_rest
    assert rest is not None
    found = []
    for jump in problem.jumps:
        points = np.array(jump.points)[:, [problem.domain.coordinates.index(name) for name in rest.coordinates]]
        if jump.coordinate in rest.coordinates and not all(_distance(p, curves) < _ON * rest.size for p in points):
            found.append(jump)
    return found


def _distance(point: Array, curves: Sequence[Curve]) -> float:
    return min((float(np.linalg.norm(_nearest(curve, point) - point)) for curve in curves), default=np.inf)


def _nearest(curve: Curve, point: Array) -> Array:
    return curve.at(np.clip(curve.share(point[None]), 0.0, 1.0))[0]


def material_corners(problem: Problem, curves: Sequence[Curve]) -> list[Array]:
    """(2,) corners of materials, at which derivatives may be unbounded; a mesh keeps what it has.

    Args:
        problem: whose fluxes jump, or no corners matter.
        curves: along which something jumps.
    """
    rest = problem.domain.at_rest
    assert rest is not None
    if isinstance(rest, Mesh) or not any(jump.flux for jump in problem.jumps):
        return []
    return inner_corners(curves, 1e-9 * rest.size)


def inner_corners(curves: Sequence[Curve], close: float) -> list[Array]:
    """(2,) points at which curves inside bend, cross, or end.

    Args:
        curves: that meet at their ends only.
        close: distance up to which two points are one.
    """
    ends = [(curve.at(np.array([share]))[0], _leaving(curve, share)) for curve in curves for share in (0.0, 1.0)]
    found: list[Array] = []
    for point, _ in ends:
        if any(np.linalg.norm(point - other) < close for other in found):
            continue
        away = [direction for other, direction in ends if np.linalg.norm(point - other) < close]
        # two curves go on as one where they leave in opposite directions
        if len(away) != 2 or np.linalg.norm(away[0] + away[1]) > _SMOOTH:
            found.append(point)
    return found


def crossings(problem: Problem, curves: Sequence[Curve]) -> list[Array]:
    """(2,) points at which three curves inside, or more, meet between materials.

    Args:
        problem: whose fluxes jump, or no points matter.
        curves: along which something jumps, those of a mesh edge by edge and perhaps twice.
    """
    rest = problem.domain.at_rest
    assert rest is not None
    if not curves or not any(jump.flux for jump in problem.jumps):
        return []
    ends = np.concatenate([curve.at(np.array([0.0, 1.0])) for curve in curves])
    near = scipy.spatial.cKDTree(ends).query_ball_point(ends, 1e-9 * rest.size)
    found = []
    for first, mine in enumerate(near):
        if min(mine) < first or len(mine) < 3:
            continue
        away = [_leaving(curves[i // 2], float(i % 2)) for i in mine]
        apart = [d for k, d in enumerate(away) if all(np.linalg.norm(d - e) > _SMOOTH for e in away[:k])]
        if len(apart) > 2:
            found.append(ends[first])
    return found


def _leaving(curve: Curve, share: float) -> Array:
    """(2,) unit direction into a curve from one of its ends."""
    normal = curve.normals(np.array([share]))[0]
    along = np.array([-normal[1], normal[0]])
    step = curve.at(np.array([abs(share - 1e-3)]))[0] - curve.at(np.array([share]))[0]
    return along if along @ step > 0 else -along
