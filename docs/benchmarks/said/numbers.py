"""Data inside, integrals, eigenvalues, states at the end, other names of time, complex unknowns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from said.statement import LINE, SQUARE, Statement
from trap.options import worth

PI = math.pi


def data_inside() -> Statement:
    """A value at an inner point in place of one at an end."""
    known = pl.Data(points={"x": [0.3]}, u=[math.sin(0.9)])
    problem = pl.Problem(LINE, "u", lambda u, x: u.xx + 9 * torch.sin(3 * x), [pl.Dirichlet(u=0.0, on="x-"), known])
    return Statement(problem, lambda x: {"u": torch.sin(3 * x)})


def measured_slopes() -> Statement:
    """A conductivity from fluxes that were measured inside."""
    xs = np.linspace(0.1, 0.9, 9)
    fluxes = pl.Data(points={"x": xs}, of=lambda u, k: -k * u.x, values=-2.5 * PI * np.cos(PI * xs))
    problem = pl.Problem(
        LINE, "u", lambda u, x, k: k * u.xx + 2.5 * PI**2 * torch.sin(PI * x), [pl.Dirichlet(u=0.0, on="x-"), fluxes,
        pl.Data(points={"x": [0.25]}, u=[math.sin(PI / 4)])], {"k": pl.Unknown(1.0)},
    )  # fmt: skip
    return Statement(problem, lambda x: {"u": torch.sin(PI * x)}, {"k": 2.5})


def oscillator() -> Statement:
    """The second state of an oscillator, by its norm."""
    problem = pl.Problem(
        pl.Box(x=(-9.0, 9.0)), "psi", lambda psi, x, E: -0.5 * psi.xx + 0.5 * x**2 * psi - E * psi,
        [pl.Dirichlet(psi=0.0), pl.Integral(lambda psi: psi**2, equals=1.0)], {"E": pl.Unknown(1.7)},
        reference=lambda x: math.sqrt(2) * PI**-0.25 * x * torch.exp(-(x**2) / 2),
    )  # fmt: skip
    return Statement(problem, lambda x: {"psi": math.sqrt(2) * PI**-0.25 * x * torch.exp(-(x**2) / 2)}, {"E": 1.5})


def membrane() -> Statement:
    """The lowest tone of a membrane of 1 x 1.3."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.3)), "w", lambda w, L: w.laplacian + L * w,
        [pl.Dirichlet(w=0.0), pl.Integral(lambda w: w**2, equals=1.0)], {"L": pl.Unknown(15.0)},
    )  # fmt: skip
    return Statement(
        problem, lambda x, y: {"w": 2 / math.sqrt(1.3) * torch.sin(PI * x) * torch.sin(PI * y / 1.3)},
        {"L": PI**2 * (1 + 1 / 1.69)},
    )  # fmt: skip


def mass() -> Statement:
    """A prescribed mass, and the source that makes it."""
    conditions = [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u, equals=1.0)]
    problem = pl.Problem(LINE, "u", lambda u, push: u.xx + push, conditions, {"push": pl.Unknown(1.0)})
    return Statement(problem, lambda x: {"u": 6 * x * (1 - x)}, {"push": 12.0})


def total_flux() -> Statement:
    """A total flux, and the temperature of the side that it comes from."""
    conditions = [
        pl.Dirichlet(T=lambda hot: hot, on="x-"), pl.Dirichlet(T=0.0, on="x+"), pl.Neumann(T=0.0, on="y"),
        pl.Integral(lambda T, n: T.d(n), on="x-", equals=2.0),
    ]  # fmt: skip
    problem = pl.Problem(SQUARE, "T", lambda T: T.laplacian, conditions, {"hot": pl.Unknown(1.0)})
    return Statement(problem, lambda x, y: {"T": 2 * (1 - x) + 0 * y}, {"hot": 2.0})


def mean() -> Statement:
    """Slopes all around, and a mean."""
    conditions = [pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=0.3)]
    problem = pl.Problem(
        SQUARE, "u", lambda u, x, y: u.laplacian + 2 * PI**2 * torch.cos(PI * x) * torch.cos(PI * y), conditions
    )
    return Statement(problem, lambda x, y: {"u": torch.cos(PI * x) * torch.cos(PI * y) + 0.3})


def option(kind: str, solver: Any = None) -> Statement:
    """Black and Scholes: a strike of 100, 5 % interest, 20 % volatility, one year."""
    strike, rate, sigma = 100.0, 0.05, 0.2
    pays = {"call": lambda S: torch.relu(S - strike), "digital": lambda S: torch.where(S > strike, 1.0, 0.0)}[kind]
    above = {
        "call": lambda t: 300 - strike * torch.exp(-rate * (1 - t)),
        "digital": lambda t: torch.exp(-rate * (1 - t)),
    }
    problem = pl.Problem(
        pl.Box(S=(0.0, 300.0), t=(0.0, 1.0)), "V",
        lambda V, S: V.t + 0.5 * sigma**2 * S**2 * V.SS + rate * S * V.S - rate * V,
        [pl.Final(V=pays), pl.Dirichlet(V=0.0, on="S-"), pl.Dirichlet(V=above[kind], on="S+")],
    )  # fmt: skip
    return Statement(problem, lambda S, t: {"V": worth(kind, S, 1 - t, strike, rate, sigma)}, solver=solver)


def own_time() -> Statement:
    """Heat in a time that is called tau."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), tau=(0.0, 0.5), time="tau"), "u", lambda u: u.tau - u.xx,
        [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
    )  # fmt: skip
    return Statement(problem, lambda x, tau: {"u": torch.sin(PI * x) * torch.exp(-(PI**2) * tau)})


def coefficient() -> Statement:
    """A diffusivity from a few values."""
    xs, ts = (m.ravel() for m in np.meshgrid(np.linspace(0.1, 0.9, 7), np.linspace(0.1, 1.0, 6)))
    values = np.sin(PI * xs) * np.exp(-0.3 * PI**2 * ts)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, D: u.t - D * u.xx,
        [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0), pl.Data(points={"x": xs, "t": ts}, u=values)],
        {"D": pl.Unknown(0.5)},
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"u": torch.sin(PI * x) * torch.exp(-0.3 * PI**2 * t)}, {"D": 0.3})


def packet() -> Statement:
    """A wave packet that spreads: i psi_t + psi_xx / 2 = 0."""

    def truth(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        spread = 1 + 1j * t
        return torch.exp((-(x**2) / 2 + 1j * x - 0.5j * t) / spread) / torch.sqrt(spread)

    problem = pl.Problem(
        pl.Box(x=(-10.0, 10.0), t=(0.0, 1.0)), {"psi": complex}, lambda psi: 1j * psi.t + psi.xx / 2,
        [pl.Initial(psi=lambda x: torch.exp(-(x**2) / 2 + 1j * x)), pl.Dirichlet(psi=0.0)],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"psi": truth(x, t)})


def outgoing() -> Statement:
    """A wave with losses that is let out: Helmholtz with a complex unknown."""
    k = 8.0
    rate = 1j * np.sqrt(k * (k + 1j))
    conditions = [pl.Dirichlet(psi=1.0, on="x-"), pl.Condition(lambda psi, n: psi.d(n) - complex(rate) * psi, on="x+")]
    problem = pl.Problem(LINE, {"psi": complex}, lambda psi: psi.xx + k * (k + 1j) * psi, conditions)
    return Statement(problem, lambda x: {"psi": torch.exp(complex(rate) * x)})
