"""Wave equation: u_tt = 4 u_xx on [0, 1], u = 0 on the sides, two standing waves, t in [0, 1].

u(x, 0) = sin(pi x) + sin(4 pi x) / 2, u_t(x, 0) = 0. The speed 2 makes two scales of time: periods 1 and 1/4. Source:
Wang, Yu & Perdikaris, arXiv 2007.14527, where plain networks fail.

Reference: exact, sin(pi x) cos(2 pi t) + sin(4 pi x) cos(8 pi t) / 2.

Recipe: 4.5e-10 in 1.3 s (one core, one seed); polynomials of degree 16 in x and 14 in t instead of random tanh features
1.3e-13 in 0.9 s.

Published relative L2 errors: 1.8e-6 in 0.6 s on a CPU (frozen features), 1.2e-15 in 635 s on a GPU (sketched
Gauss-Newton).
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "1.8e-6 (frozen features, 0.6 s CPU); 1.2e-15 (635 s, GPU)"
BUDGET = 20.0


def wave(u):
    return u.tt - 4 * u.xx


def exact(x, t):
    x, t = torch.as_tensor(x), torch.as_tensor(t)
    slow = torch.sin(math.pi * x) * torch.cos(2 * math.pi * t)
    return slow + torch.sin(4 * math.pi * x) * torch.cos(8 * math.pi * t) / 2


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=wave,
        conditions=[
            pl.Initial(u=lambda x: torch.sin(math.pi * x) + torch.sin(4 * math.pi * x) / 2, u_t=0.0),
            pl.Dirichlet(u=0.0),
        ],
        reference=exact,
        name="wave",
    )


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE(features="tanh", tolerance=1e-9)
