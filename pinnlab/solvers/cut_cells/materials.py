"""The parts of a problem's region: those of its materials, and the sides of other jumps."""

from __future__ import annotations

from collections.abc import Sequence

from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box, Region
from pinnlab.solvers.cut_cells.parts import Materials


def materials_of(problem: Problem) -> Materials:
    """The parts between which something jumps: regions of ``Piecewise`` parameters, and half-spaces at other jumps.

    Args:
        problem: a steady one; others have one part.
    """
    region = problem.domain.at_rest
    assert region is not None
    if problem.domain.has_time:
        return Materials(region.coordinates)
    layers: list[tuple[Region, ...]] = []
    for value in problem.parameters.values():
        if isinstance(value, PiecewiseFunction):
            layer = tuple(part.reach for part in value.parts)
            if not any(_same(layer, other) for other in layers):
                layers.append(layer)
    found = Materials(region.coordinates, tuple(layers))
    for jump in problem.jumps:
        if jump.position is not None and not found.divides(jump, region):
            lower, upper = region.bounds[jump.coordinate]
            if lower < jump.position < upper:
                below = Box(**{jump.coordinate: (2 * lower - upper, jump.position)})
                found = Materials(found.names, (*found.layers, (below,)))
    return found


def _same(one: Sequence[Region], two: Sequence[Region]) -> bool:
    return len(one) == len(two) and all(
        a is b or (isinstance(a, Box) and isinstance(b, Box) and dict(a.bounds) == dict(b.bounds))
        for a, b in zip(one, two, strict=True)
    )
