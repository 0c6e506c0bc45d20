"""What a solver is, and the machinery that collocation solvers share.

Letters: n points, d coordinates, m unknowns, p parameters.

A solver makes a ``Plan``: one or more phases (time windows), each a residual system with its optimizer stages; or a
``March``, which needs no training. The loop runs either; it knows plans, not solvers.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pinnlab.declaration.conditions import Data
from pinnlab.declaration.exact import ExactPlan
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Term
from pinnlab.domains.sampling import check_kind
from pinnlab.networks.base import Chain, Network
from pinnlab.networks.embeddings import PeriodicEmbedding, Rescale
from pinnlab.networks.mlp import MLP
from pinnlab.optimizers.base import Optimizer
from pinnlab.optimizers.first_order import Adam
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.optimizers.quasi_newton import LBFGS
from pinnlab.solvers.windows import cuts_of, handed_over, joined
from pinnlab.training.model import Model, Trainable
from pinnlab.training.plans import Phase, Plan, Settings, Solver, check_single_instance
from pinnlab.training.residuals import Count, ResidualSystem
from pinnlab.training.weighting import Weighting

_LARGEST_DENSE = 4000
"""Parameters up to which Gauss-Newton with a dense Jacobian is the default."""


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
            stages = (self.stages,) if isinstance(self.stages, Optimizer) else tuple(self.stages)
            if not stages or not all(isinstance(s, Optimizer) for s in stages):
                raise TypeError(f"{owner}(stages={self.stages!r}): give optimizers, such as (pl.Adam(steps=300),).")
            object.__setattr__(self, "stages", stages)
        for name in ("points", "boundary_points"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{owner}({name}={value!r}): must be a whole number of at least 1.")
        check_kind(self.sampling)
        if self.harmonics < 1:
            raise ValueError(f"{owner}(harmonics={self.harmonics}): must be at least 1.")
        if isinstance(self.windows, float) or (isinstance(self.windows, int) and self.windows < 1):
            raise ValueError(f"{owner}(windows={self.windows}): use at least 1, or the inner times at which to cut.")
        if not self.condition_weight > 0:
            raise ValueError(f"{owner}(condition_weight={self.condition_weight}): must be positive.")

    @abstractmethod
    def row_weighting(self) -> Weighting:
        """How residual rows are weighted."""

    def check(self, problem: Problem) -> None:
        """Raise where this method cannot solve the problem."""

    def plan(self, problem: Problem, settings: Settings) -> Plan:
        check_single_instance(problem, type(self).__name__)
        self.check(problem)
        return CollocationPlan(self, problem, settings)


class CollocationPlan(Plan):
    """One network per time window, trained on collocation points."""

    def __init__(self, solver: CollocationSolver, problem: Problem, settings: Settings):
        self.solver, self.problem, self.settings = solver, problem, settings
        self.cuts = cuts_of(problem, solver.windows)
        self.count = len(self.cuts) - 1 if self.cuts else 1
        # everything that can be wrong with the network shows here, before training
        first = self.start(0, [])
        self.notes = self._remarks(first.problem)

    @property
    def _can_be_periodic(self) -> bool:
        network = self.solver.network
        return network is None or (isinstance(network, Network) and network.is_template)

    @property
    def _periods(self) -> dict[int, float]:
        """{coordinate number: period} of coordinates in which models are periodic by construction."""
        return self.problem.exact_plan(self._can_be_periodic).periods

    def _remarks(self, problem: Problem) -> tuple[str, ...]:
        return problem.exact_plan(self._can_be_periodic).notes

    def start(self, k: int, finished: Sequence[Trainable]) -> Phase:
        problem = self.problem if self.count == 1 else self._window(k, finished)
        model, counts = self._assembled(problem, k)
        if self.solver.warm_start and finished:
            model.theta = finished[-1].theta
        stages = self.solver.stages or _default_stages(model)
        system = ResidualSystem(
            model, counts, self.solver.row_weighting(), self.solver.sampling, (self.settings.seed, k), model.width
        )
        _check_jacobian(system, stages)
        return Phase(problem, system, stages)

    def _assembled(self, problem: Problem, k: int) -> tuple[Trainable, list[Count]]:
        """The model of window k and the terms it is trained on."""
        given = self.solver.network or MLP(width=20 if len(problem.domain.coordinates) <= 2 else 30, depth=3)
        return self._single(given, problem, problem.exact_plan(self._can_be_periodic), k)

    def _single(self, given: nn.Module, problem: Problem, plan: ExactPlan, k: int) -> tuple[Model, list[Count]]:
        """One network on the whole of a problem."""
        coefficients, constants = self._parameters(problem)
        network = self._network(given, problem, problem.domain.bounds, plan.periods, k)
        model = Model(problem.domain, problem.unknowns, network, plan.ansatz, coefficients, constants)
        return model, self._counts(problem, plan.soft, model)

    def _parameters(self, problem: Problem) -> tuple[dict[str, nn.Parameter], dict[str, Any]]:
        """The coefficients to be found, and the other parameters."""
        like = torch.zeros((), dtype=self.settings.dtype, device=self.settings.device)
        values = problem.parameter_values(like)
        return {name: nn.Parameter(values.pop(name)) for name in problem.unknown_parameters}, values

    def field(self, models: Sequence[Trainable]) -> Callable[[Tensor], Tensor]:
        return joined(models, self.problem.domain)

    def _window(self, k: int, finished: Sequence[Trainable]) -> Problem:
        window = self.problem.domain.replace(t=(self.cuts[k], self.cuts[k + 1]))
        conditions = [c.within(window) if isinstance(c, Data) else c for c in self.problem.conditions]
        if k > 0:
            previous = finished[k - 1]
            conditions = [handed_over(c, previous, self.problem, self._periods) for c in conditions]
        return self.problem.replace(domain=window, conditions=[c for c in conditions if c is not None], reference=None)

    def _network(
        self,
        given: nn.Module,
        problem: Problem,
        bounds: Mapping[str, tuple[float, float]],
        periods: dict[int, float],
        number: int,
    ) -> nn.Module:
        """A template built, or a copy of a given network.

        Args:
            given: either.
            problem: gives the numbers of inputs and outputs.
            bounds: of the inputs.
            periods: of those inputs that are periodic.
            number: of the network; with the solve's seed it decides the initial weights.
        """
        d, m = len(problem.domain.coordinates), len(problem.unknowns)
        generator = torch.Generator().manual_seed(1_000_003 * self.settings.seed + number)
        if isinstance(given, Network) and given.is_template:
            network: nn.Module = given.built(d, m, self._embedding(bounds, periods), generator)
        else:
            network = copy.deepcopy(given)
        network = network.to(self.settings.device, self.settings.dtype)
        _check_width(network, given, d, m, self.settings)
        return network

    def _embedding(self, bounds: Mapping[str, tuple[float, float]], periods: dict[int, float]) -> nn.Module:
        lower, upper = map(list, zip(*bounds.values(), strict=True))
        for i in periods:
            # the periodic embedding takes these coordinates as they are
            lower[i], upper[i] = -1.0, 1.0
        rescale = Rescale(lower, upper)
        return Chain(rescale, PeriodicEmbedding(periods, self.solver.harmonics)) if periods else rescale

    def _counts(self, problem: Problem, soft: Sequence, model: Model, layer: int = 0) -> list[Count]:
        """The equations and the soft conditions of a problem, for one model."""
        few = self._few(problem, model)
        counts = [Count(problem.equation_term(), self._points(problem, model), (model,), layer)]
        for condition, terms in problem.condition_terms():
            if condition in soft:
                counts += [Count(self._weighted(term), few, (model,)) for term in terms]
        return counts

    def _points(self, problem: Problem, model: Model) -> int:
        return self.solver.points or max(200, 4 * model.size // len(problem.residual_names))

    def _few(self, problem: Problem, model: Model) -> int:
        """Points of a condition on part of the boundary."""
        if len(problem.domain.coordinates) == 1:
            return 1
        return self.solver.boundary_points or max(64, self._points(problem, model) // 8)

    def _weighted(self, term: Term) -> Term:
        factor = 1.0 if term.kind == "data" else self.solver.condition_weight
        return Term(term.kind, term.residuals, term.draw, term.evaluate, term.weight * factor, term.fixed)


def _check_width(network: nn.Module, given: nn.Module, d: int, m: int, settings: Settings) -> None:
    trial = torch.zeros(3, d, device=settings.device, dtype=settings.dtype)
    advice = f"this problem has {d} coordinates and {m} unknowns, so it must map (n, {d}) to (n, {m})"
    try:
        with torch.no_grad():
            shape = tuple(network(trial).shape)
    except (RuntimeError, IndexError) as error:
        raise ValueError(f"network={type(given).__name__}(...) failed on {d} inputs: {error}; {advice}.") from error
    if shape != (3, m):
        raise ValueError(f"network={type(given).__name__}(...) mapped (3, {d}) to {shape}; {advice}.")


def _default_stages(model: Trainable) -> tuple[Optimizer, ...]:
    if max(sum(p.numel() for p in group) for group in model.groups) <= _LARGEST_DENSE:
        return (LevenbergMarquardt(),)
    return (Adam(steps=5000), LBFGS(steps=2000))


def _check_jacobian(system: ResidualSystem, stages: Sequence[Optimizer]) -> None:
    rows = sum(block.rows for block in system.blocks)
    like = system.model.parameters[0]
    gigabytes = system.jacobian_entries * like.element_size() / 2**30
    # the matrix and what it is made of; a process shares a computer's memory with others, and has its GPU for itself
    most = torch.cuda.mem_get_info(like.device)[1] / 2**32 if like.device.type == "cuda" else 8
    if gigabytes > most and any(isinstance(s, LevenbergMarquardt) for s in stages):
        raise ValueError(
            f"LevenbergMarquardt needs a Jacobian of {rows} residuals by {system.size} parameters, {gigabytes:.0f} GiB; "
            "use fewer points, a smaller network, or stages=(pl.SketchedGaussNewton(),), which does not store it."
        )
