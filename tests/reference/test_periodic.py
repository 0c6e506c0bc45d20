from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.problems._cole_hopf import cole_hopf
from pinnlab.reference.grids.analysis import analyse
from pinnlab.reference.periodic.choice import splits
from pinnlab.reference.periodic.etdrk4 import coefficients, resize

PI = math.pi
RING = pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0))


def check(
    problem: pl.Problem, exact: Callable[..., dict[str, np.ndarray]], tolerance: float, **options: object
) -> pl.reference.Reference:
    solution = pl.reference_solution(problem, **options)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    points = {name: rng.uniform(*problem.domain.bounds[name], 1000) for name in problem.domain.coordinates}
    found, target = solution(**points), exact(**points)
    for unknown in problem.unknowns:
        error = np.linalg.norm(found[unknown] - target[unknown]) / np.linalg.norm(target[unknown])
        estimate = solution.error_estimate[unknown]
        assert error < tolerance, (unknown, error, solution.method)
        assert error < 10 * estimate + 1e-12, (unknown, error, estimate)
        assert estimate < 100 * tolerance, (unknown, error, estimate)
    return solution


def ring(equation: Callable, *conditions: object, unknowns: object = "u", **changes: object) -> pl.Problem:
    return pl.Problem(
        **{
            "domain": RING,
            "unknowns": unknowns,
            "equations": equation,
            "conditions": [*conditions, pl.Periodic(on="x")],
            **changes,
        }
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("z", [0.0, -1e-4, 0.5j, -1.9, -2.5, -3000.0, 40j], ids=str)
def test_coefficients_of_a_step(z: complex) -> None:
    """Against the power series, or the closed form where that does not cancel."""
    h = 0.5
    found = coefficients(torch.tensor([[[z / h]]], dtype=torch.complex128), h)

    def phi(k: int, w: complex) -> complex:
        if abs(w) < 3:
            return sum(w**j / math.factorial(j + k) for j in range(60))
        return {0: np.exp(w), 1: (np.exp(w) - 1) / w}[k] if k < 2 else (phi(k - 1, w) - 1 / math.factorial(k - 1)) / w

    expected = {
        "full": phi(0, z),
        "q": h / 2 * phi(1, z / 2),
        "f1": h * (phi(1, z) - 3 * phi(2, z) + 4 * phi(3, z)),
        "f2": h * (phi(2, z) - 2 * phi(3, z)),
        "f3": h * (4 * phi(3, z) - phi(2, z)),
    }
    for name, value in expected.items():
        assert abs(complex(getattr(found, name)[0]) - value) < 1e-14, name


def test_coefficients_of_systems_agree_with_scalar_ones() -> None:
    values = torch.tensor([-4.0, 3.0j], dtype=torch.complex128)
    matrix = coefficients(torch.diag(values)[None], 0.3)
    for i, value in enumerate(values):
        single = coefficients(value.reshape(1, 1, 1), 0.3)
        for name in ("full", "half", "q", "f1", "f2", "f3"):
            assert abs(complex(getattr(matrix, name)[0, i, i] - getattr(single, name)[0])) < 1e-14


@pytest.mark.parametrize("shape", [(16,), (12, 16)])
def test_padding_keeps_the_function(shape: tuple[int, ...]) -> None:
    mesh = np.meshgrid(*(2 * PI * np.arange(n) / n for n in shape), indexing="ij")
    dims, wide = tuple(range(len(shape))), tuple(3 * n // 2 for n in shape)

    def wave(*x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.cos(3 * x[0] + 1) + np.sin(2 * sum(x)))

    modes = torch.fft.rfftn(wave(*mesh), dim=dims, norm="forward")
    padded = torch.fft.irfftn(resize(modes, shape, wide), s=wide, dim=dims, norm="forward")
    finer = np.meshgrid(*(2 * PI * np.arange(n) / n for n in wide), indexing="ij")
    assert torch.allclose(padded, wave(*finer), atol=1e-13, rtol=0)
    assert torch.allclose(resize(resize(modes, shape, wide), wide, shape), modes, atol=1e-14, rtol=0)


@pytest.mark.parametrize("c", [1.0, 30.0])
def test_convection(c: float) -> None:
    problem = ring(lambda u, c: u.t + c * u.x, pl.Initial(u=lambda x: torch.sin(x)), parameters={"c": c})
    solution = check(problem, lambda x, t: {"u": np.sin(x - c * t)}, 1e-11)
    assert solution.method.startswith("ETDRK4, Fourier")


def test_heat_with_a_source() -> None:
    problem = ring(lambda u, t: u.t - u.xx - torch.cos(t), pl.Initial(u=lambda x: torch.cos(2 * x)))
    check(problem, lambda x, t: {"u": np.exp(-4 * t) * np.cos(2 * x) + np.sin(t)}, 1e-9)


def test_wave_of_second_order_in_time() -> None:
    problem = ring(lambda u: u.tt - 9 * u.xx, pl.Initial(u=lambda x: torch.sin(x), u_t=0.0))
    check(problem, lambda x, t: {"u": np.sin(x) * np.cos(3 * t)}, 1e-10)


def test_system() -> None:
    # Schrodinger: psi = exp(i (x - t / 2)) solves i psi_t = -psi_xx / 2; psi = u + i v
    problem = ring(
        [lambda u, v: u.t + v.xx / 2, lambda u, v: v.t - u.xx / 2],
        pl.Initial(u=lambda x: torch.cos(x), v=lambda x: torch.sin(x)),
        unknowns=("u", "v"),
    )
    check(problem, lambda x, t: {"u": np.cos(x - t / 2), "v": np.sin(x - t / 2)}, 1e-10)


def test_mixed_derivative() -> None:
    # the linear Benjamin-Bona-Mahony equation: omega = k / (1 + k^2)
    problem = ring(lambda u: u.t + u.x - u.xxt, pl.Initial(u=lambda x: torch.sin(2 * x)))
    check(problem, lambda x, t: {"u": np.sin(2 * x - 0.4 * t)}, 1e-10)


def test_nonlinear_against_cole_hopf() -> None:
    nu = 0.1 / PI
    problem = ring(
        lambda u: u.t + u * u.x - nu * u.xx,
        pl.Initial(u=lambda x: -torch.sin(PI * x)),
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
    )
    check(problem, lambda x, t: {"u": cole_hopf(x, t, nu)}, 1e-8)


def test_two_dimensions() -> None:
    # Taylor-Green-like: convection and diffusion of a wave, with a product that vanishes for it
    problem = pl.Problem(
        pl.Box(x=(0.0, 2 * PI), y=(0.0, 2 * PI), t=(0.0, 0.5)),
        "u",
        lambda u: u.t + u * (u.x - u.y) + u.x + u.y - 0.1 * (u.xx + u.yy),
        [pl.Initial(u=lambda x, y: torch.sin(x + y)), pl.Periodic(on="x"), pl.Periodic(on="y")],
    )
    check(problem, lambda x, y, t: {"u": np.exp(-0.2 * t) * np.sin(x + y - 2 * t)}, 1e-8, resolution=12)


def test_variable_diffusion_goes_to_the_implicit_method() -> None:
    # manufactured: u = exp(-t) sin(x)
    def equation(u: pl.Field, x: pl.Field, t: pl.Field) -> pl.Field:
        force = torch.exp(-t) * ((1 + torch.sin(x)) * torch.sin(x) - torch.cos(x) ** 2)
        return u.t + u * 0 + torch.exp(-t) * torch.sin(x) - pl.diff((1 + torch.sin(x)) * u.x, "x") - force

    problem = ring(equation, pl.Initial(u=lambda x: torch.sin(x)))
    assert not splits(problem, analyse(problem))
    assert "Radau" in check(problem, lambda x, t: {"u": np.exp(-t) * np.sin(x)}, 1e-10).method


def test_an_equation_with_a_switch_is_not_split_wrongly() -> None:
    # made-up values are far below 1e4, so the split is read off the other branch; the state that is reached is tested
    def equation(u: pl.Field) -> pl.Field:
        return u.t - u.xx + torch.where(u > 1e4, 2 * u, u)

    problem = ring(equation, pl.Initial(u=lambda x: 1e6 * (2 + torch.cos(x))))
    problem = problem.replace(scales=dict.fromkeys(("x", "t", "u", "equation"), 1.0))
    assert splits(problem, analyse(problem))
    solution = pl.reference_solution(problem, resolution=16)
    assert "Radau" in solution.method
    t = np.linspace(0, 1, 11)
    mean = solution(x=np.linspace(0, 2 * PI, 16, endpoint=False)[:, None], t=t)["u"].mean(axis=0)
    assert np.allclose(mean, 2e6 * np.exp(-2 * t), rtol=1e-8, atol=0)


def test_kink_in_the_initial_state() -> None:
    """Allen-Cahn's initial state has a kink at the seam: it is exact at t = 0 and converges quickly after."""
    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 0.2)),
        "u",
        lambda u: u.t - 1e-4 * u.xx + 5 * u**3 - 5 * u,
        [pl.Initial(u=lambda x: x**2 * torch.cos(PI * x)), pl.Periodic(on="x")],
    )
    coarse, fine = (pl.reference_solution(problem, n, estimate_error=False, tolerance=1e-6) for n in (1024, 2048))
    x, t = np.linspace(-1, 1, 301)[:, None], np.array([0.0, 0.05, 0.1, 0.2])
    a, b = coarse(x=x, t=t)["u"], fine(x=x, t=t)["u"]
    assert np.abs(a[:, 0] - (x**2 * np.cos(PI * x))[:, 0]).max() < 1e-15
    assert np.abs(a - b).max() < 1e-8


def test_dealiasing_can_be_left_out() -> None:
    problem = ring(lambda u: u.t + u * u.x - 0.1 * u.xx, pl.Initial(u=lambda x: torch.sin(x)))
    a, b = (pl.reference_solution(problem, 64, dealias=d, estimate_error=False).values["u"] for d in (True, False))
    assert 0 < np.abs(a - b).max() < 1e-6


@pytest.mark.slow
def test_kuramoto_sivashinsky_by_two_methods() -> None:
    from pinnlab.reference.base import relative_difference
    from pinnlab.reference.periodic.spectral import solve_periodic

    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        "u",
        lambda u: u.t + 5 * u * u.x + 0.5 * u.xx + 0.005 * u.xxxx,
        [pl.Initial(u=lambda x: -torch.sin(PI * x)), pl.Periodic(on="x")],
    )
    one = pl.reference_solution(problem)
    two = solve_periodic(problem, analyse(problem), 128, 8192)
    assert two is not None
    assert max(relative_difference(two, one.interpolant).values()) < 1e-8
