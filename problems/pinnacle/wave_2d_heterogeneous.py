"""Wave 2d-CG: u_tt / c(x, y) = lap u on [-1, 1]^2, u_n = 0, from a bump at (-1/2, 0) at rest, t to 5.

c rises from 1 to 12 where a Gaussian random field from a seed changes its sign, within a layer of about 0.05; the
benchmark's is interpolated between 256 x 256 points of another draw. Reference: the classical solver.
"""

import torch

import pinnlab as pl
from pinnlab.problems.pinnacle._fields import RandomWaves

PUBLISHED = "0.79"
FIELD = RandomWaves(4, 2.0, 2.0, seed=0)


def speed(x, y):
    return 1 + 11 * torch.sigmoid(10 * FIELD(x, y))


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), t=(0.0, 5.0)),
        unknowns="u",
        equations=lambda u, c: u.tt / c - u.laplacian,
        conditions=[
            pl.Initial(u=lambda x, y: torch.exp(-((x + 0.5) ** 2 + y**2) / 0.18), u_t=0.0),
            pl.Neumann(u=0.0),
        ],
        parameters={"c": speed},
        name="PINNacle Wave 2d-CG",
    )
