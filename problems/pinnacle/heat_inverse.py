"""HInv: u_t = div(a grad u) + f on [-1, 1]^2, t to 1, a(x, y) unknown and given around, u at 2,500 points with noise of 0.1.

u = exp(-t) sin(pi x) sin(pi y), a = 2 + sin(pi x) sin(pi y). Points and noise from a seed. Reference: exact, for u and a.
"""

import math

import numpy as np
import torch

import pinnlab as pl

PUBLISHED = "1.2e-2"
NOISE = 0.1


def exact_u(x, y, t):
    return torch.exp(-t) * torch.sin(math.pi * x) * torch.sin(math.pi * y)


def exact_a(x, y):
    return 2 + torch.sin(math.pi * x) * torch.sin(math.pi * y)


def load(x, y, t):
    pi = math.pi
    sx, sy, cx, cy = torch.sin(pi * x), torch.sin(pi * y), torch.cos(pi * x), torch.cos(pi * y)
    bent = 2 * sx**2 * sy**2 - cx**2 * sy**2 - sx**2 * cy**2
    return torch.exp(-t) * ((4 * pi**2 - 1) * sx * sy + pi**2 * bent)


def heat(u, a, x, y, t):
    return u.t - pl.diff(a * u.x, "x") - pl.diff(a * u.y, "y") - load(x, y, t)


def problem(seed: int = 0) -> pl.Problem:
    rng = np.random.default_rng(seed)
    x, y, t = (torch.from_numpy(rng.uniform(low, 1.0, 2500)) for low in (-1.0, -1.0, 0.0))
    noise = torch.from_numpy(rng.normal(0.0, NOISE, 2500))
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=[
            pl.Data(points={"x": x, "y": y, "t": t}, u=exact_u(x, y, t) + noise, sd=NOISE),
            pl.Condition(lambda a, x, y: a - exact_a(x, y)),
        ],
        parameters={"a": pl.Unknown(1.0, of=("x", "y"))},
        reference=lambda x, y, t: {"u": exact_u(x, y, t), "a": exact_a(x, y)},
        name="PINNacle HInv",
    )
