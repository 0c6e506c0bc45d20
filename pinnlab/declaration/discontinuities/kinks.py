"""Initial data whose periodic extension has a slope jump at the seam, as x^2 cos(pi x) has at x = +-1.

Letters: c derivatives, n points, d coordinates.

Diffusion smooths such a kink at once, in a layer of width sqrt(4 nu t). A smooth periodic network added to the initial data
keeps the kink for all times, which bounds its accuracy from below. So the exact initial condition is given the layer's
own solution: of u_t = nu u_xx + rate u near the seam, with nu and the rate read off the user's equation there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.ansatz import Constraint
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices, closure
from pinnlab.derivatives.jets import LazyJet, leaf_jet
from pinnlab.domains import Region


def smoothed_kink(distance: Tensor, width: Tensor) -> Tensor:
    """The heat evolution of |distance|, with width = sqrt(4 nu t): d erf(d / w) + w exp(-(d / w)^2) / sqrt(pi)."""
    z = distance / width
    return distance * torch.erf(z) + width / math.sqrt(math.pi) * torch.exp(-z * z)


@dataclass(frozen=True)
class KinkProfile:
    """What turns a kinked initial state into its evolution near the seam; zero at the first time.

    Args:
        space, time: numbers of the coordinates.
        seam, period: position of the seam and length of the period.
        start: the first time.
        jump: slope to the right of the seam minus slope to the left.
        diffusion: nu > 0.
        rate: linear growth rate at the seam.
    """

    space: int
    time: int
    seam: float
    period: float
    start: float
    jump: float
    diffusion: float
    rate: float

    def __call__(self, points: Tensor) -> Tensor:
        """(n, 1) values at (n, d) points."""
        elapsed = (points[:, self.time] - self.start).clamp_min(1e-14)
        half = self.period / 2
        d = torch.remainder(points[:, self.space] - self.seam + half, self.period) - half
        decay = torch.exp(self.rate * elapsed)
        layer = smoothed_kink(d, torch.sqrt(4 * self.diffusion * elapsed)) - d.abs()
        # a periodic function with the same kink, smooth elsewhere
        kink = self.period / math.pi * torch.sin(math.pi / self.period * d).abs()
        return (self.jump / 2 * (decay * layer - (1 - decay) * kink))[:, None]

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        return autograd_jet(self, points, indices, keep=False)


def kink_profiles(
    constraints: Sequence[Sequence[Constraint]],
    periods: Mapping[int, float],
    equations: Term,
    unknowns: tuple[str, ...],
    region: Region,
    parameters: Mapping[str, Any],
) -> tuple[KinkProfile | None, ...]:
    """The profile of each unknown, None where there is no kink, no diffusion of second order, or more than one space axis.

    Args:
        constraints: per unknown, its exact constraints.
        periods: {coordinate number: period} of exactly periodic coordinates.
        equations: the problem's equations.
        unknowns: their names.
        region: a box with one space coordinate and time, else there are no profiles.
        parameters: {name: 0-dim tensor or function}.
    """
    none = (None,) * len(unknowns)
    if len(region.space) != 1 or not region.has_time or not periods:
        return none
    time, space = region.time_index, region.coordinates.index(region.space[0])
    lower, upper = region.bounds[region.space[0]]
    start = region.time_interval[0]
    at = torch.zeros(2, 2, dtype=torch.float64)
    at[:, time], at[:, space] = start, torch.tensor([lower, upper], dtype=torch.float64)
    profiles: list[KinkProfile | None] = []
    for j, unknown in enumerate(unknowns):
        mine = constraints[j]
        if len(mine) != 1 or mine[0].index != time:
            profiles.append(None)
            continue
        jet = mine[0].faces[0].value.jet(at, closure([(space, space)]))[:, :, 0]
        jump = float(jet[1, 0] - jet[1, 1])
        if abs(jump) * (upper - lower) < 1e-6 * (1 + float(jet[0].abs().max())):
            profiles.append(None)
            continue
        found = _linearized(equations, unknown, unknowns, region, parameters, at[:1], jet[:, :1])
        if found is None:
            profiles.append(None)
            continue
        diffusion, rate = found
        profiles.append(KinkProfile(space, time, lower, upper - lower, start, jump, diffusion, rate))
    return tuple(profiles)


def _linearized(
    equations: Term,
    unknown: str,
    unknowns: tuple[str, ...],
    region: Region,
    parameters: Mapping[str, Any],
    at: Tensor,
    jet: Tensor,
) -> tuple[float, float] | None:
    """(nu, rate) of the equation u_t = nu u_xx + rate u + ... at the seam; None where it has another form."""
    x, t = region.space[0], region.clock
    known = {(): jet[0], (x, x): jet[2]}
    jets = {name: leaf_jet(LazyJet(lambda key: known.get(key, torch.zeros_like(jet[0])))) for name in unknowns}
    residuals = equations.evaluate((Scope.of_jets(jets, region.columns(at), parameters),))
    mine, used = jets[unknown], {key for each in jets.values() for key in each}
    if any(len(key) > 2 or key == (t, t) for key in used) or (t,) not in mine or (x, x) not in mine:
        return None
    wanted = [(t,), (x, x), *([()] if () in mine else [])]
    for residual in residuals.values():
        found = torch.autograd.grad(residual.sum(), [mine[k] for k in wanted], allow_unused=True, retain_graph=True)
        by_time, by_second, *by_value = (0.0 if g is None else float(g) for g in found)
        if by_time != 0 and -by_second / by_time > 0:
            return -by_second / by_time, -(by_value[0] if by_value else 0.0) / by_time
    return None
