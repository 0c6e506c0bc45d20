"""Collocation solvers: networks trained on points, window after window of time.

Letters: n points, d coordinates, m unknowns.

Three parts make a solve. A ``CollocationSolver`` is what the user configures. A ``Method`` assembles one time window: the
model and the terms it is trained on (``assembly.OneNetwork``, characteristics, subdomains). The ``CollocationPlan``, the
same for all methods, cuts time into windows and hands the end of one to the next.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor, nn

from pinnlab.declaration.discontinuities.fluxes import LostFluxError
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.domains.sampling import check_kind
from pinnlab.inverse.priors import prior_terms
from pinnlab.machine.capacity import usable_memory
from pinnlab.machine.deadline import NOMINAL_RATE
from pinnlab.machine.numbers import finite, positive, whole
from pinnlab.networks.base import holds_conditions
from pinnlab.optimizers.base import Optimizer
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.solvers.fitting import begin
from pinnlab.solvers.options import given
from pinnlab.solvers.slow_modules import chosen_stages
from pinnlab.solvers.windows import Slice, cuts_of, handed_over, joined
from pinnlab.training.model import Trainable
from pinnlab.training.plans import Phase, Plan, Settings, Solver, check_single_instance
from pinnlab.training.residuals import Count, ResidualSystem
from pinnlab.training.status import Status
from pinnlab.training.system import TrainingSystem
from pinnlab.training.weighting import Weighting

_LEAST_STEPS = 5
"""Gauss-Newton steps that should fit into a window's share of the budget."""
_FEWEST = 0.3
"""Share of the usual points below which equations would not outnumber parameters."""
_COPIES = 1.5
"""Of the Jacobian while a step is made."""
_NONE_SOFT = "no initial or boundary condition of this problem is in the loss, all that it has hold exactly"


@dataclass(frozen=True, kw_only=True)
class CollocationSolver(Solver):
    """Shared configuration of solvers that train one network per time window on collocation points.

    Args:
        network: a template such as ``MLP(width=30)``, a sized network, or your own module (n, d) -> (n, m). It is
            copied before training. None chooses a small MLP.
        stages: optimizers, run in order; None chooses by the network's size.
        points: collocation points of the equations; None takes four per parameter.
        boundary_points: points of each soft condition; None takes an eighth of ``points``.
        sampling: ``"adaptive"`` (half of the points where the residual is large), ``"sobol"``,
            ``"latin_hypercube"``, ``"uniform"`` or ``"grid"``.
        harmonics: of the embedding that makes a coordinate exactly periodic.
        windows: number of equal time windows, or the inner times at which to cut. Each window has its own network
            and starts from the end of the one before.
        warm_start: start a window's network from the previous window's parameters.
        condition_weight: multiplies the weights of soft initial and boundary conditions.

    Raises:
        TypeError, ValueError: a value out of its range; in ``plan``, an option that changes nothing about the problem.
    """

    network: nn.Module | None = None
    stages: tuple[Optimizer, ...] | None = None
    points: int | None = None
    boundary_points: int | None = None
    sampling: str = "adaptive"
    harmonics: int = 1
    windows: int | tuple[float, ...] = 1
    warm_start: bool = False
    condition_weight: float = 100.0

    def __post_init__(self) -> None:
        owner = type(self).__name__
        if self.network is not None and not isinstance(self.network, nn.Module):
            raise TypeError(f"{owner}(network={self.network!r}): give a torch.nn.Module, such as pl.MLP(width=30).")
        if self.stages is not None:
            several = self.stages if isinstance(self.stages, Iterable) else ()
            stages = (self.stages,) if isinstance(self.stages, Optimizer) else tuple(several)
            if not stages or not all(isinstance(s, Optimizer) for s in stages):
                raise TypeError(f"{owner}(stages={self.stages!r}): give optimizers, such as (pl.Adam(steps=300),).")
            object.__setattr__(self, "stages", stages)
        for name in ("points", "boundary_points"):
            value = getattr(self, name)
            if value is not None and not whole(value, 1):
                raise ValueError(f"{owner}({name}={value!r}): must be a whole number of at least 1.")
        check_kind(self.sampling)
        if not whole(self.harmonics, 1):
            raise ValueError(f"{owner}(harmonics={self.harmonics!r}): must be a whole number of at least 1.")
        if not isinstance(self.warm_start, bool):
            raise TypeError(f"{owner}(warm_start={self.warm_start!r}): write True or False.")
        cuts = [] if isinstance(self.windows, int) else self.windows
        times = isinstance(cuts, Iterable) and not isinstance(cuts, str) and None not in [finite(cut) for cut in cuts]
        if not times or (isinstance(self.windows, int) and not whole(self.windows, 1)):
            raise ValueError(f"{owner}(windows={self.windows!r}): use at least 1, or the inner times at which to cut.")
        if self.warm_start and (self.windows == 1 or self.windows == ()):
            raise ValueError(
                f"{owner}(warm_start=True): there is one time window and none before it to start from; give windows=..., or "
                "leave warm_start out."
            )
        if not positive(self.condition_weight):
            raise ValueError(f"{owner}(condition_weight={self.condition_weight!r}): must be positive.")

    def in_variables(self, change: ChangeOfVariables, problem: Problem) -> CollocationSolver:
        if isinstance(self.windows, int) or not problem.domain.has_time:
            return self
        return replace(self, windows=change.positions(problem.domain.clock, self.windows))

    @abstractmethod
    def row_weighting(self) -> Weighting:
        """How residual rows are weighted."""

    @abstractmethod
    def method(self, problem: Problem, settings: Settings) -> Method:
        """What assembles the windows of a problem.

        Raises:
            TypeError, ValueError: the problem lacks what the method needs.
        """

    def check(self, problem: Problem) -> None:
        """Raise TypeError or ValueError, with a sentence for the user, where this method cannot solve the problem."""
        check_single_instance(problem, type(self).__name__)
        if (why := problem.lost_flux(type(self).__name__, self.joined(problem))) is not None:
            raise LostFluxError(why)
        prior_terms(problem)  # a prior counts against noise that must be known

    def joined(self, problem: Problem) -> Mapping[str, Sequence[float]]:
        """{coordinate: positions where this method makes fluxes continuous, and not derivatives}."""
        return {}

    def idle(self, problem: Problem, window: Assembly) -> dict[str, str]:
        """{option: why it changes nothing about a problem, and what to do}; a value that is not the default is refused.

        Args:
            problem: which one.
            window: its first time window, assembled.
        """
        terms = [count.term for count in window.counts if count.term.kind != "equation"]
        found = {}
        if not window.periodic:
            found["harmonics"] = (
                "no coordinate is periodic by construction, which takes Periodic(...) of all unknowns and a template such "
                "as MLP(width=30) for a network; leave harmonics out."
            )
        if all(term.kind in ("interface", "data") for term in terms):
            found["condition_weight"] = (
                f"{_NONE_SOFT}; leave condition_weight out, or write exact=False on a condition."
            )
        if all(term.fixed is not None for term in terms):
            found["boundary_points"] = f"{_NONE_SOFT}; leave boundary_points out, or write exact=False on a condition."
        if len(problem.domain.coordinates) == 1:
            found["boundary_points"] = "with one coordinate a boundary is single points; leave boundary_points out."
        return found

    @final
    def obstacle(self, problem: Problem) -> str | None:
        try:
            self.check(problem)
        except (TypeError, ValueError) as error:
            return str(error)
        return None

    def uses_start(self, problem: Problem) -> bool:
        return True

    @property
    def holds_conditions(self) -> bool:
        return holds_conditions(self.network)

    @final
    def plan(self, problem: Problem, settings: Settings) -> Plan:
        self.check(problem)
        return CollocationPlan(self, problem, settings)


