"""Every solver on every small problem it claims, against exact solutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pinnlab as pl
from pinnlab.solvers.windows import Slice
from pinnlab.training.plans import Settings

PI = math.pi
LM = (pl.LevenbergMarquardt(steps=40),)
SMALL = pl.MLP(width=10, depth=2)
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


@dataclass(frozen=True)
class Case:
    problem: pl.Problem
    error: float
    options: dict[str, Any]
    causal: bool = True


def heat(u: pl.Field, nu: float) -> pl.Field:
    return u.t - nu * u.xx


HEAT: dict[str, Any] = {
    "domain": pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    "unknowns": "u",
    "equations": heat,
    "parameters": {"nu": 0.1},
    "reference": lambda x, t, nu: torch.sin(PI * x) * torch.exp(-nu * PI**2 * t),
}
MODE = lambda x: torch.sin(PI * x)  # noqa: E731


def exact_heat() -> Case:
    return Case(
        pl.Problem(**HEAT, conditions=[pl.Initial(u=MODE), pl.Dirichlet(u=0.0)]),
        1e-4,
        {"network": SMALL, "points": 300},
    )


def soft_heat() -> Case:
    conditions = [pl.Initial(u=MODE, exact=False), pl.Dirichlet(u=0.0, exact=False)]
    return Case(pl.Problem(**HEAT, conditions=conditions), 2e-3, {"network": SMALL, "points": 300})


def insulated_heat() -> Case:
    """u = exp(-nu pi^2 t) cos(pi x): no flux at both ends, one of them as a Robin condition u_x + u = u."""
    conditions = [
        pl.Initial(u=lambda x: torch.cos(PI * x)),
        pl.Neumann(u=0.0, on="x-"),
        pl.Robin(u=(1.0, 1.0, lambda t, nu: -torch.exp(-nu * PI**2 * t)), on="x+"),
    ]
    reference = lambda x, t, nu: torch.cos(PI * x) * torch.exp(-nu * PI**2 * t)  # noqa: E731
    return Case(
        pl.Problem(**{**HEAT, "reference": reference}, conditions=conditions), 2e-3, {"network": SMALL, "points": 300}
    )


def reaction() -> Case:
    """y' = y (1 - y)."""
    problem = pl.Problem(
        pl.Box(t=(0.0, 2.0)), "y", lambda y: y.t - y * (1 - y), [pl.Initial(y=0.2)],
        reference=lambda t: 1 / (1 + 4 * torch.exp(-t)),
    )  # fmt: skip
    return Case(problem, 1e-4, {"network": pl.MLP(width=8, depth=1), "points": 60})


def convection() -> Case:
    problem = pl.Problem(
        pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0)), "u", lambda u, c: u.t + c * u.x,
        [pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")], {"c": 3.0},
        reference=lambda x, t, c: torch.sin(x - c * t),
    )  # fmt: skip
    return Case(problem, 2e-3, {"network": SMALL, "points": 300})


