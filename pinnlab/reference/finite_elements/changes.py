"""How much a refinement of finite elements changed, and what that says of the error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from pinnlab.declaration.problem import Problem
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.convergence import bound
from pinnlab.reference.finite_elements.function import ElementFunction
from pinnlab.reference.refinement import Estimate

Counts = Callable[[np.ndarray], np.ndarray]
_POINTS, _TIMES = 3000, 24
ORDER = 3
"""Of the error in L2 of quadratic elements, where the solution is smooth."""
_COARSE = 0.02
"""The first change from which on a solution may not be resolved."""
_NOTHING = 1e-10
"""Next to the largest unknown, the size of one that is none."""


def observed_order(ratio: float, before: float, last: float, highest: float) -> float:
    """The power p of the edges' length with which errors fall, from two changes one after the other; at least log2 1.5.

    With errors h^p, a refinement by ``before`` and one by ``last`` change the solution by (before^p - 1) and
    (1 - last^-p) of the error between them.

    Args:
        ratio: of the earlier change to the later one.
        before, last: by how much each of the two made edges shorter.
        highest: the largest power that is believed.
    """
    low, high = math.log2(1.5), highest
    for _ in range(50):
        middle = (low + high) / 2
        if (before**middle - 1) / (1 - last**-middle) < ratio:
            low = middle
        else:
            high = middle
    return low


def estimate_of(
    changes: Sequence[Estimate],
    fineness: Sequence[float],
    power: float,
    orders: Mapping[str, int] = MappingProxyType({}),
    slow: float = math.inf,
) -> Estimate:
    """Of the finest level, from how much the last refinements changed: {unknown: relative error}.

    A change is the coarser level's error less the finer one's; errors fall with the power of edges' length that two changes
    show, or, where there was one, with one less than smooth solutions let expect; a large one is no sign of a smooth
    solution. Where triangles cut through a jump, they fall with the ``power`` 1 of the length of edges, up and down.

    Args:
        changes: {unknown: relative change} of each refinement.
        fineness: how many times shorter edges became by each, next to the first level's; the last one at the end.
        power: that is believed.
        orders: {unknown: order of its error in L2} where that is not the quadratic elements' own.
        slow: a power of the length of edges, with which a part of the error falls; all of the last change may be of it.
    """
    if not changes:
        return {}
    last = changes[-1]
    if math.isfinite(power):
        return {u: bound([change[u] for change in changes], fineness, power) for u in last}
    steps = [b / a for a, b in itertools.pairwise((1.0, *fineness))]
    found = {}
    for u, v in last.items():
        order = float(orders.get(u, ORDER))
        if len(changes) > 1:
            order = observed_order(changes[-2][u] / max(v, 1e-300), steps[-2], steps[-1], order)
        elif v < _COARSE:
            order -= 1
        else:
            order = 1.0
        found[u] = v / (steps[-1] ** min(order, slow) - 1)
    return found


def difference(
    problem: Problem,
    coarse: ElementFunction,
    fine: ElementFunction,
    floors: Mapping[str, float],
    counts: Mapping[str, Counts] = MappingProxyType({}),
) -> Estimate:
    """{unknown: L2 difference}, relative to its size or to its floor, whichever is larger, at random points.

    Args:
        problem: what is solved.
        coarse, fine: two solutions.
        floors: {unknown: size}.
        counts: {unknown that is unbounded somewhere: points (n, d) of space -> (n,) which of them count}.
    """
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
    if counts:
        places = np.stack([at[name] for name in problem.domain.space], axis=1)
        known |= {u: known[u] & function(places) for u, function in counts.items()}
    sizes = {u: float(np.linalg.norm(values[known[u]])) for u, values in exact.items()}
    # a component that vanishes has rounding of the others
    nothing = max(_NOTHING * max(sizes.values()), 1e-300)
    least = {u: max(nothing, floors.get(u, 0.0) * math.sqrt(known[u].sum())) for u in exact}
    changes = {u: float(np.linalg.norm((rough[u] - values)[known[u]])) for u, values in exact.items()}
    return {u: change / max(sizes[u], least[u]) for u, change in changes.items()}
