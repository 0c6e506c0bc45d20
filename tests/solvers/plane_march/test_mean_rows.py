"""Integrals at each time on cells of the plane."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl

SIDE = 2 * math.pi
TORUS = pl.Box(x=(0.0, SIDE), y=(0.0, SIDE), t=(0.0, 1.0))
PERIODIC = [pl.Periodic(on="x"), pl.Periodic(on="y")]


def whirls(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
    """Taylor's and Green's, and a mean of the stream function that comes and goes."""
    psi = torch.sin(x) * torch.cos(y) * torch.exp(-0.2 * t)
    return {"w": 2 * psi, "psi": psi + torch.sin(3 * t)}


def flow(w: Any, psi: Any) -> dict[str, Any]:
    return {"transport": w.t + psi.y * w.x - psi.x * w.y - 0.1 * w.laplacian, "poisson": psi.laplacian + w}


def test_a_mean_that_the_equations_leave_open_is_fixed_at_each_time() -> None:
    mean = pl.Integral(lambda psi: psi, equals=lambda t: SIDE**2 * torch.sin(3 * t))
    start = pl.Initial(w=lambda x, y: 2 * torch.sin(x) * torch.cos(y))
    problem = pl.Problem(TORUS, ("w", "psi"), flow, [start, *PERIODIC, mean], reference=whirls)
    solution = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert solution.status is pl.Status.CONVERGED
    assert max(solution.error().values()) < 1e-6


def test_a_pressure_with_slopes_all_around_a_hole() -> None:
    """Its constant at each time is what its integral says, as of a harmonic function over a disk."""
    ring = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)) - pl.Ball({"x": 0.2, "y": 0.1}, 0.4, name="hole")
    area = 4 - 0.16 * math.pi

    def exact(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        return {"p": torch.exp(x) * torch.sin(y) * torch.cos(t) + t**2, "u": torch.cos(x) * torch.exp(-t)}

    def slope(x: Tensor, y: Tensor, t: Tensor, n: Any) -> Tensor:
        return torch.exp(x) * torch.cos(t) * (torch.sin(y) * n.x + torch.cos(y) * n.y)

    def harmonic_mean(t: Tensor) -> Tensor:
        # of exp(x) sin y over a disk: its value in the middle times the area; over the square nothing
        return -math.exp(0.2) * math.sin(0.1) * 0.16 * math.pi * torch.cos(t) + area * t**2

    problem = pl.Problem(
        ring * pl.Box(t=(0.0, 1.0)), ("p", "u"),
        lambda p, u: {"p": p.laplacian, "u": u.t - u.laplacian},
        [
            pl.Condition(lambda p, n, x, y, t: p.d(n) - slope(x, y, t, n)),
            pl.Dirichlet(u=lambda x, y, t: exact(x, y, t)["u"]), pl.Initial(u=lambda x, y: torch.cos(x)),
            pl.Integral(lambda p: p, equals=harmonic_mean),
        ],
        reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-5), progress=False)
    assert max(solution.error().values()) < 1e-5


def test_regions_without_an_exact_quadrature_are_refused() -> None:
    cube = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5, "z": 0.5}, 0.2)
    problem = pl.Problem(
        cube * pl.Box(t=(0.0, 1.0)), "u", lambda u: u.t - u.laplacian,
        [pl.Neumann(u=0.0), pl.Initial(u=1.0), pl.Integral(lambda u: u, equals=1.0)],
    )  # fmt: skip
    with pytest.raises(ValueError, match="whose quadrature is exact"):
        pl.solve(problem, pl.HardConstraintMoE(), progress=False)
