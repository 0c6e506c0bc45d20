"""Viscous Burgers: u_t + u u_x = nu u_xx on [-1, 1], nu = 0.01/pi, u(x, 0) = -sin(pi x), u(+-1, t) = 0, t in [0, 1].

A steep layer of width 0.01 forms at x = 0. Source: Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686.
Some tables use nu = 0.01 instead; their numbers do not compare.

Reference: exact, Cole and Hopf's quotient of heat integrals, evaluated to 1e-12.

Recipe: local random tanh features, nothing trained, 2.1e-8 in 3.4 s (polynomials 1.3e-9 in 3.6 s). The trained network
(``trained``): 3.4e-6 in 170 s (median of three seeds, two runs side by side on two cores).

Published relative L2 errors: PINN 6.7e-4 (2019), SOAP 4e-5 (GPU), SSBroyden 1.6e-8 (2878 s on a GPU).
"""

import math

import torch

import pinnlab as pl
from pinnlab.problems._cole_hopf import cole_hopf

PUBLISHED = "4e-5 (SOAP, GPU); 1.6e-8 (SSBroyden, 2878 s GPU)"
BUDGET = 170.0


def burgers(u, nu):
    return u.t + u * u.x - nu * u.xx


def problem(nu: float = 0.01 / math.pi) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=burgers,
        conditions=[pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0, on="x")],
        parameters={"nu": nu},
        reference=lambda x, t, nu: cole_hopf(x, t, nu),
        name="Burgers",
    )


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE(features="tanh")


def trained() -> pl.PINN:
    return pl.PINN(stages=pl.LevenbergMarquardt(steps=10_000))
