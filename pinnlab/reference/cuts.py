"""Where the classical solver cuts a domain: at positions along coordinates at which a solution is less smooth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pinnlab.declaration.conditions import BoundaryCondition, Data, Initial, Periodic
from pinnlab.declaration.discontinuities.fluxes import JOINED, Jump, apart, hair
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box

_SINGULAR = 0.75
"""Power that is believed where conditions change along a side: it is one, up and down with how nodes lie."""
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
    return 1.0 if problem.domain.space and left else math.inf


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
