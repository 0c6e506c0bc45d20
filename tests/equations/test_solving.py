"""Problems in ready-made equations, solved by a call without a solver, against exact solutions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import pinnlab as pl

PI = math.pi
sin, cos, exp = torch.sin, torch.cos, torch.exp


def test_a_bright_soliton() -> None:
    v = 1.0

    def soliton(x: Tensor, t: Tensor) -> Tensor:
        return exp(1j * (v * x + (1 - v**2) / 2 * t)) / torch.cosh(x - v * t)

    problem = pl.Problem(
        pl.Box(x=(-10.0, 12.0), t=(0.0, 2.0)), {"psi": complex}, pl.equations.nonlinear_schroedinger,
        [pl.Initial(psi=lambda x: exp(1j * v * x) / torch.cosh(x)), pl.Dirichlet(psi=soliton)], reference=soliton,
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=20, progress=False)
    assert solution.error()["psi"] < 1e-6


def test_a_body_in_plane_strain() -> None:
    E, nu = 2.5, 0.3
    lam, mu = pl.equations.lame(E, nu)

    def displacement(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"u": sin(PI * x) * sin(PI * y), "v": x * (1 - x) * sin(2 * PI * y)}

    def fx(x: Tensor, y: Tensor) -> Tensor:
        bend = PI**2 * sin(PI * x) * sin(PI * y)
        return (lam + mu) * (bend - 2 * PI * (1 - 2 * x) * cos(2 * PI * y)) + 2 * mu * bend

    def fy(x: Tensor, y: Tensor) -> Tensor:
        bend = 4 * PI**2 * x * (1 - x) * sin(2 * PI * y)
        return (lam + mu) * (bend - PI**2 * cos(PI * x) * cos(PI * y)) + mu * (bend + 2 * sin(2 * PI * y))

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), ("u", "v"), pl.equations.plane_strain, [pl.Dirichlet(u=0.0, v=0.0)],
        {"E": E, "nu": nu, "fx": fx, "fy": fy}, reference=displacement,
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=20, progress=False)
    assert max(solution.error().values()) < 1e-8


def test_flow_behind_a_grid() -> None:
    # Kovasznay (1948) at a Reynolds number of 20; the pressure is known up to a constant
    k = 10 - math.sqrt(100 + 4 * PI**2)

    def flow(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        wake = exp(k * x)
        u, v = 1 - wake * cos(2 * PI * y), k / (2 * PI) * wake * sin(2 * PI * y)
        return {"u": u, "v": v, "p": (1 - wake**2) / 2}

    sides = {name: lambda x, y, name=name: flow(x, y)[name] for name in ("u", "v")}
    problem = pl.Problem(
        pl.Box(x=(-0.5, 1.0), y=(-0.5, 1.5)), ("u", "v", "p"), pl.equations.navier_stokes, [pl.Dirichlet(**sides)],
        {"rho": 1.0, "mu": 0.05}, reference=flow,
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=30, progress=False)
    assert max(solution.error().values()) < 1e-6


@pytest.mark.slow
def test_decaying_vortices() -> None:
    rho, mu = 1.0, 0.1

    def vortices(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        decay = exp(-2 * mu / rho * t)
        p = -rho / 4 * (cos(2 * x) + cos(2 * y)) * decay**2
        return {"u": -cos(x) * sin(y) * decay, "v": sin(x) * cos(y) * decay, "p": p}

    start = {"u": lambda x, y: -cos(x) * sin(y), "v": lambda x, y: sin(x) * cos(y)}
    sides = {name: lambda x, y, t, name=name: vortices(x, y, t)[name] for name in ("u", "v", "p")}
    problem = pl.Problem(
        pl.Box(x=(0.0, PI), y=(0.0, PI), t=(0.0, 1.0)), ("u", "v", "p"), pl.equations.navier_stokes,
        [pl.Initial(**start), pl.Dirichlet(u=sides["u"], v=sides["v"]), pl.Dirichlet(p=sides["p"], on="x-")],
        {"rho": rho, "mu": mu}, reference=vortices,
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=60, progress=False)
    assert max(solution.error().values()) < 1e-4
