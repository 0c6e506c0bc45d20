"""Viscous Burgers on a circle: u_t + u u_x = nu u_xx on [0, 2 pi], u(x, 0) = c + sin x, nu = 0.01, t in [0, 1].

Without viscosity characteristics would cross at t = 1, for any c: the mean is a Galilean shift. A moving steep layer forms
instead. Source: Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902, who name it the hard case.

Reference: exact, Cole and Hopf's quotient of heat integrals in the frame that moves with c, evaluated to 1e-12. With
x - c t = pi (y + 1) and t = pi s the state is that of ``burgers`` with viscosity nu / pi.

Published relative errors: none that could be found.
"""

import math

import numpy as np
import torch

import pinnlab as pl
from pinnlab.problems._cole_hopf import cole_hopf

PUBLISHED = "none found"
BUDGET = 180.0


def burgers(u, nu):
    return u.t + u * u.x - nu * u.xx


def reference(x, t, c, nu):
    moved = (np.asarray(x) - c * np.asarray(t)) / math.pi
    return c + cole_hopf(np.remainder(moved, 2.0) - 1.0, np.asarray(t) / math.pi, nu / math.pi)


def problem(c: float = 0.0, nu: float = 0.01) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
        unknowns="u",
        equations=burgers,
        conditions=[pl.Initial(u=lambda x, c: c + torch.sin(x)), pl.Periodic(on="x")],
        parameters={"c": c, "nu": nu},
        reference=reference,
        velocity=lambda u: u,
        name="Burgers on a circle",
    )


def recipe() -> pl.LagrangianPINN:
    return pl.LagrangianPINN(stages=pl.LevenbergMarquardt(steps=10_000))
