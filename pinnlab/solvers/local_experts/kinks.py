"""Kinks and jumps of the initial state inside the domain: rounded off where the equation smooths them at once.

Letters: n points, d coordinates.

Polynomials on cells that meet at a kink represent it, and nothing else: a moment later it is rounded on a width that no
cell has. So the state is given the profile into which diffusion turns it, with a small width, as at the boundary
(``corners``). What travels or disperses stays as it is, and is refused where the cells do not resolve it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.declaration.clashes.dissipation import linearized_at, smooths
from pinnlab.declaration.discontinuities.breaks import Break
from pinnlab.declaration.discontinuities.regularity import breaks_of
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.pointwise import Coefficients
from pinnlab.domains.columns import Columns
from pinnlab.solvers.local_experts.profiles import InitialState, kink_profile

_BESIDE = 1e-9
"""How far from a break, relative to the domain, values on its two sides are taken."""
MOST_LAYERS = 12
"""Of one unknown along one coordinate; an oblique kink meets every line elsewhere."""


@dataclass(frozen=True)
class Contact:
    """Two materials with diffusivities a and conductivities k that touch: a jump becomes an error function on each side.

    Attributes:
        share: of the jump that the lower side takes: the value between them is that of both, weighted by k / sqrt(a).
        widths: of the layers below and above, beside that of the wider one.

    Source: Carslaw & Jaeger, Conduction of Heat in Solids (1959), section 2.15.
    """

    share: float
    widths: tuple[float, float]

    @classmethod
    def of(cls, a: Tensor, k: Tensor) -> Contact:
        """From the diffusivities (2,) and conductivities (2,) below and above."""
        below, above = (k / a.sqrt()).tolist()
        first, second = (a / a.max()).sqrt().tolist()
        return cls(above / (below + above), (first, second))

    def rounded(self, z: Tensor) -> Tensor:
        """What (n,) a unit jump from 0 to 1 at z = 0 gains, at distances z in units of the width; at 0 from below."""
        lower = self.share * (1 + torch.erf(z / self.widths[0]))
        upper = (1 - self.share) * (torch.erf(z / self.widths[1]) - 1)
        return torch.where(z <= 0, lower, upper)


@dataclass(frozen=True, eq=False)
class InnerRounding:
    """A correction of one unknown's initial state: jump and kink at a place inside, as diffusion rounds them.

    Attributes:
        unknown: whose state.
        axis: number of the coordinate along which it breaks.
        position: where.
        width: of the layer.
        beside: how far from it values on its two sides are taken.
        start: the initial state.
        contact: of a jump where materials meet.
    """

    unknown: str
    axis: int
    position: float
    width: float
    beside: float
    start: InitialState
    contact: Contact | None = None
    inside = True

    @property
    def sides(self) -> tuple[float, ...]:
        """Where the layer is."""
        return (self.position,)

    def __call__(self, points: Tensor) -> Tensor:
        """The correction (n,) at points (n, d)."""
        (below, slope_below), (above, slope_above) = (self._state(points, side) for side in (-1.0, 1.0))
        distance = points[:, self.axis] - self.position
        if self.contact is not None:
            return self.contact.rounded(distance / self.width) * (above - below)
        z = distance / self.width
        jump = (above - below) / 2 * (torch.erf(z) - torch.sign(distance))
        kink = (slope_above - slope_below) / 2 * self.width * (kink_profile(z) - z.abs())
        # at the break itself the state has the value of either side, or another
        at_break = distance.abs() < self.beside
        jump = torch.where(at_break, (below + above) / 2 - self.start(points), jump)
        return jump + kink

    def _state(self, points: Tensor, side: float) -> tuple[Tensor, Tensor]:
        """Value and slope (n,) at the break, as its one side has them."""
        at = points.detach().clone()
        at[:, self.axis] = self.position + side * self.beside
        value, slope = state_jet(self.start, at, ((), (self.axis,)))[:, :, 0]
        return value - side * self.beside * slope, slope


def state_jet(start: InitialState, points: Tensor, indices: Indices) -> Tensor:
    """Derivatives (c, n, 1) of an initial state at points (n, d)."""
    return autograd_jet(lambda at: start(at)[:, None], points, indices, keep=False)


def breaks_of_starts(problem: Problem, starts: Mapping[str, InitialState]) -> list[tuple[str, Break]]:
    """(unknown, break) of every place where an initial state or its slope jumps.

    Args:
        problem: names and domain.
        starts: {unknown: initial state}.
    """
    names, region = problem.domain.coordinates, problem.domain
    if not starts:
        return []
    time = region.time_index
    space = [i for i in range(len(names)) if i != time]
    fixed = {time: region.time_interval[0]}
    found = []
    for unknown, start in starts.items():
        orders = {i: 1 for i in space if problem.order_of(unknown, names[i]) > 0}

        def jet(points: Tensor, indices: Indices, start: InitialState = start) -> Tensor:
            return state_jet(start, points, indices)

        found += [(unknown, each) for each in breaks_of(jet, space, region, fixed, orders)]
    return found


def inner_roundings(
    problem: Problem, starts: Mapping[str, InitialState], breaks: Sequence[tuple[str, Break]], tolerance: float
) -> list[InnerRounding]:
    """The corrections of initial states that equations smooth: finite jumps and kinks across a coordinate.

    Args:
        problem: names, domain, parameters.
        starts: {unknown: initial state}.
        breaks: see ``breaks_of_starts``.
        tolerance: layers are a tenth of its root wide.
    """
    names, region = problem.domain.coordinates, problem.domain
    found = []
    for unknown, each in breaks:
        name = names[each.axis]
        lower, upper = region.bounds[name]
        same = [b for u, b in breaks if u == unknown and b.axis == each.axis]
        if each.infinite or len(same) > MOST_LAYERS or not lower < each.position < upper:
            continue
        if each.order and problem.joints.at(name, each.position) is not None:
            continue  # where materials meet a kink stays, and cells meet
        sides = torch.tensor([each.point, each.point], dtype=torch.float64)
        sides[:, each.axis] += (upper - lower) * torch.tensor([-1.0, 1.0]) * _BESIDE
        values = {u: start(sides) for u, start in starts.items()}
        linear = linearized_at(
            problem.equation_term(), problem.unknowns, region, problem.parameter_values(), sides, values
        )
        if smooths(linear, unknown, name, region.clock):
            width, beside = 0.1 * tolerance**0.5 * (upper - lower), _BESIDE * (upper - lower)
            contact = _contact(problem, unknown, name, each.position, linear, region.columns(sides))
            rounding = InnerRounding(unknown, each.axis, each.position, width, beside, starts[unknown], contact)
            found.append(rounding)
    return found


def _contact(
    problem: Problem, unknown: str, name: str, position: float, linear: Coefficients, sides: Columns
) -> Contact | None:
    """How a jump is rounded where materials meet; None elsewhere, and where they are no conductors."""
    made, clock = problem.joints.at(name, position), problem.domain.clock
    if made is None or problem.order_of(unknown, name) != 2:
        return None
    row = next(row for row in linear if bool((row.get((unknown, (clock,)), torch.zeros(1)) != 0).any()))
    a = (row[unknown, (name, name)] / row[unknown, (clock,)]).abs()
    k = made.coefficient(unknown, sides)
    return None if k is None else Contact.of(a, k.abs())
