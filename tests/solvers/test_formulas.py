"""Formulas on the boundary, parts of sides and measured expressions in every solver, against exact solutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
import torch

import pinnlab as pl
from pinnlab.solvers.choice import choose
from pinnlab.solvers.switches import switches
from pinnlab.training.plans import Settings

PI = math.pi
LINE = pl.Box(x=(0.0, 1.0))
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
LAMBDA, MU = 1.1, 0.8
Values = dict[str, np.ndarray]


def radiation() -> tuple[pl.Problem, Callable[..., Values]]:
    """Steady, in SI units: k T_n = -e s (T^4 - T0^4); linear in x, with a slope that solves an equation of degree four."""
    k, loss = 50.0, 0.8 * 5.67e-8
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 0.1)),
        unknowns="T",
        equations=lambda T: k * T.xx,
        conditions=[
            pl.Dirichlet(T=1000.0, on="x-"),
            pl.Condition(lambda T, n: k * T.d(n) + loss * (T**4 - 300.0**4), on="x+"),
        ],
    )
    slope = scipy.optimize.brentq(lambda g: k * g + loss * ((1000 + 0.1 * g) ** 4 - 300.0**4), -1e4, 0)
    return problem, lambda x: {"T": 1000 + slope * x}


def convection() -> tuple[pl.Problem, Callable[..., Values]]:
    """A loss that grows with a broken power, which has no value where T is below that of the air."""
    k, h = 50.0, 5.0
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 0.1)),
        unknowns="T",
        equations=lambda T: k * T.xx,
        conditions=[
            pl.Dirichlet(T=400.0, on="x-"),
            pl.Condition(lambda T, n: k * T.d(n) + h * (T - 293.0) ** 1.25, on="x+"),
        ],
    )
    slope = scipy.optimize.brentq(lambda g: k * g + h * (107 + 0.1 * g) ** 1.25, -1e3, 0)
    return problem, lambda x: {"T": 400 + slope * x}


def cooling() -> tuple[pl.Problem, Callable[..., Values]]:
    """Radiation in time: T = 2 + exp(-t) cos x."""

    def radiates(T: Any, x: Any, t: Any, n: Any) -> Any:
        hot = 2 + torch.exp(-t) * torch.cos(x)
        return T.d(n) + 0.1 * T**4 - (0.1 * hot**4 - torch.exp(-t) * torch.sin(x))

    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="T",
        equations=lambda T: T.t - T.xx,
        conditions=[
            pl.Initial(T=lambda x: 2 + torch.cos(x)), pl.Neumann(T=0.0, on="x-"), pl.Condition(radiates, on="x+"),
        ],
    )  # fmt: skip
    return problem, lambda x, t: {"T": 2 + np.exp(-t) * np.cos(x)}


def beam() -> tuple[pl.Problem, Callable[..., Values]]:
    """Clamped at one end and hinged at the other: no moment, w_xx = 0."""
    problem = pl.Problem(
        domain=LINE,
        unknowns="w",
        equations=lambda w: w.d("x", "x", "x", "x") - 1,
        conditions=[pl.Dirichlet(w=0.0), pl.Neumann(w=0.0, on="x-"), pl.Condition(lambda w: w.xx, on="x+")],
    )
    return problem, lambda x: {"w": x**2 * (2 * x**2 - 5 * x + 3) / 48}


def absorbing() -> tuple[pl.Problem, Callable[..., Values]]:
    """A pulse that leaves through an absorbing side."""
    pulse: Callable[[Any], Any] = lambda x: torch.exp(-40 * (x - 0.5) ** 2)  # noqa: E731
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.5)),
        unknowns="u",
        equations=lambda u: u.tt - u.xx,
        conditions=[
            pl.Initial(u=pulse, u_t=lambda x: 80 * (x - 0.5) * pulse(x)),
            pl.Condition(lambda u, n: u.t + u.d(n)),
        ],
    )
    return problem, lambda x, t: {"u": np.exp(-40 * (x - t - 0.5) ** 2)}


def shell() -> tuple[pl.Problem, Callable[..., Values]]:
    """A side that stores heat, u_t + u_n = 0: a rate on the boundary."""
    a = scipy.optimize.brentq(lambda a: a * math.tan(a) - 1, 0.1, 1.5)
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - u.xx,
        conditions=[
            pl.Initial(u=lambda x: torch.sin(a * x)),
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Condition(lambda u, n: u.t + u.d(n), on="x+"),
        ],
    )
    return problem, lambda x, t: {"u": np.exp(-(a**2) * t) * np.sin(a * x)}


def traction() -> tuple[pl.Problem, Callable[..., Values]]:
    """Plane strain with displacements on one side and tractions on three; u = x^2 + x y, v = x y - y^2."""

    def stress(ux: Any, uy: Any, vx: Any, vy: Any) -> tuple[Any, Any, Any]:
        return (LAMBDA + 2 * MU) * ux + LAMBDA * vy, (LAMBDA + 2 * MU) * vy + LAMBDA * ux, MU * (uy + vx)

    def balance(u: Any, v: Any) -> dict[str, Any]:
        stiff, both = LAMBDA + 2 * MU, LAMBDA + MU
        return {
            "along x": stiff * u.xx + MU * u.yy + both * v.xy - (2 * stiff + both),
            "along y": stiff * v.yy + MU * v.xx + both * u.xy - (both - 2 * stiff),
        }

    def pulled(u: Any, v: Any, x: Any, y: Any, n: Any) -> dict[str, Any]:
        xx, yy, xy = stress(u.x, u.y, v.x, v.y)
        of_x, of_y, of_xy = stress(2 * x + y, x, y, x - 2 * y)
        return {"along x": (xx - of_x) * n.x + (xy - of_xy) * n.y, "along y": (xy - of_xy) * n.x + (yy - of_y) * n.y}

    problem = pl.Problem(
        domain=SQUARE,
        unknowns=("u", "v"),
        equations=balance,
        conditions=[
            pl.Dirichlet(u=lambda y: 0 * y, v=lambda y: -(y**2), on="x-"),
            pl.Condition(pulled, on="x+"),
            pl.Condition(pulled, on="y"),
        ],
    )
    return problem, lambda x, y: {"u": x**2 + x * y, "v": x * y - y**2}


def slip() -> tuple[pl.Problem, Callable[..., Values]]:
    """Channel flow along a wall on which it slips, u = b u_n inwards."""
    problem = pl.Problem(
        domain=pl.Box(y=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.yy + 2,
        conditions=[pl.Condition(lambda u, n: u + 0.25 * u.d(n), on="y-"), pl.Dirichlet(u=0.0, on="y+")],
    )
    return problem, lambda y: {"u": 0.2 + 0.8 * y - y**2}


def mixed() -> tuple[pl.Problem, Callable[..., Values]]:
    """A value on one part of a side and a slope on the other; u = exp(x) cos y."""
    u: Callable[[Any, Any], Any] = lambda x, y: torch.exp(x) * torch.cos(y)  # noqa: E731
    problem = pl.Problem(
        domain=SQUARE,
        unknowns="u",
        equations=lambda u: u.xx + u.yy,
        conditions=[
            pl.Dirichlet(u=u, on="x-", where=lambda y: y < 0.4),
            pl.Neumann(u=lambda y: -torch.cos(y), on="x-", where=lambda y: y >= 0.4),
            pl.Dirichlet(u=u, on="x+"),
            pl.Dirichlet(u=u, on="y"),
        ],
    )
    return problem, lambda x, y: {"u": np.exp(x) * np.cos(y)}


def switched() -> tuple[pl.Problem, Callable[..., Values]]:
    """A value until t = 0.5 and a slope afterwards; u = exp(-t) sin(x + 1)."""
    u: Callable[[Any, Any], Any] = lambda x, t: torch.exp(-t) * torch.sin(x + 1)  # noqa: E731
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - u.xx,
        conditions=[
            pl.Initial(u=lambda x: torch.sin(x + 1)),
            pl.Dirichlet(u=u, on="x-"),
            pl.Dirichlet(u=u, on="x+", where=lambda t: t < 0.5),
            pl.Neumann(u=lambda t: torch.exp(-t) * math.cos(2), on="x+", where=lambda t: t >= 0.5),
        ],
    )
    return problem, lambda x, t: {"u": np.exp(-t) * np.sin(x + 1)}


def slopes() -> tuple[pl.Problem, Callable[..., Values]]:
    """Measured slopes in the place of a condition."""
    xs = np.linspace(0.0, 1.0, 9)
    problem = pl.Problem(
        domain=LINE,
        unknowns="u",
        equations=lambda u: u.xx + PI**2 * u,
        conditions=[
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Data(points={"x": xs}, of=lambda u: u.x, values=PI * np.cos(PI * xs), sd=0.01),
        ],
    )
    return problem, lambda x: {"u": np.sin(PI * x)}


MADE = (radiation, convection, cooling, beam, absorbing, shell, traction, slip, mixed, switched, slopes)


def error(evaluate: Callable[..., Any], problem: pl.Problem, exact: Callable[..., Values]) -> float:
    """The largest error at some points, relative to the variation of the exact solution."""
    rng = np.random.default_rng(0)
    points = {name: rng.uniform(lo, hi, 300) for name, (lo, hi) in problem.domain.bounds.items()}
    found, known = evaluate(**points), exact(**points)
    return max(float(np.abs(found[u] - known[u]).max() / np.ptp(known[u])) for u in problem.unknowns)


@pytest.mark.parametrize("make", MADE)
def test_local_experts(make: Callable[[], tuple[pl.Problem, Callable[..., Values]]]) -> None:
    problem, exact = make()
    solution = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert solution.status.name == "CONVERGED" and error(solution, problem, exact) < 3e-7


@pytest.mark.parametrize("make", [made for made in MADE if made is not slopes])
def test_the_classical_solution(make: Callable[[], tuple[pl.Problem, Callable[..., Values]]]) -> None:
    problem, exact = make()
    reference = pl.reference_solution(problem, max_seconds=20)
    assert error(reference, problem, exact) < 1e-6


STAGES = (pl.Adam(steps=20), pl.LevenbergMarquardt(steps=30))


@pytest.mark.parametrize("make", (radiation, convection, slip, slopes))
def test_a_network(make: Callable[[], tuple[pl.Problem, Callable[..., Values]]]) -> None:
    problem, exact = make()
    solver = pl.PINN(network=pl.MLP(width=8, depth=2), stages=STAGES)
    solution = pl.solve(problem, solver, progress=False)
    assert error(solution, problem, exact) < 1e-4


@pytest.mark.parametrize(
    "solver",
    [
        pl.PINN(network=pl.MLP(width=12, depth=2), stages=STAGES),
        pl.MultiDomainPINN(subdomains={"y": (0.4,)}, network=pl.MLP(width=8, depth=2), stages=STAGES),
        pl.HardConstraintMoE(
            network=pl.MLP(width=16, depth=2), basis=24, experts={"x": 2}, stages=(pl.Adam(steps=40),)
        ),
    ],
    ids=("one", "subdomains", "experts over a network"),
)
def test_networks_on_parts_of_a_side(solver: Any) -> None:
    problem, exact = mixed()
    assert error(pl.solve(problem, solver, progress=False), problem, exact) < 2e-3


def heated_half() -> tuple[pl.Problem, Callable[..., Values]]:
    """One half of a side at one, the other insulated: like the root of the distance where they meet."""
    problem = pl.Problem(
        domain=SQUARE,
        unknowns="u",
        equations=lambda u: u.xx + u.yy,
        conditions=[
            pl.Dirichlet(u=1.0, on="x-", where=lambda y: y < 0.5),
            pl.Neumann(u=0.0, on="x-", where=lambda y: y >= 0.5),
            pl.Dirichlet(u=0.0, on="x+"),
            pl.Neumann(u=0.0, on="y"),
        ],
    )
    return problem, five_points


def five_points(n: int = 320) -> Values:
    """u at (0.2, 0.7), (0.5, 0.5), (0.1, 0.3) and (0, 0.8) by finite differences on n and n / 2 cells, extrapolated."""
    places = ((0.2, 0.7), (0.5, 0.5), (0.1, 0.3), (0.0, 0.8))
    coarse, fine = ([grid[round(x * m), round(y * m)] for x, y in places] for m in (n // 2, n) for grid in [_grid(m)])
    return {"u": 2 * np.array(fine) - np.array(coarse)}


def _grid(n: int) -> np.ndarray:
    at = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    fixed = ((i == 0) & (2 * j < n)) | (i == n)
    rows, columns, entries = (
        [at[fixed], at[~fixed]],
        [at[fixed], at[~fixed]],
        [np.ones(fixed.sum()), 4 * np.ones((~fixed).sum())],
    )
    for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        # mirrored at the sides
        beside = at[n - abs(n - abs(i + di)), n - abs(n - abs(j + dj))]
        rows, columns = [*rows, at[~fixed]], [*columns, beside[~fixed]]
        entries = [*entries, -np.ones((~fixed).sum())]
    shape = ((n + 1) ** 2,) * 2
    places = (np.concatenate(rows), np.concatenate(columns))
    matrix = scipy.sparse.csc_array((np.concatenate(entries), places), shape=shape)
    return scipy.sparse.linalg.spsolve(matrix, (fixed & (i == 0)).reshape(-1).astype(float)).reshape(n + 1, n + 1)


def test_a_half_heated_side() -> None:
    problem, exact = heated_half()
    assert [s.kind for s in switches(problem)] == ["root"]
    solution = pl.solve(problem, pl.PINN(network=pl.MLP(width=10, depth=2), stages=STAGES), progress=False)
    found = solution(x=np.array([0.2, 0.5, 0.1, 0.0]), y=np.array([0.7, 0.5, 0.3, 0.8]))["u"]
    assert np.abs(found - exact()["u"]).max() < 3e-4
    assert isinstance(
        choose(problem, Settings(torch.device("cpu"), torch.float64, 0), 60.0).solver, pl.HardConstraintMoE
    )


def test_windows_see_the_parts_of_their_time() -> None:
    problem, exact = switched()
    solver = pl.CausalPINN(windows=[0.5], network=pl.MLP(width=8, depth=2), stages=STAGES)
    assert error(pl.solve(problem, solver, progress=False), problem, exact) < 2e-3


def test_a_coefficient_of_a_condition_is_found() -> None:
    problem = pl.Problem(
        domain=LINE,
        unknowns="T",
        equations=lambda T: T.xx,
        conditions=[
            pl.Dirichlet(T=1.0, on="x-"),
            pl.Condition(lambda T, h, n: T.d(n) + h * T, on="x+"),
            pl.Data(points={"x": [0.3, 0.5, 0.8]}, T=[0.85, 0.75, 0.6]),
        ],
        parameters={"h": pl.Unknown(0.3)},
    )
    solution = pl.solve(problem, pl.PINN(network=pl.MLP(width=8, depth=2), stages=STAGES), progress=False)
    assert abs(solution.coefficients["h"] - 1.0) < 1e-4


def test_the_error_equation_knows_formulas() -> None:
    problem, exact = cooling()
    solver = pl.PINN(network=pl.MLP(width=6, depth=1), stages=(pl.LevenbergMarquardt(steps=8),))
    solution = pl.solve(problem, solver, progress=False)
    estimate = solution.report(estimate="equation").estimate
    rng = np.random.default_rng(1)
    points = {name: rng.uniform(lo, hi, 4000) for name, (lo, hi) in problem.domain.bounds.items()}
    known = exact(**points)["T"]
    true = float(np.sqrt(((solution(**points)["T"] - known) ** 2).mean()) / known.std())
    (judged,) = estimate.judged
    assert judged.unit == "variation" and judged.error == pytest.approx(true, rel=0.1)


def test_a_part_at_which_nothing_is_said_is_not_solved_classically() -> None:
    problem, _ = mixed()
    with pytest.raises(ValueError, match=r"no condition on u at 'x-' around y ="):
        pl.reference_solution(problem.replace(conditions=[problem.conditions[0], *problem.conditions[2:]]))


def test_lagrangian_networks_refuse_them() -> None:
    flow = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t + u.x,
        conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0, on="x-", where=lambda t: t < 0.5)],
        velocity=1.0,
    )
    with pytest.raises(ValueError, match=r"labels enter through all of it.*CausalPINN"):
        pl.LagrangianPINN().check(flow)
    formula = flow.replace(conditions=[pl.Initial(u=0.0), pl.Condition(lambda u: u**3 - 1, on="x-")])
    with pytest.raises(ValueError, match=r"LagrangianPINN.*CausalPINN"):
        pl.LagrangianPINN().check(formula)


def test_noise_of_a_known_size_is_noise() -> None:
    rng, xs = np.random.default_rng(3), np.linspace(0.1, 0.9, 12)
    problem = pl.Problem(
        domain=LINE,
        unknowns="u",
        equations=lambda u: u.xx,
        conditions=[
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Dirichlet(u=1.0, on="x+"),
            pl.Data(points={"x": xs}, of=lambda u: u.x, values=1 + 0.2 * rng.normal(size=12), sd=0.2, weight=1e-6),
        ],
    )
    solution = pl.solve(problem, pl.PINN(network=pl.MLP(width=4, depth=1), stages=STAGES), progress=False)
    (data,) = (m for m in solution.report(estimate=None).conditions if m.kind == "data")
    assert data.noise and 0.1 < data.rms < 0.31
