from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline
from pinnlab.problems._cole_hopf import cole_hopf
from pinnlab.reference import refinement
from pinnlab.reference.base import Interpolant
from pinnlab.reference.grids.method_of_lines import holds_start

PI = math.pi
Exact = Callable[..., dict[str, np.ndarray]]


def check(problem: pl.Problem, exact: Exact, tolerance: float, **options: object) -> None:
    """The true error is small, on scattered points too, and the estimate neither hides nor exaggerates it."""
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


def heat(u: pl.Field) -> pl.Field:
    return u.t - u.xx


UNIT = pl.Box(x=(0.0, 1.0), t=(0.0, 0.2))


def test_heat_dirichlet() -> None:
    problem = pl.Problem(UNIT, "u", heat, [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)])
    check(problem, lambda x, t: {"u": np.exp(-(PI**2) * t) * np.sin(PI * x)}, 1e-10)


def test_heat_neumann() -> None:
    problem = pl.Problem(UNIT, "u", heat, [pl.Initial(u=lambda x: 1 + torch.cos(PI * x)), pl.Neumann(u=0.0)])
    check(problem, lambda x, t: {"u": 1 + np.exp(-(PI**2) * t) * np.cos(PI * x)}, 1e-10)


def test_heat_robin_and_a_moving_dirichlet_value() -> None:
    # u = exp(-t) sin(x): u(0) = 0, and u + 2 u_x at x = 1 is exp(-t) (sin 1 + 2 cos 1); with u -> u + t, u_t gains 1
    problem = pl.Problem(
        UNIT,
        "u",
        lambda u: u.t - u.xx - 1,
        [
            pl.Initial(u=lambda x: torch.sin(x)),
            pl.Dirichlet(u=lambda t: t, on="x-"),
            pl.Robin(u=(1.0, 2.0, lambda t: torch.exp(-t) * (math.sin(1) + 2 * math.cos(1)) + t), on="x+"),
        ],
    )
    check(problem, lambda x, t: {"u": np.exp(-t) * np.sin(x) + t}, 1e-10)


def test_outward_normal_at_the_lower_end() -> None:
    problem = pl.Problem(
        UNIT, "u", heat, [pl.Initial(u=lambda x: x**2), pl.Neumann(u=0.0, on="x-"), pl.Neumann(u=2.0, on="x+")]
    )
    check(problem, lambda x, t: {"u": x**2 + 2 * t}, 1e-10)


def test_conservation_form_with_a_variable_coefficient() -> None:
    # fields are differentiated as expressions here; manufactured for u = exp(-t) sin(x)
    def equation(u: pl.Field, x: pl.Field, t: pl.Field) -> pl.Field:
        force = torch.exp(-t) * (-torch.sin(x) - torch.cos(x) + (1 + x) * torch.sin(x))
        return u.t - pl.diff((1 + x) * u.x, "x") - force

    exact: Exact = lambda x, t: {"u": np.exp(-t) * np.sin(x)}  # noqa: E731
    problem = pl.Problem(
        UNIT,
        "u",
        equation,
        [pl.Initial(u=lambda x: torch.sin(x)), pl.Dirichlet(u=lambda x, t: torch.exp(-t) * torch.sin(x))],
    )
    check(problem, exact, 1e-10)


def test_inflow_only() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)),
        "u",
        lambda u: u.t + u.x,
        [pl.Initial(u=lambda x: torch.sin(3 * x)), pl.Dirichlet(u=lambda t: -torch.sin(3 * t), on="x-")],
    )
    check(problem, lambda x, t: {"u": np.sin(3 * (x - t))}, 1e-9)


