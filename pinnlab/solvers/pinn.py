"""The plain physics-informed network."""

from __future__ import annotations

from dataclasses import dataclass, field

from pinnlab.declaration.problem import Problem
from pinnlab.machine.calls import explained_call
from pinnlab.solvers.assembly import OneNetwork
from pinnlab.solvers.collocation import CollocationSolver, Method
from pinnlab.training.plans import Settings
from pinnlab.training.weighting import Unweighted, Weighting


@explained_call("arguments are named, such as network=pl.MLP(width=20)")
@dataclass(frozen=True, kw_only=True)
class PINN(CollocationSolver):
    """One network trained on the residuals of the equations and of the conditions that are not built in.

    Args:
        weighting: ``Unweighted()``, ``GradientNorm()`` or ``NTK()``.
        network, stages, points, boundary_points, sampling, harmonics, windows, warm_start, condition_weight: as in
            ``CollocationSolver``.

    Source: Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686.
    """

    weighting: Weighting = field(default_factory=Unweighted)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.weighting, Weighting):
            raise TypeError(f"PINN(weighting={self.weighting!r}): give Unweighted(), GradientNorm() or NTK().")

    def row_weighting(self) -> Weighting:
        return self.weighting

    def method(self, problem: Problem, settings: Settings) -> Method:
        return OneNetwork(self, settings)
