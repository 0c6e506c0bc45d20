"""What windows are assembled from: networks, models and terms, as the options of a solver ask for.

Letters: n points, d coordinates, m unknowns, p parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeGuard, final

import torch
from torch import nn

from pinnlab.declaration.conditions import AnyCondition
from pinnlab.declaration.exact import ExactPlan
from pinnlab.declaration.parameters.bounded import frees
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Term
from pinnlab.inverse.priors import prior_terms
from pinnlab.networks.base import Chain, Embedding, Network
from pinnlab.networks.embeddings import PeriodicEmbedding, Rescale
from pinnlab.networks.mlp import MLP
from pinnlab.networks.own import check_own
from pinnlab.networks.singular import SingularEmbedding, Switch
from pinnlab.solvers.collocation import Assembly, CollocationSolver, Method
from pinnlab.solvers.starts import start_near_eigenfunction
from pinnlab.solvers.switches import switches
from pinnlab.solvers.windows import frozen
from pinnlab.training.blocks import Count
from pinnlab.training.model import Model
from pinnlab.training.plans import Settings

Bounds = Mapping[str, tuple[float, float]]
_NOISY = 0.01
"""Weight of data with known noise to which coefficients are fitted, against equations: with a weight of one, a network
would follow half of what the noise has in common with any function by giving up the equation."""
_MOST_NODES = 8192
"""Points of an integral at all of its times together, if these are not too few."""
_FEWEST_TIMES = 8


@final
@dataclass(frozen=True)
class Builder:
    """Networks, models and terms of one solve."""

    solver: CollocationSolver
    settings: Settings

    def single(self, given: nn.Module, problem: Problem, exact: ExactPlan, number: int) -> Assembly:
        """One network on the whole of a problem.

        Args:
            given: a template, or a network that is copied.
            problem: what it is trained on.
            exact: which of the problem's conditions are built in.
            number: of the window.
        """
        numbers, constants = self.parameters(problem)
        features = self.features(problem.domain.bounds, exact.periods, switches(problem))
        network, free = self.network(given, problem, features, number), frees(problem.parameters)
        model = Model(problem.domain, problem.unknowns, network, exact.ansatz, numbers, constants, free)
        start_near_eigenfunction(model, problem, self.settings, self.settings.seed)
        counts = [*self.counts(problem, exact, model), *self.priors(problem, model)]
        end = partial(frozen, periods=exact.periods)
        return Assembly(model, counts, model, end, bool(exact.periods), exact.notes)

    def parameters(self, problem: Problem) -> tuple[dict[str, nn.Parameter], dict[str, Any]]:
        """{coefficient to be found: its free variable, 0-dim}, and the other parameters."""
        like = torch.zeros((), dtype=self.settings.dtype, device=self.settings.device)
        values = problem.parameter_values(like)
        numbers = {name: values.pop(name) for name in problem.unknown_parameters}
        for name, free in frees(problem.parameters).items():
            if not free.is_free:
                numbers[name] = torch.full_like(numbers[name], free.free(float(numbers[name])))
        return {name: nn.Parameter(value) for name, value in numbers.items()}, values

    def features(self, bounds: Bounds, periods: Mapping[int, float], singular: Sequence[Switch] = ()) -> Embedding:
        """What a template sees of the coordinates: each scaled to [-1, 1], or waves where it is periodic.

        Args:
            bounds: of the coordinates.
            periods: {coordinate number: period}.
            singular: where conditions change along sides.
        """
        lower, upper = map(list, zip(*bounds.values(), strict=True))
        for i in periods:
            # the periodic embedding takes these coordinates as they are
            lower[i], upper[i] = -1.0, 1.0
        rescale = Rescale(lower, upper)
        smooth = Chain(rescale, PeriodicEmbedding(periods, self.solver.harmonics)) if periods else rescale
        return SingularEmbedding(smooth, singular) if singular else smooth

    def network(self, given: nn.Module, problem: Problem, features: Embedding, number: int) -> nn.Module:
        """A template built, or a copy of a given network.

        Args:
            given: either.
            problem: gives the numbers of inputs and outputs.
            features: of the inputs, for a template.
            number: of the network; with the solve's seed it decides the initial weights.

        Raises:
            ValueError: it does not map (n, d) to (n, m), or is no smooth function of one point.
        """
        d, m = len(problem.domain.coordinates), len(problem.unknowns)
        generator = torch.Generator().manual_seed(1_000_003 * self.settings.seed + number)
        network = given.built(d, m, features, generator) if is_template(given) else copy.deepcopy(given)
        network = network.to(self.settings.device, self.settings.dtype)
        _check_width(network, given, d, m, self.settings)
        like = torch.zeros((), dtype=self.settings.dtype, device=self.settings.device)
        check_own(network, d, max(problem.order(name) for name in problem.domain.coordinates), like)
        return network

    def counts(self, problem: Problem, exact: ExactPlan, model: Model, layer: int = 0) -> list[Count]:
        """The equations and the soft conditions of a problem, for one model; ``layer``: which part of time it lies in."""
        equations = self.equations(problem.equation_term(), model, layer)
        return [equations, *self.conditions(problem, exact.soft, model, self.few(problem, model.size))]

    def equations(self, term: Term, model: Model, layer: int = 0) -> Count:
        """The equations of one model."""
        return Count(term, self._points(model.size, len(term.residuals)), (model,), layer)

    def conditions(self, problem: Problem, soft: Sequence[AnyCondition], model: Model, few: int) -> list[Count]:
        """The soft conditions of one model, at ``few`` points each."""
        terms = [term for condition, terms in problem.condition_terms() if condition in soft for term in terms]
        fitted = bool(problem.unknown_parameters)
        return [Count(self._weighted(term, fitted), _rows(term, few), (model,)) for term in terms]

    def priors(self, problem: Problem, model: Model) -> list[Count]:
        """What is known beforehand of coefficients that are to be found."""
        return [Count(self._weighted(term, True), 1, (model,)) for term in prior_terms(problem)]

    def few(self, problem: Problem, size: int) -> int:
        """Points of a condition on part of the boundary.

        Args:
            problem: which one.
            size: p of the model.
        """
        if len(problem.domain.coordinates) == 1:
            return 1
        return self.solver.boundary_points or max(64, self._points(size, len(problem.residual_names)) // 8)

    def _points(self, size: int, residuals: int) -> int:
        """Points of equations with so many residuals each, for p parameters."""
        return self.solver.points or max(200, 4 * size // residuals)

    def _weighted(self, term: Term, fitted: bool) -> Term:
        """A condition with its weight; ``fitted``: whether coefficients are to be found."""
        factor = self.solver.condition_weight
        if term.kind == "data":
            factor = _NOISY if fitted and term.noise is not None else 1.0
        return replace(term, weight=term.weight * factor)


def _rows(term: Term, few: int) -> int:
    """Rows of a condition that has ``few`` points: an integral, which is one at each time, has many points already."""
    return few if term.weights is None else max(_FEWEST_TIMES, min(few, _MOST_NODES // term.span))


@final
class OneNetwork(Method):
    """One network on the whole of a window."""

    def __init__(self, solver: CollocationSolver, settings: Settings):
        self._given, self._builder = solver.network, Builder(solver, settings)
        # a window hands over a state, in which waves are no longer told from the rest
        self._singular = "all" if solver.windows in (1, ()) else "standing"

    def assemble(self, problem: Problem, number: int) -> Assembly:
        given = self._given or MLP(width=20 if len(problem.domain.coordinates) <= 2 else 30, depth=3)
        return self._builder.single(
            given, problem, problem.exact_plan(is_template(given), singular=self._singular), number
        )


def is_template(network: nn.Module) -> TypeGuard[Network]:
    """Whether a network waits for its sizes, so that it can be given features too."""
    return isinstance(network, Network) and network.is_template


def template(given: nn.Module | None, default: Network) -> Network:
    """A template that the user gave, or the default one."""
    if given is None:
        return default
    assert is_template(given), "the solver's constructor takes no other"
    return given


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