@dataclass(frozen=True, eq=False)
class Assembly:
    """One time window, ready to be trained.

    Attributes:
        model: with its first weights.
        counts: the terms it is trained on, with their numbers of points.
        view: the model as a part of the solution, in the problem's own unknowns and coordinates.
        frozen: what the end state, a slice of the view, becomes for the next window.
        periodic: whether a network is periodic in some coordinate by construction.
        notes: remarks for the user.
    """

    model: Trainable
    counts: Sequence[Count]
    view: Any
    frozen: Callable[[Slice], Any]
    periodic: bool
    notes: tuple[str, ...] = ()


class Method(ABC):
    """In what collocation solvers differ."""

    @abstractmethod
    def assemble(self, problem: Problem, number: int) -> Assembly:
        """One time window made ready.

        Args:
            problem: what is to be solved in the window.
            number: of the window, from 0; with the solve's seed it decides the initial weights.
        """

    def verdict(self, views: Sequence[Any], status: Status) -> tuple[Status, tuple[str, ...]]:
        """The status of a finished run, after a look at the windows' views, and remarks on it."""
        return status, ()


@final
class CollocationPlan(Plan):
    """One model per time window, trained on collocation points.

    Args:
        solver: the configuration.
        problem: what is to be solved.
        settings: where and how.

    Raises:
        TypeError, ValueError: anything in network, points or problem that cannot work, and options without effect; the
            first window is assembled here.
    """

    def __init__(self, solver: CollocationSolver, problem: Problem, settings: Settings):
        self.solver, self.problem, self.settings = solver, problem, settings
        self._sized = solver
        self.cuts = cuts_of(problem, solver.windows)
        self.count = len(self.cuts) - 1 if self.cuts else 1
        self._method = solver.method(problem, settings)
        self._assemblies: list[Assembly] = []
        # all windows have those of the first
        self._stages: tuple[Optimizer, ...] | None = solver.stages
        self._told: tuple[str, ...] = ()
        self._first: Phase | None = self._phase(0, [])
        _refuse_idle(solver, problem, self._assemblies[0])
        notes = self._fewer_points(self._first)
        self.notes = (*self._assemblies[0].notes, *self._told, *notes)
        _check_jacobian(self._first.system, self._first.stages)

    def start(self, k: int, finished: Sequence[Trainable]) -> Phase:
        first, self._first = self._first, None
        if first is not None and k == 0:
            return self._begun(first)
        phase = self._phase(k, finished)
        _check_jacobian(phase.system, phase.stages)
        return self._begun(phase)

    def _begun(self, phase: Phase) -> Phase:
        """A phase whose model begins as the start of the settings, if there is one."""
        settings = self.settings
        if settings.start is not None:
            mine = next(assembly for assembly in self._assemblies if assembly.model is phase.system.model)
            name = type(self.solver).__name__
            begin(settings.start, phase.system, mine.view, mine.counts, name, settings.deadline.share(1 / self.count))
        return phase

    def _fewer_points(self, phase: Phase) -> tuple[str, ...]:
        """Assemble the first window again where its steps are too large for the budget or the memory; says so."""
        system, solver = phase.system, self.solver
        if solver.points is not None or not any(stage.forms_normal_equations for stage in phase.stages):
            return ()
        seconds = system.normal_equations / NOMINAL_RATE
        fits = self.settings.deadline.seconds / (self.count * _LEAST_STEPS) / max(seconds, 1e-9)
        most = usable_memory() if system.model.parameters[0].device.type == "cpu" else math.inf
        room = most / max(_COPIES * 8.0 * system.jacobian_entries, 1.0)
        share = max(_FEWEST, min(fits, room))
        if share >= 1:
            return ()
        usual = max(count.n for count in self._assemblies[0].counts if count.term.kind == "equation")
        points = max(1, math.ceil(share * usual))
        self._sized = replace(solver, points=points)
        self._method, self._assemblies = self._sized.method(self.problem, self.settings), []
        self._first = self._phase(0, [])
        why = f"max_seconds={self.settings.deadline.seconds:g}" if fits < room else "the memory"
        return (f"{points} collocation points instead of {usual}, so that steps fit into {why}",)

    def field(self, models: Sequence[Trainable]) -> Callable[[Tensor], Tensor]:
        return joined([self.view(model) for model in models], self.problem.domain)

    def view(self, model: Trainable) -> Any:
        return self._assembly(model).view

    def verdict(self, models: Sequence[Trainable], status: Status) -> tuple[Status, tuple[str, ...]]:
        return self._method.verdict([self.view(model) for model in models], status)

    def _phase(self, k: int, finished: Sequence[Trainable]) -> Phase:
        solver, seed = self._sized, self.settings.seed
        problem = self.problem if self.count == 1 else self._window(k, finished[k - 1] if k > 0 else None)
        assembly = self._method.assemble(problem, k)
        self._assemblies.append(assembly)
        model = assembly.model
        if solver.warm_start and finished:
            model.theta = finished[-1].theta
        system = ResidualSystem(model, assembly.counts, solver.row_weighting(), solver.sampling, (seed, k), model.width)
        if self._stages is None:
            budget = self.settings.deadline.seconds / self.count
            self._stages, self._told = chosen_stages(system, budget)
        return Phase(problem, system, self._stages)

    def _window(self, k: int, previous: Trainable | None) -> Problem:
        """The problem between two cuts, from the end of the previous window's model."""
        domain = self.problem.domain
        window = domain.replace(**{domain.clock: (self.cuts[k], self.cuts[k + 1])})
        conditions = [c.within(window, domain) for c in self.problem.conditions]
        if previous is not None:
            before = self._assembly(previous)
            conditions = [handed_over(c, before.view, self.problem, before.frozen) for c in conditions]
        return self.problem.replace(domain=window, conditions=[c for c in conditions if c is not None], reference=None)

    def _assembly(self, model: Trainable) -> Assembly:
        return next(assembly for assembly in self._assemblies if assembly.model is model)


