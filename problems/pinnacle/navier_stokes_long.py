"""NS 2d-LT: a pulsating flow through a channel [0, 2] x [0, 1], Re = 100, from rest, t to 5.

sin(pi y) (sin(pi t) + sin(3 pi t) + sin(5 pi t)) enters at the left, p = 0 at the right, walls above and below, and the
force -sin(pi x) sin(pi y) sin(pi t) acts in both directions. The benchmark says nothing of v at the
right; here its slope vanishes. Reference: the classical solver.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "0.995"


def inflow(y, t):
    return torch.sin(math.pi * y) * sum(torch.sin(k * math.pi * t) for k in (1, 3, 5))


def navier_stokes(u, v, p, x, y, t):
    force = torch.sin(math.pi * x) * torch.sin(math.pi * y) * torch.sin(math.pi * t)
    return {
        "u": u.t + u * u.x + v * u.y + p.x - 0.01 * u.laplacian + force,
        "v": v.t + u * v.x + v * v.y + p.y - 0.01 * v.laplacian + force,
        "p": u.x + v.y,
    }


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), y=(0.0, 1.0), t=(0.0, 5.0)),
        unknowns=("u", "v", "p"),
        equations=navier_stokes,
        conditions=[
            pl.Initial(u=0.0, v=0.0),
            pl.Dirichlet(u=inflow, v=0.0, on="x-"),
            pl.Dirichlet(p=0.0, on="x+"),
            pl.Neumann(v=0.0, on="x+"),
            pl.Dirichlet(u=0.0, v=0.0, on="y"),
        ],
        name="PINNacle NS 2d-LT",
    )
