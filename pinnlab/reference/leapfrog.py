"""Waves on a line by leapfrog in steps that take a wave from node to node: kinks stay on nodes, as sharp as they are.

Letters: n nodes, s steps, d coordinates.

With dt = h / c differences of u_tt = c^2 u_xx vanish for u(x - c t) and u(x + c t), whatever these are; lower orders, ends
and sources are taken in the second order of h, also where a kink passes, as it passes through nodes. Two grids make one of
the fourth order. Source: Courant, Friedrichs & Lewy, Mathematische Annalen 100 (1928) 32; Richardson's extrapolation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.clashes.waves import Waves, find_waves
from pinnlab.declaration.conditions import BoundaryCondition, Initial
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet, leaf_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Box
from pinnlab.machine.deadline import Deadline, TimeIsUpError

Array = np.ndarray
_COARSEST, _FINEST = 64, 4096
_CORRECTIONS = 3
"""Of u_t by the next step, where an equation has it."""
_BETWEEN = 64
"""Steps between looks at the clock."""
_LONGER = 4.0
"""Times that a grid of twice as many cells takes longer."""
_PLACES = ((0, 1, -1.0), (-1, -2, 1.0))
"""Node of an end, its neighbour, and the direction outward."""


@dataclass(frozen=True, eq=False)
class _End:
    """value u + rate u_t + slope du/dn = given, at an end of the line.

    Attributes:
        value, given: (s,) at all times.
        rate, slope: numbers.
    """

    value: Array
    rate: float
    slope: float
    given: Array


class WavesOnALine:
    """A problem of waves of one speed on a line.

    Args:
        problem: on a box of one coordinate of space and time.

    Raises:
        ValueError: it is another one, and why.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        domain = problem.domain
        if (
            not isinstance(domain, Box)
            or not domain.has_time
            or len(domain.space) != 1
            or problem.forward is not problem
        ):
            raise ValueError("leapfrog is for one coordinate of space, forward in time")
        parameters = problem.parameter_values()
        waves = find_waves(problem.equation_term(), problem.unknowns, domain, parameters)
        if waves is None:
            raise ValueError("leapfrog is for waves of one speed")
        if problem.clashes.found:
            raise ValueError(f"leapfrog has no nodes where {problem.clashes.found[0]}")
        self.waves: Waves = waves
        (self.unknown,) = problem.unknowns
        self.line, self.clock = domain.space[0], domain.clock
        self.lower, upper = domain.bounds[self.line]
        self.length, (self.first, self.last) = upper - self.lower, domain.time_interval
        self.ends = [self._terms(f"{self.line}{sign}") for sign in "-+"]

    def _terms(self, piece: str) -> Term:
        """The condition on an end."""
        context = self.problem.context()
        found = [
            term
            for c in self.problem.conditions
            if isinstance(c, BoundaryCondition) and piece in c.pieces(context)
            for each, term in zip(c.on_pieces(context), c.terms(context), strict=True)
            if each.piece == piece
        ]
        if len(found) != 1 or found[0].part is not None or len(found[0].residuals) != 1:
            raise ValueError(f"leapfrog is for one condition on {piece!r}")
        return found[0]

    def points(self, x: Array, t: Array) -> Tensor:
        """(n, 2) in the order of the coordinates."""
        columns = {self.line: torch.from_numpy(x), self.clock: torch.from_numpy(t)}
        return torch.stack([columns[name] for name in self.problem.domain.coordinates], dim=1)

    def _end(self, upper: int, times: Array) -> _End:
        """What holds at an end, at times (s,)."""
        term, sign = self.ends[upper], (-1.0, 1.0)[upper]
        points = self.points(np.full_like(times, self.lower + upper * self.length), times)
        normals = torch.zeros_like(points)
        normals[:, self.waves.axes[1]] = sign

        def residual(jet: LazyJet) -> Tensor:
            domain = self.problem.domain
            parameters, outward = self.problem.parameter_values(), domain.columns(normals)
            scope = Scope.of_jets({self.unknown: jet}, domain.columns(points), parameters, outward)
            return next(iter(term.evaluate((scope,)).values())).expand(len(points))

        numbers = torch.from_numpy(np.random.default_rng(0).normal(size=len(times)))

        def at(size: float) -> tuple[Array, dict[Key, Array]]:
            """The residual and its derivatives, of a state of a size."""

            def derive(key: Key) -> Tensor:
                return size * numbers

            jet = leaf_jet(LazyJet(derive))
            found = residual(jet)
            (row,) = linearize([found], {self.unknown: jet})
            return found.detach().numpy(), {key: a.numpy() for (_, key), a in row.items()}

        (given, mine), (_, other) = at(0.0), at(1.0)
        if any(len(key) > 1 for key in mine) or not all(np.allclose(other[key], mine[key]) for key in mine):
            raise ValueError(f"leapfrog is for linear conditions of first order, and {term.residuals[0]!r} is none")
        zero = np.zeros(len(times))
        value, rate, slope = (mine.get(key, zero) for key in ((), (self.clock,), (self.line,)))
        if np.ptp(rate) or np.ptp(slope):
            raise ValueError(
                f"leapfrog is for conditions with constant coefficients, and {term.residuals[0]!r} is none"
            )
        if not slope[0] and (rate[0] or not value.all()):
            raise ValueError(f"leapfrog is for values and slopes at ends, and {term.residuals[0]!r} has neither")
        return _End(value, float(rate[0]), sign * float(slope[0]), -given)

    def solved(self, cells: int, deadline: Deadline, stride: int = 1) -> Array:
        """(s, n) values at every ``stride``-th time and node, from the first on.

        Args:
            cells: n - 1.
            deadline: of it.
            stride: divides both.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        h = self.length / cells
        dt = h / self.waves.speed
        steps = math.floor((self.last - self.first) / dt * (1 + 1e-12))
        x, times = self.lower + h * np.arange(cells + 1), self.first + dt * np.arange(steps + 1)
        ends = [self._end(upper, times) for upper in (0, 1)]
        now, velocity = self._start(x, ()), self._start(x, (self.clock,))
        before: Array | None = None
        kept = np.empty((steps // stride + 1, cells // stride + 1))
        kept[0] = now[::stride]
        for k in range(steps):
            if k % _BETWEEN == 0:
                deadline.check()
            after = self._step(k, now, before, velocity, x, times, ends)
            before, now = now, after
            if (k + 1) % stride == 0:
                kept[(k + 1) // stride] = now[::stride]
        return kept

    def _step(
        self, k: int, now: Array, before: Array | None, velocity: Array, x: Array, times: Array, ends: Sequence[_End]
    ) -> Array:
        """(n,) the state at the next time; the first step takes what was before from the velocity."""
        h, dt = x[1] - x[0], times[1] - times[0]
        rate, slope = velocity if before is None else (now - before) / dt, np.empty_like(now)
        slope[1:-1] = (now[2:] - now[:-2]) / (2 * h)
        beside, after = np.empty_like(now), np.empty_like(now)
        beside[1:-1] = now[2:] + now[:-2]
        for _ in range(_CORRECTIONS):
            for end, (e, inner, sign) in zip(ends, _PLACES, strict=True):
                outward = (end.given[k] - end.value[k] * now[e] - end.rate * rate[e]) / end.slope if end.slope else 0.0
                slope[e], beside[e] = sign * outward, 2 * now[inner] + 2 * h * outward
            force, has_rate = self._force(now, slope, rate, x, times[k])
            if before is None:
                after = (beside - dt**2 * force) / 2 + velocity * dt
            else:
                after = beside - dt**2 * force - before
            for end, (e, inner, _) in zip(ends, _PLACES, strict=True):
                if not end.slope:
                    after[e] = end.given[k + 1] / end.value[k + 1]
                elif before is not None:  # implicit in the rate, which what leaves depends on
                    r, rest = self.waves.speed * end.rate / end.slope, end.given[k] - end.value[k] * now[e]
                    after[e] = 2 * now[inner] + 2 * h / end.slope * rest - dt**2 * force[e] - (1 - r) * before[e]
                    after[e] /= 1 + r
            if before is None or not has_rate:
                break
            rate = (after - before) / (2 * dt)
        return after

    def _force(self, now: Array, slope: Array, rate: Array, x: Array, time: float) -> tuple[Array, bool]:
        """What stands beside u_tt - c^2 u_xx, and whether that has u_t."""
        known: dict[Key, Array] = {(): now, (self.line,): slope, (self.clock,): rate}
        jet = LazyJet(lambda key: torch.from_numpy(known.get(key, np.zeros_like(now))))
        found = self.waves.residual(jet, self.points(x, np.full_like(x, time))) / self.waves.leading
        return found.detach().numpy(), (self.clock,) in jet

    def _start(self, x: Array, key: Key) -> Array:
        """The start, or its first derivative by time, at nodes."""
        context, domain = self.problem.context(), self.problem.domain
        columns = domain.columns(self.points(x, np.full_like(x, self.first)))
        for c in self.problem.conditions:
            for _, own, value, names in c.targets(context) if isinstance(c, Initial) else ():
                if own == key:
                    scope = Scope({}, columns, self.problem.parameter_values())
                    return scope.value(value, names, "initial").detach().numpy().copy()
        raise ValueError("leapfrog begins with a value and a first derivative by time")


@dataclass(frozen=True, eq=False)
class Extrapolated:
    """What two grids say together.

    Attributes:
        points: (N, 2) of the problem.
        values: (N,) there.
        doubt: root mean square that they may be off by.
        cells: of the finest grid.
    """

    points: Tensor
    values: Tensor
    doubt: float
    cells: int


def extrapolated(problem: Problem, tolerance: float, deadline: Deadline) -> Extrapolated:
    """The waves of a problem on grids of twice as many cells each, until they agree or time is up.

    Args:
        problem: see ``WavesOnALine``.
        tolerance: of the doubt, relative to the root mean square of the values.
        deadline: of all grids.

    Raises:
        ValueError: it is no problem of this kind.
        TimeIsUpError: there was time for less than three grids.
    """
    waves, cells = WavesOnALine(problem), _COARSEST
    grids = [waves.solved(cells, deadline)]
    found: list[Array] = []
    while True:
        began = deadline.now()
        cells *= 2
        try:
            grids.append(waves.solved(cells, deadline, cells // _COARSEST))
        except TimeIsUpError:
            if len(found) < 2:
                raise
            cells //= 2
            break
        # grids that miss the end by less than a step have one time less
        shared = min(len(grid) for grid in grids[-2:])
        coarse, fine = (grid[:shared] for grid in grids[-2:])
        found.append(fine + (fine - coarse) / 3)
        if len(found) > 1:
            shared = min(map(len, found[-2:]))
            size = math.sqrt(np.square(found[-1]).mean())
            doubt = math.sqrt(np.square(found[-1][:shared] - found[-2][:shared]).mean())
            enough = doubt <= tolerance * size or cells >= _FINEST
            if enough or _LONGER * (deadline.now() - began) > deadline.left:
                break
    x = waves.lower + waves.length / _COARSEST * np.arange(_COARSEST + 1)
    t = waves.first + waves.length / waves.waves.speed / _COARSEST * np.arange(len(found[-1]))
    tt, xx = np.meshgrid(t, x, indexing="ij")
    return Extrapolated(waves.points(xx.ravel(), tt.ravel()), torch.from_numpy(found[-1].ravel()), doubt, cells)
