"""Conditions on the boundary as finite elements take them: values at nodes, and fluxes through sides.

Letters: n points, k sides, q quadrature points of each, r conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, OnPiece
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.pointwise import gradients
from pinnlab.domains.sampling import unit_points

Misfit = Callable[[Scope], Tensor]
Holds = Callable[[Mapping[str, Tensor]], Tensor]
"""{coordinate: (n,)} -> (n,) mask of the points at which a condition holds."""
_PROBES = 8
_OF_SIDE = 256
"""Points of a piece at which it is asked which conditions hold."""


@dataclass(frozen=True, eq=False)
class Essential:
    """A condition on values alone: it takes the rows of one unknown at the nodes of a piece.

    Attributes:
        unknown: whose rows it takes.
        piece: of the boundary.
        misfit: scope -> (n,).
        holds: on which part of the piece; None for all of it.
    """

    unknown: str
    piece: str
    misfit: Misfit
    holds: Holds | None


@dataclass(frozen=True, eq=False)
class BoundaryFlux:
    """Conditions with normal derivatives on one piece, or a part of it: they give the flux there.

    Attributes:
        piece: of the boundary.
        unknowns: those whose normal derivatives they fix, one per condition.
        misfits: scope -> (n,), one per condition.
        holds: on which part of the piece; None for all of it.
    """

    piece: str
    unknowns: tuple[str, ...]
    misfits: tuple[Misfit, ...]
    holds: Holds | None


def sorted_conditions(problem: Problem) -> tuple[list[Essential], list[BoundaryFlux]]:
    """Essential conditions, and those on fluxes.

    Raises:
        ValueError: a condition on second derivatives, or one more than there are unknowns.
    """
    essential: list[Essential] = []
    fluxes: dict[tuple[str, Where], list[tuple[str, Misfit, Holds | None]]] = {}
    context = problem.context()
    for condition in problem.conditions:
        if not isinstance(condition, BoundaryCondition):
            continue
        part = condition.part(problem.domain)
        holds, key = (None, None) if part is None else (part.holds, condition.where)
        for each in condition.on_pieces(context):
            for name, (weights, order) in _looks_at(problem, each).items():
                if order > 1:
                    raise ValueError(
                        f"reference_solution: {condition!r} holds derivatives of order {order}; finite elements take "
                        "conditions on values and first derivatives."
                    )
                taken = {e.unknown for e in essential if e.piece == each.piece and e.holds is holds}
                taken |= {u for u, _, _ in fluxes.get((each.piece, key), ())}
                free = {u: w for u, w in weights.items() if u not in taken}
                if each.unknown is not None:
                    free = {each.unknown: 1.0}
                if not free:
                    raise ValueError(f"reference_solution: {condition!r} is one condition too many at {each.piece!r}.")
                unknown = max(free, key=lambda u: free[u])
                misfit = _one(each, name)
                if order == 0:
                    essential.append(Essential(unknown, each.piece, misfit, holds))
                else:
                    fluxes.setdefault((each.piece, key), []).append((unknown, misfit, holds))
    return essential, [
        BoundaryFlux(piece, tuple(u for u, _, _ in rows), tuple(m for _, m, _ in rows), rows[0][2])
        for (piece, _), rows in fluxes.items()
    ]


Where = Callable[..., object] | None


def _one(each: OnPiece, name: str) -> Misfit:
    return lambda scope: each.misfit(scope)[name]


def _looks_at(problem: Problem, each: OnPiece) -> dict[str, tuple[dict[str, float], int]]:
    """Per residual {unknown: size of its coefficients of the highest order in space}, and that order."""
    region = problem.domain
    cube = unit_points("sobol", _PROBES, len(region.coordinates), np.random.default_rng(3)).double()
    site = region.boundary(each.piece, cube)
    jets = {u: made_up_jet(_PROBES, 41 + j) for j, u in enumerate(problem.unknowns)}
    normals = dict(region.columns(site.outward))
    scope = Scope.of_jets(jets, region.columns(site.points), problem.parameter_values(), normals)
    found = {}
    for name, residual in each.misfit(scope).items():
        leaves = {(u, key): value for u, jet in jets.items() for key, value in jet.items()}
        sizes: dict[int, dict[str, float]] = {}
        for (u, key), slope in gradients(residual, leaves).items():
            if bool((slope != 0).any()):
                mine = sizes.setdefault(sum(n in region.space for n in key), {})
                mine[u] = max(mine.get(u, 0.0), float(slope.abs().max()))
        top = max(sizes, default=0)
        found[name] = sizes.get(top, {}), top
    return found


def check_covered(problem: Problem, essential: Sequence[Essential], fluxes: Sequence[BoundaryFlux]) -> None:
    """Raise ValueError unless every unknown has one condition at every point of the boundary."""
    region = problem.domain
    cube = unit_points("sobol", _OF_SIDE, len(region.coordinates), np.random.default_rng(4)).double()
    for piece in region.pieces(None):
        columns = region.columns(region.boundary(piece, cube).points)
        given = [(e.unknown, e.holds) for e in essential if e.piece == piece]
        given += [(u, flux.holds) for flux in fluxes if flux.piece == piece for u in flux.unknowns]
        for unknown in problem.unknowns:
            found = torch.zeros(_OF_SIDE)
            for name, holds in given:
                if name == unknown:
                    found = found + (1.0 if holds is None else holds(columns).double())
            if bool((found != 1).any()):
                which = "no condition" if bool((found == 0).any()) else "two conditions"
                raise ValueError(
                    f"reference_solution: {which} on {unknown!r} at {piece!r}; give one value, flux or formula for each "
                    "unknown everywhere on the boundary."
                )