def wave() -> Case:
    """u_tt = u_xx with value and velocity given; second order in time."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.8)), "u", lambda u: u.tt - u.xx,
        [pl.Initial(u=MODE, u_t=0.0), pl.Dirichlet(u=0.0)],
        reference=lambda x, t: torch.sin(PI * x) * torch.cos(PI * t),
    )  # fmt: skip
    return Case(problem, 2e-3, {"network": SMALL, "points": 300})


def oscillator() -> Case:
    """Two unknowns, two named residuals: a' = b, b' = -a."""
    problem = pl.Problem(
        pl.Box(t=(0.0, 2.0)), ("a", "b"), lambda a, b: {"position": a.t - b, "velocity": b.t + a},
        [pl.Initial(a=1.0, b=0.0)], reference=lambda t: {"a": torch.cos(t), "b": -torch.sin(t)},
    )  # fmt: skip
    return Case(problem, 1e-4, {"network": pl.MLP(width=8, depth=1), "points": 60})


def poisson() -> Case:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u",
        lambda u, x, y: u.xx + u.yy + 2 * PI**2 * torch.sin(PI * x) * torch.sin(PI * y),
        [pl.Dirichlet(u=0.0)], reference=lambda x, y: torch.sin(PI * x) * torch.sin(PI * y),
    )  # fmt: skip
    return Case(problem, 1e-3, {"network": SMALL, "points": 300}, causal=False)


def own_module() -> Case:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    case = exact_heat()
    return Case(case.problem, 5e-3, {"network": module, "points": 120})


CASES = [exact_heat, soft_heat, insulated_heat, reaction, convection, wave, oscillator, poisson, own_module]


@pytest.mark.parametrize("case", CASES)
def test_pinn(case: Callable[[], Case]) -> None:
    c = case()
    solution = pl.solve(c.problem, pl.PINN(stages=LM, **c.options), progress=False)
    assert max(solution.error().values()) < c.error, solution.error()


@pytest.mark.parametrize("case", [case for case in CASES if case is not poisson])
def test_causal_pinn(case: Callable[[], Case]) -> None:
    c = case()
    solver = pl.CausalPINN(stages=LM, tolerances=(1.0, 1e2, 1e4, 1e6), slices=16, **c.options)
    solution = pl.solve(c.problem, solver, progress=False)
    assert max(solution.error().values()) < c.error, solution.error()
    assert {"tolerance", "min_weight"} <= set(solution.history[0].info)


@pytest.mark.parametrize("initial", ["outside", "inside"])
def test_both_variants_of_the_causal_initial_term(initial: str) -> None:
    c = soft_heat()
    solution = pl.solve(c.problem, pl.CausalPINN(stages=LM, initial=initial, slices=8, **c.options), progress=False)
    assert max(solution.error().values()) < 5e-3


STAGES: dict[str, tuple[tuple, float]] = {
    "Adam": ((pl.Adam(steps=250, learning_rate=1e-2),), 0.2),
    "SOAP": ((pl.SOAP(steps=150, learning_rate=1e-2),), 0.1),
    "L-BFGS": ((pl.LBFGS(steps=6),), 0.05),
    "SSBroyden": ((pl.SSBroyden(steps=100),), 0.02),
    "SketchedGaussNewton": ((pl.SketchedGaussNewton(steps=100),), 2e-3),
    "Adam, L-BFGS, LM": ((pl.Adam(steps=100), pl.LBFGS(steps=4), pl.LevenbergMarquardt(steps=25)), 1e-3),
}


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("cls", [pl.PINN, pl.CausalPINN])
def test_every_optimizer(name: str, cls: type) -> None:
    stages, error = STAGES[name]
    c = reaction()
    options: dict[str, Any] = {"tolerances": (0.1, 1.0, 10.0)} if cls is pl.CausalPINN else {}
    solution = pl.solve(c.problem, cls(stages=stages, **options, **c.options), progress=False)
    assert solution.error()["y"] < error, solution.error()


@pytest.mark.parametrize("weighting", [pl.GradientNorm(), pl.NTK()])
def test_balanced_weighting(weighting: Any) -> None:
    c = soft_heat()
    solver = pl.PINN(stages=(pl.LevenbergMarquardt(steps=30),), weighting=weighting, **c.options)
    assert pl.solve(c.problem, solver, progress=False).error()["u"] < 1e-3


@pytest.mark.parametrize("sampling", ["latin_hypercube", "uniform", "grid"])
def test_every_way_of_drawing_points(sampling: str) -> None:
    c = reaction()
    solution = pl.solve(c.problem, pl.PINN(stages=LM, sampling=sampling, **c.options), progress=False)
    assert solution.error()["y"] < 1e-2 * c.error


@pytest.mark.parametrize("network", [pl.ModifiedMLP(width=8, depth=2), pl.PirateNet(width=8, depth=1)])
def test_every_network(network: nn.Module) -> None:
    solution = pl.solve(convection().problem, pl.PINN(network=network, stages=LM), progress=False)
    assert solution.error()["u"] < 3e-4


def test_an_inverse_problem() -> None:
    """Find nu = 0.1 from twenty values of the solution."""
    rng = np.random.default_rng(0)
    x, t = rng.uniform(0, 1, 20), rng.uniform(0, 1, 20)
    values = np.sin(PI * x) * np.exp(-0.1 * PI**2 * t)
    problem = pl.Problem(
        **{**HEAT, "parameters": {"nu": pl.Unknown(0.5)}, "reference": None},
        conditions=[pl.Initial(u=MODE), pl.Dirichlet(u=0.0), pl.Data({"x": x, "t": t}, u=values)],
    )
    solution = pl.solve(problem, pl.PINN(network=SMALL, stages=LM), progress=False)
    assert solution.coefficients["nu"] == pytest.approx(0.1, rel=1e-3)
    followed = solution.history.column("nu")
    assert len(followed) == len(solution.history) > 1 and followed[-1] == pytest.approx(0.1, rel=1e-2)
    assert solution.error(lambda x, t: torch.sin(PI * x) * torch.exp(-0.1 * PI**2 * t))["u"] < 1e-5


@pytest.mark.parametrize("cls", [pl.PINN, pl.CausalPINN])
@pytest.mark.parametrize("case", [convection, wave, oscillator])
def test_time_windows(case: Callable[[], Case], cls: type) -> None:
    c = case()
    options: dict[str, Any] = {"tolerances": (1.0, 1e3, 1e6), "slices": 8} if cls is pl.CausalPINN else {}
    solver = cls(windows=3, stages=(pl.LevenbergMarquardt(steps=25),), **options, **c.options)
    solution = pl.solve(c.problem, solver, progress=False)
    assert len(solution.models) == 3 and {r.phase for r in solution.history} == {0, 1, 2}
    assert max(solution.error().values()) < 0.5 * c.error, solution.error()


def test_windows_hand_over_value_and_velocity_exactly() -> None:
    solver = pl.PINN(windows=(0.3,), stages=(pl.LevenbergMarquardt(steps=8),), network=SMALL)
    solution = pl.solve(wave().problem, solver, progress=False)
    first, second = solution.models
    assert first.region.bounds["t"] == (0.0, 0.3) and second.region.bounds["t"] == (0.3, 0.8)
    at = torch.stack([torch.linspace(0, 1, 9).double(), torch.full((9,), 0.3, dtype=torch.float64)], dim=1)
    indices = ((), (0,), (1,))
    torch.testing.assert_close(first.jet(at, indices), second.jet(at, indices), rtol=0, atol=1e-12)
    points = {"x": np.full(2, 0.5), "t": np.array([0.3 - 1e-9, 0.3 + 1e-9])}
    left, right = solution(**points)["u"]
    assert abs(left - right) < 1e-7
    velocity = Slice(first, 0, 1)
    expected = first.jet(at, ((), (0,), (1,), (0, 1)))
    found = velocity.jet(at, ((), (0,)))
    torch.testing.assert_close(found[:, :, 0], expected[[2, 3], :, 0].detach(), rtol=0, atol=1e-13)


def test_a_warm_start_begins_with_the_last_windows_parameters() -> None:
    c = oscillator()
    starts = {}
    for warm in (False, True):
        solver = pl.PINN(windows=2, warm_start=warm, stages=LM, **c.options)
        plan = solver.plan(c.problem, SETTINGS)
        first = plan.start(0, []).system.model
        first.theta = first.theta + 0.1
        starts[warm] = torch.equal(plan.start(1, [first]).system.model.theta, first.theta)
    assert starts == {False: False, True: True}


def test_measurements_are_shared_out_to_the_windows_they_fall_into() -> None:
    c = oscillator()
    t = np.array([0.1, 0.9, 1.0, 1.1, 1.9])
    problem = c.problem.replace(conditions=[*c.problem.conditions, pl.Data({"t": t}, a=np.cos(t))])
    plan = pl.PINN(windows=2, stages=LM, **c.options).plan(problem, SETTINGS)
    first = plan.start(0, [])
    second = plan.start(1, [first.system.model])
    found = [[b.sites[0].points[:, 0].tolist() for b in p.system.blocks if b.kind == "data"] for p in (first, second)]
    assert found == [[[0.1, 0.9, 1.0]], [[1.1, 1.9]]], "one at the cut counts once"


def test_defaults() -> None:
    plan = pl.PINN().plan(exact_heat().problem, SETTINGS)
    phase = plan.start(0, [])
    assert plan.count == 1 and type(phase.stages[0]) is pl.LevenbergMarquardt
    assert 3 <= phase.system.blocks[0].n / phase.system.size <= 5, "residuals per parameter"
    large = pl.PINN(network=pl.MLP(width=100, depth=3), points=100).plan(exact_heat().problem, SETTINGS).start(0, [])
    assert [type(s) for s in large.stages] == [pl.Adam, pl.LBFGS], "too large for a dense Jacobian"
    with pytest.raises(ValueError, match="Jacobian of .* GiB where there is room for .* GiB; use fewer points"):
        solver = pl.PINN(network=pl.MLP(width=200, depth=3), points=200_000, stages=LM)
        solver.plan(exact_heat().problem, SETTINGS)


def test_solvers_are_frozen_values() -> None:
    assert pl.PINN(points=10) == pl.PINN(points=10) != pl.PINN(points=11)
    with pytest.raises(AttributeError, match="cannot assign to field 'points'"):
        pl.PINN().points = 3  # type: ignore[misc]
    assert pl.PINN(stages=pl.Adam(steps=3)).stages == (pl.Adam(steps=3),), "one stage may come without a tuple"


def test_float32() -> None:
    solution = pl.solve(exact_heat().problem, pl.PINN(network=SMALL, stages=LM), dtype=torch.float32, progress=False)
    assert solution.error()["u"] < 1e-4 and solution.models[0].theta.dtype == torch.float32


def test_without_a_solver_one_is_chosen() -> None:
    solution = pl.solve(reaction().problem, max_seconds=60, target_error=1e-3, progress=False)
    assert solution.status is pl.Status.TARGET_REACHED and type(solution.solver) is pl.HardConstraintMoE
    long = pl.Problem(pl.Box(t=(0.0, 8.0)), "y", lambda y: y.t + y, [pl.Initial(y=1.0)])
    solution = pl.solve(long, max_seconds=20, progress=False)
    assert len(solution.models) > 1 and type(solution.solver) is pl.HardConstraintMoE, (
        "an ODE over a long time is marched"
    )
