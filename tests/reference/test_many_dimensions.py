"""Steady problems on grids of three and four dimensions, and the iterations that solve their linear systems."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.axes import PolynomialAxis
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.grids import krylov
from pinnlab.reference.grids.analysis import analyse
from pinnlab.reference.grids.krylov import Led, LowOrderAxis
from pinnlab.reference.grids.system import GridSystem, build_axes

PI = math.pi


def cube(names: str, **ends: tuple[float, float]) -> pl.Box:
    return pl.Box(**{name: ends.get(name, (0.0, 1.0)) for name in names})


def off(problem: pl.Problem, exact: Callable[..., np.ndarray], **options: object) -> tuple[float, float, str]:
    """True relative error of the first unknown on scattered points, its estimate, and the method."""
    found = pl.reference_solution(problem, method="grid", **options)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    points = {name: rng.uniform(*problem.domain.bounds[name], 500) for name in problem.domain.coordinates}
    values, target = found(**points)[problem.unknowns[0]], exact(**points)
    error = float(np.linalg.norm(values - target) / np.linalg.norm(target))
    return error, found.error_estimate[problem.unknowns[0]], found.method


def test_differences_on_the_nodes_of_another_axis() -> None:
    axis = PolynomialAxis(-1.0, 2.0, 9)
    low, x = LowOrderAxis(axis), axis.points
    assert np.allclose(low.matrix(1) @ (3 * x**2 - x), 6 * x - 1) and np.allclose(low.matrix(2) @ x**2, 2.0)
    assert low.matrix(2).nnz == 27 and np.allclose(low.matrix(3) @ x**3, 6.0)
    assert all(np.array_equal(a, b) for a, b in zip(low.stencil(x[2:4]), axis.stencil(x[2:4]), strict=True))


def test_iterations_end_where_a_factorization_does() -> None:
    problem = pl.Problem(
        cube("xyz"), "u", lambda u, x: -u.laplacian + (1 + x) * u + u.x - 1,
        [pl.Dirichlet(u=0.0, on="x"), pl.Neumann(u=1.0, on="y"), pl.Robin(u=(2.0, 1.0, 0.0), on="z")],
    )  # fmt: skip
    system = GridSystem(problem, analyse(problem), build_axes(problem, 7))
    led, nothing = Led(system), np.zeros((1, *system.shape))
    matrix, _ = led.jacobians(nothing, nothing, 0.0)
    right = led.residual(nothing[None], nothing[None], np.zeros(1))[0]
    found, exact = led.linear.solver(matrix)(right), np.linalg.solve(matrix.toarray(), right)
    assert np.abs(found - exact).max() < 1e-8 * np.abs(exact).max()


def test_a_cube_with_slopes_and_a_ring() -> None:
    # u = exp(x) sin(2 pi y) z^2 is periodic in y; with u^3 in the equation it is not linear
    def source(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        wave = torch.exp(x) * torch.sin(2 * PI * y)
        return -(wave * z**2 * (1 - 4 * PI**2) + 2 * wave) + (wave * z**2) ** 3

    problem = pl.Problem(
        cube("xyz"), "u", lambda u, x, y, z: -u.laplacian + u**3 - source(x, y, z),
        [
            pl.Dirichlet(u=lambda y, z: torch.sin(2 * PI * y) * z**2, on="x-"),
            pl.Neumann(u=lambda y, z: math.e * torch.sin(2 * PI * y) * z**2, on="x+"),
            pl.Periodic(on="y"),
            pl.Dirichlet(u=0.0, on="z-"),
            pl.Dirichlet(u=lambda x, y: torch.exp(x) * torch.sin(2 * PI * y), on="z+"),
        ],
    )  # fmt: skip
    error, estimate, method = off(problem, lambda x, y, z: np.exp(x) * np.sin(2 * PI * y) * z**2, resolution=8)
    assert error < 1e-9 and error < 10 * estimate + 1e-11 and "per axis" in method or "Fourier" in method


def test_four_dimensions_and_a_system() -> None:
    # u = sin(x + y + z + w), v = cos(x + y + z + w)
    def total(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return x + y + z + w

    given = pl.Dirichlet(
        u=lambda x, y, z, w: torch.sin(total(x, y, z, w)), v=lambda x, y, z, w: torch.cos(total(x, y, z, w))
    )
    problem = pl.Problem(
        cube("xyzw"),
        ("u", "v"),
        lambda u, v: {"one": u.laplacian + 3 * u + v.x + 2 * u, "two": v.laplacian + 4 * v},
        [given],
    )
    error, estimate, _ = off(problem, lambda x, y, z, w: np.sin(x + y + z + w), tolerance=1e-3)
    assert error < 1e-5 and error < 10 * estimate and estimate < 1e-3


def test_what_grids_of_many_dimensions_do_not_solve() -> None:
    floating = pl.Problem(cube("xyzw"), "u", lambda u: u.laplacian, [pl.Neumann(u=0.0)])
    with pytest.raises(ValueError, match="up to a constant"):
        pl.reference_solution(floating)
    timed = pl.Problem(
        pl.Box(x=(0, 1), y=(0, 1), z=(0, 1), w=(0, 1), t=(0, 1)), "u", lambda u: u.t - u.laplacian,
        [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
    )  # fmt: skip
    with pytest.raises(ValueError, match="4 space dimensions"):
        pl.reference_solution(timed)
    jumping = pl.Problem(
        cube("xyz"), "u", lambda u, x: u.laplacian - torch.where(x > 0.5, 1.0, 0.0), [pl.Dirichlet(u=0.0)]
    )
    with pytest.raises(ValueError, match="needs method='elements'"):
        pl.reference_solution(jumping, method="grid")


def test_iterations_end_in_time() -> None:
    problem = pl.Problem(cube("xyz"), "u", lambda u: u.laplacian - 1, [pl.Dirichlet(u=0.0)])
    system = GridSystem(problem, analyse(problem), build_axes(problem, 7))
    led, nothing = Led(system), np.zeros((1, *system.shape))
    matrix, _ = led.jacobians(nothing, nothing, 0.0)
    solve, right = led.linear.solver(matrix), np.ones(system.size)
    led.deadline = Deadline.after(0.0)
    with pytest.raises(TimeIsUpError):
        solve(right)


def test_what_does_not_fit_into_the_memory_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = pl.Problem(cube("xyz"), "u", lambda u: u.laplacian - 1, [pl.Dirichlet(u=0.0)])
    system = GridSystem(problem, analyse(problem), build_axes(problem, 5))
    monkeypatch.setattr(krylov, "usable_memory", lambda: 1e5)
    with pytest.raises(TooLargeError, match="125 unknowns need .* GiB of memory"):
        Led(system)
