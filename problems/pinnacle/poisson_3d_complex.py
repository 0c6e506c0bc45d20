"""Poisson 3d-CG: -lap u + mu u = f on the unit cube less four balls, u_n = 0 everywhere; mu = 64 below z = 1/2, 100 above.

f = 20 exp(a + b + c) (r^2 - 1) / (r^2 + 1) + 100 a b c with a = sin(pi x), b = sin(10 pi y), c = sin(5 pi z). Reference:
the classical solver.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "0.10"
BALLS = [(0.4, 0.3, 0.6, 0.2), (0.6, 0.7, 0.6, 0.2), (0.2, 0.8, 0.7, 0.1), (0.6, 0.2, 0.3, 0.1)]


def load(x, y, z):
    a, b, c = torch.sin(math.pi * x), torch.sin(10 * math.pi * y), torch.sin(5 * math.pi * z)
    square = x**2 + y**2 + z**2
    return 20 * torch.exp(a + b + c) * (square - 1) / (square + 1) + 100 * a * b * c


def poisson(u, x, y, z):
    return -u.laplacian + torch.where(z < 0.5, 64.0, 100.0) * u - load(x, y, z)


def problem() -> pl.Problem:
    region = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
    for x, y, z, radius in BALLS:
        region = region - pl.Ball({"x": x, "y": y, "z": z}, radius)
    return pl.Problem(
        domain=region,
        unknowns="u",
        equations=poisson,
        conditions=[pl.Neumann(u=0.0)],
        name="PINNacle Poisson 3d-CG",
    )