def test_wave_of_second_order_in_time() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        "u",
        lambda u: u.tt - 4 * u.xx,
        [pl.Initial(u=lambda x: torch.sin(PI * x), u_t=lambda x: 6 * PI * torch.sin(3 * PI * x)), pl.Dirichlet(u=0.0)],
    )

    def exact(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        return {"u": np.sin(PI * x) * np.cos(2 * PI * t) + np.sin(3 * PI * x) * np.sin(6 * PI * t)}

    check(problem, exact, 1e-9)


def test_beam_with_two_conditions_at_each_end() -> None:
    # manufactured: u = exp(-t) x^2 (1 - x)^2 has u_xxxx = 24 exp(-t)
    problem = pl.Problem(
        UNIT,
        "u",
        lambda u, x, t: u.t + u.xxxx + torch.exp(-t) * (x**2 * (1 - x) ** 2 - 24),
        [pl.Initial(u=lambda x: x**2 * (1 - x) ** 2), pl.Dirichlet(u=0.0), pl.Neumann(u=0.0)],
    )
    check(problem, lambda x, t: {"u": np.exp(-t) * x**2 * (1 - x) ** 2}, 1e-9)


def test_two_unknowns() -> None:
    # the heat flow of a rotation: u + i v = exp((i - pi^2) t) sin(pi x); the equations stand in the other order
    problem = pl.Problem(
        UNIT,
        ("u", "v"),
        [lambda u, v: v.t - v.xx - u, lambda u, v: 2 * u.t - 2 * u.xx + 2 * v],
        [pl.Initial(u=lambda x: torch.sin(PI * x), v=0.0), pl.Dirichlet(u=0.0, v=0.0)],
    )

    def exact(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        size = np.exp(-(PI**2) * t) * np.sin(PI * x)
        return {"u": np.cos(t) * size, "v": np.sin(t) * size}

    check(problem, exact, 1e-9)


def burgers(nu: float) -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        "u",
        lambda u, nu: u.t + u * u.x - nu * u.xx,
        [pl.Initial(u=lambda x: -torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
        parameters={"nu": nu},
    )


def test_burgers_against_cole_hopf() -> None:
    nu = 0.1 / PI
    check(burgers(nu), lambda x, t: {"u": cole_hopf(x, t, nu)}, 1e-9)


def test_burgers_with_its_steep_layer() -> None:
    nu = 0.01 / PI
    solution = pl.reference_solution(burgers(nu), resolution=2048, estimate_error=False)
    points = {"x": np.random.default_rng(0).uniform(-1, 1, 2000), "t": np.random.default_rng(1).uniform(0, 1, 2000)}
    exact = cole_hopf(points["x"], points["t"], nu)
    assert np.linalg.norm(solution(**points)["u"] - exact) / np.linalg.norm(exact) < 1e-9
    assert solution.error_estimate == {}


@pytest.mark.slow
def test_burgers_by_itself() -> None:
    check(burgers(0.01 / PI), lambda x, t: {"u": cole_hopf(x, t, 0.01 / PI)}, 1e-11)


def test_heat_in_two_dimensions() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.1)),
        "u",
        lambda u: u.t - u.xx - u.yy,
        [
            pl.Initial(u=lambda x, y: torch.sin(PI * x) * torch.cos(PI * y)),
            pl.Dirichlet(u=0.0, on="x"),
            pl.Neumann(u=0.0, on="y"),
        ],
    )

    def exact(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        return {"u": np.exp(-2 * PI**2 * t) * np.sin(PI * x) * np.cos(PI * y)}

    check(problem, exact, 1e-9)


def test_one_direction_periodic_the_other_not() -> None:
    problem = pl.Problem(
        pl.Box(t=(0.0, 0.1), x=(0.0, 2.0), y=(0.0, 1.0)),
        "u",
        lambda u: u.t + u.x - 0.5 * (u.xx + u.yy),
        [
            pl.Initial(u=lambda x, y: torch.sin(PI * x) * torch.sin(PI * y)),
            pl.Periodic(on="x"),
            pl.Dirichlet(u=0.0, on="y"),
        ],
    )

    def exact(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        return {"u": np.exp(-(PI**2) * t) * np.sin(PI * (x - t)) * np.sin(PI * y)}

    check(problem, exact, 1e-9, resolution=12)


def test_blow_up_is_named() -> None:
    problem = pl.Problem(UNIT, "u", lambda u: u.t - 0.01 * u.xx - u**2, [pl.Initial(u=20.0), pl.Neumann(u=0.0)])
    with pytest.raises(ValueError, match=r"no time step is short enough at t = 0\.05.*blows up"):
        pl.reference_solution(problem, resolution=16, estimate_error=False)


def test_cole_hopf() -> None:
    assert float(cole_hopf(np.array(0.001), np.array(1.0), 0.01 / PI)) == pytest.approx(-0.08359154999133188, abs=1e-13)
    assert np.allclose(
        cole_hopf(np.linspace(-1, 1, 9), np.array(0.0), 0.1), -np.sin(PI * np.linspace(-1, 1, 9)), rtol=0, atol=1e-14
    )
    assert np.abs(cole_hopf(np.array([-1.0, 0.0, 1.0]), np.array(0.7), 0.01 / PI)).max() < 1e-12
    with pytest.raises(ValueError, match="viscosity must be positive"):
        cole_hopf(np.zeros(1), np.zeros(1), 0.0)
    with pytest.raises(ValueError, match="give times >= 0"):
        cole_hopf(np.zeros(1), -np.ones(1), 0.1)


def test_a_change_that_is_no_number_is_not_accepted_as_converged(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = iter([{"u": 1e-9, "v": math.nan}, {"u": 1e-9, "v": 1e-9}])
    monkeypatch.setattr(refinement, "relative_difference", lambda coarse, fine, floors: next(changes))
    budget, nothing = refinement.Budget(1e-6, Deadline(), None, True), Interpolant({}, {}, {})
    found, estimate = refinement.refine(
        lambda n, level: refinement.Attempt(nothing, n, ""),
        refinement.Ladder(8, 64, 2.0),
        budget,
    )
    assert found.resolution == 32 and estimate == {"u": 1e-9, "v": 1e-9}


def test_the_first_grid_is_one_that_holds_the_start() -> None:
    """A sine, a hump of width 0.05, of which 32 nodes make noise, and a kink, which no polynomial holds."""
    starts = {
        "sine": lambda x: torch.sin(math.pi * x),
        "hump": lambda x: torch.exp(-200 * (x - 0.4) ** 2),
        "kink": lambda x: (x - 0.4).abs(),
    }
    held = {}
    for name, start in starts.items():
        domain = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
        problem = pl.Problem(domain, "u", lambda u: u.tt - u.xx, [pl.Initial(u=start, u_t=0.0), pl.Dirichlet(u=0.0)])
        held[name] = [holds_start(problem, n, 1e-8) for n in (32, 64, 128)]
    assert held == {"sine": [True] * 3, "hump": [False, True, True], "kink": [False] * 3}
