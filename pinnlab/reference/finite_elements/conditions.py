"""Conditions on the boundary as finite elements take them: values at nodes, and fluxes through sides.

Letters: n points, k sides, q quadrature points of each, r conditions.

A pressure needs no condition. Where it has one, as at an outlet, a component of the velocity may have none: what takes the
normal derivative out of that component's flux is then the constraint itself, div u = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, OnPiece
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.jets import NamedJet, made_up_jet
from pinnlab.derivatives.pointwise import gradients
from pinnlab.domains.columns import Columns, columns_of
from pinnlab.domains.sampling import unit_points

Array = np.ndarray
Misfit = Callable[[Scope], Tensor]
Holds = Callable[[Mapping[str, Tensor]], Tensor]
"""{coordinate: (n,)} -> (n,) mask of the points at which a condition holds."""
_PROBES = 8
_SIGNIFICANT = 1e-3
"""Share of the largest value at a corner from which on a gap between two is a jump."""
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
        equations: numbers of the equations that stand for conditions of the last unknowns.
    """

    piece: str
    unknowns: tuple[str, ...]
    misfits: tuple[Misfit, ...]
    holds: Holds | None
    equations: tuple[int, ...] = ()


def sorted_conditions(
    problem: Problem, multipliers: Mapping[str, int] = MappingProxyType({}), paired: Collection[str] = ()
) -> tuple[list[Essential], list[BoundaryFlux]]:
    """Essential conditions, and those on fluxes.

    Args:
        problem: what is solved.
        multipliers: {pressure: number of its constraint}.
        paired: unknowns with fourth derivatives, and their Laplacians: value and flux may both be given.

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
        if part is not None and part.moves:
            raise ValueError(
                f"reference_solution: {condition!r} holds on a part of a side that moves in time; finite elements take "
                "parts that stay where they are."
            )
        holds, key = (None, None) if part is None else (part.holds, condition.where)
        for each in condition.on_pieces(context):
            for name, (weights, order) in _looks_at(problem, each).items():
                if order > 1:
                    raise ValueError(
                        f"reference_solution: {condition!r} holds derivatives of order {order}; finite elements take "
                        "conditions on values and first derivatives."
                    )
                values = {e.unknown for e in essential if e.piece == each.piece and e.holds is holds}
                slopes = {u for u, _, _ in fluxes.get((each.piece, key), ())}
                taken = values | slopes - set(paired) if order == 0 else values - set(paired) | slopes
                free = {u: w for u, w in weights.items() if u not in taken}
                if each.unknown is not None:
                    free = {each.unknown: 1.0}
                if not free:
                    raise ValueError(f"reference_solution: {condition!r} is one condition too many at {each.piece!r}.")
                pressures = [u for u in free if u in multipliers and order == 0]
                unknown = max(pressures or free, key=lambda u: free[u])
                misfit = _one(each, name)
                if order == 0:
                    essential.append(Essential(unknown, each.piece, misfit, holds))
                else:
                    fluxes.setdefault((each.piece, key), []).append((unknown, misfit, holds))
    found = [
        BoundaryFlux(piece, tuple(u for u, _, _ in rows), tuple(m for _, m, _ in rows), rows[0][2])
        for (piece, _), rows in fluxes.items()
    ]
    return essential, _with_open_sides(problem, essential, found, multipliers)


def _with_open_sides(
    problem: Problem, essential: Sequence[Essential], fluxes: Sequence[BoundaryFlux], multipliers: Mapping[str, int]
) -> list[BoundaryFlux]:
    """The fluxes, and those of components that lack a condition where a pressure has one.

    Raises:
        ValueError: two components lack one, or their conditions hold on other parts of the side than the pressure's.
    """
    found = list(fluxes)
    for outlet in essential:
        if outlet.unknown not in multipliers:
            continue
        columns = sampled(problem, outlet.piece)
        there = torch.ones(_OF_SIDE, dtype=torch.bool) if outlet.holds is None else outlet.holds(columns)
        lacking = []
        for unknown in problem.unknowns:
            if unknown not in multipliers:
                given = given_at(unknown, outlet.piece, essential, fluxes, columns)[there]
                if bool((given == 0).all()):
                    lacking.append(unknown)
        if not lacking:
            continue
        if len(lacking) > 1:
            raise ValueError(
                f"reference_solution: {' and '.join(lacking)} have no condition at {outlet.piece!r}, where "
                f"{outlet.unknown} has one; finite elements need a value or a flux of all but one of them there."
            )
        # those on the same part are solved for together
        same = next((f for f in found if f.piece == outlet.piece and f.holds is outlet.holds), None)
        if same is None:
            same = BoundaryFlux(outlet.piece, (), (), outlet.holds)
        else:
            found.remove(same)
        found.append(
            replace(
                same,
                unknowns=(*same.unknowns, *lacking),
                equations=(*same.equations, multipliers[outlet.unknown]),
            )
        )
    return found


def jumps_at(problem: Problem, essential: Sequence[Essential], pieces: Collection[str], point: Array) -> bool:
    """Whether two pieces of the boundary give an unknown different values at a point (d,) where they meet."""
    zero = torch.zeros(1, dtype=torch.float64)
    scope = scope_at(problem, point[None], {u: {(): zero} for u in problem.unknowns})
    given: dict[str, list[float]] = {}
    for each in essential:
        if each.piece in pieces and (each.holds is None or bool(each.holds(scope.coordinates))):
            try:
                value = float(each.misfit(scope))
            except (KeyError, ValueError):  # with rates or normals it is no value
                continue
            given.setdefault(each.unknown, []).append(value)
    largest = max((abs(v) for values in given.values() for v in values), default=0.0)
    return any(max(values) - min(values) > _SIGNIFICANT * largest for values in given.values())


def scope_at(problem: Problem, points: Array, jets: Mapping[str, NamedJet]) -> Scope:
    """Unknowns with these derivatives (n,) at points (n, d) of space, at the first instant."""
    domain = problem.domain
    first = domain.time_interval[0] if domain.has_time else 0.0
    at = dict(zip(domain.space, points.T, strict=True))
    columns = {n: torch.as_tensor(at.get(n, np.full(len(points), first))) for n in domain.coordinates}
    return Scope.of_jets(jets, columns_of(domain, columns), problem.parameter_values())


def sampled(problem: Problem, piece: str) -> Columns:
    """{coordinate: (n,)} of points on a piece."""
    region = problem.domain
    cube = unit_points("sobol", _OF_SIDE, len(region.coordinates), np.random.default_rng(4)).double()
    return region.columns(region.boundary(piece, cube).points)


def given_at(
    unknown: str, piece: str, essential: Sequence[Essential], fluxes: Sequence[BoundaryFlux], columns: Columns
) -> Tensor:
    """(n,) how many conditions an unknown has at points of a piece."""
    given = [e.holds for e in essential if e.piece == piece and e.unknown == unknown]
    given += [flux.holds for flux in fluxes if flux.piece == piece for u in flux.unknowns if u == unknown]
    found = torch.zeros(_OF_SIDE, dtype=torch.float64)
    for holds in given:
        found = found + (1.0 if holds is None else holds(columns).double())
    return found


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


def check_covered(
    problem: Problem,
    essential: Sequence[Essential],
    fluxes: Sequence[BoundaryFlux],
    multipliers: Mapping[str, int] = MappingProxyType({}),
    periodic: Mapping[str, Collection[str]] = MappingProxyType({}),
    besides: Collection[str] = (),
) -> None:
    """Raise ValueError unless every unknown has one condition at every point of the boundary, pressures at most one.

    Args:
        problem: what is solved.
        essential, fluxes: its conditions.
        multipliers: {pressure: number of its constraint}.
        periodic: {coordinate: unknowns that are periodic in it}, which have none at its ends.
        besides: unknowns that are not looked at.
    """
    for piece in problem.domain.pieces(None):
        columns = sampled(problem, piece)
        for unknown in (u for u in problem.unknowns if u not in besides):
            found = given_at(unknown, piece, essential, fluxes, columns)
            tied = any(unknown in periodic[c] and piece in (c + "-", c + "+") for c in periodic)
            lacking = unknown not in multipliers and not tied and bool((found == 0).any())
            if lacking or bool((found > (0 if tied else 1)).any()):
                which = "a condition besides Periodic" if tied else "no condition" if lacking else "two conditions"
                raise ValueError(
                    f"reference_solution: {which} on {unknown!r} at {piece!r}; give one value, flux or formula for each "
                    "unknown everywhere on the boundary."
                )
