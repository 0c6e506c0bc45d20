"""Experts over trained basis functions: their options, and their training as a plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.domains import Box
from pinnlab.domains.cells import Cells
from pinnlab.machine.numbers import positive
from pinnlab.networks.base import check_positive
from pinnlab.networks.fno import FNO
from pinnlab.networks.mlp import MLP
from pinnlab.optimizers.base import Optimizer
from pinnlab.optimizers.first_order import Adam
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.solvers.experts.assembly import COUPLINGS
from pinnlab.solvers.experts.family import FamilySolution
from pinnlab.solvers.experts.members import Place, Recipe, functions
from pinnlab.solvers.experts.model import OperatorModel
from pinnlab.solvers.experts.partition import Cuts, cut, inner_cuts
from pinnlab.solvers.experts.sizing import embeds_periods, needs_grid, sized
from pinnlab.solvers.experts.system import HELD_OUT, OperatorSystem
from pinnlab.solvers.options import check_choice, check_mappings, check_shares, given, strangers
from pinnlab.training.plans import Phase, Plan, Settings, Solver
from pinnlab.training.result import Members
from pinnlab.training.start import Start, kin, take_over

CONSTRAINTS = ("experts", "global", "soft")
HESSIANS = ("full", "gauss_newton")
_LEAST_STEPS = 5
"""Steps that should fit into a budget; one that is too short for them gets smaller steps."""
_OWNER = "HardConstraintMoE"
_PARTS = ("experts", "coupling")
_IDLE = {
    "experts": ((), ""),
    "global": (_PARTS, "one least-squares problem covers the whole domain"),
    "soft": (
        ("basis", *_PARTS, "search", "ridge", "newton", "hessian", "whiten"),
        "the network is the solution, and nothing is solved for",
    ),
}
"""{constraint: options that have no effect with it, and why}."""


def _owner(option: str) -> str:
    """The class in whose call an option is typed."""
    return "FamilyExperts" if option in ("newton", "hessian", "whiten", "order") else _OWNER


@dataclass(frozen=True, kw_only=True)
class FamilyExperts(Solver):
    """Experts that solve for the equations inside a trained network (PI-HC-MoE); ``pl.HardConstraintMoE`` makes them.

    A network maps a member's data to N basis functions. In each part of the domain an expert finds the coefficients w of
    u = b . w that leave the least squares of the equations' and conditions' residuals at sampled points. The network is
    trained on the residual that remains at other points, through the optimum by the implicit function theorem. No
    solution data are used. A single instance is a family of one.

    Args:
        network: ``MLP(...)`` and other networks of the coordinates (scalar parameters are further inputs), your own
            module (n, d + s) -> (n, m N), or ``FNO(...)`` for functions on a grid. None chooses: an FNO where a
            parameter is a function, else an MLP.
        basis: N, functions per unknown.
        experts: {coordinate: number of equal parts, or positions to cut at}; None cuts the longest way in space, or
            time, into 4.
        coupling: ``"interface"`` (values and slopes agree where parts meet, a joint solve), ``"march"`` (parts later in
            time start from those before), or ``"none"`` (the paper's: each sees all conditions, none its neighbours; the
            training loss alone counts the jumps between them).
        constraint: ``"experts"``; ``"global"``: one least-squares problem for the whole domain (PI-HC); ``"soft"``: the
            network is the solution, nothing is solved (PI-SC).
        stages: optimizers that need no Jacobian, such as ``(Adam(steps=2000),)``.
        batch: members of the family per step.
        points: of the equations, per expert, in the least-squares problems; None takes eight per coefficient.
        condition_points: of each condition and interface, per expert; None takes a quarter of ``points``.
        loss_points: of the training loss, per expert; None takes as many as ``points``.
        condition_weight: of the mean squares of conditions, against one for the equations.
        search: the inner solver; its tolerance and steps may be changed at test.
        ridge: rows ``ridge * w`` that are added to the least squares.
        newton: steps with the full Hessian after the search, so that the implicit gradient is exact.
        hessian: ``"full"`` or ``"gauss_newton"``: the matrix of the implicit gradient.
        whiten: search in coordinates in which each expert's J^T J at the start is the identity; the ridge is in these.
        grid: {coordinate: nodes}, for an FNO; 32 each where not given.
        order: of the finite differences on the grid.
        harmonics: of the embedding that makes a coordinate of an MLP exactly periodic.
        graded: {coordinate: power p}: the coordinate's share s of its interval is drawn as s**p, so that points are
            denser at its start; ``{"t": 3.0}`` for solutions that begin with a jump.

    Raises:
        TypeError, ValueError: an argument out of its range, or one without effect beside the others.

    Source: Chalapathi, Du & Krishnapriyan, arXiv 2402.13412 (ICLR 2024); the single constraint is Negiar, Mahoney &
    Krishnapriyan, arXiv 2207.08675.
    """

    network: nn.Module | None = None
    basis: int = 16
    experts: Cuts | None = None
    coupling: str = "interface"
    constraint: str = "experts"
    stages: tuple[Optimizer, ...] = (Adam(steps=2000),)
    batch: int = 4
    points: int | None = None
    condition_points: int | None = None
    loss_points: int | None = None
    condition_weight: float = 100.0
    search: LeastSquares = LeastSquares(steps=20, tolerance=1e-8)
    ridge: float = 1e-6
    newton: int = 1
    hessian: str = "full"
    whiten: bool = True
    grid: Mapping[str, int] | None = None
    order: int = 4
    harmonics: int = 1
    graded: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.network is not None and not isinstance(self.network, nn.Module):
            raise TypeError(f"{_OWNER}(network={self.network!r}): give a torch.nn.Module, such as pl.FNO().")
        counts = {n: getattr(self, n) for n in ("points", "condition_points", "loss_points")}
        counts = {name: value for name, value in counts.items() if value is not None}
        check_positive(_OWNER, basis=self.basis, batch=self.batch, **counts, harmonics=self.harmonics)
        check_choice(_OWNER, COUPLINGS, coupling=self.coupling)
        check_choice(_OWNER, CONSTRAINTS, constraint=self.constraint)
        check_choice(_owner("hessian"), HESSIANS, hessian=self.hessian)
        check_shares(_OWNER, self.experts, self.condition_weight)
        if not (self.ridge >= 0 and math.isfinite(self.ridge)):
            raise ValueError(f"{_OWNER}(ridge={self.ridge!r}): must be a number of at least 0.")
        if not isinstance(self.newton, int) or self.newton < 0:
            raise ValueError(f"{_owner('newton')}(newton={self.newton!r}): must be a whole number of at least 0.")
        check_mappings(_OWNER, graded=self.graded, grid=self.grid)
        if not isinstance(self.search, LeastSquares):
            raise TypeError(f"{_OWNER}(search={self.search!r}): give a LeastSquares(steps=..., tolerance=...).")
        for name, power in self.graded.items():
            if not positive(power):
                raise ValueError(f"{_OWNER}(graded={{{name!r}: {power!r}}}): give a positive power, such as 3.")
        stages = (self.stages,) if isinstance(self.stages, Optimizer) else tuple(self.stages)
        if not stages or not all(isinstance(s, Optimizer) for s in stages):
            raise TypeError(f"{_OWNER}(stages={self.stages!r}): give optimizers, such as (pl.Adam(steps=300),).")
        if any(isinstance(s, LevenbergMarquardt) for s in stages):
            raise ValueError(
                f"{_OWNER}(stages=(LevenbergMarquardt(...),)): the loss has no Jacobian by residuals, since each "
                "member's coefficients are solved for inside; use pl.Adam, pl.SOAP, pl.LBFGS or pl.SSBroyden."
            )
        object.__setattr__(self, "stages", stages)
        idle, why = _IDLE[self.constraint]
        for name in given(self):
            if name in idle:
                raise ValueError(self._without_effect(name, f"with constraint={self.constraint!r} {why}"))

    def in_variables(self, change: ChangeOfVariables, problem: Problem) -> Solver:
        return replace(self, experts=inner_cuts(self.experts, change)) if self.experts else self

    def uses_start(self, problem: Problem) -> bool:
        return True

    def obstacle(self, problem: Problem) -> str | None:
        return next(self._obstacles(problem), None)

    def plan(self, problem: Problem, settings: Settings) -> Plan:
        if (why := self.obstacle(problem)) is not None:
            raise (ValueError if isinstance(problem.domain, Box) else TypeError)(why)
        return FamilyPlan(self, problem, settings)

    def recipe(self, problem: Problem) -> Recipe:
        """How members of a problem are solved."""
        solved, m = self.constraint != "soft", len(problem.unknowns)
        points = self.points or 8 * self.basis * m
        grid = None
        if needs_grid(self.network, problem):
            grid = {name: (self.grid or {}).get(name, 32) for name in problem.domain.coordinates}
        return Recipe(
            cuts=self._cuts(problem), basis=self.basis if solved else 1, coupling=self.coupling, solved=solved,
            points=points, condition_points=self.condition_points or max(1, points // 4),
            condition_weight=self.condition_weight, search=self.search, ridge=self.ridge, newton=self.newton,
            hessian=self.hessian, whiten=self.whiten, grid=grid, order=self.order, graded=dict(self.graded),
        )  # fmt: skip

    def _cuts(self, problem: Problem) -> Cuts:
        if self.constraint != "experts":
            return {}
        region = problem.domain
        return self.experts if self.experts is not None else {(region.space or region.coordinates)[0]: 4}

    # -- what is in the way ------------------------------------------------------------------------------------------

    def _obstacles(self, problem: Problem) -> Iterator[str]:
        region, network = problem.domain, self.network
        if not isinstance(region, Box):
            yield f"{_OWNER} needs a Box as domain, this problem lives on {region!r}."
            return
        if problem.unknown_parameters:
            yield (
                f"{_OWNER} solves for basis coefficients, and cannot find the unknown parameters "
                f"{problem.unknown_parameters} as well; use PINN()."
            )
        for condition in problem.conditions:
            if isinstance(condition, Integral):
                yield (
                    f"{_OWNER} solves for each expert's coefficients at points, and {condition!r} is about all of space; "
                    "solve a member with PINN(), problem.at(...), or leave the integral out."
                )
        if (lost := problem.lost_flux(_OWNER)) is not None:
            yield lost
        if functions(problem) and not needs_grid(network, problem):
            yield (
                f"{_OWNER}(network={type(network).__name__}(...)): parameter {functions(problem)[0]!r} is a function, "
                "which a network of the coordinates cannot take in; use network=pl.FNO()."
            )
        yield from strangers(_OWNER, region.coordinates, grid=self.grid, graded=self.graded)
        try:
            partition = cut(region, self._cuts(problem))
        except ValueError as error:
            yield str(error)
            return
        yield from self._too_few_points(problem)
        yield from self._idle(problem, partition)
        try:
            place = Place(problem, self.recipe(problem))
        except ValueError as error:
            yield str(error)
            return
        if partition.count == 1 and all(isinstance(condition, Data) for condition in place.plan.soft):
            for name in ("condition_points", "condition_weight"):
                if name in given(self):
                    yield self._without_effect(name, "all conditions are built in exactly, and no experts meet")

    def _too_few_points(self, problem: Problem) -> Iterator[str]:
        recipe = self.recipe(problem)
        least = recipe.basis * len(problem.unknowns)
        if recipe.solved and recipe.points * len(problem.residual_names) < least:
            yield (
                f"{_OWNER}(points={recipe.points}, basis={self.basis}): {recipe.points} points cannot determine {least} "
                "coefficients of an expert; use at least four points per coefficient."
            )

    def _idle(self, problem: Problem, partition: Cells) -> Iterator[str]:
        """A sentence for each option that was given and has no effect on a problem."""
        mine = given(self)
        if "coupling" in mine and partition.count == 1:
            yield self._without_effect("coupling", "there is one expert")
        if self.coupling == "march" and len(partition.edges.get(problem.domain.time or "", ())) <= 2:
            cut_it = f"cut it, experts={{{problem.domain.time or 't'!r}: 4}}"
            yield self._without_effect("coupling", f"no parts follow one another in time; {cut_it}")
        for name in ("grid", "order"):
            if name in mine and not needs_grid(self.network, problem):
                yield self._without_effect(name, "only a network on a grid, network=pl.FNO(), has nodes")
        if "harmonics" in mine and not embeds_periods(self.network, problem):
            yield self._without_effect("harmonics", "the network has no embedding of a periodic coordinate")
        if "batch" in mine and self.batch > 1 and not problem.families:
            yield self._without_effect("batch", "the problem is one instance, no family")

    def _without_effect(self, name: str, why: str) -> str:
        return f"{_owner(name)}({name}={getattr(self, name)!r}): {why}, so that {name} has no effect; leave it out."


class FamilyPlan(Plan[OperatorModel]):
    """One phase: a network of basis functions, trained on the residual that members' solutions leave.

    Args:
        options: of the experts.
        problem: the family, or one instance.
        settings: device and dtype of the network and of all solves, and the seed.
    """

    count = 1

    def __init__(self, options: FamilyExperts, problem: Problem, settings: Settings):
        self.options, self.problem, self.settings = options, problem, settings
        self.place = Place(problem, options.recipe(problem))
        self.notes = self.place.plan.notes

    def start(self, k: int, finished: Sequence[OperatorModel]) -> Phase:
        options, problem, settings = self.options, self.problem, self.settings
        recipe = self.place.recipe
        generator = torch.Generator().manual_seed(1_000_003 * settings.seed + k)
        network = options.network
        if network is None:
            network = FNO() if needs_grid(None, problem) else MLP(width=48, depth=3)
        outputs = recipe.basis * len(problem.unknowns)
        network = sized(network, problem, outputs, options.harmonics, generator, settings.dtype).to(settings.device)
        model = OperatorModel(problem, network, self.place)
        if settings.start is not None:
            self._begin(settings.start, model)
        points = options.loss_points or recipe.points
        return Phase(problem, self._system(model, points, (settings.seed, k)), options.stages)

    def _begin(self, start: Start, model: OperatorModel) -> None:
        """Take over the basis functions of another solution."""
        before = start.parts[0].networks
        if not kin(model.networks, before):
            raise ValueError(
                f"solve(start=...): {_OWNER} goes on from a network of the same architecture only, whose basis functions it "
                f"takes over, and the start has {', '.join(type(n).__name__ for n in before) or 'none'} of other sizes; "
                "give the same network and basis, or leave start out."
            )
        take_over(model.networks, before)

    def _system(self, model: OperatorModel, points: int, seed: tuple[int, int]) -> OperatorSystem:
        """The loss, of as many members as the budget has time for, unless the user says how many."""
        options, deadline = self.options, self.settings.deadline
        if math.isinf(deadline.seconds) or not self.problem.families:
            system = OperatorSystem(model, options.batch, points, seed)
            system.check()
            return system
        system = OperatorSystem(model, options.batch, points, seed, held_out=1)
        system.check()
        batch, held_out = system.affordable(deadline.seconds / _LEAST_STEPS)
        if "batch" in given(options):
            batch = options.batch
        if (batch, held_out) != (options.batch, HELD_OUT):
            self.notes += (
                f"the loss is of {batch} members a step instead of {options.batch}, and of {held_out} that are held out "
                f"instead of {HELD_OUT}, so that steps fit into max_seconds={deadline.seconds:g}",
            )
        chosen = OperatorSystem(model, batch, points, seed, held_out)
        chosen.like(system)
        if held_out > 1:
            chosen.check()
        return chosen

    def field(self, models: Sequence[OperatorModel]) -> Callable[[Tensor], Tensor]:
        return models[0].values

    def members(self, models: Sequence[OperatorModel]) -> Members | None:
        return FamilySolution(models[0]) if self.problem.families else None
