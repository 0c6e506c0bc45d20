"""What solve picks by itself."""

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.choice import choose
from pinnlab.solvers.base import Settings

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u, k: u.t - k * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    parameters={"k": 0.1},
    reference=lambda x, t, k: torch.exp(-k * math.pi**2 * t) * torch.sin(math.pi * x),
)
PLANE = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.t - u.xx - u.yy,
    conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
)
FAMILY = HEAT.replace(parameters={"k": pl.Uniform(0.1, 0.2)}, reference=None)
ROUGH = HEAT.replace(
    equations=lambda u: u.t + u.x, conditions=[pl.Initial(u=lambda x: torch.sign(x - 0.3))], reference=None
)
CASES = {
    "smooth": (HEAT, pl.HardConstraintMoE(features="tanh"), "not trained"),
    "family": (FAMILY, pl.HardConstraintMoE(), "family over k"),
    "inverse": (HEAT.replace(parameters={"k": pl.Unknown(0.1)}, reference=None), pl.PINN(), "k to be found from data"),
    "rough": (ROUGH, pl.PINN(), "too rough"),
    "no start": (HEAT.replace(conditions=[pl.Dirichlet(u=0.0)], reference=None), pl.PINN(), "no initial state"),
    "many dimensions": (PLANE, pl.PINN(), "many dimensions"),
    "a long ODE": (pl.load_problem("lorenz"), pl.HardConstraintMoE(features="tanh"), "not trained"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_choice_and_its_reason(name: str) -> None:
    problem, solver, reason = CASES[name]
    chosen, why = choose(problem, SETTINGS)
    assert chosen == solver and reason in why


def test_solve_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    solution = pl.solve(HEAT, target_error=1e-6)
    assert "HardConstraintMoE for at most 60 s: a smooth single instance" in capsys.readouterr().err
    assert solution.status is pl.Status.TARGET_REACHED
    assert solution.error()["u"] < 1e-10
