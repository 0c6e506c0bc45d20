"""Convection with diffusion: u_t + c u_x = nu u_xx on [0, 2 pi], periodic, u(x, 0) = sin x, t in [0, 1]; c = 50, nu = 0.01.

A wave that runs around the domain eight times and fades by a hundredth. Source: Mojgani, Balajewicz & Hassanzadeh,
arXiv 2205.02902, with the constants of their code. On characteristics only the fading is left to be learned.

Reference: exact, exp(-nu t) sin(x - c t).

Published relative errors: none that could be found.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "none found"
BUDGET = 60.0


def convection_diffusion(u, c, nu):
    return u.t + c * u.x - nu * u.xx


def problem(c: float = 50.0, nu: float = 0.01) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
        unknowns="u",
        equations=convection_diffusion,
        conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        parameters={"c": c, "nu": nu},
        reference=lambda x, t, c, nu: torch.exp(torch.as_tensor(-nu * t)) * torch.sin(torch.as_tensor(x - c * t)),
        velocity=lambda c: c,
        name="convection-diffusion",
    )


def recipe() -> pl.LagrangianPINN:
    return pl.LagrangianPINN(stages=pl.LevenbergMarquardt(steps=10_000))
