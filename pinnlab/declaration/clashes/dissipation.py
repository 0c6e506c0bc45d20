"""How fast an equation smooths kinks and jumps of its unknown: read off its linearization at one point.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet, leaf_jet
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.domains import Region


def linearized_at(
    equations: Term,
    unknowns: tuple[str, ...],
    region: Region,
    parameters: Mapping[str, Any],
    point: Tensor,
    values: Mapping[str, Tensor],
) -> Coefficients:
    """Per equation, its derivative (n,) by each derivative of each unknown, where these are constant.

    Args:
        equations: of the problem.
        unknowns: their names.
        region: their domain.
        parameters: {name: 0-dim tensor or function}.
        point: (n, d) where.
        values: {unknown: (n,)}; zero where it is not given.
    """
    zero = torch.zeros(len(point), dtype=torch.float64)

    def jet_of(unknown: str) -> LazyJet:
        return leaf_jet(LazyJet(lambda key: zero if key else values.get(unknown, zero)))

    jets = {unknown: jet_of(unknown) for unknown in unknowns}
    residuals = equations.evaluate((Scope.of_jets(jets, region.columns(point), parameters),))
    return linearize(list(residuals.values()), jets)


def smooths(linear: Coefficients, unknown: str, coordinate: str, time: str = "t") -> bool:
    """Whether high waves of an unknown along a coordinate are damped, by its own equation, everywhere.

    That is so where u_t = -c (-1)^m d^2m u with c > 0 and no higher derivative of it: then a kink is rounded at once and
    stays where it is. Waves (u_tt) carry it away, transport as well, and what disperses it (u_xxx) makes short waves.

    Args:
        linear: see ``linearized_at``.
        unknown: its name.
        coordinate: of space.
        time: the coordinate that is time.
    """
    keys = {key for row in linear for name, key in row if name == unknown}
    order = max((key.count(coordinate) for key in keys), default=0)
    if order < 2 or order % 2 or max((key.count(time) for key in keys), default=0) != 1:
        return False
    pace: Key = (time,)
    highest: Key = (coordinate,) * order
    own = [row for row in linear if bool((row.get((unknown, pace), torch.zeros(1)) != 0).any())]
    if len(own) != 1 or (unknown, highest) not in own[0]:
        return False
    sign = 1.0 if order % 4 == 0 else -1.0
    return bool((sign * own[0][unknown, highest] / own[0][unknown, pace] > 0).all())
