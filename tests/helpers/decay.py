"""Exponential decay, and a network small enough to be trained many times."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.training.plans import Solver


def decay(y: pl.Field, t: pl.Field, k: float) -> pl.Field:
    return y.t + k * y


def problem(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": pl.Box(t=(0.0, 1.0)),
        "unknowns": "y",
        "equations": decay,
        "conditions": [pl.Initial(y=1.0)],
        "parameters": {"k": 1.0},
        "reference": lambda t, k: torch.exp(-k * t),
        "name": "decay",
    }
    return pl.Problem(**{**given, **changes})


def solver(*stages: Any, **options: Any) -> pl.PINN:
    options = {"network": pl.MLP(width=4, depth=1), "points": 30, **options}
    return pl.PINN(stages=stages or (pl.LevenbergMarquardt(steps=20),), **options)


def solve(p: pl.Problem | None = None, s: Solver | None = None, **options: Any) -> pl.Solution:
    return pl.solve(p or problem(), s or solver(), progress=False, **options)


def theta(solution: pl.Solution) -> Tensor:
    return torch.cat([model.theta for model in solution.models])
