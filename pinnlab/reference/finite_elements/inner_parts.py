"""Where coefficients jump inside a region in space: the parts on whose boundaries tetrahedra have faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pinnlab.declaration.discontinuities.fluxes import Jump
from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box, Mesh, Region
from pinnlab.reference.finite_elements.lines import Line

_ON = 1e-6
"""Distance from a boundary up to which a jump lies on it, relative to the region's size: jumps are found to less."""
_BEYOND = 0.5
"""How far boxes that stand for a plane reach beyond a region, relative to its size."""


def inner_parts(problem: Problem, lines: Sequence[Line] = ()) -> list[Region]:
    """Regions whose boundaries, as far as they lie inside, are where something jumps: materials, and sides of planes.

    Args:
        problem: on a region in space, or its product with time. A mesh has its own faces.
        lines: along which tetrahedra are to have edges: those in a plane across a coordinate are where it meets a side.
    """
    rest = problem.domain.at_rest
    assert rest is not None
    if isinstance(rest, Mesh):
        return []
    given = [p.region for v in problem.parameters.values() if isinstance(v, PiecewiseFunction) for p in v.parts]
    boxes = [_box(rest, region.bounds) for region in given if isinstance(region, Box) and not region.has_time]
    others = [r for r in given if not isinstance(r, Box) and r.coordinates == rest.coordinates]
    meeting = [a for a in boxes if any(_meet(a, b, _ON * rest.size) for b in boxes)]
    # tetrahedra are not found around two boxes that have no more than an edge in common; planes cross there
    sides = {(n, side) for box in meeting for n, ends in box.bounds.items() for side in ends}
    within = sorted((n, side) for n, side in sides if rest.bounds[n][0] < side < rest.bounds[n][1])
    found: list[Region] = [box for box in boxes if box not in meeting]
    found += [*others, *(_below(rest, *side) for side in within)]
    for jump in problem.jumps:
        if jump.coordinate in rest.coordinates and jump.position is not None and _off(problem, rest, found, jump):
            found.append(_below(rest, jump.coordinate, jump.position))
    for line in lines:
        if line.planes and _is_off(rest, found, line.points):
            found.append(_below(rest, *next(iter(line.planes.items()))))
    return found


def _meet(one: Box, other: Box, close: float) -> bool:
    """Whether two boxes have an edge or a corner in common, and no more."""
    common = [
        min(a[1], b[1]) - max(a[0], b[0]) for a, b in zip(one.bounds.values(), other.bounds.values(), strict=True)
    ]
    return min(common) > -close and sum(length < close for length in common) > 1


def _below(whole: Region, coordinate: str, position: float) -> Box:
    """The box whose side at a position is a plane through a region."""
    return _box(whole, {coordinate: (whole.bounds[coordinate][0] - _BEYOND * whole.size, position)})


def _box(whole: Region, bounds: dict[str, tuple[float, float]]) -> Box:
    """A box with some of its sides given, which reaches beyond a region with the others."""
    far = _BEYOND * whole.size
    return Box(**{n: bounds.get(n, (lower - far, upper + far)) for n, (lower, upper) in whole.bounds.items()})


def off_parts(problem: Problem, parts: Sequence[Region]) -> list[Jump]:
    """The jumps of a problem in space that lie on the boundary of no part."""
    rest = problem.domain.at_rest
    assert rest is not None
    return [jump for jump in problem.jumps if jump.coordinate in rest.coordinates and _off(problem, rest, parts, jump)]


def _off(problem: Problem, rest: Region, parts: Sequence[Region], jump: Jump) -> bool:
    """Whether a jump lies on the boundary of none of the parts."""
    points = np.array(jump.points)[:, [problem.domain.coordinates.index(name) for name in rest.coordinates]]
    return _is_off(rest, parts, points)


def _is_off(rest: Region, parts: Sequence[Region], points: np.ndarray) -> bool:
    """Whether some of the points (n, 3) lie on the boundary of no part."""
    gaps = [part.depth(torch.from_numpy(points)).abs().numpy() for part in parts]
    return not gaps or bool((np.min(gaps, axis=0) > _ON * rest.size).any())
