"""Lagrangian physics-informed networks: solve on characteristics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pinnlab.characteristics import drift_of, label_problem
from pinnlab.eulerian import EulerianView
from pinnlab.model import Model, Trainable, joined
from pinnlab.networks.branches import Branches
from pinnlab.networks.mlp import MLP
from pinnlab.problem import Problem
from pinnlab.solvers.base import CollocationPlan, CollocationSolver, Plan, Settings, check_single_instance
from pinnlab.status import Status
from pinnlab.weighting import Uniform, Weighting

_NARROW = 0.02
"""det dX/dxi below which the user is told how far characteristics have come together."""


@dataclass(frozen=True, kw_only=True)
class LagrangianPINN(CollocationSolver):
    """Two networks on the labels of characteristics: where they go, and the state they carry.

    The equations are the problem's own; their derivatives by position and by time at a fixed place come from those by
    label through the chain rule. The problem says with which ``velocity`` its characteristics move.

    Args:
        trajectory: template of the displacements' branch; a small MLP if None.
        network: template of the states' branch; a small MLP if None.
        label_diffusion: space derivatives of second and higher order by label, as in the paper's released code. They
            are those by position only where the velocity is constant.
        weighting: ``Uniform()``, ``GradientNorm()``, ``NTK()``, or ``Causal(...)`` from ``pinnlab.weighting``.
        stages, points, boundary_points, sampling, harmonics, windows, warm_start, condition_weight: as in
            ``CollocationSolver``; labels are kept from window to window.

    Raises:
        TypeError, ValueError: the problem has no velocity, or sides that are not periodic.

    Source: Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902 (CMAME 404:115810, 2023).
    """

    trajectory: nn.Module | None = None
    label_diffusion: bool = False
    weighting: Weighting = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.weighting, Weighting):
            raise TypeError(f"LagrangianPINN(weighting={self.weighting!r}): give Uniform(), GradientNorm() or NTK().")
        for name in ("network", "trajectory"):
            value = getattr(self, name)
            if value is not None and not getattr(value, "is_template", False):
                raise TypeError(f"LagrangianPINN({name}={value!r}): give a template such as pl.MLP(width=30).")

    def row_weighting(self) -> Weighting:
        return self.weighting

    def plan(self, problem: Problem, settings: Settings) -> Plan:
        check_single_instance(problem, "LagrangianPINN")
        return _LagrangianPlan(self, problem, settings)


class _LagrangianPlan(CollocationPlan):
    def __init__(self, solver: LagrangianPINN, problem: Problem, settings: Settings):
        self.drift = drift_of(problem)
        labels = label_problem(problem, self.drift, solver.label_diffusion)
        self.own = tuple(problem.unknowns)
        state = solver.network or MLP(width=20, depth=2)
        trajectory = solver.trajectory or MLP(width=10, depth=2)
        branches = Branches([state, trajectory], [len(self.own), len(problem.domain.space)])  # type: ignore[list-item]
        super().__init__(dataclasses.replace(solver, network=branches), labels, settings)

    def view(self, model: Trainable) -> Any:
        assert isinstance(model, Model)
        return EulerianView(model, self.own, self.drift)

    def field(self, models: Sequence[Trainable]) -> Callable[[Tensor], Tensor]:
        return joined([self.view(model) for model in models], self.problem.domain)

    def verdict(self, models: Sequence[Trainable], status: Status) -> tuple[Status, tuple[str, ...]]:
        with torch.no_grad():
            views = [self.view(model) for model in models]
            times = [time for view in views if (time := view.first_crossing()) is not None]
            if times:
                return Status.CROSSED, (f"characteristics cross from t = {min(times):.4g} on",)
            size, time = min(view.narrowest() for view in views)
        if size > _NARROW:
            return status, ()
        return status, (
            f"characteristics stay apart, but come close: at t = {time:.4g} a neighbourhood has shrunk to J = {size:.2g} of "
            "its size at the start; compare() with a classical solution before trusting it from there on, or end earlier",
        )
