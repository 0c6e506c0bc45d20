"""What the loop runs: a solver makes a plan of phases, or a march."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.optimizers.base import Optimizer
from pinnlab.training.model import Trainable
from pinnlab.training.part import Part
from pinnlab.training.result import Members
from pinnlab.training.start import Start
from pinnlab.training.status import Status
from pinnlab.training.system import TrainingSystem
from pinnlab.training.uncertainty import Uncertainty

M = TypeVar("M", bound=Trainable)


@dataclass(frozen=True)
class Settings:
    """Where and how a solve runs: device, floating-point type, seed, CPU threads, processes, and when it has to end.

    A solver that can only compute elsewhere, or in another type, refuses the settings when it plans. A ``start``, a solution
    that was found before, is refused by ``run`` where the solver makes no use of it.
    """

    device: torch.device
    dtype: torch.dtype
    seed: int
    threads: int = 1
    deadline: Deadline = field(default_factory=Deadline, compare=False)
    start: Start | None = field(default=None, compare=False)
    processes: Processes = field(default=ALONE, compare=False)


@dataclass(frozen=True)
class Phase:
    """One piece of training: a loss and the optimizers that lower it, in order."""

    problem: Problem
    system: TrainingSystem
    stages: tuple[Optimizer, ...]


class Plan(ABC, Generic[M]):
    """The phases of one solve. ``count`` of them, each started from the models of those before.

    The models that its methods take are those of its own phases.
    """

    count: int
    notes: tuple[str, ...] = ()

    @abstractmethod
    def start(self, k: int, finished: Sequence[M]) -> Phase:
        """Phase k, ready to train."""

    @abstractmethod
    def field(self, models: Sequence[M]) -> Callable[[Tensor], Tensor]:
        """The solution (n, d) -> (n, m) made of the phases' models; NaN where no phase was trained."""

    def view(self, model: M) -> Part:
        """A phase's model as a part of the solution, in the problem's own unknowns and coordinates."""
        return model

    def members(self, models: Sequence[M]) -> Members | None:
        """What finds the members of a family; None where a single instance is solved."""
        return None

    def verdict(self, models: Sequence[M], status: Status) -> tuple[Status, tuple[str, ...]]:
        """The status of a finished run, after a look at the solution, and remarks on it."""
        return status, ()


@dataclass(frozen=True)
class Advance:
    """What one attempt of a march achieved.

    Attributes:
        accepted: whether a piece was added.
        share: how much of the whole is solved, 0 to 1.
        loss: sum of squares of the rows that were solved.
        held_out: the same at points that were not.
        info: numbers for the history.
        stopped: how the march ended, None where it goes on.
    """

    accepted: bool
    share: float
    loss: float = math.nan
    held_out: float = math.nan
    info: dict[str, float] = field(default_factory=dict)
    stopped: Status | None = None


class NothingSolvedError(ValueError):
    """A march ended before its first piece, so that there is no solution."""


class March(ABC):
    """A plan without training: the solution is built piece by piece, in time order, each piece solved for directly.

    Attributes:
        notes: remarks for the user.
        shared: whether several processes share its work, and then tell the time alike.
        uncertainty: how sure numbers are that were found from data; None where there are none, or not yet.
    """

    notes: tuple[str, ...] = ()
    shared = False
    uncertainty: Uncertainty | None = None

    @property
    @abstractmethod
    def pieces(self) -> Sequence[Part]:
        """Those that are finished, in time order."""

    @abstractmethod
    def advance(self, deadline: Deadline | None = None) -> Advance:
        """Try the next piece; stopped with ``Status.INCOMPLETE`` where that would not be done before the deadline."""

    @property
    def complete(self) -> bool:
        """Whether the pieces cover the whole already, so that what comes only makes them better."""
        return False

    @abstractmethod
    def field(self) -> Callable[[Tensor], Tensor]:
        """The solution (n, d) -> (n, m) made of the pieces; NaN beyond them."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Plain data from which ``restore`` goes on with the same numbers."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Solver(ABC):
    """Frozen configuration of a method."""

    def obstacle(self, problem: Problem) -> str | None:
        """Why this method cannot solve the problem, in a sentence; None where it can."""
        return None

    def in_variables(self, change: ChangeOfVariables, problem: Problem) -> Solver:
        """The same configuration for the problem on inner variables: positions among its options are mapped.

        Args:
            change: of variables.
            problem: on outer variables.
        """
        return self

    def uses_start(self, problem: Problem) -> bool:
        """Whether the ``start`` of its settings makes a difference to how it solves a problem."""
        return False

    def finds_functions(self, problem: Problem) -> bool:
        """Whether it finds functions, ``Unknown(start, of=("x",))``, beside numbers."""
        return False

    def takes_robust(self, problem: Problem) -> bool:
        """Whether measurements far off count less to it where they are declared so, ``Data(..., robust=True)``."""
        return False

    @property
    def holds_conditions(self) -> bool:
        """Whether its network may hold conditions by construction, such as periodicity, which no problem tells of."""
        return False

    @abstractmethod
    def plan(self, problem: Problem, settings: Settings) -> Plan | March:
        """How to solve a problem: phases of training, or a march.

        Raises:
            TypeError, ValueError: the problem lacks what the method needs.
        """


def check_single_instance(problem: Problem, solver: str) -> None:
    """Raise ValueError for a family, which a solver of single instances cannot solve."""
    if problem.families:
        name = problem.families[0]
        raise ValueError(
            f"{solver} solves one instance, but parameter {name!r} is a family {problem.parameters[name]!r}; solve a "
            f"member: pl.solve(problem.at({name}=...), ...)."
        )
