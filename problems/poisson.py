"""Poisson: u_xx + u_yy = f on [0, 1]^2, with f and the side values such that u = exp(-x) (x + y^3).

Smooth and not symmetric, with values other than zero on all sides. Source: Lagaris, Likas & Fotiadis, IEEE Trans. Neural
Networks 9 (1998) 987, problem 5: the first test of a network for partial differential equations.

Reference: exact, exp(-x) (x + y^3).

Recipe: local random tanh features, nothing trained, 8e-13 in 0.3 s. The trained network (``trained``): 7.6e-9 in 20 s,
1.9e-9 in 40 s (one core, one seed).

Published relative L2 errors: none that could be found.
"""

import torch

import pinnlab as pl

PUBLISHED = "none found"
BUDGET = 40.0


def exact(x, y):
    return torch.exp(-x) * (x + y**3)


def poisson(u, x, y):
    return u.xx + u.yy - torch.exp(-x) * (x - 2 + y**3 + 6 * y)


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns="u",
        equations=poisson,
        conditions=[pl.Dirichlet(u=exact)],
        reference=exact,
        name="Poisson",
    )


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE(features="tanh")


def trained() -> pl.PINN:
    return pl.PINN(stages=pl.LevenbergMarquardt(steps=10_000))
