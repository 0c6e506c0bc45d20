"""Regions in space with time."""

from __future__ import annotations

import math

import scipy.optimize
import torch
from torch import Tensor

import pinnlab as pl
from element_cases import Case


def salt(diffusivity: float = 1e-9, side: float = 0.01, end: float = 4e4) -> Case:
    """Salt in a cube of gel of a centimetre that is open on one side, in metres and seconds."""

    def exact(x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        wave = math.pi / side
        shape = torch.cos(wave * x) * torch.cos(2 * wave * y) * torch.sin(wave * z / 2)
        return 1 + shape * torch.exp(-diffusivity * 5.25 * wave**2 * t)

    conditions = [
        pl.Initial(c=lambda x, y, z: exact(x, y, z, torch.zeros_like(x))),
        *[pl.Neumann(c=0.0, on=closed) for closed in ("x", "y", "z+")],
        pl.Dirichlet(c=1.0, on="z-"),
    ]
    cube = pl.Box(x=(0.0, side), y=(0.0, side), z=(0.0, side), t=(0.0, end))
    return Case(pl.Problem(cube, "c", lambda c: c.t - diffusivity * c.laplacian, conditions), exact, 1e-5, 1e-4)


def holes() -> Case:
    """Heat in a cube less four balls."""
    region: pl.Region = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
    for center in ((0.3, 0.3, 0.3), (0.7, 0.3, 0.6), (0.3, 0.7, 0.6), (0.7, 0.7, 0.3)):
        region = region - pl.Ball(dict(zip("xyz", center, strict=True)), 0.12)

    def exact(x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return torch.sin(2 * x + y) * torch.cos(z) * torch.exp(-t)

    def heated(u: pl.Field, x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> pl.Field:
        return u.t - u.laplacian - 5 * exact(x, y, z, t)

    start = pl.Initial(u=lambda x, y, z: exact(x, y, z, torch.zeros_like(x)))
    return Case(
        pl.Problem(region * pl.Box(t=(0.0, 1.0)), "u", heated, [start, pl.Dirichlet(u=exact)]), exact, 1e-6, 1e-6
    )


def sphere() -> Case:
    """A ball of four centimetres in an oven, by the modes of a sphere with a Robin side (Carslaw & Jaeger 1959, 9.4)."""
    conductivity, transfer, diffusivity, radius, cold, oven, end = 0.5, 25.0, 1.4e-7, 0.02, 5.0, 180.0, 1200.0
    ratio = transfer * radius / conductivity
    # roots of 1 - q cot q = ratio, one between k pi and (k + 1) pi
    roots = [
        scipy.optimize.brentq(
            lambda q: math.sin(q) - q * math.cos(q) - ratio * math.sin(q), k * math.pi + 1e-9, (k + 1) * math.pi - 1e-9
        )
        for k in range(60)
    ]
    q = torch.tensor(roots, dtype=torch.float64)
    sizes = 4 * (torch.sin(q) - q * torch.cos(q)) / (2 * q - torch.sin(2 * q))

    def exact(x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        share = torch.sqrt(x**2 + y**2 + z**2)[:, None] / radius
        modes = torch.sinc(q * share / math.pi) * torch.exp(-(q**2) * diffusivity * t[:, None] / radius**2)
        return oven + (cold - oven) * (sizes * modes).sum(dim=1)

    ball = pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, radius)
    problem = pl.Problem(
        ball * pl.Box(t=(0.0, end)), "T", lambda T: T.t - diffusivity * T.laplacian,
        [pl.Initial(T=cold), pl.Robin(T=(transfer, conductivity, transfer * oven))],
    )  # fmt: skip
    return Case(problem, exact, 1e-3, 1e-3)
