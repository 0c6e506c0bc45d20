"""Data that clash in the plane: the layers and angles that diffusion makes of them are known, a smooth rest is solved for.

Letters: c derivatives, n and p points, d coordinates, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Dirichlet, Initial, Periodic
from pinnlab.declaration.lacking import lacking_problem
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.singular import SingularPart
from pinnlab.derivatives.axes import Axis
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.stencils import Array
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.base import Evaluated, with_start
from pinnlab.reference.structure import start_function

_SAMPLES = 1024
_ASIDE = 1e-9
"""Share of a coordinate's interval that is a little away from its end."""


@dataclass(frozen=True, eq=False)
class Layers:
    """The part of a solution that is known because its data clash; zero for unknowns whose data do not.

    Attributes:
        parts: one per unknown, in their order.
        bounds: of all coordinates.
        time: number of the coordinate that is time, or None.
    """

    parts: tuple[SingularPart | None, ...]
    bounds: tuple[tuple[float, float], ...]
    time: int | None

    @classmethod
    def of(cls, problem: Problem) -> Layers | None:
        """Those of a problem in the plane; None where there are none, or they are not known.

        Args:
            problem: in the variables in which it is solved.
        """
        domain, clashes = problem.domain, problem.clashes
        if len(domain.space) != 2 or not clashes.resolved or problem.joints.across:
            return None
        if not all(isinstance(c, BoundaryCondition | Initial | Periodic) for c in problem.conditions):
            return None
        for condition in problem.conditions:
            if isinstance(condition, BoundaryCondition) and not isinstance(condition, Dirichlet):
                if any(domain.face(piece) is None for piece in condition.pieces(problem.context())):
                    return None
        parts = tuple(clashes.singular.get(unknown) for unknown in problem.unknowns)
        return cls(parts, tuple(domain.bounds.values()), domain.time_index if domain.has_time else None)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """What tells its number format."""
        return (torch.zeros((), dtype=torch.float64),)

    def place(self, points: Tensor, held: int | None) -> Tensor:
        """Points (n, d) a little away from the ends of all coordinates but the one that is held, and of the end of time."""
        at = points.clone()
        for i, (lower, upper) in enumerate(self.bounds):
            if i != held:
                step = _ASIDE * (upper - lower)
                at[:, i] = at[:, i].clamp(lower + step, upper if i == self.time else upper - step)
        return at

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m) at (n, d) points."""
        zero = points.new_zeros(len(indices), len(points), 1)
        return torch.cat([zero if part is None else part.jet(points, indices) for part in self.parts], dim=2)

    def sizes(self, problem: Problem) -> dict[str, float]:
        """{unknown: root mean square of its layers}."""
        values = self.jet(self.place(_inside(problem), None), VALUE)[0]
        return dict(zip(problem.unknowns, values.square().mean(dim=0).sqrt().tolist(), strict=True))

    def rest_of(self, problem: Problem) -> Problem:
        """The problem of what is smooth."""
        return lacking_problem(problem, self, place=self.place)


@dataclass(frozen=True, eq=False)
class Whole:
    """A smooth rest and the layers that were taken out before it was solved for.

    Attributes:
        rest: its solution.
        layers: known beforehand.
        first: (the coordinate that is time, its first value), or None.
        start: gives {unknown: (p,)} of the initial conditions at points of space.
    """

    rest: Evaluated
    layers: Layers
    first: tuple[str, float] | None
    start: Callable[[Mapping[str, Array]], Mapping[str, Array]] | None

    @classmethod
    def of(cls, rest: Evaluated, layers: Layers, problem: Problem) -> Whole:
        """The solution of a problem from that of its rest."""
        if not problem.domain.has_time:
            return cls(rest, layers, None, None)
        first = (problem.domain.clock, problem.domain.time_interval[0])
        return cls(rest, layers, first, start_function(problem))

    @property
    def axes(self) -> Mapping[str, Axis]:
        """Those of the rest."""
        return self.rest.axes

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Those of the rest."""
        return self.rest.unknowns

    def __call__(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values (p,) at points, each coordinate (p,)."""
        points = torch.from_numpy(np.stack([np.asarray(columns[name], dtype=float) for name in self.axes], axis=1))
        layers = self.layers.jet(self.layers.place(points, None), VALUE)[0].numpy()
        found = {u: values + layers[:, j] for j, (u, values) in enumerate(self.rest(columns).items())}
        return with_start(self.start, self.first, columns, found)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, p, m) at points (p, d)."""
        at = self.layers.place(points.detach().to("cpu", torch.float64), None)
        return self.rest.jet(points, indices) + self.layers.jet(at, indices).to(points)

    def told(self, estimate: Mapping[str, float], problem: Problem, floors: Mapping[str, float]) -> dict[str, float]:
        """{unknown: error relative to the whole}, from that of its rest relative to the rest, or to its floor."""
        share = self.share(problem, floors)
        return {unknown: error * share[unknown] for unknown, error in estimate.items()}

    def share(self, problem: Problem, floors: Mapping[str, float]) -> dict[str, float]:
        """{unknown: size of its rest, or its floor if larger, next to the size of the whole} on the problem's domain."""
        points = _inside(problem)
        columns = {name: points[:, i].numpy() for i, name in enumerate(self.axes)}
        rest, whole = self.rest(columns), self(columns)
        sizes = {u: (max(_rms(rest[u]), floors.get(u, 0.0)), _rms(whole[u])) for u in whole}
        return {u: a / b if b > 0 else 1.0 for u, (a, b) in sizes.items()}


def _inside(problem: Problem) -> Tensor:
    """Some points (n, d) of a problem's domain."""
    cube = unit_points("sobol", _SAMPLES, len(problem.domain.coordinates), np.random.default_rng(0)).double()
    return problem.domain.interior(cube).points


def _rms(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt((known**2).mean())) if len(known) else 0.0
