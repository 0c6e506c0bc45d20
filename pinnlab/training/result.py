"""What a run leaves: the result that the loop returns, and what pictures, reports and files read of a finished solution.

Letters: n points, d coordinates, m unknowns, c derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.training.history import History
from pinnlab.training.status import Status


@dataclass(frozen=True, eq=False)
class Result:
    """What a run leaves.

    Attributes:
        problem: what was solved.
        function: the solution (n, d) -> (n, m).
        models: its parts, one per time window.
        history: records of the run.
        status: how it ended.
        seconds: it took.
        solver: the configuration that was used.
        notes: remarks for the user.
    """

    problem: Problem
    function: Callable[[Tensor], Tensor]
    models: Sequence[Any]
    history: History
    status: Status
    seconds: float
    solver: Any = None
    notes: tuple[str, ...] = ()


class Solved(Protocol):
    """What is read of a finished solution by those who draw, measure or write it; ``pl.Solution`` is one."""

    @property
    def problem(self) -> Problem: ...
    @property
    def function(self) -> Callable[[Tensor], Tensor]: ...
    @property
    def models(self) -> Sequence[Any]: ...
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
    def coefficients(self) -> Mapping[str, float]: ...

    def __call__(self, **coordinates: Any) -> dict[str, Any]: ...
    def error(self, reference: Any = None) -> dict[str, float]: ...
    def on_grid(self, **sizes: int) -> tuple[dict[str, Any], dict[str, Any]]: ...
