"""Whether a finished solution is as smooth as its equations need, between the points where its residual is looked at.

Letters: n points, d coordinates, m unknowns.

A kink that is built into a network, with the data, leaves no residual: its second derivatives are zero to the left and to
the right. So derivatives along lines are compared with the integrals of the next ones; where they differ, and go on to
differ while the interval is halved, there is a jump. What data that clash make of a solution is known and taken away first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.clashes.dissipation import linearized_at, smooths
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains.sampling import unit_points
from pinnlab.training.part import Part

_LINES, _INTERVALS, _HALVINGS = 6, 64, 24
_INSET = 1e-7
_TRIED = 32
"""Points at which equations are linearized."""
_JUMP = 1e-3
"""Jumps from this part of the derivative's own size on are told."""
_ROUNDING = 1e4
"""Steps of rounding, of the derivative's size and of the unknown's over the line, below which differences are noise."""


@dataclass(frozen=True)
class Kink:
    """A jump of a derivative of a solution.

    Attributes:
        unknown: its name.
        coordinate: along which it is met.
        order: of the derivative by that coordinate; 0 for the unknown itself.
        at: the position on some line.
    """

    unknown: str
    coordinate: str
    order: int
    at: float

    def __str__(self) -> str:
        derivative = "_" * bool(self.order) + self.coordinate * self.order
        return f"{self.unknown}{derivative} jumps near {self.coordinate} = {self.at:.4g}"


def impossible(problem: Problem, model: Part, kink: Kink) -> bool:
    """Whether no solution has such a kink: equations that smooth the unknown there would have an infinite term at it.

    That is certain of what spreads in time, and of a steady line, where no flux jumps and no data clash; waves and what is
    transported may keep kinks.

    Args:
        problem: of the solution.
        model: its part.
        kink: inside the domain, of a derivative below the equations' order.
    """
    domain = problem.domain
    if problem.clashes.found or any(jump.flux for jump in problem.jumps) or kink.coordinate not in domain.space:
        return False
    if not domain.has_time:
        return len(domain.space) == 1
    points = domain.interior(unit_points("sobol", _TRIED, len(domain.coordinates), np.random.default_rng(0))).points
    values = model.jet(points.to(model.parameters[0]), ((),))[0].detach().to("cpu", torch.float64)
    linear = linearized_at(
        problem.equation_term(), problem.unknowns, domain, problem.parameter_values(), points,
        dict(zip(problem.unknowns, values.unbind(1), strict=True)),
    )  # fmt: skip
    return smooths(linear, kink.unknown, kink.coordinate, domain.clock)


def jump_inside(problem: Problem, models: Sequence[Part]) -> Kink | None:
    """Where a derivative jumps that the equations take to be continuous; None if none was found.

    Args:
        problem: names coordinates and the equations' orders.
        models: of consecutive time windows.
    """
    names = problem.domain.coordinates
    for model in models:
        for i, name in enumerate(names):
            for j, unknown in enumerate(problem.unknowns):
                for order in range(problem.order_of(unknown, name)):
                    at = _jump(model, i, j, order, problem.clashes.singular.get(unknown))
                    if at is not None:
                        return Kink(unknown, name, order, at)
    return None


def _jump(model: Part, i: int, j: int, order: int, known: KnownFunction | None) -> float | None:
    """Where the derivative of one order by coordinate i jumps, of unknown j less what is known of it."""
    bounds = list(model.region.bounds.values())
    lower, upper = bounds[i]
    unit = unit_points("sobol", _LINES, len(bounds), np.random.default_rng([0, 77]))
    lines = torch.stack([lo + unit[:, k] * (hi - lo) for k, (lo, hi) in enumerate(bounds)], dim=1)
    # at an end itself a periodic solution may have the derivative of the other side
    inset = _INSET * (upper - lower)
    ends = torch.linspace(lower + inset, upper - inset, _INTERVALS + 1, dtype=torch.float64)
    # one line after the other, its intervals: (lines * intervals,)
    base = lines.repeat_interleave(_INTERVALS, dim=0)
    left, right = (e.repeat(_LINES) for e in (ends[:-1], ends[1:]))
    size = 0.0
    for k in range(_HALVINGS):
        gap, here = _gap(model, base, (i, j, order), left, right, known)
        if k == 0:
            size = float(here[torch.isfinite(here)].square().mean().sqrt())
            eps = torch.finfo(model.parameters[0].dtype).eps
            whole = _gap(model, base, (i, j, 0), left, right, known)[1] if order else here
            floor = float(whole[torch.isfinite(whole)].abs().max()) / (upper - lower) ** order
        kept = torch.isfinite(gap) & (
            gap.abs() > max(_JUMP * size, _ROUNDING * eps * max(floor, float(here.abs().max())))
        )
        if not bool(kept.any()):
            return None
        base, left, right = base[kept], left[kept], right[kept]
        if (right - left).max() < 1e-6 * (upper - lower):
            return float(left[0])
        middle = (left + right) / 2
        base, left, right = base.repeat(2, 1), torch.cat([left, middle]), torch.cat([middle, right])
    return float(left[0])


def _gap(
    model: Part, base: Tensor, which: tuple[int, int, int], left: Tensor, right: Tensor, known: KnownFunction | None
) -> tuple[Tensor, Tensor]:
    """By how much a derivative changes over intervals more than the integral of the next one, and its values.

    Args:
        model: the solution.
        base: (n, d) points on the lines.
        which: number of the coordinate, of the unknown, and the order of the derivative.
        left, right: (n,) ends of the intervals along the coordinate.
        known: a part of the unknown that is taken from it.
    """
    i, j, order = which
    found, indices = [], closure([(i,) * (order + 1)])
    rows = [indices.index((i,) * order), indices.index((i,) * (order + 1))]
    for at in (left, (left + right) / 2, right):
        points = base.clone()
        points[:, i] = at
        inside = model.region.contains(points)
        jet = model.jet(points.to(model.parameters[0]), indices)[rows, :, j].detach()
        jet = jet if known is None else jet - known.jet(points, indices)[rows, :, 0].to(jet)
        found.append(torch.where(inside, jet.to("cpu", torch.float64), torch.nan))
    (a, da), (_, dm), (b, db) = found
    return b - a - (right - left) * (da + 4 * dm + db) / 6, a
