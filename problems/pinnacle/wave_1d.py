"""Wave 1d-C: u_tt = 4 u_xx on [0, 1], two modes, at rest at the start, t to 1.

Reference: exact, sin(pi x) cos(2 pi t) + sin(4 pi x) cos(8 pi t) / 2.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "9.8e-2"


def exact(x, t):
    first = torch.sin(math.pi * x) * torch.cos(2 * math.pi * t)
    return first + 0.5 * torch.sin(4 * math.pi * x) * torch.cos(8 * math.pi * t)


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.tt - 4 * u.xx,
        conditions=[
            pl.Initial(u=lambda x: torch.sin(math.pi * x) + 0.5 * torch.sin(4 * math.pi * x), u_t=0.0),
            pl.Dirichlet(u=0.0),
        ],
        reference=exact,
        name="PINNacle Wave 1d-C",
    )
