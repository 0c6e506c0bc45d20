"""Transport along characteristics that are known: each value is followed from where it came into the domain.

Letters: n points, d coordinates, k coordinates of space, m unknowns, s stages.

Where all unknowns of equations of first order are carried by one velocity v(x, t) that does not depend on them,

    A (u_t + v . grad u) + g(u, x, t) = 0,

u is a solution of an ordinary differential equation along dx/dt = v, which begins with the initial state or with what flows
in at a side. So kinks and jumps of the data stay as sharp as they are, which no grid keeps. Paths are followed back from the
points, and values along them, by Dormand and Prince's method of order 8 (Hairer, Norsett & Wanner, Solving Ordinary
Differential Equations I, section II.5).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.algebra.largest import largest
from pinnlab.declaration.conditions import Data, Dirichlet, Initial, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Box
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.reference.faces import FaceCondition, face_conditions
from pinnlab.reference.grids.equations import Equations
from pinnlab.reference.grids.structure import initial_values, periodic_unknowns

Rate = Callable[[Tensor, Tensor], Tensor]
"""Times (n,) and states (n, q) -> rates (n, q)."""
_TRIED = 64
"""Points at which the equations are read."""
_SAME = 1e-9
_FEWEST, _MOST = 4, 256
"""Steps per path."""
_LEAST = 1e-3
"""Variation, next to its size, of an unknown that hardly varies."""
_PULSE = 0.01
"""Share of the time for which something has to flow in to be seen at points all over the domain."""
_CORRECTIONS = 4
"""Newton steps for the time at which a path crosses a side."""


def step(rate: Rate, t: Tensor, y: Tensor, h: Tensor) -> Tensor:
    """One step of order 8 for y' = f(t, y), of length h (n,) each, which may be negative: (n, q)."""
    method, stages = scipy.integrate.DOP853, list[Tensor]()
    for c, row in zip(method.C, method.A, strict=True):
        shift = sum((float(a) * k for a, k in zip(row, stages, strict=False)), torch.zeros_like(y))
        stages.append(rate(t + float(c) * h, y + h[:, None] * shift))
    return y + h[:, None] * sum((float(b) * k for b, k in zip(method.B, stages, strict=True)), torch.zeros_like(y))


@dataclass(frozen=True)
class _Read:
    """The equations at n points: R = A u_t + sum over coordinates of B u_x + g.

    Attributes:
        mass: A (n, m, m).
        by_space: B (n, k, m, m).
        rest: g (n, m), if derivatives were zero.
    """

    mass: Tensor
    by_space: Tensor
    rest: Tensor

    def velocity(self) -> Tensor:
        """(n, k) the v that brings B closest to v A."""
        return torch.einsum("nkij,nij->nk", self.by_space, self.mass) / self.mass.square().sum((1, 2))[:, None]


