"""Mixture of experts with hard constraints: least squares inside the network, or, for one instance, in its place.

Letters: n points, d coordinates, s scalar parameters of a family, m unknowns, N basis functions of an unknown, K experts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.declaration.problem import Problem
from pinnlab.optimizers.base import Optimizer
from pinnlab.optimizers.first_order import Adam
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.solvers.experts.assembly import COUPLINGS
from pinnlab.solvers.experts.partition import Cuts
from pinnlab.solvers.experts.plan import _OperatorPlan
from pinnlab.solvers.local_experts.basis import BASES
from pinnlab.solvers.local_experts.plan import _CellMarch
from pinnlab.training.plans import March, Plan, Settings, Solver

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
