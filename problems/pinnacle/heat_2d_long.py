"""Heat 2d-LT: u_t = 0.001 lap u + 5 sin(u^2) (1 + 2 sin(pi t / 4)) sin(4 pi x) sin(2 pi y) on the unit square, t to 100.

From sin(4 pi x) sin(3 pi y), zero around. Reference: the classical solver.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "0.999"


def heat(u, x, y, t):
    rate = 5 * (1 + 2 * torch.sin(math.pi * t / 4)) * torch.sin(4 * math.pi * x) * torch.sin(2 * math.pi * y)
    return u.t - 0.001 * u.laplacian - torch.sin(u**2) * rate


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 100.0)),
        unknowns="u",
        equations=heat,
        conditions=[
            pl.Initial(u=lambda x, y: torch.sin(4 * math.pi * x) * torch.sin(3 * math.pi * y)),
            pl.Dirichlet(u=0.0),
        ],
        name="PINNacle Heat 2d-LT",
    )
