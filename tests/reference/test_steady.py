from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.reference.grids.analysis import analyse
from pinnlab.reference.grids.uniqueness import is_singular
from pinnlab.reference.solve import check_not_singular

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


def narrow(x: torch.Tensor) -> torch.Tensor:
    return torch.exp(-(((x - 0.5) / 0.02) ** 2))


def test_a_beam_in_mixed_form() -> None:
    """w'' = m, m'' = -f: both conditions on m at the free end, where the load is narrow and grids have to be fine."""
    clamped = [pl.Dirichlet(w=0.0, on="x-"), pl.Neumann(w=0.0, on="x-")]
    free = [pl.Dirichlet(m=0.0, on="x+"), pl.Neumann(m=0.0, on="x+")]
    beam = lambda w, m, x: {"curvature": w.xx - m, "load": m.xx + narrow(x)}  # noqa: E731
    solution = pl.reference_solution(pl.Problem(LINE, ("w", "m"), beam, clamped + free))
    x, weights = np.polynomial.legendre.leggauss(2000)
    x, weights = (x + 1) / 2, weights / 2
    load = weights * narrow(torch.from_numpy(x)).numpy()
    assert solution(x=np.zeros(1))["m"][0] == pytest.approx(-(load * x).sum(), rel=1e-9)
    # of a load at s the deflection of the end is s^2 (3 - s) / 6, downwards
    assert solution(x=np.ones(1))["w"][0] == pytest.approx(-(load * x**2 * (3 - x) / 6).sum(), rel=1e-9)


def test_conditions_of_one_unknown_may_stand_for_those_of_another() -> None:
    """A beam that is clamped at both ends under an even load: w = -x^2 (1 - x)^2 / 24."""
    clamped = [pl.Dirichlet(w=0.0), pl.Neumann(w=0.0)]
    beam = lambda w, m: {"curvature": w.xx - m, "load": m.xx + 1}  # noqa: E731
    solution = pl.reference_solution(pl.Problem(LINE, ("w", "m"), beam, clamped))
    x = np.linspace(0, 1, 11)
    np.testing.assert_allclose(solution(x=x)["w"], -(x**2) * (1 - x) ** 2 / 24, rtol=0, atol=1e-13)


SINGULAR = {
    "a free constant in the plane": (SQUARE, lambda u, x: u.xx + u.yy - torch.cos(PI * x), [pl.Neumann(u=0.0)]),
    "periodic": (LINE, lambda u, x: u.xx - torch.cos(2 * PI * x), [pl.Periodic(on="x")]),
    "resonance": (LINE, lambda u: u.xx + PI**2 * u - 1, [pl.Dirichlet(u=0.0)]),
    "resonance in the plane": (SQUARE, lambda u: u.xx + u.yy + 2 * PI**2 * u, [pl.Dirichlet(u=0.0)]),
    "a higher one": (SQUARE, lambda u: u.xx + u.yy + 5 * PI**2 * u - 1, [pl.Dirichlet(u=0.0)]),
    "not linear": (LINE, lambda u, x: u.xx - u.x**2 - torch.cos(PI * x), [pl.Neumann(u=0.0)]),
}
UNIQUE = {
    "singular at zero only": (LINE, lambda u, x: u.xx - u**3 + x, [pl.Neumann(u=0.0)]),
    "a thin layer": (LINE, lambda u: 1e-8 * u.xx - u + 1, [pl.Dirichlet(u=0.0)]),
    "fourth order": (LINE, lambda u: u.d("x", "x", "x", "x") - 1, [pl.Dirichlet(u=0.0), pl.Neumann(u=0.0)]),
    "next to a resonance": (SQUARE, lambda u: u.xx + u.yy + 2.0002 * PI**2 * u - 1, [pl.Dirichlet(u=0.0)]),
    "near a resonance": (SQUARE, lambda u: u.xx + u.yy + 50 * u - 1, [pl.Dirichlet(u=0.0)]),
}


@pytest.mark.parametrize("name", [*SINGULAR, *UNIQUE])
def test_a_certificate_of_singular_equations(name: str) -> None:
    domain, equation, conditions = (SINGULAR | UNIQUE)[name]
    problem = pl.Problem(domain, "u", equation, conditions)
    assert is_singular(problem, analyse(problem)) is (name in SINGULAR)
    if name in SINGULAR:
        words = (
            "u is known up to a constant" if problem.count().constants else "singular, so the solution is not unique"
        )
        with pytest.raises(NotUniqueError, match=words):
            pl.reference_solution(problem)
        if problem.count().constants:  # data fix it, which grids do not take
            fixed = problem.replace(conditions=[*conditions, pl.Data({n: [0.5] for n in domain.bounds}, u=[0.0])])
            with pytest.raises(ValueError, match="u is known up to a constant .*takes no data") as caught:
                pl.reference_solution(fixed, method="grid")
            assert not isinstance(caught.value, NotUniqueError)


def test_missing_conditions_are_a_certificate_where_they_are_certain() -> None:
    with pytest.raises(NotUniqueError, match="order 2 in 'x' but 1 boundary conditions"):
        pl.reference_solution(pl.Problem(LINE, "u", lambda u: u.xx - 1, [pl.Dirichlet(u=0.0, on="x-")]))
    # x u'' + u' = 1 has one solution that is finite at 0
    degenerate = pl.Problem(LINE, "u", lambda u, x: x * u.xx + u.x - 1, [pl.Dirichlet(u=0.0, on="x+")])
    with pytest.raises(ValueError, match="order 2 in 'x' but 1 boundary conditions") as caught:
        pl.reference_solution(degenerate)
    assert not isinstance(caught.value, NotUniqueError)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_resonance_is_refused_before_training_by_every_solver(n: int) -> None:
    line = pl.Box(x=(0.0, 1.0))
    driven = pl.Problem(line, "u", lambda u, x: u.xx + (n * math.pi) ** 2 * u - x, pl.Dirichlet(u=0.0))
    for solver in (None, pl.PINN(), pl.HardConstraintMoE()):
        with pytest.raises(NotUniqueError, match="linearized equations are singular"):
            pl.solve(driven, solver, max_seconds=1.0, progress=False)
    beside = driven.replace(equations=lambda u, x: u.xx + (n * math.pi + 0.1) ** 2 * u - x)
    check_not_singular(beside)
