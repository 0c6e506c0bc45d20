"""The layers and angles that diffusion makes of data that clash, taken out of a problem: what is left of it is smooth.

Letters: c derivatives, n points, d coordinates, m unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.declaration.conditions import BoundaryCondition, Dirichlet, Initial, Periodic
from pinnlab.declaration.lacking import KEPT, lacking_problem
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains.sampling import unit_points

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
        values = self.jet(self.place(points_inside(problem), None), VALUE)[0]
        return dict(zip(problem.unknowns, values.square().mean(dim=0).sqrt().tolist(), strict=True))

    def rest_of(self, problem: Problem, kept: int = KEPT) -> Problem:
        """The problem of what is smooth; so many numbers of the layers are kept for points that come again.

        It bends where something jumps in the whole problem.
        """
        rest = lacking_problem(problem, self, place=self.place, kept=kept)
        vars(rest)["jumps"] = problem.jumps
        return rest


def points_inside(problem: Problem) -> Tensor:
    """Some points (n, d) of a problem's domain."""
    cube = unit_points("sobol", _SAMPLES, len(problem.domain.coordinates), np.random.default_rng(0)).double()
    return problem.domain.interior(cube).points
