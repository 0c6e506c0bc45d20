"""Heat 2d-VC: u_t - a(x, y) lap u = 200 sin(pi x) sin(5 pi y) sin(pi t) on the unit square, t to 5.

Zero at the start and around. a is the exponential of a Gaussian random field from a seed; the benchmark's is another draw
of the kind, taken at the nearest of 256 x 256 points. Reference: the classical solver.
"""

import math

import torch

import pinnlab as pl
from pinnlab.problems.pinnacle._fields import RandomWaves

PUBLISHED = "0.21"
FIELD = RandomWaves(8, 2.0, 1.0, seed=0)


def heat(u, x, y, t, a):
    source = 200 * torch.sin(math.pi * x) * torch.sin(5 * math.pi * y) * torch.sin(math.pi * t)
    return u.t - a * u.laplacian - source


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 5.0)),
        unknowns="u",
        equations=heat,
        conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
        parameters={"a": lambda x, y: torch.exp(FIELD(x, y))},
        name="PINNacle Heat 2d-VC",
    )
