"""Whether an unknown travels along a line as waves of one speed, and what the line's ends do to them.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.clashes.corner_series import Residual
from pinnlab.declaration.clashes.travelling import Medium
from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import leaf_jet, made_up_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Region
from pinnlab.domains.sampling import unit_points

_POINTS = 32
_SAME = 1e-10
"""Relative difference up to which a coefficient is the same everywhere."""


@dataclass(frozen=True, eq=False)
class Waves:
    """leading (u_tt - speed^2 u_xx) + lower orders = 0 on a line, for all states.

    Attributes:
        speed: > 0.
        leading: coefficient of u_tt.
        friction: whether the coefficients of u_t and of u_x are the same everywhere, and for all states.
        residual: the equation.
        names, axes: of time and of the line.
    """

    speed: float
    leading: float
    friction: bool
    residual: Residual
    names: tuple[str, str]
    axes: tuple[int, int]

    def medium(self, jet: Mapping[Key, Tensor], point: Tensor) -> Medium:
        """The waves next to a state whose derivatives are known at a point (1, d)."""
        leaves = leaf_jet(jet)
        (row,) = linearize([self.residual(leaves, point)], {"": leaves})
        t, x = self.names
        damping, drift, stiffness = (
            float(row.get(("", key), torch.zeros(1))) / self.leading for key in ((t,), (x,), ())
        )
        return Medium(self.speed, damping, -drift, stiffness)


def find_waves(equations: Term, unknowns: Sequence[str], region: Region, parameters: Mapping[str, Any]) -> Waves | None:
    """The waves of the only unknown of an equation on a line; None where it is no such equation, or its speed varies.

    Args:
        equations: of the problem.
        unknowns: their names.
        region: their domain.
        parameters: {name: 0-dim tensor or function}.
    """
    if len(unknowns) != 1 or len(equations.residuals) != 1:
        return None
    (unknown,), (line,), time = unknowns, region.space, region.clock

    def residual(jet: Mapping[Key, Tensor], at: Tensor) -> Tensor:
        scope = Scope.of_jets({unknown: jet}, region.columns(at), parameters)
        return next(iter(equations.evaluate((scope,)).values()))

    points = region.interior(_unit(region, _POINTS)).points
    rows = []
    for seed in (0, 1):
        jet = made_up_jet(_POINTS, seed, positive=seed == 0)
        rows += linearize([residual(jet, points)], {unknown: jet})
    found = _joined(rows, unknown)
    twice = {key for key, a in found.items() if len(key) > 1 and bool((a != 0).any())}
    if twice != {(time, time), (line, line)} or not all(_is_one_number(found[key]) for key in twice):
        return None
    leading = float(found[time, time][0])
    square = -float(found[line, line][0]) / leading
    if not square > 0:
        return None
    friction = all(_is_one_number(found[key]) for key in ((time,), (line,)) if key in found)
    axes = (region.time_index, region.coordinates.index(line))
    return Waves(square**0.5, leading, friction, residual, (time, line), axes)


@dataclass(frozen=True, eq=False)
class End:
    """What holds at an end of a line.

    Attributes:
        reflection: of steep waves: -1 where the value is given, 1 where the slope is, 0 where they leave.
        value: what is given, where that is the value.
        keeps_form: whether waves of any form are reflected so, and not the steep ones only.
    """

    reflection: float
    value: Any = None
    keeps_form: bool = True


def reflected(
    term: Term, region: Region, unknown: str, parameters: Mapping[str, Any], waves: Waves
) -> tuple[float, bool] | None:
    """What a condition on an end reflects, and whether of waves of any form; None where it is not linear in slopes.

    Args:
        term: of the condition.
        region: the line, with time.
        unknown: the only one.
        parameters: {name: 0-dim tensor or function}.
        waves: that meet it.
    """
    (site,) = term.draw(lambda n: _unit(region, n), _POINTS)
    rows: list[dict[tuple[str, Key], Tensor]] = []
    for seed in (0, 1):
        made = trace(term, region.columns, (unknown,), parameters, (site,), positive=seed == 0)
        rows += linearize([*made.residuals.values()], made.jets[0])
    found, none = _joined(rows, unknown), torch.zeros(1)
    time, line = waves.names
    along, across, own = (found.get(key, none) for key in ((time,), (line,), ()))
    higher = any(len(key) > 1 and bool((a != 0).any()) for key, a in found.items())
    if higher or not (_is_one_number(along) and _is_one_number(across)):
        return None
    # a wave that arrives with the speed c has c du/dn = -u_t, one that leaves c du/dn = u_t
    slope = float(across[0]) * float(site.outward[0, waves.axes[1]])
    rate = waves.speed * float(along[0])
    if slope == 0 and rate == 0:
        return (-1.0, True) if bool((own != 0).all()) else None
    return None if slope + rate == 0 else ((slope - rate) / (slope + rate), not bool((own != 0).any()))


def _unit(region: Region, n: int) -> Tensor:
    return unit_points("sobol", n, len(region.coordinates), np.random.default_rng(0)).double()


def _joined(rows: Sequence[Mapping[tuple[str, Key], Tensor]], unknown: str) -> dict[Key, Tensor]:
    """{derivative: coefficients (n,) in all rows}, zero where a row has none."""
    zero = torch.zeros(_POINTS, dtype=torch.float64)
    keys = {key for row in rows for _, key in row}
    return {key: torch.cat([row.get((unknown, key), zero) for row in rows]) for key in keys}


def _is_one_number(a: Tensor) -> bool:
    return bool(torch.isfinite(a).all()) and float((a - a[0]).abs().max()) <= _SAME * float(a.abs().max())
