"""Wave 2d-MS: u_tt = u_xx + 2 u_yy on the unit square, two standing waves, zero around, t to 100.

The benchmark's formula does not satisfy its own equation, and its second term grows like sinh(3 pi x); this one does:
sin(pi x) sin(pi y) cos(sqrt(3) pi t) + sin(3 pi x) sin(2 pi y) cos(sqrt(17) pi t). Reference: exact.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "0.98"
MODES = [(1, 1), (3, 2)]


def exact(x, y, t):
    return sum(
        torch.sin(i * math.pi * x) * torch.sin(j * math.pi * y) * torch.cos(math.sqrt(i**2 + 2 * j**2) * math.pi * t)
        for i, j in MODES
    )


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 100.0)),
        unknowns="u",
        equations=lambda u: u.tt - u.xx - 2 * u.yy,
        conditions=[
            pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x)), u_t=0.0),
            pl.Dirichlet(u=0.0),
        ],
        reference=exact,
        name="PINNacle Wave 2d-MS",
    )
