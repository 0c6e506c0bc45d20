"""Formulas as finished solutions, and problems that they solve."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices
from pinnlab.solvers.windows import joined
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.status import Status


class Given(Part):
    """A formula as a finished model.

    Args:
        region: where.
        formula: (n, d) -> (n, m).
    """

    def __init__(self, region: Any, formula: Any, **found: float):
        self.region, self.formula = region, formula
        self.parameters = [torch.zeros(1, dtype=torch.float64)]
        self.coefficients = {k: torch.tensor(v, dtype=torch.float64) for k, v in found.items()}
        self.constants: dict[str, Any] = {"c": 10.0, "D": 0.1}

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return autograd_jet(self.formula, points, indices, keep=False)

    def to_data(self, file: Any) -> dict[str, Any]:
        return {}


class Joined(Given):
    """The same, as if pieces met in the middle."""

    @property
    def joints(self) -> dict[str, tuple[float, ...]]:
        return {"x": (0.5,)}


def solved(problem: pl.Problem, *models: Any) -> pl.Solution:
    for model in models:
        model.unknowns = problem.unknowns
    return pl.Solution(problem, joined(models, problem.domain), models, History(()), Status.CONVERGED, 0.0)


def convection(c: float = 10.0) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, c: u.t + c * u.x,
        conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        parameters={"c": c},
        reference=lambda x, t, c: torch.sin(x - c * t),
        name="convection",
    )


def heat(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        "unknowns": "u",
        "equations": lambda u, D: u.t - D * u.xx,
        "conditions": [pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
        "parameters": {"D": 0.1},
        "reference": lambda x, t: torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x),
        "name": "heat",
    }
    return pl.Problem(**{**given, **changes})


def heated(points: Tensor, rate: float = 0.1) -> Tensor:
    x, t = points[:, :1], points[:, 1:]
    return torch.exp(-rate * math.pi**2 * t) * torch.sin(math.pi * x)
