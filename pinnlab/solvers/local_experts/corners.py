"""Initial states that do not meet a boundary condition: jumps, and kinks at periodic ends, are rounded off.

Letters: n points, d coordinates.

No polynomial resolves u(x, 0) = 0.1 beside u(0, t) = 1. A parabolic equation turns the jump into an error function at
once, so the initial state gets one of a small width; what this changes decays like the square of that width over the
square of the diffusion length. Where a periodic domain closes with a jump or a kink, the same holds of both of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import named_jets
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.local_experts.profiles import InitialState, jump_profile, kink_profile


@dataclass(frozen=True, eq=False)
class Rounding:
    """A correction of one unknown's initial state: amplitude times erfc(distance from the side / width).

    Attributes:
        unknown: whose state.
        axis: number of the coordinate that is constant on the side.
        position: where the side is.
        width: of the layer.
        amplitude: of points (n, d) on the side.
    """

    unknown: str
    axis: int
    position: float
    width: float
    amplitude: InitialState
    inside = False

    @property
    def sides(self) -> tuple[float, ...]:
        """Where the layer is."""
        return (self.position,)

    def __call__(self, points: Tensor) -> Tensor:
        """The correction (n,) at points (n, d)."""
        side = points.clone()
        side[:, self.axis] = self.position
        return self.amplitude(side) * jump_profile((points[:, self.axis] - self.position).abs() / self.width)


@dataclass(frozen=True, eq=False)
class SeamRounding:
    """A correction where a periodic domain closes: jump and kink as diffusion rounds them.

    Attributes:
        unknown: whose state.
        axis: number of the periodic coordinate.
        ends: (lower, upper).
        width: of the layer.
        jumps: value and slope behind the seam less those before it, (n, 2), at points (n, d).
    """

    unknown: str
    axis: int
    ends: tuple[float, float]
    width: float
    jumps: InitialState
    inside = False

    @property
    def sides(self) -> tuple[float, ...]:
        """Where the layers are."""
        return self.ends

    def __call__(self, points: Tensor) -> Tensor:
        """The correction (n,) at points (n, d)."""
        lower, upper = self.ends
        x = points[:, self.axis]
        behind = x - lower < upper - x
        distance = torch.where(behind, x - lower, x - upper) / self.width
        value, slope = self.jumps(points).unbind(1)
        side = torch.where(behind, 1.0, -1.0).to(x)
        return value / 2 * (torch.erf(distance) - side) + slope / 2 * self.width * (
            kink_profile(distance) - distance.abs()
        )


def roundings(
    problem: Problem,
    terms: Sequence[Term],
    starts: Mapping[str, InitialState],
    tolerance: float,
    at: float,
) -> list[Rounding | SeamRounding]:
    """The corrections that make states meet boundary conditions on values, and close periodic domains smoothly.

    Args:
        problem: names, domain, parameters.
        terms: boundary and periodic terms.
        starts: {unknown: state, as a function that can be differentiated}.
        tolerance: jumps below it, relative to the size, stay; layers are a fifth of its root wide, a tenth at periodic ends.
        at: the time at which states and conditions meet.
    """
    found: list[Rounding | SeamRounding] = []
    names, bounds = problem.domain.coordinates, problem.domain.bounds
    rng = np.random.default_rng(0)
    points = problem.domain.interior(unit_points("sobol", 512, len(names), np.random.default_rng(0))).points
    sizes = {unknown: float(start(points).abs().max()) for unknown, start in starts.items()}

    def cube(n: int) -> Tensor:
        return unit_points("uniform", n, len(names), rng)

    for term in terms:
        sites = term.draw(cube, 1)
        used = trace(term, problem.domain.columns, problem.unknowns, problem.parameter_values(), sites).keys
        keys = {(u, key) for u, mine in used.items() for key in mine}
        if len(sites) == 1 and any(u not in starts or len(key) > 1 or problem.domain.clock in key for u, key in keys):
            continue  # curvatures and rates do not say how far a value jumps
        axis, upper = sites[0].side
        lower, end = bounds[names[axis]]
        width = (0.2 if len(sites) == 1 else 0.1) * math.sqrt(tolerance) * (end - lower)
        rise = (1.0 if upper else -1.0) * 2 / (math.sqrt(math.pi) * width)
        corner = _Corner(problem, term, starts, sites[0], names[axis], at)
        side = term.draw(cube, 64)[0]
        for unknown in (u for u, keys in used.items() if keys and u in starts):
            if problem.order_of(unknown, names[axis]) < 2:
                continue  # what enters a transport equation travels on; it does not spread
            if len(sites) > 1:
                ends = _Ends(problem, starts[unknown], axis, at)
                value, slope = (j.abs().max() for j in ends.jumps(side.points).unbind(1))
                if float(value) > tolerance * sizes[unknown] or float(slope) * width > tolerance**1.5 * sizes[unknown]:
                    found.append(SeamRounding(unknown, axis, (lower, end), width, ends.jumps))
                continue
            jump = corner.misfit(side.points) / corner.response(side.points, unknown, 0.0)
            if bool((jump.abs() > tolerance * sizes[unknown]).any() & torch.isfinite(jump).all()):
                amplitude = partial(corner.amplitude, unknown=unknown, slope=rise)
                found.append(Rounding(unknown, axis, end if upper else lower, width, amplitude))
    return found


@dataclass(frozen=True, eq=False)
class _Corner:
    """One boundary term at the time at which a state meets it."""

    problem: Problem
    term: Term
    starts: Mapping[str, InitialState]
    site: Site
    across: str
    at: float

    def misfit(self, points: Tensor, unknown: str = "", value: float = 0.0, slope: float = 0.0) -> Tensor:
        """The term's residual (n,) of the initial state, one unknown of which is lifted by a value and a slope."""
        domain = self.problem.domain
        names = domain.coordinates
        points = points.clone()
        points[:, domain.time_index] = self.at
        indices = ((), *((i,) for i, name in enumerate(names) if name != domain.time))
        jets: dict[str, dict[Key, Tensor]] = {}
        for u, start in self.starts.items():
            jets |= named_jets(autograd_jet(partial(_column, start), points, indices, keep=False), indices, (u,), names)
        if unknown:
            jets[unknown][()] = jets[unknown][()] + value
            jets[unknown][(self.across,)] = jets[unknown][(self.across,)] + slope
        normals = domain.columns(self.site.outward[:1].expand(len(points), -1))
        scope = Scope.of_jets(jets, domain.columns(points), self.problem.parameter_values(), normals)
        return next(iter(self.term.evaluate((scope,)).values()))

    def response(self, points: Tensor, unknown: str, slope: float) -> Tensor:
        """How much the residual grows when the unknown is lifted by one, with that slope across the side."""
        return self.misfit(points, unknown, 1.0, slope) - self.misfit(points)

    def amplitude(self, points: Tensor, unknown: str, slope: float) -> Tensor:
        """The lift that makes the residual vanish."""
        return -self.misfit(points) / self.response(points, unknown, slope)


@dataclass(frozen=True, eq=False)
class _Ends:
    """One unknown's state at both ends of a periodic coordinate."""

    problem: Problem
    start: InitialState
    axis: int
    at: float

    def jumps(self, points: Tensor) -> Tensor:
        """Value and slope at the lower end less those at the upper one, (n, 2)."""
        domain = self.problem.domain
        at = points.clone()
        at[:, domain.time_index] = self.at
        found = []
        for end in domain.bounds[domain.coordinates[self.axis]]:
            at[:, self.axis] = end
            found.append(autograd_jet(partial(_column, self.start), at, ((), (self.axis,)), keep=False)[:, :, 0].T)
        return found[0] - found[1]


def _column(start: InitialState, points: Tensor) -> Tensor:
    return start(points)[:, None]
