"""How much a refinement of finite elements changed, and what that says of the error."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pinnlab.declaration.problem import Problem
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.convergence import bound
from pinnlab.reference.finite_elements.function import ElementFunction
from pinnlab.reference.refinement import Estimate

_POINTS, _TIMES = 3000, 24
_ORDER = 3
"""Of the error in L2 of quadratic elements, where the solution is smooth."""
_COARSE = 0.02
"""The first change from which on a solution may not be resolved."""
_NOTHING = 1e-10
"""Next to the largest unknown, the size of one that is none."""


def estimate_of(changes: list[Estimate], power: float) -> Estimate:
    """Of the finest level, from how much the last refinements changed: {unknown: relative error}.

    A change is the coarser level's error; errors fall by the ratio of two changes, or, where there was one, by half of
    what smooth solutions let expect; a large one is no sign of a smooth solution. Where triangles cut through a jump, they
    fall with the ``power`` 1 of the length of edges, up and down.
    """
    if not changes:
        return {}
    last = changes[-1]
    if math.isfinite(power):
        sizes = [2**k for k in range(1, len(changes) + 1)]
        return {u: bound([change[u] for change in changes], sizes, power) for u in last}
    if len(changes) == 1:
        return {u: v / (2 ** (_ORDER - 1) - 1) if v < _COARSE else v for u, v in last.items()}
    found = {}
    for u, v in last.items():
        ratio = min(max(changes[-2][u] / max(v, 1e-300), 1.5), 2.0**_ORDER)
        found[u] = v / (ratio - 1)
    return found


def difference(
    problem: Problem, coarse: ElementFunction, fine: ElementFunction, floors: Mapping[str, float]
) -> Estimate:
    """{unknown: L2 difference}, relative to its size or to its floor, whichever is larger, at random points."""
    region = problem.domain.at_rest
    assert region is not None
    cube = unit_points("sobol", _POINTS, len(region.coordinates), np.random.default_rng(5)).double()
    points = region.interior(cube).points.numpy()
    at = {name: points[:, i] for i, name in enumerate(region.coordinates)}
    if problem.domain.has_time:
        start, stop = problem.domain.time_interval
        instants = start + (stop - start) * (np.arange(_TIMES) + 1) / _TIMES
        at = {name: np.tile(values, _TIMES) for name, values in at.items()}
        at[problem.domain.clock] = np.repeat(instants, len(points))
        at = {name: at[name] for name in problem.domain.coordinates}
    rough, exact = coarse(at), fine(at)
    known = {u: np.isfinite(values) & np.isfinite(rough[u]) for u, values in exact.items()}
    sizes = {u: float(np.linalg.norm(values[known[u]])) for u, values in exact.items()}
    # a component that vanishes has rounding of the others
    nothing = max(_NOTHING * max(sizes.values()), 1e-300)
    least = {u: max(nothing, floors.get(u, 0.0) * math.sqrt(known[u].sum())) for u in exact}
    changes = {u: float(np.linalg.norm((rough[u] - values)[known[u]])) for u, values in exact.items()}
    return {u: change / max(sizes[u], least[u]) for u, change in changes.items()}
