"""Materials whose coefficients vary beside the place where they meet, and sources that are switched on: to rounding."""

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.discontinuities.one_sided import beside
from pinnlab.declaration.relative_error import error_grid
from pinnlab.solution.quality.report import Verdict

INNER, JOINT, OUTER = 1.0, 1.6, 2.5
SOFT, HARD = 1.0, 7.0
"""k / (1 + r) below and above the joint."""


def conductivity(r):
    return torch.where(r < JOINT, SOFT, HARD) * (1 + r)


def potential(r):
    """Of 1 / (r^2 (1 + r)): with a steady flux q / r^2 through a shell, T' = q / (k r^2)."""
    return -1 / r + torch.log((1 + r) / r)


def steady(r):
    """From 0 inside to 1 outside; and the flux."""
    inner, joint, outer = potential(torch.tensor([INNER, JOINT, OUTER], dtype=torch.float64))
    flux = 1 / ((joint - inner) / SOFT + (outer - joint) / HARD)
    below, above = (potential(r) - inner) / SOFT, (joint - inner) / SOFT + (potential(r) - joint) / HARD
    return flux * torch.where(r < JOINT, below, above), flux


def shell():
    problem = pl.Problem(
        pl.Box(r=(INNER, OUTER)), "T", lambda T, r: pl.diff(conductivity(r) * r**2 * T.r, "r"),
        [pl.Dirichlet(T=0.0, on="r-"), pl.Dirichlet(T=1.0, on="r+")],
    )  # fmt: skip
    return problem, lambda r: steady(r)[0]


def ring():
    """T = T0(r) (2 + cos p): the flux k r T0' is q / r."""

    def equation(T, r, p):
        (value, flux), k = steady(r), conductivity(r)
        source = -flux / r**2 * (2 + torch.cos(p)) - k / r * value * torch.cos(p)
        return pl.diff(k * r * T.r, "r") + pl.diff(k / r * T.p, "p") - source

    ends = [pl.Dirichlet(T=0.0, on="r-"), pl.Dirichlet(T=lambda p: 2 + torch.cos(p), on="r+"), pl.Periodic(on="p")]
    problem = pl.Problem(pl.Box(r=(INNER, OUTER), p=(0.0, 2 * math.pi)), "T", equation, ends)
    return problem, lambda r, p: steady(r)[0] * (2 + torch.cos(p))


def cooling():
    """T = T0(r) (1 + exp(-t))."""

    def equation(T, r, t):
        return r**2 * (T.t + steady(r)[0] * torch.exp(-t)) - pl.diff(conductivity(r) * r**2 * T.r, "r")

    conditions = [
        pl.Initial(T=lambda r: 2 * steady(r)[0]),
        pl.Dirichlet(T=0.0, on="r-"),
        pl.Dirichlet(T=lambda t: 1 + torch.exp(-t), on="r+"),
    ]
    problem = pl.Problem(pl.Box(r=(INNER, OUTER), t=(0.0, 1.0)), "T", equation, conditions)
    return problem, lambda r, t: steady(r)[0] * (1 + torch.exp(-t))


def switched_on():
    """From t = 0.37 on a source 5 sin(pi x) heats a rod, whose first wave decays at the rate l."""
    start, rate = 0.37, 0.1 * math.pi**2
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "T",
        lambda T, x, t: T.t - 0.1 * T.xx - torch.where(t > start, 5.0, 0.0) * torch.sin(math.pi * x),
        [pl.Initial(T=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(T=0.0)],
    )  # fmt: skip

    def exact(x, t):
        heated = 5 / rate * (1 - torch.exp(-rate * (t - start).clamp(min=0)))
        return torch.sin(math.pi * x) * (torch.exp(-rate * t) + heated)

    return problem, exact


@pytest.mark.parametrize("make", [shell, ring, cooling, switched_on])
def test_the_referee_and_the_estimate_do_not_share_an_error(make):
    """Coefficients at a billionth of the domain from the joint would leave 2e-10 to 2e-9, which both would make."""
    problem, exact = make()
    at = problem.domain.columns(error_grid(problem.domain))
    truth = exact(**at)
    assert float((pl.reference_solution(problem)(**at)["T"] - truth).norm() / truth.norm()) < 2e-12
    solution = pl.solve(problem, pl.HardConstraintMoE(), max_seconds=60, progress=False)
    error, report = solution.error(exact)["T"], solution.report()
    assert error < 2e-11
    assert report.verdict is Verdict.GOOD
    assert error < 3 * (report.estimate.errors["T"] + report.estimate.doubt["T"])


def test_limits_from_one_side_by_hand():
    """x^2 with a jump of 3 at x = 2 is 4 from below and 7 from above, though at a hair h beside it is 4 h off."""
    domain = pl.Box(x=(0.0, 5.0))
    at = domain.columns(torch.full((2, 1), 2.0, dtype=torch.float64))
    for sign, expected in ((-1, 4.0), (1, 7.0)):
        side = beside(at, "x", sign, domain.bounds["x"])
        assert [sign * float(each["x"][0] - 2) for each in (side.near, side.far)] == pytest.approx(
            [5e-9, 1e-8], rel=1e-6
        )
        (found,) = side.limit(lambda columns: [columns["x"] ** 2 + 3 * (columns["x"] > 2)])
        assert found.tolist() == pytest.approx([expected] * 2, rel=1e-15)