class Carried:
    """A problem whose unknowns are carried along characteristics that do not depend on them.

    Args:
        problem: on a box with time, with a number or a function for every parameter.

    Raises:
        ValueError: it is another one, and why.
    """

    def __init__(self, problem: Problem):
        self.problem, self.equations = problem, Equations(problem)
        box, clock = problem.domain, problem.domain.time
        if not isinstance(box, Box) or clock is None or not box.space:
            raise ValueError("characteristics are followed on boxes, in space and time")
        if problem.forward is not problem or any(not jump.imposed for jump in problem.jumps):
            raise ValueError("characteristics are followed from an initial state, where no coefficient jumps")
        if _shortest(problem) < _PULSE:
            raise ValueError("what flows in changes for so short a time that hardly any path shows it")
        if any(len(key) > 1 for keys in problem.derivatives.values() for key in keys):
            raise ValueError("the equations are not of first order")
        if others := [c for c in problem.conditions if not isinstance(c, Initial | Dirichlet | Periodic | Data)]:
            raise ValueError(f"values that flow in are not given by {others[0]!r}")
        self.box, self.clock = box, clock
        self.columns = [box.coordinates.index(name) for name in box.space]
        self.when = box.coordinates.index(clock)
        rings = [periodic_unknowns(problem, name) for name in box.space]
        if any(ring and ring != set(problem.unknowns) for ring in rings):
            raise ValueError("not all unknowns are periodic")
        self.rings = torch.tensor([bool(ring) for ring in rings])
        self.bounds = torch.tensor([box.bounds[name] for name in box.space], dtype=torch.float64)
        self.sides: dict[str, list[FaceCondition]] = {}
        for face in face_conditions(problem):
            self.sides.setdefault(face.piece, []).append(face)
        self._check()

    def _check(self) -> None:
        """Raise ValueError unless one velocity that depends on no unknown carries all of them."""
        unit = unit_points("sobol", _TRIED, len(self.box.coordinates), np.random.default_rng(0))
        points = self.box.interior(unit).points
        generator = torch.Generator().manual_seed(0)

        def draw() -> Tensor:
            size = _TRIED, len(self.problem.unknowns)
            return torch.randn(size, generator=generator, dtype=torch.float64).abs() + 0.5

        values, slopes = draw(), draw()
        still, sloped, other = (
            self._read(points, values),
            self._read(points, values, slopes),
            self._read(points, draw()),
        )
        if not all(_close(a, b) for a, b in ((still.mass, sloped.mass), (still.by_space, sloped.by_space))):
            raise ValueError("the equations are not linear in the derivatives")
        if not bool((still.mass.square().sum((1, 2)) > 0).all()) or float(torch.linalg.cond(still.mass).max()) > 1e12:
            raise ValueError("not every unknown has a time derivative")
        velocity = still.velocity()
        if not _close(still.by_space, velocity[:, :, None, None] * still.mass[:, None]):
            raise ValueError("unknowns are carried by different velocities")
        if not _close(velocity, other.velocity()):
            raise ValueError("the velocity depends on the unknowns")
        for (i, name), upper in itertools.product(enumerate(self.box.space), (False, True)):
            piece = f"{name}{'+' if upper else '-'}"
            at = points.clone()
            at[:, self.columns[i]] = self.bounds[i, int(upper)]
            outward = self._read(at, values).velocity()[:, i] * (1 if upper else -1)
            if piece in self.sides and bool((outward > 0).any()):
                raise ValueError(f"a value is given at {piece!r}, where the flow leaves")

    def _read(self, points: Tensor, values: Tensor, slopes: Tensor | None = None) -> _Read:
        """The equations at (n, d) points, for values (n, m) and derivatives that are zero, or ``slopes`` (n, m)."""
        unknowns, n = self.problem.unknowns, len(points)

        def jet(j: int) -> LazyJet:
            def derive(key: Key) -> Tensor:
                if not key:
                    return values[:, j].detach().clone().requires_grad_()
                slope = (
                    torch.zeros(n, dtype=torch.float64) if slopes is None else slopes[:, j] * (1 + ord(key[0][0]) % 7)
                )
                return slope.clone().requires_grad_()

            return LazyJet(derive)

        with torch.enable_grad():
            jets = {u: jet(j) for j, u in enumerate(unknowns)}
            residuals = self.equations.residuals(jets, self.box.columns(points))
            found = linearize(residuals, jets)
        nothing = torch.zeros(n, dtype=torch.float64)

        def by(name: str) -> Tensor:
            rows = [[row.get((u, (name,)), nothing) for u in unknowns] for row in found]
            return torch.stack([torch.stack(row, 1) for row in rows], 1)

        rest = torch.stack([r.detach() for r in residuals], 1)
        return _Read(by(self.clock), torch.stack([by(name) for name in self.box.space], 1), rest)

    def _points(self, t: Tensor, x: Tensor) -> Tensor:
        """(n, d) of times (n,) and places (n, k), which are taken back into periodic coordinates."""
        lower, length = self.bounds[:, 0], self.bounds[:, 1] - self.bounds[:, 0]
        inside = torch.where(self.rings, lower + torch.remainder(x - lower, length), x)
        points = torch.empty(len(t), len(self.box.coordinates), dtype=torch.float64)
        points[:, self.columns], points[:, self.when] = inside, t
        return points

    def _velocity(self, t: Tensor, x: Tensor) -> Tensor:
        ones = torch.ones(len(t), len(self.problem.unknowns), dtype=torch.float64)
        return self._read(self._points(t, x), ones).velocity()

    def _rates(self, t: Tensor, y: Tensor) -> Tensor:
        """(n, k + m) of places and values."""
        k = len(self.box.space)
        read = self._read(self._points(t, y[:, :k]), y[:, k:])
        return torch.cat([read.velocity(), -torch.linalg.solve(read.mass, read.rest)], 1)

    def __call__(self, points: Tensor, steps: int, deadline: Deadline | None = None) -> Tensor:
        """Values (n, m) at (n, d) points.

        Args:
            points: in the domain.
            steps: per path, back as well as forth.
            deadline: raise TimeIsUpError after it.

        Raises:
            ValueError: nothing is given where a path comes in, or the equations are not finite along it.
            TimeIsUpError: the time is up.
        """
        deadline = deadline or Deadline()
        t, x, side = self._entries(points, steps, deadline)
        values = self._given(t, x, side)
        y, h = torch.cat([x, values], 1), (points[:, self.when] - t) / steps
        for _ in range(steps):
            deadline.check()
            y, t = step(self._rates, t, y, h), t + h
        found = y[:, len(self.box.space) :]
        if not bool(torch.isfinite(found).all()):
            raise ValueError("the equations are not finite along characteristics")
        return found

    def _entries(self, points: Tensor, steps: int, deadline: Deadline) -> tuple[Tensor, Tensor, Tensor]:
        """Times (n,) and places (n, k) at which paths begin, and on which side: 2 i + (upper), or -1 at the start."""
        t, x = points[:, self.when].clone(), points[:, self.columns].clone()
        start = self.box.time_interval[0]
        h, side = (start - t) / steps, torch.full((len(t),), -1)
        for _ in range(steps):
            deadline.check()
            mine = (side < 0).nonzero()[:, 0]
            if not len(mine):
                break
            t0, x0 = t[mine], x[mine]
            x1 = step(self._velocity, t0, x0, h[mine])
            share, crossed = self._crossed(x0, x1)
            t[mine], x[mine] = t0 + h[mine], x1
            out = crossed >= 0
            if bool(out.any()):
                which, axis = mine[out], crossed[out] // 2
                t[which], x[which] = self._landing(t0[out], x0[out], h[which], share[out], axis, crossed[out])
                side[which] = crossed[out]
        return t, x, side

    def _crossed(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """The share of a step (n,) at which a straight path first leaves, and through which side; 1 and -1 where not."""
        share, side = torch.ones(len(before), dtype=torch.float64), torch.full((len(before),), -1)
        for i in (~self.rings).nonzero()[:, 0].tolist():
            for upper in (0, 1):
                end, sign = self.bounds[i, upper], 2 * upper - 1
                out = sign * (after[:, i] - end) > 0
                at = torch.where(out, (end - before[:, i]) / (after[:, i] - before[:, i]), 2.0).clamp(0.0, 2.0)
                first = out & (at <= share)
                share, side = torch.where(first, at, share), torch.where(first, 2 * i + upper, side)
        return share, side

    def _landing(
        self, t: Tensor, x: Tensor, h: Tensor, share: Tensor, axis: Tensor, side: Tensor
    ) -> tuple[Tensor, Tensor]:
        """When and where paths from (t, x) cross their sides, within steps h (n,), by Newton's method from a share."""
        end, each = self.bounds[axis, side % 2], torch.arange(len(t))
        for _ in range(_CORRECTIONS):
            at = step(self._velocity, t, x, share * h)
            pace = h * self._velocity(t + share * h, at)[each, axis]
            change = (end - at[each, axis]) / pace
            share = (share + torch.where(torch.isfinite(change), change, 0.0)).clamp(0.0, 1.0)
        at = step(self._velocity, t, x, share * h)
        at[each, axis] = end
        return t + share * h, at

    def _given(self, t: Tensor, x: Tensor, side: Tensor) -> Tensor:
        """Values (n, m) of the data where paths begin; for the letters see ``_entries``."""
        unknowns, points = self.problem.unknowns, self._points(t, x)
        values = torch.full((len(t), len(unknowns)), torch.nan, dtype=torch.float64)
        first = side < 0
        if bool(first.any()):
            places = {name: points[first, i].numpy() for name, i in zip(self.box.space, self.columns, strict=True)}
            found = initial_values(self.problem, places)
            given = [torch.from_numpy(found[u, 0]) if (u, 0) in found else values[first, 0] for u in unknowns]
            values[first] = torch.stack(given, 1)
        for number in side.unique().tolist():
            piece = "" if number < 0 else f"{self.box.space[number // 2]}{'-+'[number % 2]}"
            for face in self.sides.get(piece, []):
                mine = (side == number).nonzero()[:, 0]
                columns = self.box.columns(points[mine])
                nothing: dict[Key, Tensor] = {(): torch.zeros(len(mine), dtype=torch.float64)}
                scope = Scope.of_jets(dict.fromkeys(unknowns, nothing), columns, self.problem.parameter_values())
                value = -face.misfit(scope).detach()
                holds = torch.ones(len(mine), dtype=torch.bool) if face.holds is None else face.holds(columns)
                values[mine[holds], unknowns.index(face.unknown)] = value[holds]
        if bool(torch.isnan(values).any()):
            raise ValueError("nothing is given of what flows in")
        return values


def _shortest(problem: Problem) -> float:
    """The shortest time between jumps of what is imposed on the sides, as a share of the whole."""
    start, end = problem.domain.time_interval
    times = sorted({start, end, *(jump.position for jump in problem.jumps if jump.position is not None)})
    return min(b - a for a, b in itertools.pairwise(times)) / (end - start)


def _close(one: Tensor, two: Tensor) -> bool:
    return bool((one - two).abs().max() <= _SAME * torch.maximum(one.abs().max(), two.abs().max()))


def follow(problem: Problem, points: Tensor, tolerance: float, deadline: Deadline) -> tuple[Tensor, dict[str, float]]:
    """Values (n, m) at points, and {unknown: root mean square change since half as many steps}.

    Args:
        problem: see ``Carried``.
        points: (n, d).
        tolerance: change, next to the variation of an unknown, at which to stop.
        deadline: when to stop.

    Raises:
        ValueError: see ``Carried``.
        TimeIsUpError: two numbers of steps take longer than there is time.
    """
    carried, steps = Carried(problem), 2 * _FEWEST
    before, values = (carried(points, n, deadline) for n in (_FEWEST, steps))
    while True:
        change = (values - before).square().mean(0).sqrt()
        size = torch.maximum(
            (values - values.mean(0)).square().mean(0).sqrt(), _LEAST * values.square().mean(0).sqrt()
        ).clamp(min=1e-300)
        if largest((change / size).tolist()) <= tolerance or steps >= _MOST:
            break
        steps *= 2
        try:
            before, values = values, carried(points, steps, deadline)
        except TimeIsUpError:
            break
    return values, dict(zip(problem.unknowns, change.tolist(), strict=True))
