"""One member of a family, solved by a solver of single instances.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.indices import VALUE
from pinnlab.domains import Region
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.parameter_collocation.part import node_jet
from pinnlab.training.outer import plan_in_natural_units
from pinnlab.training.part import Part
from pinnlab.training.plans import March, NothingSolvedError, Settings, Solver
from pinnlab.training.status import Status


class MemberUnresolvedError(ValueError):
    """A member could not be solved, for other reasons than time."""


@dataclass(frozen=True, eq=False)
class Solved:
    """The solution of one member.

    Attributes:
        region: of the problem.
        parts: in the order in which they were solved.
        state: plain data from which the march that found them goes on.
    """

    region: Region
    parts: Sequence[Part]
    state: dict[str, Any]

    def values(self, points: Tensor) -> Tensor:
        """(n, m) values at (n, d) points, in float64 on the CPU."""
        return node_jet(self.parts, self.region, points, VALUE)[0].to("cpu", points.dtype)


@dataclass(frozen=True, eq=False)
class Solving:
    """How members are solved.

    Attributes:
        solver: of one member.
        problem: the family.
        settings: of the whole solve.
    """

    solver: Solver
    problem: Problem
    settings: Settings

    def solved(self, numbers: Mapping[str, float], deadline: Deadline) -> Solved:
        """The member with these numbers.

        Raises:
            TimeIsUpError: it would not be done before the deadline.
            MemberUnresolvedError: it cannot be solved.
        """
        try:
            march = self._march(numbers, deadline)
            status = None
            while status is None:
                deadline.check()
                status = march.advance(deadline).stopped
        except NothingSolvedError as error:
            if deadline.passed:
                raise TimeIsUpError(str(error)) from error
            raise MemberUnresolvedError(f"the member {_shown(numbers)} could not be solved: {error}") from error
        if status is Status.INCOMPLETE or status is Status.BUDGET_REACHED:
            raise TimeIsUpError(f"the member {_shown(numbers)} was not done")
        if status is not Status.CONVERGED:
            words = status.name.lower().replace("_", " ")
            raise MemberUnresolvedError(f"the member {_shown(numbers)} could not be solved ({words})")
        return Solved(self.problem.domain, list(march.pieces), march.state())

    def restored(self, numbers: Mapping[str, float], state: dict[str, Any]) -> Solved:
        """The member with these numbers, which was solved before."""
        march = self._march(numbers, Deadline())
        march.restore(state)
        return Solved(self.problem.domain, list(march.pieces), state)

    def _march(self, numbers: Mapping[str, float], deadline: Deadline) -> March:
        settings = replace(self.settings, deadline=deadline, start=None)
        plan = plan_in_natural_units(self.problem.at(**numbers), self.solver, settings)
        if not isinstance(plan, March):
            raise TypeError(
                f"ParameterCollocation(solver={type(self.solver).__name__}(...)): members are solved one by one, many of "
                "them, and this solver trains a network for each; give one that solves directly, HardConstraintMoE()."
            )
        return plan


def _shown(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in numbers.items())
