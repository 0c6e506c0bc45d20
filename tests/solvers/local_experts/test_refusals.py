"""What local experts cannot solve, or only in part, and what they say of it."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from known_problems import HEAT, OSCILLATOR, SETTINGS, solve

import pinnlab as pl
from pinnlab.declaration.conditions import AnyCondition
from pinnlab.declaration.terms import Term
from pinnlab.domains import Site
from pinnlab.solvers.choice import choose
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.training.plans import NothingSolvedError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "wavelets"}, "features='wavelets'.*'chebyshev', 'tanh'"),
        ({"tolerance": 0.0}, "tolerance=0.0.*between"),
        ({"degrees": {"x": 2}}, "degrees=.*'x': 2.*from 3 to 40"),
        ({"experts": {"t": 3}}, "time slabs are found by the solver itself"),
        ({"experts": {"y": 3}}, "'y' is none of the coordinates x, t"),
        ({"experts": {"x": (2.0,)}}, r"increasing positions strictly inside \(0, 1\)"),
        ({"most_experts": 0}, "most_experts=0"),
        ({"degrees": {"q": 5}}, r"degrees={'q': 5}\): 'q' is none of the coordinates x, t"),
        ({"experts": {"x": "two"}}, r"experts={'x': 'two'}\): give a number of equal parts"),
    ],
)
def test_bad_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        solve(HEAT, **options)


def test_problems_it_cannot_solve() -> None:
    unknown = pl.Problem(
        domain=HEAT.domain,
        unknowns="u",
        equations=lambda u, k: u.t - k * u.xx,
        conditions=HEAT.conditions,
        parameters={"k": pl.Unknown(1.0)},
    )
    with pytest.raises(ValueError, match=r"unknown parameters \('k',\).*use PINN"):
        solve(unknown)
    with pytest.raises(ValueError, match=r"no initial value of u: add Initial\(u=...\)"):
        solve(HEAT.replace(conditions=[pl.Dirichlet(u=0.0)]))
    with pytest.raises(ValueError, match=r"most_experts=9\): an ordinary differential equation has one expert"):
        solve(OSCILLATOR, most_experts=9)


class Middle(AnyCondition):
    """u = 0 at the middle of the box."""

    def terms(self, context: Any) -> list[Term]:
        def draw(unit: Any, n: int) -> tuple[Site, ...]:
            return (context.region.interior(torch.full((1, 2), 0.5, dtype=torch.float64)),)

        return [Term("data", ("middle",), draw, lambda scopes: {"middle": scopes[0].fields["u"].value}, 1.0)]


JUMP = HEAT.replace(
    equations=lambda u: u.t + u.x,
    conditions=[pl.Initial(u=lambda x: torch.sign(x - 0.4)), pl.Dirichlet(u=-1.0, on="x-")],
)


SPACE = pl.Problem(
    pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.xx - u.yy - u.zz,
    [pl.Initial(u=0.0), pl.Dirichlet(u=0.0), pl.Data({"x": [0.5], "y": [0.5], "z": [0.5], "t": [0.5]}, u=[0.0])],
)  # fmt: skip


OBSTACLES = {
    "no start": (HEAT.replace(conditions=[pl.Dirichlet(u=0.0)]), ValueError, "no initial condition"),
    "a jump": (JUMP, NothingSolvedError, "a jump or a kink near x = 0.4"),
    "a point inside": (
        HEAT.replace(conditions=[*HEAT.conditions, Middle(None, 1.0, {})]),
        ValueError,
        "Middle.*points inside",
    ),
    "three dimensions": (SPACE, ValueError, "each expert 7000 functions.*lower degrees"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_the_plan_raises_what_the_obstacle_says(name: str) -> None:
    problem, kind, message = OBSTACLES[name]
    why = pl.HardConstraintMoE().obstacle(problem)
    assert why is not None
    with pytest.raises(kind, match=message) as raised:
        pl.HardConstraintMoE().plan(problem, SETTINGS)
    assert str(raised.value) == why and raised.type is kind
    assert pl.HardConstraintMoE().obstacle(HEAT) is None


def test_local_experts_alone_refuse_a_family() -> None:
    family = pl.Problem(
        HEAT.domain, "u", lambda u, k: u.t - k * u.xx, HEAT.conditions, {"k": pl.Uniform(0.1, 0.2)}
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"'k' is a family; solve a member, problem.at\(k=...\)"):
        LocalExperts().plan(family, SETTINGS)


@pytest.mark.parametrize("changes", [{"dtype": torch.float32}, {"device": torch.device("cuda")}])
def test_it_runs_in_float64_on_the_cpu_only(changes: dict[str, Any]) -> None:
    settings = replace(SETTINGS, **changes)
    with pytest.raises(
        ValueError, match="in float64 on the CPU, not in .*; leave out dtype and device, or give network"
    ):
        pl.HardConstraintMoE().plan(HEAT, settings)
    choice = choose(HEAT, settings, 60.0)
    assert isinstance(choice.solver, pl.PINN) and "float64 on the CPU only" in choice.why


@pytest.mark.parametrize(("right", "status"), [(0.0, pl.Status.CONVERGED), (0.1, pl.Status.UNRESOLVED)])
def test_slopes_that_do_not_balance_the_source_leave_no_solution(right: float, status: pl.Status) -> None:
    """u'' = cos(pi x) with u' = 0 on the left has u' = sin(pi x) / pi, which is 0 on the right."""
    ends = [pl.Neumann(u=0.0, on="x-"), pl.Neumann(u=right, on="x+")]
    line = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, x: u.xx - torch.cos(math.pi * x), ends)
    solution = solve(line)
    assert solution.status is status
    assert any("known up to a constant" in note for note in solution.notes)
    assert any("no function solves all equations" in n for n in solution.notes) is (status is pl.Status.UNRESOLVED)


def test_rows_that_are_off_on_few_cells_only_are_no_contradiction() -> None:
    """A quick wave of fourth order: cells resolve its values long before its fourth derivative holds."""
    wave = lambda x: 0.24 * torch.sin(36.4 * x) + 0.76 * torch.sin(7 * x)  # noqa: E731
    slope = lambda x: 0.24 * 36.4 * math.cos(36.4 * x) + 0.76 * 7 * math.cos(7 * x)  # noqa: E731
    ends = [pl.Dirichlet(w=wave), pl.Neumann(w=-slope(0.0), on="x-"), pl.Neumann(w=slope(1.0), on="x+")]

    def beam(w: Any, x: Any) -> Any:
        load = 0.24 * (36.4**4 + 541) * torch.sin(36.4 * x) + 0.76 * (7**4 + 541) * torch.sin(7 * x)
        return w.d("x", "x", "x", "x") + 541 * w - load

    solution = solve(pl.Problem(pl.Box(x=(0.0, 1.0)), "w", beam, ends, reference=wave))
    assert solution.status is pl.Status.CONVERGED and solution.error()["w"] < 1e-6


def test_a_slope_too_many_leaves_no_solution() -> None:
    ends = [pl.Dirichlet(u=0.0), pl.Neumann(u=3.0, on="x-")]
    solution = solve(pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u - u.xx, ends))
    assert solution.status is pl.Status.UNRESOLVED
    assert any("conditions contradict one another" in note for note in solution.notes)


def test_a_blow_up_ends_with_a_status() -> None:
    """u' = u^2 from 1 has its pole at t = 1."""
    problem = pl.Problem(
        domain=pl.Box(t=(0.0, 2.0)), unknowns="u", equations=lambda u: u.t - u**2, conditions=[pl.Initial(u=1.0)]
    )
    solution = solve(problem)
    assert solution.status is pl.Status.UNRESOLVED
    np.testing.assert_allclose(solution(t=0.5)["u"], 2.0, rtol=1e-11)
    assert math.isnan(solution(t=1.5)["u"])
