"""Burgers 1d-C: u_t + u u_x = nu u_xx on [-1, 1], nu = 0.01/pi, u(x, 0) = -sin(pi x), u(+-1, t) = 0, t to 1.

Reference: exact, Cole and Hopf's integrals, to 1e-12. The benchmark's own file is 1.33e-2 off.
"""

import math

import torch

import pinnlab as pl
from pinnlab.problems._cole_hopf import cole_hopf

PUBLISHED = "1.4e-2"
NU = 0.01 / math.pi


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t + u * u.x - NU * u.xx,
        conditions=[pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
        reference=lambda x, t: cole_hopf(x, t, NU),
        name="PINNacle Burgers 1d-C",
    )
