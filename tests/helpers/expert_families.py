"""Families that are small enough to be solved by experts in a test."""

from __future__ import annotations

import math
from typing import Any

import torch

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.solvers.experts.plan import FamilyExperts
from pinnlab.solvers.experts.system import OperatorSystem
from pinnlab.training.plans import Settings

PI = math.pi
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
SMALL: dict[str, Any] = {
    "network": pl.MLP(width=12, depth=2),
    "basis": 12,
    "experts": {"x": 2},
    "batch": 1,
    "points": 64,
}
EXACT = LeastSquares(steps=60, tolerance=1e-10)


def heat(u: pl.Field, nu: float) -> pl.Field:
    return u.t - nu * u.xx


def family(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": BOX,
        "unknowns": "u",
        "equations": heat,
        "conditions": [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
        "parameters": {"nu": pl.Uniform(0.05, 0.2)},
        "reference": lambda x, t, nu: torch.sin(PI * x) * torch.exp(-nu * PI**2 * t),
    }
    return pl.Problem(**{**given, **changes})


def soft_burgers() -> pl.Problem:
    conditions = [pl.Initial(u=lambda x: torch.sin(2 * PI * x), exact=False), pl.Dirichlet(u=0.0, exact=False)]
    return family(equations=lambda u, nu: u.t + u * u.x - nu * u.xx, conditions=conditions, reference=None)


def functions() -> pl.Problem:
    """Heat on a ring from a random initial state."""
    return pl.Problem(
        BOX, "u", lambda u: u.t - 0.02 * u.xx, [pl.Initial(u=lambda u0: u0), pl.Periodic(on="x")],
        {"u0": pl.RandomField(on="x")},
    )  # fmt: skip


def options_of(**changes: Any) -> dict[str, Any]:
    """The small ones, with changes; None leaves an option out."""
    return {name: value for name, value in {**SMALL, **changes}.items() if value is not None}


def system(problem: pl.Problem, **options: Any) -> OperatorSystem:
    found = FamilyExperts(**options_of(**options)).plan(problem, SETTINGS).start(0, []).system  # type: ignore
    assert isinstance(found, OperatorSystem)
    return found


GRID: dict[str, Any] = {"network": pl.FNO(modes=3, width=6, depth=2), "grid": {"x": 16, "t": 12}, "basis": 6}
