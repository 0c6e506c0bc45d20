"""Integrands that jump somewhere: a quadrature of fixed nodes does not see where.

Letters: n points, d coordinates, L lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.breaks import find_breaks
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains import Box, Region, Site

_LINES = 4


def jump_of_integrand(
    term: Term, region: Region, unknowns: tuple[str, ...], parameters: Mapping[str, Any], site: Site
) -> str | None:
    """Where an integrand over space jumps, for unknowns that are one everywhere with all their derivatives; None where not.

    Args:
        term: with weights.
        region: the domain.
        unknowns: their names.
        parameters: {name: number or function}.
        site: the nodes.
    """
    if site.normals is not None or not isinstance(region, Box):
        return None
    step = max(1, len(site.points) // _LINES)
    lines = site.points.detach()[step // 2 :: step]

    def integrand(points: Tensor, indices: Indices) -> Tensor:
        one = torch.ones(len(points), dtype=torch.float64)
        jets = {u: LazyJet(lambda key: one) for u in unknowns}
        with torch.no_grad():
            (found,) = term.evaluate((Scope.of_jets(jets, region.columns(points), parameters),)).values()
        return found[None, :, None]

    for name in region.space:
        axis = region.coordinates.index(name)
        for found in find_breaks(integrand, lines, axis, region.bounds[name], 0):
            if not found.infinite:
                return f"{name} = {found.position:.4g}"
    return None
