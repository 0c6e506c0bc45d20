"""What is thinner than cells and grids begin with is found, resolved by solvers and seen by estimates."""

import numpy as np
import pytest
import torch

import pinnlab as pl

LINE, TIMED = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
ENDS = [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")]
AT = 0.3712


def good(problem, exact, places, most):
    solution = pl.solve(problem, max_seconds=20, progress=False)
    (name,) = problem.domain.coordinates
    assert np.abs(solution(**{name: places})["u"] - exact).max() < most
    assert solution.report().verdict.value == "good"


def behind_a_jump(x):
    """u where k changes from 1 to 10 at once; a thin layer adds what is of the size of its width."""
    return np.where(x < AT, x, AT + (x - AT) / 10) / (AT + (1 - AT) / 10)


def test_a_coefficient_that_rises_steeply():
    width, x = 1e-4, np.array([0.2, 0.6, 0.9])
    rise = pl.Problem(LINE, "u", lambda u, x: pl.diff((5.5 + 4.5 * torch.tanh((x - AT) / width)) * u.x, "x"), ENDS)
    good(rise, behind_a_jump(x), x, 2 * width)


def test_the_classical_solver_cuts_at_both_ends_of_a_ramp():
    width, x = 1e-5, np.array([0.2, 0.6, 0.9])
    ramp = pl.Problem(LINE, "u", lambda u, x: pl.diff((1 + 9 * torch.clamp((x - AT) / width, 0, 1)) * u.x, "x"), ENDS)
    assert np.abs(pl.reference_solution(ramp)(x=x)["u"] - behind_a_jump(x)).max() < 1e-5


@pytest.mark.parametrize("width", [2e-4, 6e-6])
def test_a_narrow_source(width):
    problem = pl.Problem(
        LINE, "u", lambda u, x: u.xx + torch.exp(-(((x - AT) / width) ** 2)) / width, pl.Dirichlet(u=0.0)
    )
    x = np.array([0.2, 0.6, 0.9])
    good(problem, np.sqrt(np.pi) * np.where(x < AT, x * (1 - AT), AT * (1 - x)), x, 1e-4)


def test_narrow_pulses_in_time():
    begin = (3.0, 11.0, 27.0)
    minutes = 2 / 60

    def pulses(t):
        return sum((t > b) & (t < b + minutes) for b in begin) / minutes

    problem = pl.Problem(pl.Box(t=(0.0, 36.0)), "u", lambda u, t: u.t + 0.1 * u - pulses(t), pl.Initial(u=0.0))
    t = np.array([2.0, 10.0, 20.0, 35.0])
    share = (np.exp(0.1 * minutes) - 1) / (0.1 * minutes)
    exact = sum(np.where(t > b, share * np.exp(-0.1 * (t - b)), 0.0) for b in begin)
    good(problem, exact, t, 1e-6)
    assert abs(pl.reference_solution(problem)(t=t)["u"] - exact).max() < 1e-6


def test_a_source_that_is_on_for_a_moment():
    x, t = torch.meshgrid(torch.linspace(0, 1, 9), torch.tensor([0.3, 0.5, 1.0]), indexing="ij")
    on, off, rate = 0.4137, 0.4187, 0.1 * np.pi**2
    problem = pl.Problem(
        TIMED, "u", lambda u, x, t: u.t - 0.1 * u.xx - 200.0 * ((t > on) & (t < off)) * torch.sin(np.pi * x),
        [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
    )  # fmt: skip
    exact = 200 / rate * (torch.exp(-rate * (t - off)) - torch.exp(-rate * (t - on))) * (t > off) * torch.sin(np.pi * x)
    found = pl.reference_solution(problem)(x=x.numpy(), t=t.numpy())["u"]
    assert np.abs(found - exact.numpy()).max() < 1e-5


@pytest.mark.parametrize("driven", ["source", "flux", "ramp"])
def test_what_begins_as_nothing_is_marched_on(driven):
    conditions = {
        "source": [pl.Dirichlet(u=0.0)],
        "flux": [pl.Neumann(u=1.0, on="x-"), pl.Dirichlet(u=0.0, on="x+")],
        "ramp": [pl.Dirichlet(u=lambda t: torch.clamp(t / 0.13, max=1.0), on="x-"), pl.Dirichlet(u=0.0, on="x+")],
    }[driven]
    source = 1.0 if driven == "source" else 0.0
    problem = pl.Problem(TIMED, "u", lambda u: u.t - 0.1 * u.xx - source, [pl.Initial(u=0.0), *conditions])
    solution = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert solution.status.name == "CONVERGED"
    x, k = np.linspace(0, 1, 11), np.arange(1, 2001)[:, None]
    n = (k - 0.5) * np.pi if driven == "flux" else k * np.pi
    fall = np.exp(-0.1 * n**2)
    if driven == "source":
        exact = (2 * (1 - np.cos(n)) / n * (1 - fall) / (0.1 * n**2) * np.sin(n * x)).sum(axis=0)
    elif driven == "flux":
        exact = 1 - x - (2 / n**2 * fall * np.cos(n * x)).sum(axis=0)
    else:
        late = np.exp(-0.1 * n**2 * 0.87)
        exact = 1 - x - (2 / n * np.sin(n * x) * (late - fall) / (0.1 * n**2 * 0.13)).sum(axis=0)
    assert np.abs(solution(x=x, t=1.0)["u"] - exact).max() < 1e-6
