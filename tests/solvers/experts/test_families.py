"""The amortized solver: gradients, training, members."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from expert_families import EXACT, GRID, PI, SMALL, family, functions, soft_burgers, system

import pinnlab as pl

# -- gradients ---------------------------------------------------------------------------------------------------------

VARIANTS = [
    (soft_burgers, {"coupling": "interface"}),
    (soft_burgers, {"coupling": "none"}),
    (soft_burgers, {"coupling": "march", "experts": {"x": 2, "t": 2}}),
    (soft_burgers, {"constraint": "global", "experts": None}),
    (soft_burgers, {"constraint": "soft", **dict.fromkeys(("experts", "basis", "search", "newton"))}),
    (soft_burgers, GRID),
    (family, {}),
    (functions, GRID),
]


@pytest.mark.parametrize(("make", "options"), VARIANTS)
def test_the_gradient_of_the_loss(make: Any, options: dict) -> None:
    s = system(make(), **{"search": EXACT, "newton": 2, **options})
    theta = s.model.theta
    direction = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    direction /= direction.norm()
    _, gradient = s.loss_and_gradient(theta)
    h = 1e-5
    up, down = (s.loss_and_gradient(theta + step * direction)[0] for step in (h, -h))
    assert float(gradient @ direction) == pytest.approx(float((up - down) / (2 * h)), rel=2e-5)


def test_the_loss_is_no_sum_of_squares() -> None:
    s = system(family())
    for ask in (s.residuals, s.residuals_and_jacobian):
        with pytest.raises(TypeError, match="no sum of squares.*first-order"):
            ask(s.model.theta)


# -- training ----------------------------------------------------------------------------------------------------------


def test_a_family_is_learned_from_its_equations_alone() -> None:
    problem = family()
    solution = pl.solve(problem, pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=15),)), progress=False)
    for nu in (0.06, 0.19):
        member = solution.at(nu=nu)
        assert member.error()["u"] < 5e-3
        assert member.problem.parameters == {"nu": nu}
        assert np.abs(member.residual(x=0.3, t=np.linspace(0.1, 0.9, 5))["heat"]).max() < 0.05
    assert solution.error(members=2)["u"] < 2e-3
    inside = solution(x=0.5, t=np.array([0.2, 0.7]), nu=0.1)["u"]
    assert np.array_equal(inside, solution.at(nu=0.1)(x=0.5, t=np.array([0.2, 0.7]))["u"])
    assert inside == pytest.approx(np.exp(-0.1 * PI**2 * np.array([0.2, 0.7])), rel=1e-2)
    assert np.isnan(solution.residual(x=0.3, t=0.4, nu=0.1)["heat"]).sum() == 0
    losses = solution.history.column("held_out")
    assert np.isfinite(losses).all() and solution.history[-1].errors["u"] < 2e-3


def test_the_inner_solve_may_change_at_test() -> None:
    solution = pl.solve(family(), pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=5),)), progress=False)
    coarse = solution.at(nu=0.1, points=16)
    fine = solution.at(nu=0.1, points=600, tolerance=1e-12, steps=40)
    assert fine.error()["u"] < 0.9 * coarse.error()["u"] < 2e-3
    longer = solution.at(nu=0.1, domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.2)))
    assert longer(x=0.5, t=1.2)["u"] == pytest.approx(math.exp(-0.1 * PI**2 * 1.2), rel=5e-3)


def test_a_family_of_functions_on_a_grid() -> None:
    problem = functions()
    solver = pl.HardConstraintMoE(**{**SMALL, **GRID, "basis": 10}, stages=(pl.Adam(steps=6),))
    solution = pl.solve(problem, solver, progress=False)
    member = solution.at(u0=lambda x: torch.cos(2 * PI * x))
    exact = lambda x, t: torch.cos(2 * PI * x) * torch.exp(-0.02 * 4 * PI**2 * t)  # noqa: E731
    assert member.error(exact)["u"] < 0.15
    # initial values hold exactly, between nodes by interpolation; the experts at both ends are neighbours
    x = np.linspace(0, 1, 33)
    assert np.abs(member(x=x, t=0.0)["u"] - np.cos(2 * PI * x)).max() < 1e-12
    ends = [member(x=end, t=x)["u"] for end in (0.0, 1.0)]
    assert np.abs(ends[0] - ends[1]).max() < 0.02
    drawn = problem.sample(np.random.default_rng(3))
    known = pl.reference_solution(drawn)(x=x, t=0.5)["u"]
    assert np.linalg.norm(solution.at(u0=drawn.parameters["u0"])(x=x, t=0.5)["u"] - known) < 0.3 * np.linalg.norm(known)
    assert np.abs(solution.at(u0=0.5)(x=x, t=0.5)["u"] - 0.5).max() < 1e-12, "a constant stays"


def test_one_problem_with_a_network(tmp_path: Path) -> None:
    problem = family().at(nu=0.1)
    solution = pl.solve(problem, pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=10),)), progress=False)
    assert solution.error()["u"] < 3e-3
    assert np.abs(solution.residual(x=np.linspace(0.1, 0.9, 5), t=0.5)["heat"]).max() < 0.1
    assert solution.models[0].joints == {"x": (0.5,)}
    with pytest.raises(TypeError, match="no file form for experts over trained basis functions"):
        solution.save(tmp_path / "solution.pt")
    with pytest.raises(ValueError, match="this solution is of one problem, not of a family"):
        solution.at(nu=0.1)


def test_a_resumed_run_gives_the_same_numbers(tmp_path: Path) -> None:
    problem, stages = family(), (pl.Adam(steps=6), pl.Adam(steps=5))
    solver = pl.HardConstraintMoE(**SMALL, stages=stages)
    whole = pl.solve(problem, solver, progress=False)
    checkpoint = pl.Checkpoint(tmp_path / "run", every_seconds=0.0)
    stopped = pl.solve(problem, solver, progress=False, checkpoint=checkpoint, callbacks=[lambda record: True])
    assert stopped.status is pl.Status.INTERRUPTED
    # the first look at the run comes after its first stage
    new: list[Any] = []
    resumed = pl.solve(problem, solver, progress=False, checkpoint=checkpoint, callbacks=[new.append])
    assert [record.stage for record in new] == [1]
    x = np.linspace(0, 1, 7)
    assert resumed.status is pl.Status.STEPS_DONE and len(resumed.history) == len(whole.history)
    assert np.array_equal(whole(x=x, t=0.5, nu=0.1)["u"], resumed(x=x, t=0.5, nu=0.1)["u"])


def test_a_restored_system_draws_the_same() -> None:
    s = system(family())
    s.redraw()
    state, theta = s.state(), s.model.theta
    loss, gradient = s.loss_and_gradient(theta)
    s.redraw()
    other = s.loss_and_gradient(theta)[0]
    s.restore(state)
    again = s.loss_and_gradient(theta)
    assert float(other) != float(loss)
    assert torch.equal(again[0], loss) and torch.equal(again[1], gradient)
    s.redraw()
    assert float(s.loss_and_gradient(theta)[0]) == float(other)
