"""What learns from trials: a set of interface conditions for a whole training, or one for each of its stages.

Both wrap a bandit. The stages of a trial that are over are given as (arm, reward), in order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from pinnlab.selection.arms import Arms, check_solver
from pinnlab.selection.bandits import Bandit, Policy, SequentialBandit

PlayedStage = tuple[int, float]


class Learner(ABC):
    """Which arm is next, and which are best.

    Attributes:
        by_stage: whether each stage of a training has a set of its own.
        sets: that a trial chooses.
        policy: of the bandit.
        bandit: what was learned.
    """

    by_stage: bool
    sets: int
    policy: Policy | str
    bandit: Bandit | SequentialBandit

    def over_stages(self, count: int) -> Learner:
        """One for a training of so many stages, before anything is learned."""
        return self

    @abstractmethod
    def check(self, solver: Any, learned: bool) -> None:
        """Raise TypeError or ValueError for a solver whose interface conditions it cannot choose.

        Args:
            solver: such as ``MultiDomainPINN``.
            learned: whether trials were learned from, so that the number of sets is settled.
        """

    @abstractmethod
    def next(self, context: Sequence[float], over: Sequence[PlayedStage], pending: int) -> int:
        """The arm to play next.

        Args:
            context: the member's parameters.
            over: stages of this trial.
            pending: trials that were begun and are not over.
        """

    @abstractmethod
    def learn(self, context: Sequence[float], over: Sequence[PlayedStage]) -> None:
        """Remember a trial."""

    @abstractmethod
    def chosen(self, arms: Arms, solver: Any, context: Sequence[float]) -> Any:
        """The solver with what is expected to be best."""


class OneSet(Learner):
    """One set of interface conditions for the whole training.

    Args:
        arms: (A, D) switches.
        policy, options: of ``Bandit``.
    """

    by_stage, sets = False, 1

    def __init__(self, arms: Sequence[Sequence[bool]], policy: str | Policy, **options: Any):
        self.bandit: Bandit = Bandit(arms, policy, **options)
        self.policy = self.bandit.policy

    def check(self, solver: Any, learned: bool) -> None:
        check_solver(solver)

    def next(self, context: Sequence[float], over: Sequence[PlayedStage], pending: int) -> int:
        return self.bandit.select(context, pending=pending)

    def learn(self, context: Sequence[float], over: Sequence[PlayedStage]) -> None:
        ((arm, reward),) = over
        self.bandit.update(context, arm, reward)

    def chosen(self, arms: Arms, solver: Any, context: Sequence[float]) -> Any:
        return arms.applied(solver, arms.names[int(self.bandit.best(context))])


class SetPerStage(Learner):
    """A set for every stage, chosen by Thompson sampling in view of what the stages before have brought.

    Args:
        arms: (A, D) switches.
        stages: of the training.
        options: of ``SequentialBandit``.
    """

    by_stage, policy = True, "sequential"

    def __init__(self, arms: Sequence[Sequence[bool]], stages: int = 2, **options: Any):
        self.bandit: SequentialBandit = SequentialBandit(arms, "thompson", phases=stages, **options)
        self.sets = stages
        self._made = arms, options

    def over_stages(self, count: int) -> SetPerStage:
        arms, options = self._made
        return SetPerStage(arms, count, **options)

    def check(self, solver: Any, learned: bool) -> None:
        check_solver(solver, self.sets if learned else 0)

    def next(self, context: Sequence[float], over: Sequence[PlayedStage], pending: int) -> int:
        return self.bandit.select(context, over, pending=pending)

    def learn(self, context: Sequence[float], over: Sequence[PlayedStage]) -> None:
        self.bandit.update(context, over)

    def chosen(self, arms: Arms, solver: Any, context: Sequence[float]) -> Any:
        return arms.applied_by_stage(solver, [arms.names[arm] for arm in self.bandit.plan(context)])
