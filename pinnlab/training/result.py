"""What a run leaves: the result that the loop returns, and what pictures, reports and files read of a finished solution.

Letters: n points, d coordinates, m unknowns, c derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from pinnlab.declaration.fixing import check_complete
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.training.history import History
from pinnlab.training.part import FamilyPart, Part
from pinnlab.training.status import Status
from pinnlab.training.uncertainty import Uncertainty


class Members(Protocol):
    """The solution of a family: it finds that of any member."""

    def member(
        self,
        values: Mapping[str, Any],
        *,
        points: int | None = None,
        steps: int | None = None,
        tolerance: float | None = None,
        domain: Box | None = None,
    ) -> tuple[Problem, Part, tuple[str, ...]]:
        """One member's problem, its solution, and remarks on what did not converge.

        Args:
            values: one entry per family parameter.
            points: of the equations, per expert, if others than in training.
            steps, tolerance: of the inner solver, if others than in training.
            domain: another box for the same coordinates, such as a longer time.

        Raises:
            ValueError: a parameter missing, unknown or outside its family; a member that cannot be solved.
        """
        ...


@dataclass(frozen=True, eq=False)
class PartMembers:
    """Members of a family whose solution is one part that holds for all of them.

    Args:
        problem: the family, or what a file knows of it.
        part: its solution.
    """

    problem: Any
    part: FamilyPart

    def member(self, values: Mapping[str, Any], **settings: Any) -> tuple[Problem, Part, tuple[str, ...]]:
        """As in ``Members``; nothing is solved for any more, so that there are no settings."""
        if changed := [name for name, value in settings.items() if value is not None]:
            raise ValueError(
                f"at({changed[0]}={settings[changed[0]]!r}): members of this family are not solved for when they are asked "
                f"for, so that {changed[0]} has no effect; leave it out, or solve the member, pl.solve(problem.at(...))."
            )
        check_complete(self.problem.families, values)
        problem = self.problem.at(**values)
        numbers = {name: float(problem.parameters[name]) for name in self.problem.families}
        return problem, self.part.member(numbers), ()


def members_of(problem: Any, parts: Sequence[Part]) -> Members | None:
    """What finds the members of a family whose solution is one part for all of them; None for others."""
    only = parts[0] if len(parts) == 1 else None
    return PartMembers(problem, only) if isinstance(only, FamilyPart) else None


@dataclass(frozen=True, eq=False)
class Result:
    """What a run leaves.

    Attributes:
        problem: what was solved.
        function: the solution (n, d) -> (n, m).
        models: its parts, one per time window or slab, in time order.
        history: records of the run.
        status: how it ended.
        seconds: it took.
        solver: the configuration that was used.
        notes: remarks for the user.
        members: finds the members of a family; None where a single instance was solved.
        uncertainty: how sure numbers are that were found from data, where the run has told.
    """

    problem: Problem
    function: Callable[[Tensor], Tensor]
    models: Sequence[Part]
    history: History
    status: Status
    seconds: float
    solver: Any = None
    notes: tuple[str, ...] = ()
    members: Members | None = None
    uncertainty: Uncertainty | None = None


class Solved(Protocol):
    """What is read of a finished solution by those who draw, measure or write it; ``pl.Solution`` is one."""

    @property
    def problem(self) -> Problem: ...
    @property
    def function(self) -> Callable[[Tensor], Tensor]: ...
    @property
    def models(self) -> Sequence[Part]: ...
    @property
    def history(self) -> History: ...
    @property
    def status(self) -> Status: ...
    @property
    def seconds(self) -> float: ...
    @property
    def solver(self) -> Any: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def coefficients(self) -> Mapping[str, Any]: ...
    @property
    def uncertainty(self) -> Uncertainty | None: ...
    @property
    def sure(self) -> Uncertainty: ...

    def __call__(self, **coordinates: Any) -> dict[str, Any]: ...
    def error(self, reference: Any = None) -> dict[str, float]: ...
    def on_grid(self, **sizes: int) -> tuple[dict[str, Any], dict[str, Any]]: ...
