"""Estimates of the error: the error equation, random features and polynomials, and what each cannot tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from known_solutions import Given, heat, heated, solved
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.relative_error import error_grid, relative_l2
from pinnlab.solution.measures import measure
from pinnlab.solution.quality.error_equation import error_problem, solve_error_equation
from pinnlab.solution.quality.error_features import estimate_on_features
from pinnlab.solution.quality.report import Verdict


def test_the_error_solves_the_error_problem() -> None:
    """e = u - u_h leaves no residual in the equations and conditions of the problem that was made for it."""
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x, t: u.t + u * u.x - u.xx - (torch.cos(x + t) * (1 + torch.sin(x + t)) + torch.sin(x + t)),
        conditions=[
            pl.Initial(u=lambda x: torch.sin(x)),
            pl.Robin(u=(2.0, 1.0, lambda t: 2 * torch.sin(t) - torch.cos(t)), on="x-"),
            pl.Neumann(u=lambda t: torch.cos(1 + t), on="x+"),
        ],
    )
    wrong = Given(problem.domain, lambda p: torch.sin(p.sum(1, keepdim=True)) + p[:, :1] * p[:, 1:] ** 2 + 0.1)
    made = error_problem(problem, wrong)
    assert [type(c).__name__ for c in made.conditions] == ["Initial", "Robin", "Neumann"]
    exact = Given(problem.domain, lambda p: -p[:, :1] * p[:, 1:] ** 2 - 0.1)
    assert max(m.maximum for m in measure(made, [exact])[0]) < 1e-12


@pytest.mark.parametrize("size", [5e-2, 1e-9])
def test_the_error_equation_finds_errors_of_any_size(size: float) -> None:
    problem = heat()
    model = Given(
        problem.domain, lambda p: heated(p) + size * torch.sin(2 * math.pi * p[:, :1]) * torch.sin(3 * p[:, 1:])
    )
    solution = solved(problem, model)
    (true,) = solution.error().values()
    report = solution.report("equation")
    assert report.estimate is not None and report.estimate.certain
    assert report.estimate.largest == pytest.approx(true, rel=1e-3)
    assert report.verdict is (Verdict.DOUBTFUL if size > 0.01 else Verdict.GOOD)


def test_windows_hand_their_errors_over() -> None:
    """A wave whose second window starts off: its velocity is wrong from there on."""
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.tt - u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x), u_t=0.0), pl.Dirichlet(u=0.0)],
        reference=lambda x, t: torch.sin(math.pi * x) * torch.cos(math.pi * t),
    )

    def wave(p: Tensor, off: float) -> Tensor:
        x, t = p[:, :1], p[:, 1:]
        return torch.sin(math.pi * x) * (torch.cos(math.pi * t) + off * torch.sin(math.pi * (t - 0.4)))

    ends = ((0.0, 0.4), (0.4, 1.0))
    models = [
        Given(problem.domain.replace(t=e), lambda p, o=o: wave(p, o)) for e, o in zip(ends, (0.0, 0.3), strict=True)
    ]
    solution = solved(problem, *models)
    report = solution.report("equation", tolerance=0.1)
    assert report.estimate is not None
    assert report.estimate.largest == pytest.approx(solution.error()["u"], rel=1e-3)
    assert {m.name: m for m in report.conditions}["hand-over u_t"].relative > 0.1
    assert max(m.relative for m in report.equations) < 1e-12, "no residual says anything of it"


def test_steady_problems_and_ordinary_differential_equations() -> None:
    poisson = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x, y: u.xx + u.yy + 2 * math.pi**2 * torch.sin(math.pi * x) * torch.sin(math.pi * y),
        conditions=[pl.Dirichlet(u=0.0)],
        reference=lambda x, y: torch.sin(math.pi * x) * torch.sin(math.pi * y),
    )
    model = Given(poisson.domain, lambda p: (1.002 * torch.sin(math.pi * p)).prod(1, keepdim=True))
    decay = pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns=("u", "v"),
        equations=lambda u, v: {"u": u.t + 2 * u, "v": v.t - u * v},
        conditions=[pl.Initial(u=1.0, v=1.0)],
        reference=lambda t: {"u": torch.exp(-2 * t), "v": torch.exp((1 - torch.exp(-2 * t)) / 2)},
    )
    off = Given(
        decay.domain,
        lambda t: torch.cat(
            [torch.exp(-2 * t) + 1e-3 * t, torch.exp((1 - torch.exp(-2 * t)) / 2) - 1e-4 * t**2], dim=1
        ),
    )
    for solution in (solved(poisson, model), solved(decay, off)):
        report = solution.report("equation")
        assert report.estimate is not None and report.verdict is Verdict.GOOD
        assert report.estimate.errors == pytest.approx(solution.error(), rel=1e-3)


def test_time_that_is_up_is_told() -> None:
    problem = heat()
    with pytest.raises(TimeoutError, match="the time is up"):
        solve_error_equation(problem, [Given(problem.domain, lambda p: 1.1 * heated(p))], 0.0)


def test_random_features_need_no_box() -> None:
    problem = pl.Problem(
        domain=pl.Ball({"x": 0.0, "y": 0.0}, 1.0),
        unknowns="u",
        equations=lambda u: u.xx + u.yy + 4,
        conditions=[pl.Dirichlet(u=0.0)],
        reference=lambda x, y: 1 - x**2 - y**2,
    )
    solution = solved(
        problem, Given(problem.domain, lambda p: 1 - p.square().sum(1, keepdim=True) + 1e-4 * torch.cos(2 * p[:, :1]))
    )
    error, doubt = estimate_on_features(problem, solution.models, 60.0, degrees=(6, 8))
    points = error_grid(problem.domain)
    (value,) = relative_l2(solution.function(points), solution.function(points) + error(points)).tolist()
    assert value == pytest.approx(solution.error()["u"], rel=1e-3) and doubt["u"] < 1e-5 * value


def laplace(*coordinates: str) -> pl.Problem:
    """u = x on a cube."""
    return pl.Problem(
        domain=pl.Box(**{c: (0.0, 1.0) for c in coordinates}),
        unknowns="u",
        equations=lambda u: sum(u.d(c, c) for c in coordinates),
        conditions=[pl.Dirichlet(u=lambda x: x, exact=False)],
        reference=lambda x: x,
    )


def test_polynomials_reach_beyond_three_coordinates() -> None:
    problem = laplace(*"xyzw")
    solution = solved(problem, Given(problem.domain, lambda p: p[:, :1] + 0.003 * p[:, 1:2] * p[:, 2:3]))
    error, doubt = estimate_on_features(problem, solution.models, 60.0, degrees=(3, 4))
    points = error_grid(problem.domain)
    np.testing.assert_allclose(error(points), -0.003 * points[:, 1:2] * points[:, 2:3], rtol=0, atol=1e-12)
    assert doubt["u"] < 1e-12


def test_why_there_is_no_estimate_is_told() -> None:
    problem = laplace(*"xyzwabc")
    report = solved(problem, Given(problem.domain, lambda p: p[:, :1] + 0.1 * p[:, 1:2])).report()
    assert report.estimate is None and report.verdict is Verdict.DOUBTFUL
    assert any("7 coordinates are too many" in r for r in report.reasons)
    assert any("no classical solution" in r for r in report.reasons)
    assert "note: " in str(report)


def test_points_lie_on_the_error_grid() -> None:
    problem = heat()
    found = solve_error_equation(problem, [Given(problem.domain, lambda p: 1.1 * heated(p))], 60.0)
    points = error_grid(problem.domain)[::997]
    np.testing.assert_allclose(found(points).numpy(), -0.1 * heated(points).numpy(), rtol=0, atol=1e-10)


def test_an_error_that_is_rounding_where_it_is_handed_over_grows_in_later_windows() -> None:
    def pulse(t):
        return 0.1 * torch.exp(-(((t - 0.1) / 0.03) ** 2))

    unstable = pl.Problem(
        pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, t: u.t - 8 * (u - 1 - pulse(t)) + 2 * (t - 0.1) / 0.03**2 * pulse(t),
        [pl.Initial(u=float(1 + pulse(torch.zeros((), dtype=torch.float64))))],
        reference=lambda t: 1 + pulse(t),
    )
    solution = pl.solve(unstable, pl.HardConstraintMoE(), progress=False)
    estimate = solution.report("equation").estimate
    true = solution.error()["u"]
    assert len(solution.models) > 1 and true > 1e-11
    assert abs(estimate.largest / true - 1) < 0.1


def test_the_error_of_a_flow_in_velocity_and_pressure() -> None:
    """Poiseuille's flow, off by known functions: finite elements solve the error equation, its constant from one value."""

    def exact(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"u": y * (1 - y), "v": 0.1 + 0 * x, "p": 0.3 - 2 * x - 0.1 * y}

    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns=("u", "v", "p"),
        equations=lambda u, v, p, y: {
            "x": u * u.x + v * u.y + p.x - u.laplacian - 0.1 * (1 - 2 * y),
            "y": u * v.x + v * v.y + p.y - v.laplacian + 0.1,
            "mass": u.x + v.y,
        },
        conditions=[
            pl.Dirichlet(u=lambda y: y * (1 - y), v=0.1),
            pl.Data(points={"x": [0.2], "y": [0.5]}, p=[-0.15]),
        ],
        reference=exact,
    )

    def wrong(points: Tensor) -> Tensor:
        x, y = points.unbind(1)
        e = [1e-2 * torch.sin(3 * y) * x, 2e-3 * x * y**2, 0.1 * torch.cos(3 * x) * y + 0.05]
        return torch.stack([v + d for v, d in zip(exact(x, y).values(), e, strict=True)], dim=1)

    solution = solved(problem, Given(problem.domain, wrong))
    report = solution.report("equation", max_seconds=30)
    assert report.estimate is not None
    assert report.estimate.errors == pytest.approx(solution.error(), rel=2e-2)


def test_a_window_that_ends_just_behind_a_switch_is_not_taken_for_exact() -> None:
    """A block on a rough table: friction turns with the velocity, and a slab ends 4e-5 s after that."""
    friction, wave = 0.12 * 9.81, 3.0
    problem = pl.Problem(
        pl.Box(t=(0.0, 1.6)), ("x", "v"),
        lambda x, v: {"path": x.t - v, "force": v.t + wave**2 * x + friction * torch.sign(v)},
        [pl.Initial(x=1.0, v=0.0)],
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=20, progress=False)
    t, rest = np.linspace(0.0, 1.6, 81), friction / wave**2
    first, half = (1 - rest) * np.cos(wave * t) + rest, math.pi / wave
    exact = np.where(t < half, first, -(1 - 3 * rest) * np.cos(wave * (t - half)) - rest)
    error = np.linalg.norm(solution(t=t)["x"] - exact) / np.linalg.norm(exact)
    estimate = solution.report(max_seconds=20).estimate
    assert estimate is None or estimate.errors["x"] + estimate.doubt["x"] > error / 3
