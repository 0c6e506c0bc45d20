"""Heat 2d-MS: u_t = u_xx / (500 pi)^2 + u_yy / pi^2 on the unit square from sin(20 pi x) sin(pi y), zero around, t to 5.

Reference: exact, the start times exp(-(1 + 1/625) t).
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "4.4e-2"
RATE = 1 + (20 / 500) ** 2


def start(x, y):
    return torch.sin(20 * math.pi * x) * torch.sin(math.pi * y)


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 5.0)),
        unknowns="u",
        equations=lambda u: u.t - u.xx / (500 * math.pi) ** 2 - u.yy / math.pi**2,
        conditions=[pl.Initial(u=start), pl.Dirichlet(u=0.0)],
        reference=lambda x, y, t: start(x, y) * torch.exp(-RATE * t),
        name="PINNacle Heat 2d-MS",
    )
