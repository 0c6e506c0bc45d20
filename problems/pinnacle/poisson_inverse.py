"""PInv: div(a grad u) = f on the unit square, a unknown and given around, u at 50 x 50 points with noise of 0.1.

u = sin(pi x) sin(pi y), a = 1 / (1 + x^2 + y^2 + (x - 1)^2 + (y - 1)^2). The benchmark's f has 2 x + 1 where its solution
needs 2 x - 1; this one is right. Noise from a seed. Reference: exact, for u and a.
"""

import math

import numpy as np
import torch

import pinnlab as pl

PUBLISHED = "2.0e-2"
NOISE = 0.1


def exact_u(x, y):
    return torch.sin(math.pi * x) * torch.sin(math.pi * y)


def exact_a(x, y):
    return 1 / (1 + x**2 + y**2 + (x - 1) ** 2 + (y - 1) ** 2)


def load(x, y):
    a, pi = exact_a(x, y), math.pi
    along = (2 * x - 1) * torch.cos(pi * x) * torch.sin(pi * y) + (2 * y - 1) * torch.sin(pi * x) * torch.cos(pi * y)
    return -2 * pi**2 * exact_u(x, y) * a - 2 * pi * along * a**2


def diffusion(u, a, x, y):
    return pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y") - load(x, y)


def problem(seed: int = 0) -> pl.Problem:
    nodes = torch.linspace(0.0, 1.0, 50, dtype=torch.float64)
    x, y = (c.reshape(-1) for c in torch.meshgrid(nodes, nodes, indexing="ij"))
    noise = torch.from_numpy(np.random.default_rng(seed).normal(0.0, NOISE, 2500))
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns="u",
        equations=diffusion,
        conditions=[
            pl.Data(points={"x": x, "y": y}, u=exact_u(x, y) + noise, sd=NOISE),
            pl.Condition(lambda a, x, y: a - exact_a(x, y)),
        ],
        parameters={"a": pl.Unknown(1.0, of=("x", "y"))},
        reference=lambda x, y: {"u": exact_u(x, y), "a": exact_a(x, y)},
        name="PINNacle PInv",
    )
