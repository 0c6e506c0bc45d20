"""A declaration linearized at made-up fields.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Condition, Context, Data, Initial, Integral, Periodic
from pinnlab.declaration.linear_parts import INSIDE, ON_SIDE, OWN, ConditionPart, Linearized, LinearPart
from pinnlab.declaration.terms import Term, trace
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points

_OF_CONDITION = 7
"""Points of each condition: too many for a linear function to vanish at them by chance."""


def linearized(
    context: Context, equations: Term, conditions: Sequence[Condition], values: Mapping[str, Any]
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
    sites |= {piece: region.boundary(piece, unit(ON_SIDE)) for piece in region.pieces(None) if region.space}
    first = dict(zip(sites, np.cumsum([0, *(len(s.points) for s in sites.values())]).tolist(), strict=False))
    together = Site(torch.cat([site.points for site in sites.values()]))
    parts = tuple(_linear(equations, context, values, (together,), positive)[0] for positive in (True, False))
    normals = {piece: site.outward.numpy() for piece, site in sites.items() if site.normals is not None}
    found = tuple(part for c in conditions for part in _condition(c, context, values, unit))
    return Linearized(parts, first, normals, found)


def _condition(condition: Condition, context: Context, values: Mapping[str, Any], unit: Any) -> list[ConditionPart]:
    terms = condition.terms(context)
    places = [""] * len(terms)
    if isinstance(condition, BoundaryCondition):
        places = [piece for _ in condition.values for piece in condition.pieces(context)]
    elif isinstance(condition, Periodic):
        places = [condition.on] * len(terms)
    # where a condition of the user's own looks, and what it fixes there, is not known
    own = not isinstance(condition, BoundaryCondition | Periodic | Initial | Data | Integral)
    parts = []
    for term, where in zip(terms, places, strict=True):
        sites = term.draw(unit, _OF_CONDITION if term.fixed is None else term.fixed)
        linear = _linear(term, context, values, sites)
        used = {u for part in linear for row in part.coefficients for (u, _), c in row.items() if np.any(c)}
        parts.append(ConditionPart(OWN if own else term.kind, where, tuple(sorted(used)), linear))
    return parts


def _linear(
    term: Term, context: Context, values: Mapping[str, Any], sites: tuple[Site, ...], positive: bool = True
) -> tuple[LinearPart, ...]:
    """The linear part of a term per site."""
    found = trace(term, context.region.columns, context.unknowns, values, sites, positive)
    residuals = list(found.residuals.values())
    return tuple(
        LinearPart(
            tuple({leaf: c.numpy(force=True) for leaf, c in row.items()} for row in linearize(residuals, jets)),
            site.points.numpy(),
            None if term.weights is None else term.weights.numpy(),
        )
        for site, jets in zip(sites, found.jets, strict=True)
    )
