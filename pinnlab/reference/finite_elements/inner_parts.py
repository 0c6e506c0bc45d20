"""Where coefficients jump inside a region in space: the parts on whose boundaries tetrahedra have faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pinnlab.declaration.fluxes import Jump
from pinnlab.declaration.materials import PiecewiseFunction
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box, Mesh, Region

_ON = 1e-6
"""Distance from a boundary up to which a jump lies on it, relative to the region's size: jumps are found to less."""
_BEYOND = 0.5
"""How far boxes that stand for a plane reach beyond a region, relative to its size."""


def inner_parts(problem: Problem) -> list[Region]:
    """Regions whose boundaries, as far as they lie inside, are where something jumps: materials, and sides of planes.

    Args:
        problem: on a region in space, or its product with time. A mesh has its own faces.
    """
    rest = problem.domain.at_rest
    assert rest is not None
    if isinstance(rest, Mesh):
        return []
    given = [p.region for v in problem.parameters.values() if isinstance(v, PiecewiseFunction) for p in v.parts]
    found: list[Region] = []
    for region in given:
        if isinstance(region, Box) and not region.has_time:
            found.append(_box(rest, region.bounds))
        elif region.coordinates == rest.coordinates:
            found.append(region)
    for jump in problem.jumps:
        if jump.coordinate in rest.coordinates and jump.position is not None and _off(problem, rest, found, jump):
            lower = rest.bounds[jump.coordinate][0]
            found.append(_box(rest, {jump.coordinate: (lower - _BEYOND * rest.size, jump.position)}))
    return found


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
    gaps = [part.depth(torch.from_numpy(points)).abs().numpy() for part in parts]
    return not gaps or bool((np.min(gaps, axis=0) > _ON * rest.size).any())
