"""Conditions on the boundary as finite elements take them: values at nodes, and fluxes through sides.

Letters: d coordinates, k sides, q quadrature points of each, n nodes, r conditions, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, trace
from pinnlab.domains import TIME
from pinnlab.domains.sampling import unit_points

Array = np.ndarray
Misfit = Callable[[Scope], Tensor]


@dataclass(frozen=True, eq=False)
class Essential:
    """A condition on values alone: it takes the rows of one unknown at the nodes of a piece.

    Attributes:
        unknown: whose rows it takes.
        piece: of the boundary.
        misfit: scope -> (n,).
    """

    unknown: str
    piece: str
    misfit: Misfit


@dataclass(frozen=True, eq=False)
class BoundaryFlux:
    """Conditions with normal derivatives on one piece: they give the flux there.

    Attributes:
        piece: of the boundary.
        unknowns: those whose normal derivatives they fix, one per condition.
        misfits: scope -> (n,), one per condition.
    """

    piece: str
    unknowns: tuple[str, ...]
    misfits: tuple[Misfit, ...]


def sorted_conditions(problem: Problem) -> tuple[list[Essential], dict[str, BoundaryFlux]]:
    """Essential conditions, and those on fluxes by piece.

    Raises:
        ValueError: a condition on second derivatives or on derivatives along the boundary alone, two for one unknown.
    """
    essential: list[Essential] = []
    fluxes: dict[str, list[tuple[Misfit, dict[str, float]]]] = {}
    context = problem.context()
    for condition, terms in problem.condition_terms():
        if not isinstance(condition, BoundaryCondition):
            continue
        places = [(unknown, piece) for unknown in condition.values for piece in condition.pieces(context)]
        for term, (_, piece) in zip(terms, places, strict=True):
            weights, order = _looks_at(problem, term, piece)

            def misfit(scope: Scope, term=term) -> Tensor:
                (found,) = term.evaluate((scope,)).values()
                return found

            if order > 1:
                raise ValueError(f"reference_solution: {condition!r} holds derivatives of order {order}; finite elements "
                                 "take conditions on values and first derivatives.")
            if order == 0:
                taken = {e.unknown for e in essential if e.piece == piece}
                free = {u: w for u, w in weights.items() if u not in taken}
                if not free:
                    raise ValueError(f"reference_solution: {condition!r} is one condition on values at {piece!r} too many.")
                essential.append(Essential(max(free, key=lambda u: free[u]), piece, misfit))
            else:
                fluxes.setdefault(piece, []).append((misfit, weights))
    found = {piece: _assigned(piece, rows, {e.unknown for e in essential if e.piece == piece}) for piece, rows in fluxes.items()}
    return essential, found


def _assigned(piece: str, rows: Sequence[tuple[Misfit, Mapping[str, float]]], taken: set[str]) -> BoundaryFlux:
    unknowns: list[str] = []
    for _, weights in rows:
        free = {u: w for u, w in weights.items() if u not in taken and u not in unknowns}
        if not free:
            raise ValueError(f"reference_solution: one condition at {piece!r} too many.")
        unknowns.append(max(free, key=lambda u: free[u]))
    return BoundaryFlux(piece, tuple(unknowns), tuple(misfit for misfit, _ in rows))


def _looks_at(problem: Problem, term, piece: str) -> tuple[dict[str, float], int]:
    """{unknown: size of its coefficients of the highest order}, and that order, of a condition."""
    region = problem.domain
    cube = unit_points("sobol", 8, len(region.coordinates), np.random.default_rng(3)).double()
    site = region.boundary(piece, cube)
    found = trace(term, region.columns, problem.unknowns, problem.parameter_values(), (site,))
    (residual,) = found.residuals.values()
    sizes: dict[int, dict[str, float]] = {}
    leaves = [(u, key, jet) for u, made_up in found.jets[0].items() for key, jet in made_up.items()]
    grads = torch.autograd.grad(residual.sum(), [jet for _, _, jet in leaves], allow_unused=True)
    for (u, key, _), g in zip(leaves, grads, strict=True):
        if g is not None and bool((g != 0).any()):
            order = sum(name != TIME for name in key)
            mine = sizes.setdefault(order, {})
            mine[u] = max(mine.get(u, 0.0), float(g.abs().max()))
    top = max(sizes, default=0)
    return sizes.get(top, {}), top
