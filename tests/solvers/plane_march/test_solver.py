"""Experts of the plane with time: exact solutions on boxes and other regions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl

PI = math.pi
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
HOLE = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)) - pl.Ball({"x": 0.3, "y": 0.2}, 0.4)


def until(end: float) -> pl.Box:
    return pl.Box(t=(0.0, end))


def at_zero(function: Any) -> Any:
    return lambda x, y: function(x, y, torch.zeros_like(x))


def solve(problem: pl.Problem, **options: Any) -> pl.Solution:
    return pl.solve(problem, pl.HardConstraintMoE(**options), progress=False)


def decaying(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return torch.sin(PI * x) * torch.sin(2 * PI * y) * torch.exp(-5 * PI**2 * t)


HEAT = pl.Problem(
    SQUARE * until(0.1), "u", lambda u: u.t - u.laplacian, [pl.Initial(u=at_zero(decaying)), pl.Dirichlet(u=0.0)],
    reference=decaying,
)  # fmt: skip


def test_heat_on_a_square() -> None:
    solution = solve(HEAT, tolerance=1e-8)
    assert solution.status is pl.Status.CONVERGED and solution.error()["u"] < 1e-8
    assert "differs by" in solution.notes[-1]


def test_a_wave_on_a_square() -> None:
    def wave(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.sin(PI * x) * torch.sin(2 * PI * y) * torch.cos(math.sqrt(5) * PI * t)

    problem = HEAT.replace(
        domain=SQUARE * until(1.0), equations=lambda u: u.tt - u.laplacian,
        conditions=[pl.Initial(u=at_zero(wave), u_t=0.0), pl.Dirichlet(u=0.0)], reference=wave,
    )  # fmt: skip
    assert solve(problem).error()["u"] < 1e-6


def bessel(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """J_2(j r) cos(2 phi) exp(-j^2 t), with the first zero j of J_2, by the power series of J_2."""
    q = ZERO**2 * (x * x + y * y) / 4
    series = sum((-1) ** k / (math.factorial(k) * math.factorial(k + 2)) * q**k for k in range(24))
    return (x * x - y * y) * ZERO**2 / 4 * series * torch.exp(-(ZERO**2) * t)


ZERO = 5.135622301840683


def test_heat_on_a_disc() -> None:
    disc = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
    problem = HEAT.replace(
        domain=disc * until(0.1), conditions=[pl.Initial(u=at_zero(bessel)), pl.Dirichlet(u=0.0)], reference=bessel
    )
    solution = solve(problem)
    assert solution.error()["u"] < 1e-6
    # derivatives by time, and what lies outside
    slope = solution.evaluate(lambda u: u.t, x=0.6, y=0.1, t=0.03)
    exact = -(ZERO**2) * bessel(*torch.tensor([0.6, 0.1, 0.03], dtype=torch.float64))
    assert float(slope) == pytest.approx(float(exact), rel=1e-4)
    assert math.isnan(float(solution(x=0.9, y=0.9, t=0.03)["u"]))


def moving(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return torch.exp(x / 2) * torch.sin(2 * y + x - t)


def moving_source(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """u_t - lap u of ``moving``."""
    s, c = torch.sin(2 * y + x - t), torch.cos(2 * y + x - t)
    return torch.exp(x / 2) * (4.75 * s - 2 * c)


def into_hole(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """The outward normal derivative of ``moving`` on the circle of the hole."""
    s, c, e = torch.sin(2 * y + x - t), torch.cos(2 * y + x - t), torch.exp(x / 2)
    return -((x - 0.3) * e * (s / 2 + c) + (y - 0.2) * 2 * e * c) / 0.4


CONDITIONS = {
    "values": [pl.Dirichlet(u=moving, on="surface")],
    "slopes": [pl.Neumann(u=into_hole, on="surface")],
    "a formula": [
        pl.Condition(lambda u, n, x, y, t: u.d(n) + u**3 - into_hole(x, y, t) - moving(x, y, t) ** 3, on="surface")
    ],
    "parts": [
        pl.Dirichlet(u=moving, on="surface", where=lambda x: x < 0.31),
        pl.Neumann(u=into_hole, on="surface", where=lambda x: x >= 0.31),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_heat_around_a_hole(name: str) -> None:
    problem = pl.Problem(
        HOLE * until(0.5), "u", lambda u, x, y, t: u.t - u.laplacian - moving_source(x, y, t),
        [pl.Initial(u=at_zero(moving)), pl.Dirichlet(u=moving, on="x"), pl.Dirichlet(u=moving, on="y"), *CONDITIONS[name]],
        reference=moving,
    )  # fmt: skip
    assert solve(problem, tolerance=1e-4).error()["u"] < 1e-5


def test_a_rate_on_the_boundary() -> None:
    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.exp(-t) * torch.sin(x) * torch.sin(y)

    def balance(u: Any, x: Any, y: Any, t: Any) -> Any:
        return u.t + u.x - torch.exp(-t) * torch.sin(y) * (torch.cos(x) - torch.sin(x))

    problem = pl.Problem(
        SQUARE * until(1.0), "u", lambda u: u.t - u.laplacian / 2,
        [pl.Initial(u=at_zero(exact)), pl.Dirichlet(u=exact, on="x-"), pl.Dirichlet(u=exact, on="y"),
         pl.Condition(balance, on="x+")],
        reference=exact,
    )  # fmt: skip
    assert solve(problem, tolerance=1e-4).error()["u"] < 1e-5


@pytest.mark.slow
def test_a_front_that_moves() -> None:
    """Burgers' equation along the diagonal: cells are halved where the front comes."""

    def front(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.sigmoid(-(x + y - t) / 0.2)

    problem = pl.Problem(
        SQUARE * until(0.5), "u", lambda u: u.t + u * (u.x + u.y) - 0.1 * u.laplacian,
        [pl.Initial(u=at_zero(front)), pl.Dirichlet(u=front)], reference=front,
    )  # fmt: skip
    solution = solve(problem, tolerance=1e-4)
    assert solution.error()["u"] < 1e-4 and solution.status is pl.Status.CONVERGED


def test_a_flow_whose_pressure_has_no_rate() -> None:
    """The vortices of Taylor and Green, with velocity and pressure."""
    nu = 0.05

    def exact(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        d = torch.exp(-2 * nu * t)
        return {
            "u": torch.cos(x) * torch.sin(y) * d, "v": -torch.sin(x) * torch.cos(y) * d,
            "p": -(torch.cos(2 * x) + torch.cos(2 * y)) / 4 * d * d,
        }  # fmt: skip

    def flow(u: Any, v: Any, p: Any) -> dict[str, Any]:
        return {
            "u": u.t + u * u.x + v * u.y + p.x - nu * u.laplacian,
            "v": v.t + u * v.x + v * v.y + p.y - nu * v.laplacian,
            "mass": u.x + v.y,
        }

    def of(name: str) -> Any:
        return lambda x, y, t: exact(x, y, t)[name]

    problem = pl.Problem(
        pl.Box(x=(0.0, 2.0), y=(0.0, 2.0)) * until(0.5), ("u", "v", "p"), flow,
        [
            pl.Initial(u=at_zero(of("u")), v=at_zero(of("v"))),
            pl.Dirichlet(u=of("u"), v=of("v"), on="x-"), pl.Dirichlet(u=of("u"), v=of("v"), on="y"),
            pl.Dirichlet(p=of("p"), on="x+"),
            pl.Neumann(v=lambda x, y, t: -torch.cos(x) * torch.cos(y) * torch.exp(-2 * nu * t), on="x+"),
        ],
        reference=exact,
    )  # fmt: skip
    errors = solve(problem, experts={"x": 2, "y": 2}, tolerance=1e-2).error()
    assert max(errors.values()) < 1e-4


def test_waves_around_a_torus_whose_time_has_another_name_and_stands_first() -> None:
    def carried(tau: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(2 * PI * (x - tau)) * torch.cos(2 * PI * (y - tau / 2))

    problem = pl.Problem(
        pl.Box(tau=(0.0, 0.5), x=(0.0, 1.0), y=(0.0, 1.0), time="tau"), "u", lambda u: u.tau + u.x + u.y / 2,
        [pl.Initial(u=lambda x, y: carried(torch.zeros_like(x), x, y)), pl.Periodic(on="x"), pl.Periodic(on="y")],
        reference=carried,
    )  # fmt: skip
    solution = solve(problem, tolerance=1e-4)
    assert solution.error()["u"] < 1e-4
    both = solution(tau=0.37, x=np.array([0.0, 1.0]), y=0.3)["u"]
    assert both[0] == pytest.approx(both[1], abs=1e-5)


@pytest.mark.slow
def test_space() -> None:
    def decay(x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return torch.sin(PI * x) * torch.sin(PI * y) * torch.sin(PI * z) * torch.exp(-3 * PI**2 * t)

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0), t=(0.0, 0.05)), "u", lambda u: u.t - u.laplacian,
        [pl.Initial(u=lambda x, y, z: decay(x, y, z, torch.zeros_like(x))), pl.Dirichlet(u=0.0)], reference=decay,
    )  # fmt: skip
    assert solve(problem, tolerance=1e-2, degrees={"x": 6, "t": 3}).error()["u"] < 1e-2


def test_nothing_stays_nothing() -> None:
    problem = HEAT.replace(conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0)], reference=None)
    solution = solve(problem, tolerance=1e-2)
    assert abs(solution(x=0.3, y=0.4, t=0.05)["u"]) < 1e-14 and solution.status is pl.Status.CONVERGED