def _refuse_idle(solver: CollocationSolver, problem: Problem, window: Assembly) -> None:
    """Raise ValueError for an option that was given and changes nothing."""
    mine = given(solver)
    for name, reason in solver.idle(problem, window).items():
        if name in mine:
            raise ValueError(f"{type(solver).__name__}({name}={getattr(solver, name)!r}) has no effect: {reason}")


def _check_jacobian(system: TrainingSystem, stages: Sequence[Optimizer]) -> None:
    rows = round(system.jacobian_entries / system.size)
    like = system.model.parameters[0]
    gigabytes = system.jacobian_entries * like.element_size() / 2**30
    # the matrix and what it is made of; a process shares a computer's memory with others, and has its GPU for itself
    whole = torch.cuda.mem_get_info(like.device)[1] if like.device.type == "cuda" else 0.0
    most = (whole / 4 if whole else usable_memory() / _COPIES) / 2**30
    if gigabytes > most and any(isinstance(s, LevenbergMarquardt) for s in stages):
        raise ValueError(
            f"LevenbergMarquardt needs a Jacobian of {rows} residuals by {system.size} parameters, {gigabytes:.2g} GiB "
            f"where there is room for {most:.2g} GiB; "
            "use fewer points, a smaller network, or stages=(pl.SketchedGaussNewton(),), which does not store it."
        )
