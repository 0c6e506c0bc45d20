"""Mixture of experts with hard constraints: least squares inside the network, or, for one instance, in its place.

Letters: n points, d coordinates, s scalar parameters of a family, m unknowns, N basis functions of an unknown, K experts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.cells import march as cells
from pinnlab.cells.basis import BASES, NOISE
from pinnlab.conditions import Initial
from pinnlab.constraints.layout import COUPLINGS
from pinnlab.constraints.partition import Cuts, Partition
from pinnlab.domains import TIME, Box
from pinnlab.least_squares import LeastSquares
from pinnlab.networks.fno import FNO
from pinnlab.networks.mlp import MLP
from pinnlab.operators.family import FamilyFunction
from pinnlab.operators.model import OperatorModel
from pinnlab.operators.place import Recipe
from pinnlab.operators.sizing import needs_grid, sized
from pinnlab.operators.system import OperatorSystem
from pinnlab.optimizers.base import Optimizer
from pinnlab.optimizers.first_order import Adam
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.problem import Problem
from pinnlab.solvers.base import Advance, March, NothingSolvedError, Phase, Plan, Settings, Solver
from pinnlab.status import Status

CONSTRAINTS = ("experts", "global", "soft")


@dataclass(frozen=True, kw_only=True)
class HardConstraintMoE(Solver):
    """Experts that solve for the equations inside the network (PI-HC-MoE).

    For one instance without a network (``HardConstraintMoE()``), every expert is a cell of space with local basis
    functions, and all are marched through time slabs; cells and slabs adapt to the solution, and nothing is trained.

    For a family, a network maps a member's data to N basis functions. In each part of the domain an expert finds the
    coefficients w of u = b . w that leave the least squares of the equations' and conditions' residuals at sampled
    points. The network is trained on the residual that remains at other points, through the optimum by the implicit
    function theorem. No solution data are used. The solution takes the parameters: ``solution.at(a=0.1)`` is a member.

    Args:
        network: ``MLP(...)`` and other networks of the coordinates (scalar parameters are further inputs), your own
            module (n, d + s) -> (n, m N), or ``FNO(...)`` for functions on a grid. None chooses: an FNO where a
            parameter is a function, else an MLP.
        basis: N, functions per unknown.
        experts: {coordinate: number of equal parts, or positions to cut at}; None cuts the longest way in space, or
            time, into 4.
        coupling: ``"interface"`` (values and slopes agree where parts meet, a joint solve), ``"march"`` (parts later in
            time start from those before), or ``"none"`` (the paper's: each sees all conditions, none its neighbours).
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
        features: of a single instance: ``"chebyshev"`` (local polynomials; nothing neural in them) or ``"tanh"`` (the
            hidden layer of a random network).
        degrees: {coordinate: polynomial degree of an expert, or whose resolution its features have}; None chooses.
        tolerance: of a single instance: truncation error of an expert, relative to the size of each unknown.
        most_experts: of a single instance, in one time slab.

    Raises:
        TypeError, ValueError: an argument out of its range.

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
    search: LeastSquares = field(default_factory=lambda: LeastSquares(steps=20, tolerance=1e-8))
    ridge: float = 1e-6
    newton: int = 1
    hessian: str = "full"
    whiten: bool = True
    grid: Mapping[str, int] | None = None
    order: int = 4
    harmonics: int = 1
    graded: Mapping[str, float] = field(default_factory=dict)
    features: str = "chebyshev"
    degrees: Mapping[str, int] | None = None
    tolerance: float = 1e-7
    most_experts: int = 400

    def __post_init__(self) -> None:
        if self.network is not None and not isinstance(self.network, nn.Module):
            raise TypeError(f"HardConstraintMoE(network={self.network!r}): give a torch.nn.Module, such as pl.FNO().")
        for name in ("basis", "batch", "points", "condition_points", "loss_points", "harmonics", "most_experts"):
            value = getattr(self, name)
            optional = name.endswith("points")
            if not (optional and value is None) and (not isinstance(value, int) or value < 1):
                raise ValueError(f"HardConstraintMoE({name}={value!r}): must be a whole number of at least 1.")
        known_names = {
            "coupling": COUPLINGS, "constraint": CONSTRAINTS, "hessian": ("full", "gauss_newton"), "features": tuple(BASES)
        }  # fmt: skip
        for name, known in known_names.items():
            if getattr(self, name) not in known:
                choices = ", ".join(map(repr, known))
                raise ValueError(f"HardConstraintMoE({name}={getattr(self, name)!r}): choose one of {choices}.")
        if self.experts is not None and not isinstance(self.experts, Mapping):
            raise TypeError(f"HardConstraintMoE(experts={self.experts!r}): give a dictionary such as {{'x': 4}}.")
        if not (self.condition_weight > 0 and math.isfinite(self.condition_weight)):
            raise ValueError(f"HardConstraintMoE(condition_weight={self.condition_weight!r}): must be positive.")
        if not (self.ridge >= 0 and math.isfinite(self.ridge)):
            raise ValueError(f"HardConstraintMoE(ridge={self.ridge!r}): must be a number of at least 0.")
        if not isinstance(self.newton, int) or self.newton < 0:
            raise ValueError(f"HardConstraintMoE(newton={self.newton!r}): must be a whole number of at least 0.")
        if not 1e-13 < self.tolerance < 1:
            raise ValueError(f"HardConstraintMoE(tolerance={self.tolerance!r}): give a number between 1e-13 and 1.")
        for name, power in self.graded.items():
            if not (isinstance(power, int | float) and power > 0):
                raise ValueError(
                    f"HardConstraintMoE(graded={{{name!r}: {power!r}}}): give a positive power, such as 3."
                )
        for name, degree in (self.degrees or {}).items():
            if not isinstance(degree, int) or not 3 <= degree <= 40:
                raise ValueError(
                    f"HardConstraintMoE(degrees={{{name!r}: {degree!r}}}): give a whole number from 3 to 40."
                )
        stages = (self.stages,) if isinstance(self.stages, Optimizer) else tuple(self.stages)
        if not stages or not all(isinstance(s, Optimizer) for s in stages):
            raise TypeError(
                f"HardConstraintMoE(stages={self.stages!r}): give optimizers, such as (pl.Adam(steps=300),)."
            )
        if any(isinstance(s, LevenbergMarquardt) for s in stages):
            raise ValueError(
                "HardConstraintMoE(stages=(LevenbergMarquardt(...),)): the loss has no Jacobian by residuals, since each "
                "member's coefficients are solved for inside; use pl.Adam, pl.SOAP, pl.LBFGS or pl.SSBroyden."
            )
        object.__setattr__(self, "stages", stages)

    def plan(self, problem: Problem, settings: Settings) -> Plan | March:
        if not problem.families and self.network is None:
            return self._single_instance(problem, settings)
        return _OperatorPlan(self, problem, settings)

    def _single_instance(self, problem: Problem, settings: Settings) -> March:
        return _CellMarch(self, problem, settings)


class _CellMarch(March):
    """Experts that solve one instance themselves: cells marched through time slabs."""

    def __init__(self, solver: HardConstraintMoE, problem: Problem, settings: Settings):
        region = problem.domain
        if not isinstance(region, Box):
            raise TypeError(f"HardConstraintMoE needs a Box as domain, this problem lives on {region!r}.")
        if problem.unknown_parameters:
            raise ValueError(
                f"HardConstraintMoE solves linearized equations for their unknowns, and cannot find the unknown "
                f"parameters {problem.unknown_parameters} as well; use PINN()."
            )
        if region.has_time and not any(isinstance(c, Initial) for c in problem.conditions):
            raise ValueError(
                "HardConstraintMoE() marches through time, and this problem has no initial condition; add Initial(...), "
                "or give network=pl.MLP(), which sees the whole time interval at once."
            )
        cuts = dict(solver.experts) if solver.experts is not None else _cuts(problem)
        if TIME in cuts:
            raise ValueError(
                f"HardConstraintMoE(experts={cuts!r}): time slabs are found by the solver itself; cut coordinates of "
                "space only."
            )
        edges = {n: np.asarray(e) for n, e in Partition.of(region, cuts).edges.items() if n != TIME}
        degrees = [(solver.degrees or {}).get(n, _degree(problem, n)) for n in region.coordinates]
        high = any(problem.order(n) > 2 for n in region.space)
        # indicators look at values; derivatives of high order lose two digits to them
        tolerance = solver.tolerance * (0.1 if high else 1.0) * NOISE[solver.features]
        basis = BASES[solver.features](degrees, settings.seed)
        limits = cells.MarchSettings(
            tolerance, solver.tolerance, edges, solver.most_experts, weight=solver.condition_weight
        )
        try:
            self.cells = cells.March(problem, basis, limits)
        except cells.UnresolvedError as error:
            raise _nothing_solved(error) from error
        kind = "random tanh features" if solver.features == "tanh" else "Chebyshev polynomials (nothing neural in them)"
        self.notes = (f"single instance: experts with {basis.size} {kind} each, marched through time slabs",)
        rounded = sorted({corner.unknown for corner in self.cells.discretization.corners})
        if rounded:
            self.notes += (
                f"the initial state of {', '.join(rounded)} does not meet the boundary smoothly and is solved rounded off",
            )

    @property
    def pieces(self) -> Sequence[Any]:  # type: ignore[override]
        return self.cells.pieces

    def advance(self) -> Advance:
        march = self.cells
        if march.done:
            return Advance(False, 1.0, stopped=Status.CONVERGED)
        try:
            tried = march.attempt()
        except cells.UnresolvedError as error:
            if not march.pieces:
                raise _nothing_solved(error) from error
            self.notes += (str(error),)
            return Advance(False, march.share, stopped=Status.UNRESOLVED)
        ended = Status.UNRESOLVED if march.coarse else Status.CONVERGED
        info = {"experts": float(tried.cells), "share": march.share}
        stopped = ended if march.done else None
        return Advance(tried.accepted, march.share, tried.misfit**2, tried.held_out**2, info, stopped)

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self.pieces:
            raise _nothing_solved("time was up before the first slab was", Status.INCOMPLETE)
        return self.cells.field()

    def state(self) -> dict[str, Any]:
        return self.cells.state()

    def restore(self, state: dict[str, Any]) -> None:
        self.cells.restore(state)


def _nothing_solved(reason: Exception | str, status: Status = Status.UNRESOLVED) -> NothingSolvedError:
    return NothingSolvedError(f"HardConstraintMoE: nothing could be solved: {reason}. {status.value}.")


def _cuts(problem: Problem) -> dict[str, int]:
    """Experts at the start: few, since they are split where the solution asks for it."""
    space = problem.domain.space
    if len(space) > 1 and problem.domain.has_time:
        return {}
    return {name: 4 if len(space) == 1 else 2 for name in space}


def _degree(problem: Problem, name: str) -> int:
    """Polynomial degree of an expert along one coordinate."""
    space = problem.domain.space
    high = any(problem.order(n) > 2 for n in space)
    if name == TIME:
        return (10 if high else 8) if len(space) == 1 else 6 if space else 16
    if len(space) > 1:
        return 9 if problem.domain.has_time else 14
    return 16 if high else 12


class _OperatorPlan(Plan):
    count = 1

    def __init__(self, solver: HardConstraintMoE, problem: Problem, settings: Settings):
        if not isinstance(problem.domain, Box):
            raise TypeError(f"HardConstraintMoE needs a Box as domain, this problem lives on {problem.domain!r}.")
        if problem.unknown_parameters:
            raise ValueError(
                f"HardConstraintMoE solves for basis coefficients, and cannot find the unknown parameters "
                f"{problem.unknown_parameters} as well; use PINN()."
            )
        self.solver, self.problem, self.settings = solver, problem, settings
        self._phase = self.start(0, [])
        self._phase.system.check()  # type: ignore[attr-defined]
        self.notes = self._phase.system.model.place.plan.notes  # type: ignore[attr-defined]

    def start(self, k: int, finished: Sequence[Any]) -> Phase:
        solver, problem, settings = self.solver, self.problem, self.settings
        recipe = self._recipe()
        generator = torch.Generator().manual_seed(1_000_003 * settings.seed + k)
        given = solver.network
        if given is None:
            given = FNO() if needs_grid(None, problem) else MLP(width=48, depth=3)
        outputs = recipe.basis * len(problem.unknowns)
        network = sized(given, problem, outputs, solver.harmonics, generator, settings.dtype).to(settings.device)
        model = OperatorModel(problem, network, recipe)
        points = solver.loss_points or recipe.points
        system = OperatorSystem(model, solver.batch, points, (settings.seed, k))
        return Phase(problem, system, solver.stages)  # type: ignore[arg-type]

    def field(self, models: Sequence[Any]) -> Callable[[Tensor], Tensor]:
        return FamilyFunction(models[0])

    def _recipe(self) -> Recipe:
        solver, problem = self.solver, self.problem
        region = problem.domain
        assert isinstance(region, Box)
        solved = solver.constraint != "soft"
        cuts: Cuts = {}
        if solver.constraint == "experts":
            cuts = solver.experts if solver.experts is not None else {(region.space or region.coordinates)[0]: 4}
        Partition.of(region, cuts)
        size = solver.basis if solved else 1
        least = size * len(problem.unknowns)
        points = solver.points or 8 * solver.basis * len(problem.unknowns)
        if solved and points * len(problem.residual_names) < least:
            raise ValueError(
                f"HardConstraintMoE(points={points}, basis={solver.basis}): {points} points cannot determine {least} "
                "coefficients of an expert; use at least four points per coefficient."
            )
        grid = None
        if needs_grid(solver.network, problem):
            grid = {name: (solver.grid or {}).get(name, 32) for name in region.coordinates}
            for name in solver.grid or {}:
                if name not in grid:
                    raise ValueError(f"HardConstraintMoE(grid=...): {name!r} is none of {', '.join(grid)}.")
        return Recipe(
            cuts, size, solver.coupling, solved, points, solver.condition_points or max(1, points // 4),
            solver.condition_weight, solver.search, solver.ridge, solver.newton, solver.hessian, grid, solver.order,
            dict(solver.graded), solver.whiten,
        )  # fmt: skip
