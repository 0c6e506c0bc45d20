"""A declaration linearized at made-up fields.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import AnyCondition, BoundaryCondition, Context, Data, Initial, Integral, Periodic
from pinnlab.declaration.counting.condition_count import Count
from pinnlab.declaration.counting.linear_parts import (
    INSIDE,
    ON_SIDE,
    OWN,
    ConditionPart,
    Linearized,
    LinearPart,
    Stretch,
)
from pinnlab.declaration.counting.needed import count
from pinnlab.declaration.terms import MADE_UP_UNITS, Term, trace
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Region, Site
from pinnlab.domains.sampling import unit_points

_OF_CONDITION = 7
"""Points of each condition: too many for a linear function to vanish at them by chance."""
_OF_SIDE = 512
"""Points of a side at which it is asked which conditions hold there."""


def counted(
    context: Context,
    equations: Term,
    conditions: Sequence[AnyCondition],
    values: Mapping[str, Any],
    numbers: Sequence[str],
    functions: Sequence[str],
) -> Count:
    """How many conditions a problem needs and has.

    Args:
        context: names and region of the problem.
        equations: of it, in natural units.
        conditions: all of them.
        values: {parameter: 0-dim tensor or function}, as equations take them.
        numbers, functions: parameters that are to be found.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # coefficients near the end of the numbers
        linear = linearized(context, equations, conditions, values)
    found = replace(count(context.region, context.unknowns, linear), sought=len(functions))
    if numbers or functions:
        found = replace(found, doubts=(*found.doubts, "coefficients are to be found"))
    return found


def linearized(
    context: Context, equations: Term, conditions: Sequence[AnyCondition], values: Mapping[str, Any]
) -> Linearized:
    """Linearize a declaration.

    Args:
        context: names and region.
        equations: as one term.
        conditions: all of them.
        values: {parameter: number or function}.
    """
    region = context.region
    cube = unit_points("sobol", 8, len(region.coordinates), np.random.default_rng(1)).double()

    def unit(n: int) -> Tensor:
        return cube[:n] if n <= len(cube) else unit_points("sobol", n, cube.shape[1], np.random.default_rng(1)).double()

    sites = {"inside": region.interior(unit(INSIDE))}
    if region.has_time:
        sites["start"] = region.initial(unit(ON_SIDE))
    found = _stretches(context, conditions) if region.space else {}
    sites |= {s.key: site for stretches in found.values() for s, site, _ in stretches}
    first = dict(zip(sites, np.cumsum([0, *(len(s.points) for s in sites.values())]).tolist(), strict=False))
    together = Site(torch.cat([site.points for site in sites.values()]))
    parts = tuple(_linear(equations, context, values, (together,), positive)[0] for positive in (True, False))
    normals = {piece: site.outward.numpy() for piece, site in sites.items() if site.normals is not None}
    by_condition: list[dict[str, frozenset[str]]] = [
        {piece: frozenset(s.key for s, _, held in mine if i in held) for piece, mine in found.items()}
        for i in range(len(conditions))
    ]
    linear = tuple(
        part
        for c, where in zip(conditions, by_condition, strict=True)
        for part in _condition(c, context, values, unit, where)
    )
    stretches = {piece: tuple(s for s, _, _ in mine) for piece, mine in found.items()}
    return Linearized(parts, first, normals, linear, stretches)


def _stretches(
    context: Context, conditions: Sequence[AnyCondition]
) -> dict[str, list[tuple[Stretch, Site, frozenset[int]]]]:
    """Per piece its stretches, each with some of its points and the numbers of the conditions that hold there."""
    region = context.region
    d = len(region.coordinates)
    found = {}
    for piece in region.pieces(None):
        parts = {
            i: part
            for i, c in enumerate(conditions)
            if isinstance(c, BoundaryCondition) and piece in region.pieces(c.on) and (part := c.part(region))
        }
        count = _OF_SIDE if parts else ON_SIDE
        site = region.boundary(piece, unit_points("sobol", count, d, np.random.default_rng(1)).double())
        whole = frozenset(i for i in range(len(conditions)) if i not in parts)
        if not parts:
            found[piece] = [(Stretch(piece), site, whole)]
            continue
        masks = torch.stack([part.holds(region.columns(site.points)) for part in parts.values()])
        patterns, which = torch.unique(masks, dim=1, return_inverse=True)
        found[piece] = []
        for k, pattern in enumerate(patterns.T):
            at = torch.nonzero(which == k)[:, 0]
            chosen = at[torch.arange(ON_SIDE) % len(at)]
            here = Site(site.points[chosen], site.outward[chosen])
            held = whole | {i for i, holds in zip(parts, pattern.tolist(), strict=True) if holds}
            stretch = Stretch(f"{piece} {k}" if len(patterns.T) > 1 else piece, _place(region, piece, site.points[at]))
            found[piece].append((stretch, here, held))
    return found


def _place(region: Region, piece: str, points: Tensor) -> str:
    """A point in the midst of some points (n, d) of a piece, in words."""
    point = points[int((points - points.median(dim=0).values).norm(dim=1).argmin())]
    face = region.face(piece)
    free = [i for i in range(len(region.coordinates)) if face is None or i != face[0]]
    return ", ".join(f"{region.coordinates[i]} = {float(point[i]):.3g}" for i in free)


def _condition(
    condition: AnyCondition,
    context: Context,
    values: Mapping[str, Any],
    unit: Any,
    stretches: Mapping[str, frozenset[str]],
) -> list[ConditionPart]:
    terms = condition.terms(context)
    places = [""] * len(terms)
    if isinstance(condition, BoundaryCondition):
        places = [each.piece for each in condition.on_pieces(context)]
    elif isinstance(condition, Periodic):
        places = [condition.on] * len(terms)
    # where a condition of the user's own looks, and what it fixes there, is not known
    own = not isinstance(condition, BoundaryCondition | Periodic | Initial | Data | Integral)
    parts = []
    for term, where in zip(terms, places, strict=True):
        sites = term.draw(unit, _OF_CONDITION if term.fixed is None else term.fixed)
        linear = _linear(term, context, values, sites)
        for size in MADE_UP_UNITS[1:] if condition.of_fields else ():
            if all(part.is_finite(n) for part in linear for n in range(len(part.points))):
                break
            linear = _linear(term, context, values, sites, size=size)
        used = {u for part in linear for row in part.coefficients for (u, _), c in row.items() if np.any(c)}
        held = stretches.get(where) if term.part is not None else None
        if own and not used:  # of what is to be found alone
            continue
        parts.append(ConditionPart(OWN if own else term.kind, where, tuple(sorted(used)), linear, held))
    return parts


def _linear(
    term: Term,
    context: Context,
    values: Mapping[str, Any],
    sites: tuple[Site, ...],
    positive: bool = True,
    size: float = 1.0,
) -> tuple[LinearPart, ...]:
    """The linear part of a term per site."""
    found = trace(term, context.region.columns, context.unknowns, values, sites, positive, lambda key: 1 / size)
    residuals = list(found.residuals.values())
    return tuple(
        LinearPart(
            tuple({leaf: c.numpy(force=True) for leaf, c in row.items()} for row in linearize(residuals, jets)),
            site.points.numpy(),
            None if term.weights is None else term.weights.numpy(),
        )
        for site, jets in zip(sites, found.jets, strict=True)
    )
