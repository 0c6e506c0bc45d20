"""Coefficients with bounds, on the boundary and of place; measured fluxes; expectations; masses that change with time."""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl
from said.statement import LINE, Statement

PI = math.pi


def measured_flux() -> Statement:
    """A normal derivative that was measured at an end, in place of a value there."""
    known = pl.Data(points={"x": [1.0]}, of=lambda u, n: u.d(n), values=[2 * math.cos(2.0)])
    problem = pl.Problem(LINE, "u", lambda u, x: u.xx + 4 * torch.sin(2 * x), [pl.Dirichlet(u=0.0, on="x-"), known])
    return Statement(problem, lambda x: {"u": torch.sin(2 * x)})


def kolmogorov() -> Statement:
    """The mean square of a particle on a spring at the end, by where it is: backward Kolmogorov."""
    pull, noise = 1.0, 0.8

    def truth(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        left = torch.exp(-2 * pull * (1 - t))
        return x**2 * left + noise**2 * (1 - left) / (2 * pull)

    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "v", lambda v, x: v.t - pull * x * v.x + noise**2 / 2 * v.xx,
        [pl.Final(v=lambda x: x**2), pl.Dirichlet(v=truth)],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"v": truth(x, t)})


def bounded() -> Statement:
    """A wave number that is known to be positive: its negative fits as well."""
    xs = np.array([0.2, 0.35, 0.5, 0.65, 0.8])
    problem = pl.Problem(
        LINE, "u", lambda u, k: u.xx + k**2 * u,
        [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=math.sin(4.0), on="x+"),
         pl.Data(points={"x": xs}, u=np.sin(4 * xs))],
        {"k": pl.Unknown(3.5, bounds=(0.0, 6.0))},
    )  # fmt: skip
    return Statement(problem, lambda x: {"u": torch.sin(4 * x)}, {"k": 4.0})


def film() -> Statement:
    """A heat transfer coefficient, in a formula on the boundary, from a thermometer inside."""
    rate, times = 1.0768739863, np.linspace(0.05, 1.0, 20)  # rate * tan(rate) = 2

    def truth(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return 1 + torch.cos(rate * x) * torch.exp(-(rate**2) * t)

    seen = 1 + math.cos(0.6 * rate) * np.exp(-(rate**2) * times)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "T", lambda T: T.t - T.xx,
        [pl.Initial(T=lambda x: 1 + torch.cos(rate * x)), pl.Neumann(T=0.0, on="x-"),
         pl.Condition(lambda T, n, h: T.d(n) + h * (T - 1), on="x+"),
         pl.Data(points={"x": np.full(20, 0.6), "t": times}, T=seen)],
        {"h": pl.Unknown(1.0, bounds=(0.0, None))},
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"T": truth(x, t)}, {"h": 2.0})


def place() -> Statement:
    """A reaction that depends on place, from fifty values."""

    def reaction(x: torch.Tensor) -> torch.Tensor:
        return 2 + x * (1 - x) * 4

    xs = np.linspace(0.0, 1.0, 52)[1:-1]
    problem = pl.Problem(
        LINE, "u", lambda u, q, x: -u.xx + q * u - (PI**2 * torch.sin(PI * x) + reaction(x) * (1 + torch.sin(PI * x))),
        [pl.Dirichlet(u=1.0), pl.Data(points={"x": xs}, u=1 + np.sin(PI * xs))], {"q": pl.Unknown(1.0, of=("x",))},
    )  # fmt: skip
    return Statement(problem, lambda x: {"u": 1 + torch.sin(PI * x)}, functions={"q": reaction})


def mass_in_time() -> Statement:
    """A mass that is known at each time, in place of a value at an end."""

    def mass(t: torch.Tensor) -> torch.Tensor:
        return (1 - math.cos(2.0)) / 2 * torch.exp(-4 * t)

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), "u", lambda u: u.t - u.xx,
        [pl.Initial(u=lambda x: torch.sin(2 * x)), pl.Dirichlet(u=0.0, on="x-"), pl.Integral(lambda u: u, equals=mass)],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"u": torch.sin(2 * x) * torch.exp(-4 * t)})
