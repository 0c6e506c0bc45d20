"""A finished solution in natural units, in which its error is estimated, and the way back.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.domains.mapping import mapped
from pinnlab.training.outer import OuterPart
from pinnlab.training.part import Part

PointFunction = Callable[[Tensor], Tensor]
"""(n, d) -> (n, m)."""


class InnerView:
    """The problem in natural units and its solution's parts there; both as they are where it is natural already.

    Args:
        problem: in the user's units.
        models: parts of its solution.

    Attributes:
        problem, models: in natural units.
    """

    def __init__(self, problem: Problem, models: Sequence[Part]):
        self._names, self._unknowns = problem.domain.coordinates, problem.unknowns
        self.problem, self._change = problem.natural, problem.change
        self.models = list(models)
        if self.problem is not problem:
            back, maps = self._change.inverse, self._change.coordinates
            self.models = [OuterPart(part, back, mapped(part.region, maps)) for part in models]
            if len(models) == 1:
                self.models = [OuterPart(models[0], back, self.problem.domain)]

    def outer_error(self, error: PointFunction) -> PointFunction:
        """An error, which has no offset, as a function of the user's points and in his units."""
        change = self._change
        sizes = [change.unknown(u).scale for u in self._unknowns]
        return lambda points: error(change.inner_points(points, self._names)) * points.new_tensor(sizes)

    def outer_values(self, values: PointFunction) -> PointFunction:
        """Values as a function of the user's points and in his units."""
        change, names = self._change, self._names
        return lambda points: change.outer_jet(
            values(change.inner_points(points, names))[None], ((),), self._unknowns, names
        )[0]

    def values(self, outer: PointFunction) -> PointFunction:
        """The user's values as a function of natural points and in natural units."""
        change, names = self._change.inverse, self._names
        return lambda points: change.outer_jet(
            outer(change.inner_points(points, names))[None], ((),), self._unknowns, names
        )[0]

    def outer_sizes(self, sizes: Mapping[str, float]) -> dict[str, float]:
        """{unknown: root mean square} in the user's units."""
        return {u: size * abs(self._change.unknown(u).scale) for u, size in sizes.items()}
