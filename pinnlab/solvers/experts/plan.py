"""Experts over trained basis functions, as a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.networks.fno import FNO
from pinnlab.networks.mlp import MLP
from pinnlab.solvers.experts.family import FamilyFunction
from pinnlab.solvers.experts.members import Recipe
from pinnlab.solvers.experts.model import OperatorModel
from pinnlab.solvers.experts.partition import Cuts, cut
from pinnlab.solvers.experts.sizing import needs_grid, sized
from pinnlab.solvers.experts.system import OperatorSystem
from pinnlab.training.plans import Phase, Plan, Settings


class _OperatorPlan(Plan):
    count = 1

    def __init__(self, solver: Any, problem: Problem, settings: Settings):
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
        cut(region, cuts)
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
