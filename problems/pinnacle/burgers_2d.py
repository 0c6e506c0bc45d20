"""Burgers 2d-C: u_t + u u_x + v u_y = nu lap u, the same for v, on [0, 4]^2, periodic, nu = 1e-3, from random waves, t to 1.

Waves up to 4 with normal amplitudes, scaled to a largest value of 2, plus a constant between -1 and 1, from a seed; the
benchmark's start is another draw of the kind. Reference: the classical solver.
"""

import numpy as np
import torch

import pinnlab as pl
from pinnlab.problems.pinnacle._fields import RandomWaves

PUBLISHED = "0.26"
NU = 1e-3
_NODES = torch.linspace(0.0, 4.0, 257, dtype=torch.float64)


def start(seed: int):
    waves = RandomWaves(4, 0.0, 4.0, seed)
    largest = waves(*torch.meshgrid(_NODES, _NODES, indexing="ij")).abs().max()
    constant = np.random.default_rng(seed + 1000).uniform(-1.0, 1.0)
    return lambda x, y: 2 * waves(x, y) / largest + constant


def burgers(u, v):
    return {
        "u": u.t + u * u.x + v * u.y - NU * u.laplacian,
        "v": v.t + u * v.x + v * v.y - NU * v.laplacian,
    }


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 4.0), y=(0.0, 4.0), t=(0.0, 1.0)),
        unknowns=("u", "v"),
        equations=burgers,
        conditions=[pl.Initial(u=start(0), v=start(1)), pl.Periodic(on="x"), pl.Periodic(on="y")],
        name="PINNacle Burgers 2d-C",
    )
