"""Unknowns without a time derivative on grids: they follow from the others at every instant."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.axes import PolynomialAxis
from pinnlab.reference.grids.algebraic import algebraic, settled
from pinnlab.reference.grids.analysis import analyse
from pinnlab.reference.grids.structure import matched
from pinnlab.reference.grids.system import GridSystem

PI = math.pi
UNIT = pl.Box(x=(0.0, 1.0), t=(0.0, 0.2))
Exact = Callable[..., dict[str, np.ndarray]]


def off(problem: pl.Problem, exact: Exact, **options: object) -> dict[str, tuple[float, float]]:
    """{unknown: true relative error on scattered points, and its estimate}."""
    solution = pl.reference_solution(problem, **options)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    points = {name: rng.uniform(*problem.domain.bounds[name], 500) for name in problem.domain.coordinates}
    found, target = solution(**points), exact(**points)
    return {
        u: (float(np.linalg.norm(found[u] - target[u]) / np.linalg.norm(target[u])), solution.error_estimate[u])
        for u in problem.unknowns
    }


def check(problem: pl.Problem, exact: Exact, tolerance: float, **options: object) -> None:
    for unknown, (error, estimate) in off(problem, exact, **options).items():
        assert error < tolerance, (unknown, error)
        assert error < 10 * estimate + 1e-11, (unknown, error, estimate)
        assert estimate < 100 * tolerance, (unknown, error, estimate)


def _decay(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
    wave = np.exp(-(PI**2) * t)
    return {"u": wave * np.sin(PI * x), "p": PI * wave * np.cos(PI * x)}


@pytest.mark.parametrize("end", ["value", "flux"])
def test_heat_as_two_equations_of_first_order(end: str) -> None:
    held = {
        "value": [pl.Dirichlet(u=0.0)],
        "flux": [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(p=lambda t: -PI * torch.exp(-(PI**2) * t), on="x+")],
    }[end]
    start = pl.Initial(u=lambda x: torch.sin(PI * x))
    check(
        pl.Problem(UNIT, ("u", "p"), lambda u, p: {"balance": u.t - p.x, "slope": p - u.x}, [start, *held]),
        _decay,
        1e-9,
    )


def test_an_equation_that_is_not_linear_in_the_others() -> None:
    # c = 2 + exp(-t) sin(2 pi x), m = c^3 - c_xx: the source is what c_t - m_xx leaves
    k = 2 * PI

    def source(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        e = torch.exp(-t)
        s, c = torch.sin(k * x), torch.cos(k * x)
        u = 2 + e * s
        cubic = 6 * u * (k * e * c) ** 2 - 3 * u**2 * k**2 * e * s
        return -e * s - cubic + k**4 * e * s

    def equations(c: pl.Field, m: pl.Field, x: pl.Field, t: pl.Field) -> dict[str, object]:
        return {"balance": c.t - m.xx - source(x, t), "potential": m - c**3 + c.xx}

    start = pl.Initial(c=lambda x: 2 + torch.sin(k * x))
    problem = pl.Problem(UNIT, ("c", "m"), equations, [start, pl.Periodic(on="x")])

    def exact(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        wave = np.exp(-t) * np.sin(k * x)
        return {"c": 2 + wave, "m": (2 + wave) ** 3 + k**2 * wave}

    check(problem, exact, 1e-9)
    assert matched(problem, analyse(problem)) == ("c", "m")


def test_a_beam_whose_moment_is_an_unknown() -> None:
    # w_tt + w_xxxx = 0 with w = w_xx = 0 at the ends: w = cos(pi^2 t) sin(pi x)
    conditions = [pl.Initial(w=lambda x: torch.sin(PI * x), w_t=0.0), pl.Dirichlet(w=0.0, m=0.0)]
    problem = pl.Problem(UNIT, ("w", "m"), lambda w, m: {"balance": w.tt + m.xx, "moment": m - w.xx}, conditions)

    def exact(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        w = np.cos(PI**2 * t) * np.sin(PI * x)
        return {"w": w, "m": -(PI**2) * w}

    check(problem, exact, 1e-8)


def test_an_algebraic_equation_beside_an_ordinary_one() -> None:
    # b^3 = a, and a' = -3 b^3: a = 8 exp(-3 t), b = 2 exp(-t)
    problem = pl.Problem(
        pl.Box(t=(0.0, 1.0)),
        ("a", "b"),
        lambda a, b: {"rate": a.t + 3 * b**3, "root": b**3 + b - a - a ** (1 / 3)},
        pl.Initial(a=8.0),
    )
    check(problem, lambda t: {"a": 8 * np.exp(-3 * t), "b": 2 * np.exp(-t)}, 1e-9)


def test_the_plane_with_walls() -> None:
    # w_t = lap w, lap psi = w, both zero on the walls
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.05))
    start = pl.Initial(w=lambda x, y: torch.sin(PI * x) * torch.sin(PI * y))
    problem = pl.Problem(
        box,
        ("w", "psi"),
        lambda w, psi: {"heat": w.t - w.laplacian, "stream": psi.laplacian - w},
        [start, pl.Dirichlet(w=0.0, psi=0.0)],
    )

    def exact(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        w = np.exp(-2 * PI**2 * t) * np.sin(PI * x) * np.sin(PI * y)
        return {"w": w, "psi": -w / (2 * PI**2)}

    check(problem, exact, 1e-6, resolution=10)


def test_the_start_of_an_algebraic_unknown_by_hand() -> None:
    # q = u^2 at nodes of [0, 1], with u = x: the first guess of q is nothing
    start = pl.Initial(u=lambda x: x)
    problem = pl.Problem(UNIT, ("u", "q"), lambda u, q: {"still": u.t, "square": q - u**2}, [start])
    system = GridSystem(problem, analyse(problem), {"x": PolynomialAxis(0.0, 1.0, 5)})
    assert algebraic(system) == ("q",)
    x = system.grid["x"]
    found = settled(system, np.stack([x, 0 * x]), 0.0)
    assert np.allclose(found, np.stack([x, x**2]), atol=1e-15)


def test_what_does_not_follow_from_the_others_is_refused() -> None:
    start = pl.Initial(u=lambda x: torch.sin(PI * x))
    loose = pl.Problem(
        UNIT, ("u", "q"), lambda u, q: {"heat": u.t - u.xx + q, "none": u.x**2 - u * u.xx}, [start, pl.Dirichlet(u=0.0)]
    )
    with pytest.raises(ValueError, match="do not give 'q' from the other unknowns at each instant"):
        pl.reference_solution(loose)


def test_a_start_of_an_algebraic_unknown_must_agree_with_its_equation() -> None:
    def with_start(q: float) -> pl.Problem:
        start = pl.Initial(u=lambda x: torch.sin(PI * x), q=lambda x: q * PI * torch.cos(PI * x))
        return pl.Problem(
            UNIT, ("u", "q"), lambda u, q: {"heat": u.t - q.x, "slope": q - u.x}, [start, pl.Dirichlet(u=0.0)]
        )

    with pytest.raises(ValueError, match="the initial value of 'q' contradicts the equations without time derivatives"):
        pl.reference_solution(with_start(1.1), tolerance=1e-4)
    found = pl.reference_solution(with_start(1.0), tolerance=1e-4)
    assert found(x=0.25, t=0.0)["q"] == pytest.approx(PI * math.cos(PI / 4), rel=1e-4)


def test_equations_and_starts_that_do_not_fit() -> None:
    start = pl.Initial(u=lambda x: torch.sin(PI * x))
    one = pl.Problem(
        UNIT, ("u", "q"), lambda u, q: {"heat": u.t - u.xx, "rate": u.t + q.t - q}, [start, pl.Dirichlet(u=0.0)]
    )
    with pytest.raises(ValueError, match="no initial value of 'q'"):
        pl.reference_solution(one)
    many = pl.Problem(
        UNIT, ("u", "q"), lambda u, q: {"heat": u.t - u.xx, "rate": u.t - q}, [start, pl.Dirichlet(u=0.0)]
    )  # q has no equation without a time derivative
    with pytest.raises(ValueError, match="0 equations without time derivatives do not fit 1 such unknowns of 2"):
        pl.reference_solution(many)
