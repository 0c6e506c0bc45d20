"""Convection: u_t + c u_x = 0 on [0, 2 pi], periodic, u(x, 0) = sin x, t in [0, 1].

With c = 30 and more, plain physics-informed networks end in wrong solutions with small residuals. Source: Krishnapriyan et
al., arXiv 2109.01050; the speeds 0 to 70 of Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902.

Reference: exact, sin(x - c t).

Recipe: local random tanh features, nothing trained, 4.4e-11 in 1.4 s for c = 50. The trained networks (``trained``): 7.5e-7
in 60 s for c = 30 (median of three seeds), 7.2e-7 for c = 50 (one seed). In 20 s of processor time at c = 50 they reach
6.5e-6; ten windows with new points before every step, and no start from the window before, reach 1.8e-4.

Published relative errors at c = 30 / 50: PINN 1.26 / 1.0, Lagrangian PINN 0.045 / 0.034 (read off a figure).
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "1.0 (PINN); 0.045 (Lagrangian PINN)"
BUDGET = 60.0


def convection(u, c):
    return u.t + c * u.x


def problem(c: float = 30.0) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
        unknowns="u",
        equations=convection,
        conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        parameters={"c": c},
        reference=lambda x, t, c: torch.sin(torch.as_tensor(x - c * t)),
        velocity=c,
        name="convection",
    )


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE(features="tanh")


def trained() -> pl.PINN:
    return pl.PINN(
        windows=20,
        # what a window has to find is what the one before has found, moved on
        warm_start=True,
        network=pl.MLP(width=12, depth=2),
        points=500,
        sampling="sobol",
        stages=pl.LevenbergMarquardt(steps=1000, damping=1e-5, decrease=10.0, redraw=False),
    )
