"""InterfaceSelector: learns interface conditions over a family of problems.

Letters: k contexts; A arms; D interface conditions, the switches.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from pinnlab.declaration.parameters.kinds import Uniform
from pinnlab.declaration.problem import Problem
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.selection import files
from pinnlab.selection.arms import Arms, ConditionLike, interface_arms
from pinnlab.selection.bandits import Bandit, Policy, SequentialBandit
from pinnlab.selection.learners import Learner, OneSet, SetPerStage
from pinnlab.selection.preference import Preference
from pinnlab.selection.rewards import LARGEST, Reward, reward_function, score
from pinnlab.selection.trials import Player, Trial, TrialLog, trial_generator
from pinnlab.selection.workers import Workers
from pinnlab.solvers.multidomain.interfaces import resolve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN = 0.05
"""Part of the range of trials by which a parameter may leave it before that is remarked upon."""


class InterfaceSelector:
    """Learns which interface conditions suit which member of a family.

    A contextual bandit plays: draw a member, choose a set of conditions, solve, see how well it went. Its context is the
    member's parameters, its arms are sets of conditions.

    Args:
        policy: how sets are chosen while learning: ``"thompson"``, ``"ucb"``, ... (see ``pinnlab.bandits.Bandit``), or
            ``"sequential"``: a set for every stage of the solver's training, such as Adam and what follows it, chosen by
            Thompson sampling in view of what the stages before have brought (``pinnlab.bandits.SequentialBandit``).
        arms: sets of conditions, such as ``[("value",), ("value", "flux")]``; see ``interface_arms``. None takes the 511
            sets of METALIC's nine conditions. An empty set has to stand here explicitly.
        reward: ``"error"`` (-log10 of the relative L2 error against the problem's reference), ``"residual"`` (-log10 of
            residual plus jump, which needs no reference), or a function of the solution; larger is better.
        warm_up: so many first trials are random.
        seed: of members, choices and solves.
        refit_every, warp: as in ``pinnlab.selection.bandits.Bandit``.

    Raises:
        TypeError, ValueError: no arms, or arms that are no sets of conditions; an unknown policy or reward.

    Attributes:
        trials: everything that was tried.

    Source: S. Li, M. Penwarden, Y. Xu, et al. (METALIC, ICML 2023), arXiv 2210.12669.
    """

    def __init__(
        self,
        policy: str | Policy = "thompson",
        arms: Sequence[Sequence[ConditionLike]] | None = None,
        reward: Reward = "error",
        *,
        warm_up: int = 5,
        seed: int = 0,
        refit_every: int = 1,
        warp: bool = False,
    ):
        self.arms = Arms(interface_arms() if arms is None else arms)
        self.reward, self.seed = reward, seed
        self._measure = reward_function(reward)
        # rewards of our own have a smallest value, which a failed solve gets; another reward's is not known
        floor = None if callable(reward) else score(LARGEST)
        self._options: dict[str, Any] = {"warm_up": warm_up, "seed": seed, "refit_every": refit_every, "warp": warp}
        rows, options = self.arms.rows, {"floor": floor, **self._options}
        self._learner: Learner = (
            SetPerStage(rows, **options) if policy == "sequential" else OneSet(rows, policy, **options)
        )
        self.parameters: tuple[str, ...] = ()
        self.trials: tuple[Trial, ...] = ()
        self._solver: Any = None

    def __repr__(self) -> str:
        over = f" over {', '.join(self.parameters)}" if self.parameters else ""
        return f"InterfaceSelector({len(self.arms.names)} arms, {self.policy!r}, {len(self.trials)} trials{over})"

    @property
    def policy(self) -> Policy | str:
        """How sets are chosen while learning."""
        return self._learner.policy

    @property
    def bandit(self) -> Bandit | SequentialBandit:
        """What was learned."""
        return self._learner.bandit

    # -- learn ---------------------------------------------------------------------------------------------------------

    def fit(
        self,
        problem: Problem,
        solver: Any,
        plays: int = 200,
        *,
        path: str | os.PathLike[str] | None = None,
        processes: int = 1,
        max_seconds: float | None = None,
        progress: bool = True,
    ) -> InterfaceSelector:
        """Try interface conditions on random members until there are ``plays`` trials.

        Args:
            problem: a family; its parameters are numbers, ``pl.Uniform(lower, upper)``.
            solver: such as ``MultiDomainPINN``: a dataclass with a field ``interface``, which is replaced.
            plays: number of trials, those before included.
            path: every trial is appended to this file when it ends; if it exists, ``fit`` goes on from it.
            processes: trials at a time, each in a process of its own. A batch of so many is chosen before any of its
                rewards is known, each with random numbers of its own: Thompson sampling spreads by itself, UCB
                only as the members differ; learning lags by one batch. Numbers depend on ``processes``.
            max_seconds: training time of one trial.
            progress: show a progress bar.

        Returns:
            The selector itself. Ctrl-C ends it early and keeps the trials that are over.

        Raises:
            TypeError, ValueError: a problem without parameters or with functions as parameters; a solver without
                ``interface``; the reward ``"error"`` without a reference; a file of something else; and what ``solve``
                refuses. A solve that fails numerically counts as a bad trial instead.
        """
        self._check(problem, solver, plays, processes)
        identity = fingerprint(
            repr(problem.domain), problem.unknowns, problem.equations, problem.conditions, problem.parameters, solver,
            self.arms.names, repr(self.policy), self._options, self.reward, max_seconds,
        )  # fmt: skip
        log = TrialLog(path, identity)
        self.parameters, self._solver = problem.families, solver
        if self._learner.by_stage and not self.trials:
            self._learner = self._learner.over_stages(len(solver.stages))
        for trial in self.trials:
            if trial.number not in log.trials:
                log.append(trial)
        self._learn(log)
        player = Player(problem, solver, self.arms, self._measure, max_seconds, self.seed, self._learner.by_stage)
        label = f"{problem.name}: interfaces"
        with (
            Workers(player, processes) as workers,
            tqdm(total=plays, desc=label, unit="solve", file=sys.stderr, disable=not progress) as bar,
        ):
            bar.update(min(plays, len(log.trials)))
            try:
                while len(self.trials) < plays:
                    first = len(self.trials)
                    batch = self._batch(problem, range(first, min(plays, first + processes)))
                    for trial in self._played(workers, [t for t in batch if t.number not in log.trials]):
                        log.append(trial)
                        said = ", then ".join(" + ".join(names) for names in trial.sets)
                        bar.set_postfix_str(f"{said}: {trial.reward:.2f}", refresh=False)
                        bar.update()
                    self._learn(log)
            except KeyboardInterrupt:
                self._learn(log)
        return self

    def _batch(self, problem: Problem, numbers: range) -> list[Trial]:
        """Members and interfaces of the next trials, chosen from what all trials before them say."""
        found = []
        for pending, number in enumerate(numbers):
            member = problem.sample_parameters(trial_generator(self.seed, number, 0))
            arm = self._learner.next(self._values(member), (), pending)
            found.append(Trial(number, member, self.arms.names[arm]))
        return found

    def _played(self, workers: Workers, trials: list[Trial]) -> Iterator[Trial]:
        """Trials as they end; where each stage has its own interface, that is chosen when the stages before are over."""
        for _ in range(self._learner.sets - 1):
            over = sorted(workers.run(trials), key=lambda trial: trial.number)
            trials = [trial.followed_by(self._next(trial, pending)) for pending, trial in enumerate(over)]
        yield from workers.run(trials)

    def _next(self, trial: Trial, pending: int) -> tuple[str, ...]:
        """The interface of the stage that comes after those of a trial."""
        return self.arms.names[self._learner.next(self._values(trial.parameters), self._over(trial), pending)]

    def _over(self, trial: Trial) -> list[tuple[int, float]]:
        """(arm, reward) of a trial's stages."""
        return [(self.arms.names.index(n), r) for n, r in zip(trial.sets, trial.rewards, strict=True)]

    def _values(self, member: Mapping[str, float]) -> list[float]:
        """The bandit's context."""
        return [member[name] for name in self.parameters]

    def _learn(self, log: TrialLog) -> None:
        """Tell the bandit of trials that are over, in the order of their numbers and without a gap."""
        while len(self.trials) in log.trials:
            trial = log.trials[len(self.trials)]
            self._learner.learn(self._values(trial.parameters), self._over(trial))
            self.trials = (*self.trials, trial)

    # -- use -----------------------------------------------------------------------------------------------------------

    def select(self, problem: Problem, solver: Any = None) -> Any:
        """The solver with the interface conditions of largest expected reward for a member.

        Args:
            problem: a member of the family.
            solver: to use in place of the one that ``fit`` was given; a loaded selector needs one.

        Raises:
            ValueError: nothing was learned; the problem has other parameters, or is still a family; no solver.

        Warns:
            UserWarning: a parameter outside the range of the trials, where the choice is an extrapolation.
        """
        solver = self._solver if solver is None else solver
        if solver is None:
            raise ValueError("select(): a loaded selector does not know the solver; give it: select(problem, solver).")
        self._learner.check(solver, learned=True)
        return self._learner.chosen(self.arms, solver, self._context(problem))

    def preference(self, parameter: str | None = None, points: int = 50, **fixed: float) -> Preference:
        """Expected rewards of all interfaces over one parameter, within the range of the trials.

        Where each stage has its own interface: what the first stage's is expected to be credited with, later ones included.

        Args:
            parameter: which; the first if None.
            points: number of its values.
            fixed: values of the others; the middle of their range where not given.

        Raises:
            ValueError: nothing was learned, or no such parameter.
        """
        self._check_learned("preference()")
        parameter = self.parameters[0] if parameter is None else parameter
        others = [name for name in self.parameters if name != parameter]
        for name in (parameter, *fixed):
            if name not in self.parameters or (name in fixed and name == parameter):
                raise ValueError(
                    f"preference(): {name!r} cannot be fixed or varied here; parameters are {', '.join(self.parameters)}."
                )
        ranges = self.ranges
        values = np.linspace(*ranges[parameter], points)
        given = {name: float(fixed.get(name, sum(ranges[name]) / 2)) for name in others}
        columns = [values if name == parameter else np.full(points, given[name]) for name in self.parameters]
        reward, sd = self.bandit.predict(np.stack(columns, axis=1))
        played = np.array([t.parameters[parameter] for t in self.trials])
        return Preference(parameter, values, given, self.arms.conditions, self.arms.names, reward, sd, played)

    def plot(self, path: str | os.PathLike[str] | None = None, parameter: str | None = None, **fixed: float) -> Figure:
        """The learned preference as a matplotlib figure; see ``preference``.

        Args:
            path: where to write it as well; the ending says as what.
            parameter: the horizontal axis.
            fixed: values of the other parameters.
        """
        return self.preference(parameter, 50, **fixed).plot(path)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """{parameter: smallest and largest value in the trials}."""
        found = {name: [trial.parameters[name] for trial in self.trials] for name in self.parameters}
        return {name: (min(values), max(values)) for name, values in found.items()}

    # -- files ---------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned to a file of plain data (JSON). The solver is not in it.

        Raises:
            TypeError: a policy of your own.
        """
        reward = self.reward if isinstance(self.reward, str) else None
        options = {**self._options, "parameters": self.parameters, "reward": reward}
        files.write(path, options, self.policy, self.arms.names, self.trials)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], conditions: Sequence[ConditionLike] = (), reward: Reward | None = None
    ) -> InterfaceSelector:
        """Read a selector that ``save`` wrote; nothing in the file is executed.

        Args:
            path: the file.
            conditions: interface conditions of your own that stand in it by name.
            reward: the function, where it was one of your own and learning should go on.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no saved selector; a condition of your own is missing.
        """
        options, policy, names, trials = files.read(path)
        own = {c.name: c for c, _ in resolve(tuple(conditions), "conditions")}
        arms = [[own.get(name, name) for name in arm] for arm in names]
        parameters, saved = options.pop("parameters"), options.pop("reward")
        selector = cls(policy, arms, reward or saved or _unknown_reward, **options)
        selector.parameters = tuple(parameters)
        if trials:
            selector._learner = selector._learner.over_stages(len(trials[0].sets))
        log = TrialLog(None, "")
        log.trials = {trial.number: trial for trial in trials}
        selector._learn(log)
        return selector

    # -- inside --------------------------------------------------------------------------------------------------------

    def _check(self, problem: Problem, solver: Any, plays: int, processes: int) -> None:
        if not problem.families:
            raise ValueError(
                "fit(problem): the problem has no parameter that varies; give one as pl.Uniform(lower, upper), or solve "
                "it directly with fixed interface conditions."
            )
        for name in problem.families:
            if not isinstance(problem.parameters[name], Uniform):
                raise TypeError(
                    f"fit(problem): parameter {name!r} is {problem.parameters[name]!r}, whose members are functions; the "
                    "bandit's context is a few numbers: fix it with problem.at(...), or describe it by pl.Uniform(...)."
                )
        self._learner.check(solver, learned=bool(self.trials))
        if self.parameters and self.parameters != problem.families:
            raise ValueError(
                f"fit(problem): its parameters are {', '.join(problem.families)}, but this selector has learned "
                f"over {', '.join(self.parameters)}; use a new InterfaceSelector."
            )
        if self.reward == "error" and problem.reference is None:
            raise ValueError(
                'fit(problem): reward="error" needs a reference; pass reference= to the problem, or use '
                'InterfaceSelector(reward="residual").'
            )
        for name, value in (("plays", plays), ("processes", processes)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"fit({name}={value!r}): must be a whole number of at least 1.")

    def _check_learned(self, call: str) -> None:
        if not self.trials:
            raise ValueError(f"{call}: nothing was learned yet; call fit(problem, solver) first.")

    def _context(self, problem: Problem) -> list[float]:
        self._check_learned("select()")
        missing = [name for name in self.parameters if name not in problem.parameters]
        if missing:
            raise ValueError(
                f"select(problem): it has no parameter {missing[0]!r}; the selector learned over "
                f"{', '.join(self.parameters)}."
            )
        found = []
        for name in self.parameters:
            value = problem.parameters[name]
            if not isinstance(value, int | float):
                raise ValueError(
                    f"select(problem): parameter {name!r} is {value!r}; give a member, such as problem.at({name}=...)."
                )
            lower, upper = self.ranges[name]
            slack = _MARGIN * (upper - lower)
            if not lower - slack <= value <= upper + slack:
                warnings.warn(
                    f"{name} = {value:g} lies outside of what was tried, {lower:g} to {upper:g}: the choice of interface "
                    "conditions is an extrapolation.",
                    stacklevel=3,
                )
            found.append(float(value))
        return found


def _unknown_reward(solution: Any) -> float:
    raise TypeError(
        "this selector was loaded without its reward function; give it: InterfaceSelector.load(path, reward=f)."
    )
