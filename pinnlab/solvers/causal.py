"""Causal physics-informed networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pinnlab.declaration.problem import Problem
from pinnlab.machine.calls import explained_call
from pinnlab.machine.numbers import finite
from pinnlab.solvers.assembly import OneNetwork
from pinnlab.solvers.collocation import Assembly, CollocationSolver, Method
from pinnlab.training.plans import Settings
from pinnlab.training.weighting import Causal, Weighting


@explained_call("arguments are named, such as network=pl.MLP(width=20)")
@dataclass(frozen=True, kw_only=True)
class CausalPINN(CollocationSolver):
    """A physics-informed network whose residuals count only once all earlier ones are small.

    Args:
        tolerances: increasing causality tolerances epsilon, a ladder, for residuals in natural sizes.
        delta: a rung is left when every weight exceeds it at several draws of points. After the last one, and at the latest
            after half of the steps or of the time, training goes on without waiting.
        slices: time slices of the weights, at most as many as ``points``.
        initial: ``"outside"`` or ``"inside"``, how a soft initial condition enters, see ``weighting.Causal``.
        steps_per_tolerance: at most so many steps per rung, >= 1, as in the paper; infinite: see ``weighting.Causal``.
        network, stages, points, boundary_points, sampling, harmonics, windows, warm_start, condition_weight: as in
            ``CollocationSolver``.

    Raises:
        ValueError: the problem has no time, or there are fewer points than slices.

    Source: Wang, Sankaran & Perdikaris, arXiv 2203.07404 (CMAME 421:116813, 2024).
    """

    tolerances: tuple[float, ...] = (1e-2, 1e-1, 1e0, 1e1, 1e2)
    delta: float = 0.99
    slices: int = 32
    initial: str = "outside"
    steps_per_tolerance: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.tolerances, Sequence) or None in [finite(t) for t in self.tolerances]:
            raise ValueError(f"CausalPINN(tolerances={self.tolerances!r}): give increasing finite numbers.")
        object.__setattr__(self, "tolerances", tuple(float(t) for t in self.tolerances))
        self.row_weighting()

    def row_weighting(self) -> Weighting:
        return Causal(self.tolerances, self.delta, self.slices, self.initial, self.steps_per_tolerance)

    def method(self, problem: Problem, settings: Settings) -> Method:
        return OneNetwork(self, settings)

    def check(self, problem: Problem) -> None:
        super().check(problem)
        if not problem.domain.has_time:
            raise ValueError(
                f"CausalPINN needs time, but {problem.domain!r} has no coordinate 't'; use pl.PINN() for a steady "
                "problem, or say which coordinate is time: Box(..., time=...). (States at both ends, Initial and Final, "
                "leave no time to follow.)"
            )

    def idle(self, problem: Problem, window: Assembly) -> dict[str, str]:
        found = super().idle(problem, window)
        if not any(count.term.kind == "initial" for count in window.counts):
            found["initial"] = (
                "no initial condition of this problem is in the loss; leave initial out, or write Initial(..., exact=False)."
            )
        return found
