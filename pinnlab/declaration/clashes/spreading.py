"""Whether the equations spread an unknown as heat, or balance it as a steady one, and how fast along each coordinate.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.clashes.dissipation import linearized_at
from pinnlab.declaration.clashes.singular import Spread
from pinnlab.declaration.terms import Term
from pinnlab.domains import Region

_UNEVEN = 10.0
"""Ratio of the largest to the smallest diffusivity on a side from which on one number does not stand for all."""


def spread(
    equations: Term,
    unknown: str,
    unknowns: tuple[str, ...],
    region: Region,
    parameters: Mapping[str, Any],
    points: Tensor,
    values: Mapping[str, Tensor],
) -> Spread | None:
    """How an unknown spreads; None where the jump of a boundary value would not become a layer of heat.

    That asks for one equation with its second derivatives, all of one sign and none mixed, and at most the value of the
    unknown in the others.

    Args:
        equations: of the problem.
        unknown: whose spreading it is about.
        unknowns: all names.
        region: their domain.
        parameters: {name: 0-dim tensor or function}.
        points: (n, d) where.
        values: {unknown: (n,)} there; zero where it is not given.
    """
    rows = linearized_at(equations, unknowns, region, parameters, points, values)
    present = [{leaf: a for leaf, a in row.items() if bool((a != 0).any())} for row in rows]
    own = [row for row in present if any(name == unknown and key for name, key in row)]
    if len(own) != 1 or _mixes(own[0], unknown, region.time):
        return None
    (row,) = own
    time = row.get((unknown, (region.time,))) if region.time is not None else None
    found = {}
    for name in region.space:
        second = row.get((unknown, (name, name)))
        if second is None:
            return None
        ratio = -second / (time if time is not None else torch.ones_like(second))
        found[region.coordinates.index(name)] = ratio
    if time is None:
        sign = torch.sign(next(iter(found.values())))
        found = {i: ratio * sign for i, ratio in found.items()}
    if not all(_is_even(ratio) for ratio in found.values()):
        return None
    return Spread(time is not None, {i: float(ratio.mean()) for i, ratio in found.items()})


def _mixes(row: Mapping[Any, Tensor], unknown: str, time: str | None) -> bool:
    """Whether an equation has derivatives of an unknown that heat has not, or second ones of others."""
    for name, key in row:
        if name != unknown:
            if len(key) > 1:
                return True
        elif len(key) > 2 or (len(key) == 2 and (key[0] != key[1] or time in key)):
            return True
    return False


def _is_even(ratio: Tensor) -> bool:
    finite = bool(torch.isfinite(ratio).all())
    return finite and float(ratio.min()) > 0 and float(ratio.max()) < _UNEVEN * float(ratio.min())
