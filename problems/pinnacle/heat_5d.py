"""HNd: u_t = lap u / 5 - |x|^2 exp(|x|^2 / 2 + t) / 5 in the unit ball of five dimensions, t to 1.

The normal derivative is given. Reference: exact, exp(|x|^2 / 2 + t), whose normal derivative on the ball equals it.
"""

import torch

import pinnlab as pl

PUBLISHED = "0.30"
CENTER = {name: 0.0 for name in ("v", "w", "x", "y", "z")}


def square(v, w, x, y, z):
    return v**2 + w**2 + x**2 + y**2 + z**2


def exact(v, w, x, y, z, t):
    return torch.exp(0.5 * square(v, w, x, y, z) + t)


def heat(u, v, w, x, y, z, t):
    return u.t - u.laplacian / 5 + square(v, w, x, y, z) * exact(v, w, x, y, z, t) / 5


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Ball(CENTER, 1.0) * pl.Box(t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=[
            pl.Initial(u=lambda v, w, x, y, z: torch.exp(0.5 * square(v, w, x, y, z))),
            pl.Neumann(u=exact),
        ],
        reference=exact,
        name="PINNacle HNd",
    )
