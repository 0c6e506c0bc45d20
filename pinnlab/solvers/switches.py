"""Where boundary conditions change along a side, read off a problem: solutions are singular there.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Box
from pinnlab.networks.singular import Switch
from pinnlab.reference.faces import leaves_on

_BESIDE = 1e-6
"""How far from the change one looks at what holds, relative to the side."""
_VALUE, _SLOPE = "value", "slope"
_KINDS = {
    frozenset({_VALUE, _SLOPE}): "root",
    frozenset({_VALUE}): "angle",
    frozenset({_SLOPE}): "flux",
}


def switches(problem: Problem) -> tuple[Switch, ...]:
    """The places on the sides of a box where conditions change, for unknowns with second derivatives both ways.

    Conditions on parts of sides tell the places; parts that move in time, or whose edges are oblique, are left out.
    """
    region, context = problem.domain, problem.context()
    parts = [c for c in problem.conditions if isinstance(c, BoundaryCondition) and c.where is not None]
    if not isinstance(region, Box) or len(region.space) < 2 or not parts:
        return ()
    places = {
        (piece, name, at)
        for condition in parts
        if (part := condition.part(region)) is not None
        for piece in condition.pieces(context)
        for name, ends in part.ends(piece).items()
        if name in region.space
        for at in ends
    }
    found = []
    for piece, name, at in sorted(places):
        across, side, outward = region.face(piece)
        along = region.coordinates.index(name)
        changes = {change for u in problem.unknowns if (change := _change(problem, u, piece, name, at)) is not None}
        lower, upper = region.bounds[name]
        for kind, ratio in sorted(changes):
            found.append(Switch(kind, along, across, at, side, -outward, ratio, upper - lower))
    return tuple(found)


def changing(problem: Problem) -> bool:
    """Whether conditions change along a side so that the solution is singular, in a way that is not taken out of it."""
    found = switches(problem)
    return bool(found) and not (problem.clashes.resolved and all(switch.kind == "angle" for switch in found))


def _change(problem: Problem, unknown: str, piece: str, name: str, at: float) -> tuple[str, float] | None:
    """What changes for an unknown, and by how much distances across the side are to be stretched; None for nothing."""
    across = piece[:-1]
    if problem.order_of(unknown, name) != 2 or problem.order_of(unknown, across) != 2:
        return None
    lower, upper = problem.domain.bounds[name]
    step = _BESIDE * (upper - lower)
    below, above = (_said(problem, unknown, piece, name, position) for position in (at - step, at + step))
    if len(below) != 1 or len(above) != 1:
        return None
    return _KINDS[below | above], _stretch(problem, unknown, piece, name, at)


def _said(problem: Problem, unknown: str, piece: str, name: str, position: float) -> frozenset[str]:
    """Whether a value or a slope of an unknown is prescribed at a position of a side."""
    region, found = problem.domain, set()
    columns = region.columns(_point(problem, piece, name, position))
    for condition in problem.conditions:
        if not isinstance(condition, BoundaryCondition) or piece not in region.pieces(condition.on):
            continue
        part = condition.part(region)
        if part is not None and not bool(part.holds(columns).all()):
            continue
        for each in condition.on_pieces(problem.context()):
            for row in leaves_on(problem, each) if each.piece == piece else ():
                keys = [key for u, key in row if u == unknown]
                if keys:
                    found.add(_SLOPE if any(keys) else _VALUE)
    return frozenset(found)


def _stretch(problem: Problem, unknown: str, piece: str, name: str, at: float) -> float:
    """The root of the ratio of the second derivatives' coefficients, along a side and across it."""
    points = _point(problem, piece, name, at)
    jets = {u: made_up_jet(len(points), j) for j, u in enumerate(problem.unknowns)}
    scope = Scope.of_jets(jets, problem.domain.columns(points), problem.parameter_values())
    rows = linearize(list(problem.equation_term().evaluate((scope,)).values()), jets)
    sizes = [
        max((float(row[unknown, (c, c)].abs().max()) for row in rows if (unknown, (c, c)) in row), default=0.0)
        for c in (name, piece[:-1])
    ]
    ratio = math.sqrt(sizes[0] / sizes[1]) if min(sizes) > 0 else 1.0
    return ratio if math.isfinite(ratio) else 1.0


def _point(problem: Problem, piece: str, name: str, position: float) -> Tensor:
    """(1, d) the point of a side in the midst of the other coordinates."""
    region = problem.domain
    middle = torch.full((1, len(region.coordinates)), 0.5, dtype=torch.float64)
    point = region.boundary(piece, middle).points
    point[:, region.coordinates.index(name)] = position
    return point
