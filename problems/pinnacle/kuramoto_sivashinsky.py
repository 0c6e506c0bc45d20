"""Kuramoto-Sivashinsky: u_t + a u u_x + b u_xx + c u_xxxx = 0 on [0, 2 pi], periodic, from cos x (1 + sin x), t to 1.

a = 100/16, b = 100/16^2, c = 100/16^4. The benchmark states no condition around; its file was made with periodic ones.
Reference: the classical solver.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "0.96"


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t + 100 / 16 * u * u.x + 100 / 16**2 * u.xx + 100 / 16**4 * u.xxxx,
        conditions=[pl.Initial(u=lambda x: torch.cos(x) * (1 + torch.sin(x))), pl.Periodic(on="x")],
        name="PINNacle Kuramoto-Sivashinsky",
    )
