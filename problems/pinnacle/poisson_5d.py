"""PNd: -lap u = (pi / 2)^2 (sin(pi x1 / 2) + ... + sin(pi x5 / 2)) on the unit cube in five dimensions, u given around.

Reference: exact, the sum of the five sines.
"""

import math

import torch

import pinnlab as pl

PUBLISHED = "4.6e-4"
NAMES = ("v", "w", "x", "y", "z")


def exact(v, w, x, y, z):
    return sum(torch.sin(0.5 * math.pi * c) for c in (v, w, x, y, z))


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(**{name: (0.0, 1.0) for name in NAMES}),
        unknowns="u",
        equations=lambda u, v, w, x, y, z: u.laplacian + 0.25 * math.pi**2 * exact(v, w, x, y, z),
        conditions=[pl.Dirichlet(u=exact)],
        reference=exact,
        name="PINNacle PNd",
    )
