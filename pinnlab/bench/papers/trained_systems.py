"""The loss of a row as a function of its parameters: what figures of kernels, weights and landscapes are drawn from.

Letters: p parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pinnlab.bench.papers.experiment import Setting
from pinnlab.declaration.problem import Problem
from pinnlab.optimizers.base import Optimizer
from pinnlab.solution.solution import Solution
from pinnlab.solvers.collocation import CollocationSolver
from pinnlab.training.outer import plan_in_natural_units
from pinnlab.training.plans import Plan, Settings
from pinnlab.training.residuals import ResidualSystem


def system_of(problem: Problem, solver: CollocationSolver, setting: Setting) -> ResidualSystem:
    """What ``solve`` trains in its only window, at its first points, with its first parameters."""
    plan = plan_in_natural_units(problem, solver, Settings(torch.device(setting.device), torch.float64, setting.seed))
    assert isinstance(plan, Plan)
    system = plan.start(0, ()).system
    assert isinstance(system, ResidualSystem)
    return system


def parameters_of(solution: Solution) -> Tensor:
    """(p,): the parameters that were trained, in the order of ``system_of``."""
    return torch.cat([p.detach().reshape(-1) for p in solution.models[0].solved.parameters])


def looks(system: ResidualSystem, stage: Optimizer, counts: Sequence[int]) -> Iterator[int]:
    """Train a system with an optimizer that keeps the points, and stop after each of so many steps.

    Args:
        system: is at the parameters and the weights of that step whenever this yields.
        stage: its number of steps does not count.
        counts: increasing numbers of steps.
    """
    theta = system.model.theta
    system.update_weights(theta)
    state = stage.init(system, theta)
    for step in range(counts[-1] + 1):
        if step in counts:
            system.model.theta = theta
            yield step
        if step == counts[-1]:
            return
        made = stage.step(system, theta, state)
        theta, state = made.theta, made.state
        system.update_weights(theta)
