"""Where the classical solver cuts a domain: at positions along coordinates at which a solution is less smooth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch

from pinnlab.declaration.conditions import BoundaryCondition, Data, Initial, Periodic
from pinnlab.declaration.discontinuities.fluxes import Jump, apart
from pinnlab.declaration.discontinuities.one_sided import JOINED, rounding
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.domains import Box
from pinnlab.reference.finite_elements.crossings import power
from pinnlab.reference.finite_elements.fluxes import first_order_keys, pointwise

_SINGULAR = 0.75
"""Power that is believed where conditions change along a side: it is one, up and down with how nodes lie."""
_BESIDE = 1e-6
"""Distance from a crossing, relative to the domain, at which materials around it are read."""
_SMOOTH = 0.998
"""Power about a crossing from which on nothing is singular."""
_LOW = 0.5
"""The same up to which elements, with layers around a crossing, are more accurate than a grid."""
_QUADRANTS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
_SEED = 31
"""Of the made-up fields at which coefficients are read."""
_PARTS = 16
"""Parts up to which a domain is cut where it need not be."""


def cuts(problem: Problem) -> dict[str, tuple[float, ...]]:
    """{coordinate: positions} of the cuts, increasing; the upper end of a periodic coordinate stands for its seam.

    Where materials meet, a cut is needed. Where a source or a coefficient of a lower derivative jumps, unknowns are
    continuous with all derivatives below the highest, and a cut keeps the accuracy of polynomials; without one the
    solution is right, but converges slowly.
    """
    found = {name: tuple(made) for name, made in problem.joints.across.items()}
    if not isinstance(problem.domain, Box):
        return found
    for name in problem.domain.space:
        lower, upper = problem.domain.bounds[name]
        own = list(found.get(name, ()))
        for at in sorted(j.position for j in bends(problem) if j.coordinate == name and j.position is not None):
            if all(abs(at - p) > JOINED * (upper - lower) for p in own):
                own.append(at)
        wider = {**found, name: tuple(sorted(own))}
        if own and math.prod(1 + len(positions) for positions in wider.values()) <= _PARTS:
            found = wider
    return found


def stops(problem: Problem, before: Callable[[tuple[float, float]], float] = rounding) -> tuple[float, ...]:
    """Increasing times at which steps of an integration end: just before something jumps, and at ends of thin layers.

    Args:
        problem: with time.
        before: how long before, by the ends of time.
    """
    clock = problem.domain.time
    if clock is None:
        return ()
    near = before(problem.domain.bounds[clock])
    mine = [j for j in problem.jumps if j.coordinate == clock and j.position is not None]
    return apart(
        (j.position - (0.0 if j.layer else near) for j in mine if j.position is not None), problem.domain.bounds[clock]
    )


def bends(problem: Problem) -> list[Jump]:
    """Jumps of sources and of coefficients of lower derivatives, across which a domain can be cut."""
    taken = BoundaryCondition | Initial | Periodic | Data
    if not all(isinstance(condition, taken) for condition in problem.conditions):
        return []
    space, orders = problem.domain.space, {}
    for name in space:
        orders[name] = [problem.order_of(unknown, name) for unknown in problem.unknowns]
    return [
        jump
        for jump in problem.jumps
        if not jump.flux and jump.position is not None and jump.coordinate in space
        if not any(order % 2 for order in orders[jump.coordinate])
    ]


def believed_power(problem: Problem, made: Mapping[str, Sequence[float]]) -> float:
    """The highest power of the resolution with which the error of a grid can fall; infinite where nothing jumps.

    A grid takes a jump between two nodes as one somewhere between them, and so it does with the end of a part of a side.

    Args:
        problem: that is solved.
        made: the cuts.
    """
    # steps in time end where something jumps, and tell by themselves how accurate they are
    left = [j for j in problem.jumps if j.coordinate in problem.domain.space and not _cut_at(j, problem, made)]
    if changes_along_a_side(problem):
        return _SINGULAR
    return 1.0 if problem.domain.space and left else math.inf


def slow_power(problem: Problem, made: Mapping[str, Sequence[float]]) -> float:
    """The power of the resolution with which what crossings of materials do to the error of a grid falls; infinite if fast.

    Args:
        problem: that is solved.
        made: the cuts.
    """
    # errors fall with the square of a distance's power, and nodes next to a cut are as near as the square of their number
    return min((4 * each for each in powers_at_crossings(problem, made) if each < _SMOOTH), default=math.inf)


def powers_at_crossings(problem: Problem, made: Mapping[str, Iterable[float]]) -> list[float]:
    """The power of the distance with which solutions vary about where cuts cross, one at most.

    That is about points of the plane, and about lines of space, each part of them by itself. It is near zero where good
    conductors touch, and one where nothing is singular; of equations of second order.

    Args:
        problem: in natural units or in those of the user.
        made: the cuts.
    """
    domain, unknowns = problem.domain, problem.unknowns
    orders = {u: problem.order_of(u, domain.clock) if domain.has_time else 0 for u in unknowns}
    found: list[float] = []
    for pair in itertools.combinations(domain.space, 2):
        if len(domain.space) > 3 or not all(made.get(name) for name in pair):
            continue
        points = _around(problem, made, pair)
        jets = {u: made_up_jet(len(points), _SEED + j) for j, u in enumerate(unknowns)}
        try:
            leaves = {(u, key): jets[u][key] for u, keys in first_order_keys(problem, orders).items() for key in keys}
            there = pointwise(problem, leaves, domain.columns(points), problem.parameter_values())
            tensors = np.moveaxis(there.tensors(unknowns, unknowns, pair), -1, 0)
            found += [power(_QUADRANTS, four) for four in np.split(tensors, len(points) // 4)]
        except (ValueError, np.linalg.LinAlgError):  # of higher order, or not elliptic
            return []
    return found


def _around(problem: Problem, made: Mapping[str, Iterable[float]], pair: tuple[str, str]) -> torch.Tensor:
    """(4 n, d) points in the four quadrants beside each of n crossings, in turn, of each part of a line one."""
    bounds, ways = problem.domain.bounds, []
    for name in problem.domain.coordinates:
        edges = [bounds[name][0], *(made.get(name, ()) if name in problem.domain.space else ()), bounds[name][1]]
        ways.append(edges[1:-1] if name in pair else [(a + b) / 2 for a, b in itertools.pairwise(edges)])
    places = torch.tensor(list(itertools.product(*ways)), dtype=torch.float64)
    steps = torch.zeros(4, len(bounds), dtype=torch.float64)
    for name, signs in zip(pair, ((1, -1, -1, 1), (1, 1, -1, -1)), strict=True):
        lower, upper = bounds[name]
        steps[:, problem.domain.coordinates.index(name)] = torch.tensor(signs) * _BESIDE * (upper - lower)
    return (places[:, None] + steps).reshape(-1, len(bounds))


def crosses(problem: Problem) -> bool:
    """Whether materials cross, so that a steady solution varies as a low power of the distance from a point."""
    if problem.domain.has_time:
        return False
    return any(each < _LOW for each in powers_at_crossings(problem, problem.joints.across))


def changes_along_a_side(problem: Problem) -> bool:
    """Whether conditions hold on parts of sides that end inside these: solutions are singular there."""
    if len(problem.domain.space) < 2:
        return False
    context, region = problem.context(), problem.domain
    for condition in problem.conditions:
        if isinstance(condition, BoundaryCondition) and (part := condition.part(region)) is not None:
            if any(
                not isinstance(on := part.on(piece), bool) and 0 < on.share < 1 for piece in condition.pieces(context)
            ):
                return True
    return False


def _cut_at(jump: Jump, problem: Problem, made: Mapping[str, Sequence[float]]) -> bool:
    lower, upper = problem.domain.bounds[jump.coordinate]
    at, own = jump.position, made.get(jump.coordinate, ())
    return at is not None and any(abs(at - p) <= JOINED * (upper - lower) for p in own)


def is_curved(problem: Problem) -> bool:
    """Whether something jumps in the plane along lines that no cut of a box can follow."""
    space = problem.domain.space
    return len(space) == 2 and any(jump.position is None and jump.coordinate in space for jump in problem.jumps)
