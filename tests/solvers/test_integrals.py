"""Networks with integrals and numbers to be found; the choice between them and local experts; what a report says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.sampling import unit_points
from pinnlab.solution.eigenstates import either_sign, sign_changes
from pinnlab.solvers.choice import choose
from pinnlab.solvers.eigenpolynomials import polynomial_start
from pinnlab.training.plans import Settings

PI = math.pi
UNIT = pl.Box(x=(0.0, 1.0))
NORM = pl.Integral(lambda psi: psi**2, equals=1.0)
SMALL = pl.MLP(width=6, depth=2)


def trained(network: pl.MLP, steps: int) -> pl.PINN:
    return pl.PINN(network=network, stages=(pl.LevenbergMarquardt(steps=steps),))


def well(start: float, domain: Any = UNIT) -> pl.Problem:
    return pl.Problem(
        domain, "psi", lambda psi, E: psi.laplacian + E * psi, [pl.Dirichlet(psi=0.0), NORM], {"E": pl.Unknown(start)}
    )


def chosen(problem: pl.Problem) -> str:
    settings = Settings(torch.device("cpu"), torch.float64, 0)
    return type(choose(problem, settings, 10.0).solver).__name__


@pytest.mark.parametrize("n", [1, 2])
def test_a_network_finds_the_state_next_to_its_start(n: int) -> None:
    found = pl.solve(well(1.15 * (n * PI) ** 2), trained(SMALL, 30), progress=False)
    assert found.coefficients["E"] == pytest.approx((n * PI) ** 2, rel=1e-4)
    x = np.linspace(0, 1, 101)
    assert np.abs(found(x=x)["psi"] - math.sqrt(2) * np.sin(n * PI * x)).max() < 1e-3


DISC = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0)
CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))


@pytest.mark.parametrize(
    ("domain", "start", "value", "rel"),
    [(DISC, 5.0, 2.404825557695773**2, 1e-6), (DISC, 29.0, 5.520078110286311**2, 1e-6), (CUBE, 28.0, 3 * PI**2, 1e-3)],
)
def test_polynomials_know_where_to_start_off_the_grid(domain: Any, start: float, value: float, rel: float) -> None:
    found = polynomial_start(well(start, domain))
    assert found is not None
    assert found.numbers["E"] == pytest.approx(value, rel=rel)
    inside = domain.interior(unit_points("sobol", 4096, len(domain.coordinates), np.random.default_rng(0))).points
    volume = PI if domain is DISC else 1.0
    assert volume * (found.values(inside.numpy()) ** 2).mean() == pytest.approx(1.0, rel=1e-2)


def test_polynomials_start_nothing_where_zero_is_no_solution() -> None:
    given = [pl.Dirichlet(psi=1.0), NORM]
    assert polynomial_start(well(5.0, DISC).replace(conditions=given)) is None


def test_a_mean_fixes_the_constant_of_a_network() -> None:
    problem = pl.Problem(
        UNIT,
        "u",
        lambda u, x: u.xx + PI**2 * torch.cos(PI * x),
        [pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=0.3)],
        reference=lambda x: torch.cos(PI * x) + 0.3,
    )
    found = pl.solve(problem, trained(SMALL, 60), target_error=1e-4, progress=False)
    assert found.error()["u"] < 1e-4


def test_an_integral_at_each_time_beside_causal_weights() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.2)),
        "u",
        lambda u: u.t - u.xx,
        [
            pl.Initial(u=lambda x: 1 + torch.cos(PI * x)),
            pl.Neumann(u=0.0, on="x-"),
            pl.Integral(lambda u: u, equals=1.0),
        ],
        reference=lambda x, t: 1 + torch.cos(PI * x) * torch.exp(-(PI**2) * t),
    )
    solver = pl.CausalPINN(network=SMALL, stages=(pl.LevenbergMarquardt(steps=60),))
    assert pl.solve(problem, solver, target_error=1e-3, progress=False).error()["u"] < 1e-2


def test_blended_networks_take_an_integral() -> None:
    problem = pl.Problem(
        UNIT,
        "u",
        lambda u, push: u.xx + push,
        [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u, equals=1.0)],
        {"push": pl.Unknown(1.0)},
    )
    solver = pl.MultiDomainPINN(
        subdomains={"x": (0.5,)},
        overlap=0.5,
        network=pl.MLP(width=4, depth=2),
        stages=(pl.LevenbergMarquardt(steps=30),),
    )
    found = pl.solve(problem, solver, progress=False)
    assert found.coefficients["push"] == pytest.approx(12.0, rel=1e-3)


def test_the_choice_takes_experts_where_an_integral_decides() -> None:
    assert chosen(well(9.0)) == "HardConstraintMoE"
    assert chosen(well(5.0, pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0))) == "PINN"
    measured = pl.Data(points={"x": [0.5]}, u=[0.1])
    inverse = pl.Problem(UNIT, "u", lambda u, k: u.xx + k, [pl.Dirichlet(u=0.0), measured], {"k": pl.Unknown(1.0)})
    # data decide as well where conditions without them leave one solution for every k, and only there
    assert chosen(inverse) == "HardConstraintMoE"
    few = inverse.replace(conditions=[pl.Dirichlet(u=0.0, on="x-"), measured])
    assert chosen(few) == "PINN"


def test_either_sign() -> None:
    assert either_sign(well(9.0))
    one = pl.Integral(lambda psi: psi, equals=1.0)
    assert not either_sign(well(9.0).replace(conditions=[pl.Dirichlet(psi=0.0), one]))


def test_sign_changes_next_to_zero_do_not_count() -> None:
    assert sign_changes(np.array([1e-9, -1e-9, 1.0, 0.5, -0.5, 1e-8, -1.0, 2.0])) == 2
