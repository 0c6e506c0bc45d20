"""Poisson 2d-MS: -div(a grad u) = f on [-10, 10]^2 in 5 x 5 squares, a another constant in each, u + u_n = 0 around.

a is 10 to the power of a random number between -2 and 3, f a random sum of sines in each square plus a constant, from a
seed; the benchmark's numbers are another draw, and its equation has a outside the derivatives. Reference: the classical
solver.
"""

import math

import numpy as np
import torch

import pinnlab as pl

PUBLISHED = "0.59"
SQUARES = 5
_RNG = np.random.default_rng(0)
CONDUCTIVITIES = 10 ** _RNG.uniform(-2.0, 3.0, (SQUARES, SQUARES))
LOADS = torch.from_numpy(_RNG.uniform(-1.0, 1.0, (SQUARES, SQUARES, 2)))


def load(x, y):
    i, j = (((c + 10) / 4).floor().long().clamp(0, SQUARES - 1) for c in (x, y))
    constant, amplitude = LOADS.to(x.device)[i, j].unbind(-1)
    return constant + amplitude * torch.sin(math.pi * (x + 10 - 4 * i) / 4) * torch.sin(math.pi * (y + 10 - 4 * j) / 4)


def materials() -> pl.Piecewise:
    edges = np.linspace(-10.0, 10.0, SQUARES + 1)
    squares = [
        (pl.Box(x=tuple(edges[i : i + 2]), y=tuple(edges[j : j + 2])), float(CONDUCTIVITIES[i, j]))
        for i in range(SQUARES)
        for j in range(SQUARES)
        if (i, j) != (0, 0)
    ]
    return pl.Piecewise(*squares, otherwise=float(CONDUCTIVITIES[0, 0]))


def poisson(u, a, f):
    return pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y") + f


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-10.0, 10.0), y=(-10.0, 10.0)),
        unknowns="u",
        equations=poisson,
        conditions=[pl.Robin(u=(1.0, 1.0, 0.0))],
        parameters={"a": materials(), "f": load},
        name="PINNacle Poisson 2d-MS",
    )
