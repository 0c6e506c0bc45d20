"""Lines whose ends are moved against the start: kinks are taken out, experts find the rest, leapfrog agrees."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.sampling import unit_points

REST = pl.Initial(u=0.0, u_t=0.0)
HELD = pl.Dirichlet(u=0.0, on="x+")


def points_of(problem, n=400):
    unit = unit_points("sobol", n, 2, np.random.default_rng(0)).double()
    return problem.domain.interior(unit).points


def columns(problem):
    return dict(problem.domain.columns(points_of(problem)))


def off(solution, exact):
    """Relative L2 error."""
    at = columns(solution.problem)
    known = exact(**at)
    return float((solution(**at)["u"].detach() - known).norm() / known.norm())


def from_zero(f):
    return lambda s: torch.where(s > 0, f(s), 0.0)


def solved(domain, equation, *conditions, **more):
    problem = pl.Problem(domain, "u", equation, list(conditions))
    return pl.solve(problem, pl.HardConstraintMoE(**more), progress=False)


def test_in_units_of_everyday():
    tone = from_zero(lambda s: 1e-3 * torch.sin(2 * math.pi * 800 * s))
    push = from_zero(lambda s: 2e-3 * (1 - torch.cos(2 * math.pi * 500 * s)))

    # what is written with a switch at the start is no smoother there than what is not
    def exact(x, t):
        ways = range(5)
        lower = sum(tone(t - (0.6 * k + x) / 340) - tone(t - (0.6 * (k + 1) - x) / 340) for k in ways)
        upper = sum(push(t - (0.6 * k + 0.3 - x) / 340) - push(t - (0.6 * k + 0.3 + x) / 340) for k in ways)
        return lower + upper

    solution = solved(
        pl.Box(x=(0.0, 0.3), t=(0.0, 0.004)), lambda u: u.tt - 340.0**2 * u.xx, REST,
        pl.Dirichlet(u=lambda t: tone(t), on="x-"), pl.Dirichlet(u=lambda t: push(t), on="x+"),
    )  # fmt: skip
    assert off(solution, exact) < 1e-9
    assert any("waves that this sends out" in note for note in solution.notes)
    report = solution.report()
    assert report.verdict.name == "GOOD" and "leapfrog" in report.estimate.method


def test_a_free_end_and_kinks_on_the_way(tmp_path):
    def saw(t):
        return torch.relu(1 - (t - 0.73).abs() / 0.31)

    def exact(x, t):
        return saw(t - x) + saw(t - 2 + x) - saw(t - 2 - x)

    solution = solved(
        pl.Box(x=(0.0, 1.0), t=(0.0, 2.9)), lambda u: u.tt - u.xx, REST,
        pl.Dirichlet(u=saw, on="x-"), pl.Neumann(u=0.0, on="x+"),
    )  # fmt: skip
    assert off(solution, exact) < 1e-12
    solution.save(tmp_path / "line.pt")
    assert off(pl.Solution.load(tmp_path / "line.pt", problem=solution.problem), exact) < 1e-9


def test_a_start_that_is_curved_at_fixed_ends():
    def exact(x, t):
        odd = [2 * k + 1 for k in range(400)]
        return sum(8 / (math.pi * k) ** 3 * torch.sin(k * math.pi * x) * torch.cos(k * math.pi * t) for k in odd)

    solution = solved(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.3)), lambda u: u.tt - u.xx, pl.Initial(u=lambda x: x * (1 - x), u_t=0.0),
        pl.Dirichlet(u=0.0, on="x"),
    )  # fmt: skip
    assert off(solution, exact) < 1e-6


def test_plucked_and_struck(tmp_path):
    def triangle(x):
        return torch.minimum(x / 0.3, (1 - x) / 0.7)

    def struck(x):
        return torch.where((x > 0.31) & (x < 0.52), 1.0, 0.0)

    def folded(y):
        """Into [-1, 1], with period 2."""
        return torch.remainder(y + 1, 2.0) - 1

    def exact(x, t):
        def odd(y):
            return torch.sign(folded(y)) * triangle(folded(y).abs())

        def integral(y):
            return folded(y).abs().clamp(0.31, 0.52)

        right, left = x - 2 * t, x + 2 * t
        return (odd(right) + odd(left)) / 2 + (integral(left) - integral(right)) / 4

    start = pl.Initial(u=triangle, u_t=struck)
    solution = solved(pl.Box(x=(0.0, 1.0), t=(0.0, 1.4)), lambda u: u.tt - 4 * u.xx, start, pl.Dirichlet(u=0.0, on="x"))
    assert off(solution, exact) < 1e-9
    solution.save(tmp_path / "line.pt")
    assert off(pl.Solution.load(tmp_path / "line.pt", problem=solution.problem), exact) < 1e-9


def test_a_value_that_jumps():
    step = from_zero(torch.ones_like)

    def exact(x, t):
        return step(t - x) - step(t - 2 + x) + step(t - 2 - x)

    solution = solved(
        pl.Box(x=(0.0, 1.0), t=(0.0, 2.5)), lambda u: u.tt - u.xx, REST, pl.Dirichlet(u=1.0, on="x-"), HELD
    )
    assert off(solution, exact) < 1e-9
    assert solution.report(max_seconds=20).verdict.name != "WRONG"


@pytest.mark.parametrize(
    "equation", [lambda u: u.tt - u.xx + 9 * u, lambda u: u.tt + 1.5 * u.t - u.xx], ids=["Klein-Gordon", "telegraph"]
)
def test_lower_orders_agree_with_leapfrog(equation, tmp_path):
    solution = solved(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.6)), equation, REST,
        pl.Dirichlet(u=lambda t: torch.sin(4 * math.pi * t), on="x-"), HELD,
    )  # fmt: skip
    report = solution.report()
    assert report.verdict.name == "GOOD" and report.estimate.errors["u"] < 1e-7
    solution.save(tmp_path / "line.pt")
    loaded = pl.Solution.load(tmp_path / "line.pt", problem=solution.problem)
    at = columns(solution.problem)
    assert torch.allclose(loaded(**at)["u"], solution(**at)["u"], atol=1e-10)
    residual = lambda s: s.evaluate(equation, **at)  # noqa: E731
    assert float((residual(loaded) - residual(solution)).abs().max()) < 1e-5


def test_a_wrong_solution_is_not_called_good():
    moved = pl.Dirichlet(u=lambda t: torch.sin(4 * math.pi * t), on="x-")
    domain = pl.Box(x=(0.0, 1.0), t=(0.0, 1.6))
    solution = solved(domain, lambda u: u.tt - u.xx + 0.5 * u, REST, moved, HELD)
    meant = pl.Problem(domain, "u", lambda u: u.tt - u.xx, [REST, moved, HELD])
    report = dataclasses.replace(solution, problem=meant).report()
    assert report.verdict.name != "GOOD" and "leapfrog" in report.estimate.method and report.estimate.least > 0.01
