"""Where the classical solver cuts a domain: at positions along coordinates at which a solution is less smooth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import torch

from pinnlab.declaration.conditions import BoundaryCondition, Data, Initial, Periodic
from pinnlab.declaration.discontinuities.fluxes import JOINED, Jump, apart, hair
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import trace
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Box, Site

_SINGULAR = 0.75
"""Power that is believed where conditions change along a side: it is one, up and down with how nodes lie."""
_BESIDE = 1e-6
"""Distance from a crossing, relative to the domain, at which materials around it are read."""
_SMOOTH = 1 - 1e-9
"""Power about a crossing from which on nothing is singular."""
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


def stops(problem: Problem) -> tuple[float, ...]:
    """Increasing times at which steps of an integration end: a hair before something jumps, and at ends of thin layers."""
    clock = problem.domain.time
    if clock is None:
        return ()
    near = hair(problem.domain.bounds[clock])
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
    known = 1.0 if problem.domain.space and left else math.inf
    # next to a cut the nodes of a grid are as near as the square of their number
    return min([known, *(4 * power for power in _powers_at_crossings(problem, made) if power < _SMOOTH)])


def power_at_a_crossing(conductivities: Sequence[float]) -> float:
    """The power of the distance with which a potential varies about a point where four quadrants meet.

    Around the point r^s (A cos s phi + B sin s phi) in each quadrant, value and flux continuous, comes back to itself where
    the trace of the product of four turns through s pi / 2 is two, which is

        sin^2(s pi / 2) = (4 + P) / (2 + P + Q),

    P the sum of a_i / a_j + a_j / a_i over the six pairs and Q = a_1 a_3 / (a_2 a_4) + a_2 a_4 / (a_1 a_3). It is 1 where
    nothing is singular, and near zero where good conductors touch at a point.

    Args:
        conductivities: four, in turn around the point.

    Source: Kellogg, Applicable Analysis 4 (1975) 101, for quadrants.
    """
    a = conductivities
    pairs = sum(b / c + c / b for b, c in itertools.combinations(a, 2))
    across = a[0] * a[2] / (a[1] * a[3])
    return 2 / math.pi * math.asin(math.sqrt(min((4 + pairs) / (2 + pairs + across + 1 / across), 1.0)))


def _powers_at_crossings(problem: Problem, made: Mapping[str, Sequence[float]]) -> list[float]:
    """``power_at_a_crossing`` wherever cuts cross in the plane, for one equation of second order."""
    domain, space = problem.domain, problem.domain.space
    if len(space) != 2 or len(problem.unknowns) != 1 or not all(made.get(name) for name in space):
        return []
    (unknown,), names = problem.unknowns, domain.coordinates
    middle = torch.tensor([[sum(ends) / 2 for ends in domain.bounds.values()]], dtype=torch.float64)
    around = []
    for place in itertools.product(*(made[name] for name in space)):
        for signs in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
            at = middle.clone()
            for name, position, sign in zip(space, place, signs, strict=True):
                lower, upper = domain.bounds[name]
                at[0, names.index(name)] = position + sign * _BESIDE * (upper - lower)
            around.append(at)
    traced = trace(
        problem.equation_term(),
        domain.columns,
        problem.unknowns,
        problem.parameter_values(),
        (Site(torch.cat(around)),),
    )
    (row, *others) = linearize(list(traced.residuals.values()), traced.jets[0])
    along = [row.get((unknown, (name, name))) for name in space]
    if others or along[0] is None or along[1] is None:
        return []
    found = torch.sqrt((along[0] * along[1]).abs()).reshape(-1, 4).tolist()
    return [power_at_a_crossing(four) for four in found if min(four) > 0 and all(map(math.isfinite, four))]


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
