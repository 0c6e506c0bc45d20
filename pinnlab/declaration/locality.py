"""Whether a term is pointwise: what it is at a point depends on that point alone.

Letters: n points.

An equation that adds up, sorts or shifts the points at which it happens to be evaluated gives other numbers on other
points, and no derivative of it is what it seems. Two looks find that. At some of the points, in another order, there must
be the same numbers; and the residual at one point must not change with the derivatives at another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.terms import Scope, Term, Trace
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains import Columns, Site

_ORDER = (5, 1, 0, 3)
_TOLERANCE = 1e-6
"""Relative to the largest value or derivative: far above rounding, far below what another point would change."""
_ROUNDING = 1e-4
"""Of the tolerance, relative to the made-up derivatives: where what a residual is made of cancels, rounding is left."""


def evaluated_elsewhere(
    term: Term,
    region_columns: Callable[[Tensor], Columns],
    parameters: Mapping[str, Any],
    sites: Sequence[Site],
    found: Trace,
) -> list[str]:
    """Names of residuals that are not the same numbers at some of the points, taken in another order.

    Args:
        term: what was tried.
        region_columns: splits (n, d) points into named coordinates.
        parameters: {name: 0-dim, or a function of coordinates}.
        sites: where it was tried.
        found: what it gave there.
    """
    n = len(sites[0].points)
    # data belong to their points, which stay in their order
    order = list(range((n + 1) // 2)) if term.fixed is not None else [i for i in _ORDER if i < n]
    scopes = []
    for site, jets in zip(sites, found.jets, strict=True):
        picked = {u: _part(jet, order) for u, jet in jets.items()}
        normals = None if site.normals is None else region_columns(site.normals[order])
        scopes.append(Scope.of_jets(picked, region_columns(site.points[order]), parameters, normals))
    again = term.evaluate(tuple(scopes))
    largest = max((_size(value) for jets in found.jets for jet in jets.values() for value in jet.values()), default=0.0)
    return [name for name, r in found.residuals.items() if not _same(again.get(name), r[order], _ROUNDING * largest)]


def depends_on_other_points(residual: Tensor, jets: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> bool:
    """Whether a residual (n,) at one point changes with the jets (n,) at another.

    A pointwise one has a diagonal Jacobian: weighted by w, the gradient of its sum is w times the gradient.

    Args:
        residual: with a graph.
        jets: leaves of the graph.
        gradients: of the residual's sum by them.
    """
    weights = 1.0 + torch.arange(len(residual), dtype=residual.dtype)
    weighted = torch.autograd.grad((weights * residual).sum(), jets, allow_unused=True, retain_graph=True)
    pairs = [(a, weights * b) for a, b in zip(weighted, gradients, strict=True) if a is not None and b is not None]
    # what cancels leaves rounding, which is small beside the other derivatives
    largest = max((_size(b) for _, b in pairs), default=0.0)
    return any(not _same(a, b, largest) for a, b in pairs)


def _part(jet: Mapping[Key, Tensor], order: list[int]) -> LazyJet:
    return LazyJet(lambda key: jet[key][order])


def _same(a: Any, b: Tensor, scale: float) -> bool:
    if not isinstance(a, Tensor) or a.shape != b.shape:
        return False
    return torch.allclose(a, b.to(a.dtype), rtol=_TOLERANCE, atol=_TOLERANCE * max(scale, _size(b)), equal_nan=True)


def _size(values: Tensor) -> float:
    """The largest modulus of those that are finite."""
    found = float(values.detach().abs().nan_to_num(0.0, 0.0, 0.0).max())
    return min(found, 1e300)
