"""Heat, a family: u_t = u_xx on [-1, 1], t in [0, 1], with four coefficients a, b, c, d, each in [-2, 2].

u = a exp(-pi^2 t) cos(pi x) + b exp(-4 pi^2 t) cos(2 pi x) + c exp(4 t - 4) cosh(2 x) + d exp(t - 1) sinh(x): two modes that
fade and two that grow, driven from the sides. Initial and side values are taken from it. Source: the code of Li et al.
(METALIC), arXiv 2210.12669. That code also gives the exact values at t = 1, which no forward problem knows:
``problem(final_data=True)`` does so, for comparison.

Reference: exact, the formula above.

Recipe: not tuned; after 30 s a median of 0.16 over six unseen members (one core).

Published relative L2 errors: none that could be found; the paper compares choices of interface conditions.
"""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl

PUBLISHED = "none found"
BUDGET = 60.0


def heat(u):
    return u.t - u.xx


def exact(x, t, a, b, c, d):
    x, t = torch.as_tensor(x), torch.as_tensor(t)
    fading = a * torch.exp(-(math.pi**2) * t) * torch.cos(math.pi * x)
    faster = b * torch.exp(-4 * math.pi**2 * t) * torch.cos(2 * math.pi * x)
    return fading + faster + c * torch.exp(4 * t - 4) * torch.cosh(2 * x) + d * torch.exp(t - 1) * torch.sinh(x)


def start(x, a, b, c, d):
    return exact(x, 0.0, a, b, c, d)


def problem(
    a: float | None = None,
    b: float | None = None,
    c: float | None = None,
    d: float | None = None,
    final_data: bool = False,
) -> pl.Problem:
    conditions: list = [pl.Initial(u=start), pl.Dirichlet(u=exact, on="x")]
    if final_data:
        conditions.append(pl.Data({"x": np.linspace(-1.0, 1.0, 101), "t": np.ones(101)}, u=exact))
    family = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=conditions,
        parameters={name: pl.Uniform(-2.0, 2.0) for name in "abcd"},
        reference=exact,
        name="heat",
        scales=dict.fromkeys(("x", "t", "u", "heat"), 1.0),  # its recipes were found in these units
    )
    given = {"a": a, "b": b, "c": c, "d": d}
    return family.at(**{name: value for name, value in given.items() if value is not None})


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
