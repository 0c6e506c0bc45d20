"""A declaration linearized at made-up fields: coefficients of equations and conditions where counting looks at them.

Letters: n points, d coordinates, p highest order, m unknowns, k rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Condition, Context, Data, Initial, Periodic
from pinnlab.declaration.terms import Term, trace
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points

Array = np.ndarray[Any, Any]
Factors = Mapping[str, tuple[complex, complex]]
"""{coordinate: (a, b)}: its derivative becomes a s + b."""

INSIDE = 3
"""Points of the interior that are looked at."""
ON_SIDE = 2
"""Points of each piece of the boundary."""
OWN = "own"
"""The kind of conditions that are none of the built-in ones."""
_OF_CONDITION = 7
"""Points of each condition: too many for a linear function to vanish at them by chance."""


@dataclass(frozen=True)
class LinearPart:
    """Rows that are linear in an unknown's derivatives, at n points.

    Attributes:
        coefficients: per row {(unknown, derivative): (n,)}.
        points: (n, d).
    """

    coefficients: tuple[dict[tuple[str, Key], Array], ...]
    points: Array

    def is_finite(self, n: int) -> bool:
        """Whether all coefficients at one point are numbers."""
        return all(bool(np.isfinite(c[n])) for row in self.coefficients for c in row.values())

    def symbol(self, n: int, unknowns: Sequence[str], factors: Factors) -> Array:
        """(p + 1, k, m): what the rows make of exp(s x) at one point, by powers of s."""
        polynomials = {key: _polynomial(key, factors) for row in self.coefficients for _, key in row}
        size = max((len(p) for p in polynomials.values()), default=1)
        found = np.zeros((size, len(self.coefficients), len(unknowns)), dtype=complex)
        for i, row in enumerate(self.coefficients):
            for (unknown, key), values in row.items():
                powers = polynomials[key]
                found[: len(powers), i, unknowns.index(unknown)] += values[n] * np.array(powers)
        return found


@dataclass(frozen=True)
class ConditionPart:
    """One condition, or its part on one piece of the boundary.

    Attributes:
        kind: ``"initial"``, ``"boundary"``, ``"periodic"``, ``"data"``, or ``OWN``.
        where: piece of the boundary, or the coordinate of a periodic condition; empty for others.
        unknowns: those whose coefficients are not zero.
        sites: one part per site; periodic conditions have two.
    """

    kind: str
    where: str
    unknowns: tuple[str, ...]
    sites: tuple[LinearPart, ...]


@dataclass(frozen=True)
class Linearized:
    """A declaration's linear parts.

    Attributes:
        equations: at points of the interior, of the start (if there is time) and of all pieces, one part per set of
            made-up fields.
        first: {``"inside"``, ``"start"`` or a piece: number of its first point}.
        normals: {piece: (ON_SIDE, d)}.
        conditions: all of them.
    """

    equations: tuple[LinearPart, ...]
    first: dict[str, int]
    normals: dict[str, Array]
    conditions: tuple[ConditionPart, ...]


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
    own = not isinstance(condition, BoundaryCondition | Periodic | Initial | Data)
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
        )
        for site, jets in zip(sites, found.jets, strict=True)
    )


def _polynomial(key: Key, factors: Factors) -> list[complex]:
    """Coefficients, lowest power first, of the product of a s + b over a derivative's coordinates."""
    powers: list[complex] = [1.0]
    for name in key:
        a, b = factors[name]
        raised = [0.0, *(a * c for c in powers)] if a else [0.0] * len(powers)
        powers = [r + b * c for r, c in zip(raised, [*powers, 0.0] if a else powers, strict=True)]
    return powers