def test_a_start_whose_slopes_clash_with_the_boundary() -> None:
    """Heat enters a square at x = 0 at the rate one: for short times the state is 2 sqrt(t) ierfc(x / 2 sqrt(t))."""
    problem = HEAT.replace(
        domain=SQUARE * until(0.02),
        conditions=[
            pl.Initial(u=0.0), pl.Neumann(u=1.0, on="x-"), pl.Neumann(u=0.0, on="x+"), pl.Neumann(u=0.0, on="y"),
        ],
        reference=None,
    )  # fmt: skip
    solution = solve(problem, tolerance=1e-2)
    x = np.linspace(0.0, 0.3, 7)
    for t in (0.004, 0.02):
        w = x / (2 * math.sqrt(t))
        erfc = np.array([math.erfc(each) for each in w])
        exact = 2 * math.sqrt(t) * (np.exp(-(w**2)) / math.sqrt(PI) - w * erfc)
        assert solution(x=x, y=0.5, t=t)["u"] == pytest.approx(exact, abs=1e-2 * exact.max())


def test_a_corner_that_points_inwards() -> None:
    """On an L-shape r^(2/3) sin(2 phi / 3) solves the heat equation and stays: cells are graded towards the corner."""

    def corner(x: Tensor, y: Tensor) -> Tensor:
        angle = torch.atan2(y, x)
        angle = torch.where(angle < 0, angle + 2 * PI, angle)
        return torch.hypot(x, y) ** (2 / 3) * torch.sin(2 * angle / 3)

    shape = pl.Polygon([(0, 0), (0, -1), (-1, -1), (-1, 1), (1, 1), (1, 0)])
    problem = HEAT.replace(
        domain=shape * until(1.0), conditions=[pl.Initial(u=corner), pl.Dirichlet(u=corner)],
        reference=lambda x, y, t: corner(x, y),
    )  # fmt: skip
    assert solve(problem, tolerance=1e-2).error()["u"] < 1e-3
