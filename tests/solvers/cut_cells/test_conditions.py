"""Integrals and periodic sides on cut cells, and boxes that cut cells solve."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import pinnlab as pl

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
HOLE = pl.Ball({"x": 0.45, "y": 0.55}, 0.2)


def test_an_integral_fixes_a_constant() -> None:
    """Only fluxes are given on a square with a hole; the mean of the solution is."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(2 * x) * torch.exp(y) + 0.3

    def slope(x: Tensor, y: Tensor, n) -> Tensor:  # type: ignore[no-untyped-def]
        return 2 * torch.cos(2 * x) * torch.exp(y) * n.x + torch.sin(2 * x) * torch.exp(y) * n.y

    region = SQUARE - HOLE
    problem = pl.Problem(
        region, "u", lambda u, x, y: u.laplacian + 3 * torch.sin(2 * x) * torch.exp(y),
        [pl.Condition(lambda u, n, x, y: u.d(n) - slope(x, y, n)), pl.Integral(lambda u: u, equals=mean_of(exact, region))],
        reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-6), progress=False)
    assert solution.status.name == "CONVERGED" and solution.error()["u"] < 1e-6


def mean_of(function, region: pl.Box) -> float:  # type: ignore[no-untyped-def]
    """The integral of a function over a square less a disk, by polar coordinates around the disk's middle."""
    x, w = (torch.from_numpy(a) for a in __import__("numpy").polynomial.legendre.leggauss(40))
    x, w = (x + 1) / 2, w / 2
    whole = (w[:, None] * w * function(x[:, None], x[None])).sum()
    angle, r = 2 * math.pi * torch.arange(80, dtype=torch.float64) / 80, 0.2 * x
    at = function(0.45 + r[:, None] * torch.cos(angle), 0.55 + r[:, None] * torch.sin(angle))
    return float(whole - (0.2 * w * r)[:, None].mul(at).sum() * 2 * math.pi / 80)


def test_periodic_sides_beside_a_hole() -> None:
    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(torch.sin(2 * math.pi * x)) * (1 + y)

    def source(x: Tensor, y: Tensor) -> Tensor:
        s, c = torch.sin(2 * math.pi * x), torch.cos(2 * math.pi * x)
        return 4 * math.pi**2 * (c**2 - s) * exact(x, y)

    problem = pl.Problem(
        SQUARE - HOLE, "u", lambda u, x, y: u.laplacian - source(x, y),
        [pl.Periodic(on="x"), pl.Dirichlet(u=exact, on="y"), pl.Dirichlet(u=exact, on="surface")], reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-6), progress=False)
    assert solution.status.name == "CONVERGED" and solution.error()["u"] < 1e-7


def test_a_box_in_space() -> None:
    def exact(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.sin(x + y) * torch.exp(z)

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0)), "u",
        lambda u, x, y, z: u.laplacian + torch.sin(x + y) * torch.exp(z), [pl.Dirichlet(u=exact)], reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-5, degrees={"x": 6}), progress=False)
    assert solution.status.name == "CONVERGED" and solution.error()["u"] < 1e-6
