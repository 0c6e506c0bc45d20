"""Advection, a family: u_t + b u_x = 0 on [0, 2 pi], u(x, 0) = sin x, u(0, t) = sin(-b t), t in [0, 1]; b in [1, 30].

Values come in on the left, and leave on the right where nothing is given: another problem than ``convection``, which is
periodic. Source: Li, Penwarden, Xu, Tillinghast, Narayan, Kirby & Zhe (METALIC), arXiv 2210.12669, setting as in their
code. That code also gives the exact values on the right and at t = 1, which no forward problem knows:
``problem(final_data=True)`` does so, for comparison.

Reference: exact, sin(x - b t).

Recipe: not tuned; after 30 s only slow members are found, b = 5 to 2e-2, b = 10 to 0.3 (one core).

Published relative L2 errors: none that could be found; the paper compares choices of interface conditions.
"""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl

PUBLISHED = "none found"
BUDGET = 60.0


def advection(u, b):
    return u.t + b * u.x


def exact(x, t, b):
    return torch.sin(torch.as_tensor(x - b * t))


def problem(b: float | None = None, final_data: bool = False) -> pl.Problem:
    conditions: list = [pl.Initial(u=lambda x: torch.sin(x)), pl.Dirichlet(u=exact, on="x" if final_data else "x-")]
    if final_data:
        conditions.append(pl.Data({"x": np.linspace(0.0, 2 * math.pi, 101), "t": np.ones(101)}, u=exact))
    family = pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
        unknowns="u",
        equations=advection,
        conditions=conditions,
        parameters={"b": pl.Uniform(1.0, 30.0)},
        reference=exact,
        velocity=lambda b: b,
        name="advection",
    )
    return family if b is None else family.at(b=b)


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
