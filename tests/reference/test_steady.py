from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import pinnlab as pl

PI = math.pi
LINE, SQUARE = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def check(problem: pl.Problem, exact: Callable[..., np.ndarray], tolerance: float) -> pl.reference.Reference:
    solution = pl.reference_solution(problem)
    rng = np.random.default_rng(0)
    points = {name: rng.uniform(*problem.domain.bounds[name], 500) for name in problem.domain.coordinates}
    target = exact(**points)
    error = np.linalg.norm(solution(**points)["u"] - target) / np.linalg.norm(target)
    assert error < tolerance, (error, solution.method)
    assert error < 10 * solution.error_estimate["u"] + 1e-12
    assert solution.error_estimate["u"] < 1e-7
    assert solution.method.startswith("Newton's method")
    return solution


def test_poisson_with_mixed_conditions() -> None:
    # u = sin(x): u(0) = 0 and u + u_x at 1
    problem = pl.Problem(
        LINE,
        "u",
        lambda u, x: u.xx + torch.sin(x),
        [pl.Dirichlet(u=0.0, on="x-"), pl.Robin(u=(1.0, 1.0, math.sin(1) + math.cos(1)), on="x+")],
    )
    check(problem, lambda x: np.sin(x), 1e-12)


def test_poisson_in_two_dimensions() -> None:
    problem = pl.Problem(
        SQUARE,
        "u",
        lambda u, x, y: u.xx + u.yy + 2 * PI**2 * torch.sin(PI * x) * torch.cos(PI * y),
        [pl.Dirichlet(u=0.0, on="x"), pl.Neumann(u=0.0, on="y")],
    )
    solution = check(problem, lambda x, y: np.sin(PI * x) * np.cos(PI * y), 1e-11)
    assert solution.values["u"].shape == (solution.resolution, solution.resolution)


def test_helmholtz_with_a_periodic_direction() -> None:
    problem = pl.Problem(
        SQUARE,
        "u",
        lambda u, x, y: u.xx + u.yy - u + (8 * PI**2 + 1) * torch.sin(2 * PI * x) * torch.sin(2 * PI * y),
        [pl.Periodic(on="x"), pl.Dirichlet(u=0.0, on="y")],
    )
    check(problem, lambda x, y: np.sin(2 * PI * x) * np.sin(2 * PI * y), 1e-10)


def test_bratu() -> None:
    # lower branch: u = -2 log(cosh((x - 1/2) theta / 2) / cosh(theta / 4)), theta = sqrt(2) cosh(theta / 4)
    theta = 1.5
    for _ in range(200):
        theta = math.sqrt(2) * math.cosh(theta / 4)
    problem = pl.Problem(LINE, "u", lambda u: u.xx + torch.exp(u), [pl.Dirichlet(u=0.0)])
    check(problem, lambda x: -2 * np.log(np.cosh((x - 0.5) * theta / 2) / math.cosh(theta / 4)), 1e-11)


def test_first_guess_other_than_zero() -> None:
    # u = exp(x) solves u'' = u'^2 / u, which is not defined at u = 0
    problem = pl.Problem(
        LINE, "u", lambda u: u.xx - u.x**2 / u, [pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=math.e, on="x+")]
    )
    check(problem, lambda x: np.exp(x), 1e-11)


def test_boundary_layer() -> None:
    # 0.001 u'' + u' = 0
    problem = pl.Problem(
        LINE, "u", lambda u: 1e-3 * u.xx + u.x, [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")]
    )
    check(problem, lambda x: 1 - np.exp(-x / 1e-3), 1e-8)


def test_sparse_grid_agrees() -> None:
    problem = pl.Problem(
        LINE, "u", lambda u, x: u.xx + torch.sin(5 * x) * 25, [pl.Dirichlet(u=lambda x: torch.sin(5 * x))]
    )
    solution = pl.reference_solution(problem, resolution=300, estimate_error=False)
    x = np.linspace(0, 1, 77)
    assert "finite differences" in solution.method
    assert np.abs(solution(x=x)["u"] - np.sin(5 * x)).max() < 1e-12


def test_a_free_constant_is_named() -> None:
    problem = pl.Problem(LINE, "u", lambda u, x: u.xx - torch.cos(PI * x), [pl.Neumann(u=0.0)])
    with pytest.raises(ValueError, match=r"u is known up to a constant.*Dirichlet value"):
        pl.reference_solution(problem)
