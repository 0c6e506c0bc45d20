"""Data that clash in the plane: the layers and angles that diffusion makes of them are known, a smooth rest is solved for.

Letters: c derivatives, n and p points, d coordinates, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.known_layers import Layers, points_inside
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import Axis
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.stencils import Array
from pinnlab.reference.base import Evaluated, with_start
from pinnlab.reference.grids.structure import start_function


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
        points = points_inside(problem)
        columns = {name: points[:, i].numpy() for i, name in enumerate(self.axes)}
        rest, whole = self.rest(columns), self(columns)
        sizes = {u: (max(_rms(rest[u]), floors.get(u, 0.0)), _rms(whole[u])) for u in whole}
        return {u: a / b if b > 0 else 1.0 for u, (a, b) in sizes.items()}


def _rms(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt((known**2).mean())) if len(known) else 0.0
