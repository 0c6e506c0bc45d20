"""What changes in small parts of space: sources, states and walls that the first cells of no method see."""

from __future__ import annotations

import math

import scipy.special
import torch
from torch import Tensor

import pinnlab as pl
from element_cases import Case

A, B = 0.37, 0.58
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def wire(width: float = 2e-3) -> Case:
    """A source of 2 mm in a square of a metre: the field of a Gaussian line, -q / (4 pi) (ln r^2 + E1(r^2 / 2 w^2))."""
    strength = 1e4 * 2 * math.pi * width**2

    def exact(x: Tensor, y: Tensor) -> Tensor:
        square = ((x - A) ** 2 + (y - B) ** 2).clamp_min(1e-30)
        inner = torch.from_numpy(scipy.special.exp1((square / (2 * width**2)).detach().numpy()))
        return -strength / (4 * math.pi) * (torch.log(square) + inner)

    def outside(x: Tensor, y: Tensor) -> Tensor:
        return -strength / (4 * math.pi) * torch.log((x - A) ** 2 + (y - B) ** 2)

    def heated(u: pl.Field, x: Tensor, y: Tensor) -> pl.Field:
        return u.laplacian + 1e4 * torch.exp(-((x - A) ** 2 + (y - B) ** 2) / (2 * width**2))

    return Case(pl.Problem(SQUARE, "u", heated, [pl.Dirichlet(u=outside)]), exact, 1e-6, 1e-6)


def wall(width: float = 3e-3) -> Case:
    """A hot place of 3 mm of the lower side of a square that is cold elsewhere, as a sum of sines along it."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        found = torch.zeros_like(x)
        for k in range(1, int(7 / (math.pi * width)) + 1):
            wave = k * math.pi
            size = 2 * width * math.sqrt(2 * math.pi) * math.sin(wave * A) * math.exp(-((wave * width) ** 2) / 2)
            across = (torch.exp(-wave * y) - torch.exp(-wave * (2 - y))) / -math.expm1(-2 * wave)
            found = found + size * torch.sin(wave * x) * across
        return found

    hot = pl.Dirichlet(u=lambda x: torch.exp(-(((x - A) / width) ** 2) / 2), on="y-")
    cold = [pl.Dirichlet(u=0.0, on="y+"), pl.Dirichlet(u=0.0, on="x")]
    return Case(pl.Problem(SQUARE, "u", lambda u: u.laplacian, [hot, *cold]), exact, 1e-6, 1e-6)


def drop(width: float = 3e-3, diffusivity: float = 1e-3) -> Case:
    """A drop of 3 mm that spreads in a square."""

    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        spread = width**2 + 2 * diffusivity * t
        return width**2 / spread * torch.exp(-((x - A) ** 2 + (y - B) ** 2) / (2 * spread))

    start = pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x)))
    problem = pl.Problem(
        SQUARE * pl.Box(t=(0.0, 0.5)), "u", lambda u: u.t - diffusivity * u.laplacian, [start, pl.Dirichlet(u=0.0)]
    )
    return Case(problem, exact, 1e-5, 1e-4)


def dose(width: float = 2e-4, diffusivity: float = 1e-3) -> Case:
    """A dose in a fifth of a millimetre of a vein of a metre, with its images beyond the ends."""
    images = ((1, A), (-1, -A), (-1, 2 - A), (1, 2 + A), (1, A - 2))

    def exact(x: Tensor, t: Tensor) -> Tensor:
        spread = width**2 + 2 * diffusivity * t
        parts = [sign * torch.exp(-((x - at) ** 2) / (2 * spread)) for sign, at in images]
        return width / spread.sqrt() * torch.stack(parts).sum(dim=0)

    start = pl.Initial(u=lambda x: torch.exp(-(((x - A) / width) ** 2) / 2))
    box = pl.Box(x=(0.0, 1.0), t=(0.0, 2.0))
    return Case(
        pl.Problem(box, "u", lambda u: u.t - diffusivity * u.xx, [start, pl.Dirichlet(u=0.0)]), exact, 1e-6, 1e-5
    )
