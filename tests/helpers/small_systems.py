"""Residual systems of small networks for Burgers' equation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import ResidualSystem

PI = math.pi


BOX = pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0))


def burgers(u: pl.Field, nu: float) -> pl.Field:
    return u.t + u * u.x - nu * u.xx


def start(x: Tensor) -> Tensor:
    return -torch.sin(PI * x)


def system(problem: pl.Problem, solver: pl.PINN | pl.CausalPINN, seed: int = 0) -> ResidualSystem:
    return solver.plan(problem, Settings(torch.device("cpu"), torch.float64, seed)).start(0, []).system


def small(**options: object) -> pl.PINN:
    return pl.PINN(**{"network": pl.MLP(width=5, depth=2), "points": 23, **options})  # type: ignore[arg-type]


def causal() -> ResidualSystem:
    problem = pl.Problem(BOX, "u", burgers, [pl.Initial(u=start, exact=False), pl.Periodic(on="x")], {"nu": 0.01})
    solver = pl.CausalPINN(network=pl.MLP(width=5, depth=2), points=23, slices=5, tolerances=(0.1,), boundary_points=7)
    return system(problem, solver)
