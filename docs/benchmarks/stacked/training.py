"""Training many members at once, in stages that may differ in their interface conditions.

Letters: B members, P parameters, n points, m unknowns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.optimizers.base import Optimizer
from pinnlab.solvers.multidomain.solver import Interface, MultiDomainPINN
from stacked.optimizers import minimize
from stacked.system import StackedSystem, initial_parameters


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Attributes:
        system: of the members, with the interface conditions of the last stage.
        theta: (B, P).
        loss: (B,), not finite where a member was given up.
    """

    system: StackedSystem
    theta: Tensor
    loss: Tensor

    def values(self, points: Tensor) -> Tensor:
        """(B, n, m) values at (n, d) points."""
        return self.system.solution(self.theta, points)

    def errors(self, points: Tensor, references: Tensor) -> Tensor:
        """(B,): relative L2 errors at (n, d) points against (B, n, m) values, all unknowns together."""
        return (self.values(points) - references).flatten(1).norm(dim=1) / references.flatten(1).norm(dim=1)


def train(
    members: Sequence[Problem],
    solver: MultiDomainPINN,
    stages: Sequence[Optimizer | tuple[Optimizer, Interface]] | None = None,
    *,
    theta: Tensor | None = None,
    seed: int = 0,
) -> Trained:
    """Train the networks of many members of a family together.

    It takes the steps that ``solve`` takes for every member alone, without looking at held-out points in between: what
    counts is where the last step ends.

    Args:
        members: problems that differ in their parameters' values only.
        solver: how to solve them; points must not be ``"adaptive"``.
        stages: optimizers, each with or without interface conditions of its own; the solver's stages by default.
        theta: (B, P) to start from; by default what a solve with this seed starts from, the same for every member.
        seed: of the points and of the initial parameters.

    Raises:
        TypeError, ValueError: no stages; an optimizer other than Adam or Levenberg-Marquardt; members or a solver that
            cannot be stacked (see ``StackedSystem``).
    """
    given = stages if stages is not None else solver.stages
    if not given:
        raise ValueError("stages: give optimizers, such as (pl.Adam(steps=100), pl.LevenbergMarquardt(steps=20)).")
    system: StackedSystem | None = None
    used = None
    for stage in given:
        optimizer, interface = stage if isinstance(stage, tuple) else (stage, solver.interface)
        if system is None or interface != used:
            system, used = StackedSystem(members, solver.with_interface(interface), seed), interface
        if theta is None:
            theta = initial_parameters(members[0], solver, seed).expand(system.shape).clone()
        theta, loss = minimize(system, theta, optimizer)
    assert system is not None and theta is not None
    return Trained(system, theta, torch.where(torch.isfinite(theta).all(1), loss, torch.nan))
