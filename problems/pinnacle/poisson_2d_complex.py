"""Poisson 2d-CG: -lap u + 64 u = f on [-1, 1]^2 less four disks; u = 0.2 outside, 1 on the disks.

f = 10 (17 + x^2 + y^2) sin(pi x) sin(4 pi y). Reference: the classical solver.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "1.4e-2"
DISKS = [(0.5, 0.5, 0.2), (0.4, -0.4, 0.4), (-0.2, -0.7, 0.1), (-0.6, 0.5, 0.3)]


def poisson_boltzmann(u, x, y):
    load = 10 * (17 + x**2 + y**2) * torch.sin(math.pi * x) * torch.sin(4 * math.pi * y)
    return -u.laplacian + 64 * u - load


def problem() -> pl.Problem:
    region = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0))
    for number, (x, y, radius) in enumerate(DISKS):
        region = region - pl.Ball({"x": x, "y": y}, radius, name=f"disk{number}")
    disks = [f"disk{number}" for number in range(len(DISKS))]
    return pl.Problem(
        domain=region,
        unknowns="u",
        equations=poisson_boltzmann,
        conditions=[
            *(pl.Dirichlet(u=0.2, on=side) for side in ("x", "y")),
            *(pl.Dirichlet(u=1.0, on=disk) for disk in disks),
        ],
        name="PINNacle Poisson 2d-CG",
    )
