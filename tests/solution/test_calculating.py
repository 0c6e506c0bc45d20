"""Calculating with a solution: gradients, expressions and integrals, of every solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl

PI = math.pi
K = 0.1
TINY = pl.MLP(width=8, depth=1)
STEPS = (pl.LevenbergMarquardt(steps=6),)


def heat(u: pl.Field, k: float) -> pl.Field:
    return u.t - k * u.xx


def exact(x: Any, t: Any) -> Any:
    return torch.exp(-K * PI**2 * torch.as_tensor(t)) * torch.sin(PI * x)


HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=heat,
    conditions=[pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
    parameters={"k": K},
)
CIRCLE = HEAT.replace(conditions=[HEAT.conditions[0], pl.Periodic(on="x")], domain=pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)))
MOVING = CIRCLE.replace(equations=lambda u, k: u.t + k * u.x, velocity=lambda k: k)
FAMILY = HEAT.replace(parameters={"k": pl.Uniform(0.05, 0.2)})
SOLVERS: dict[str, tuple[pl.Problem, Any]] = {
    "PINN": (HEAT, pl.PINN(network=TINY, points=60, stages=STEPS)),
    "time windows": (HEAT, pl.CausalPINN(network=TINY, points=60, windows=2, stages=STEPS)),
    "characteristics": (MOVING, pl.LagrangianPINN(network=TINY, trajectory=TINY, points=60, stages=STEPS)),
    "subdomains": (HEAT, pl.MultiDomainPINN(subdomains={"x": (0.5,)}, network=TINY, points=60, stages=STEPS)),
    "own module": (
        HEAT,
        pl.PINN(network=torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)), points=60,
                stages=(pl.Adam(steps=20),)),
    ),
    "polynomials": (HEAT, pl.HardConstraintMoE()),
    "tanh features": (HEAT, pl.HardConstraintMoE(features="tanh", tolerance=1e-5)),
    "family": (
        FAMILY,
        pl.HardConstraintMoE(network=pl.MLP(width=12, depth=1), basis=8, batch=1, points=48, stages=(pl.Adam(steps=3),)),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def solved() -> dict[str, pl.Solution]:
    """Whatever they are worth: derivatives are those of the solution that was found."""
    torch.manual_seed(0)
    return {name: pl.solve(problem, solver, progress=False) for name, (problem, solver) in SOLVERS.items()}


@pytest.fixture(scope="module")
def experts(solved: dict[str, pl.Solution]) -> pl.Solution:
    return solved["polynomials"]


@pytest.mark.parametrize("name", list(SOLVERS))
def test_gradients_of_every_solver(solved: dict[str, pl.Solution], name: str) -> None:
    solution = solved[name]
    member = {"k": 0.12} if name == "family" else {}
    x = torch.tensor([0.13, 0.41, 0.83], dtype=torch.float64, requires_grad=True)
    t = torch.tensor(0.37, dtype=torch.float64, requires_grad=True)

    def u(x: Tensor, t: Tensor) -> Tensor:
        return solution(x=x, t=t, **member)["u"]

    assert torch.autograd.gradcheck(u, (x, t), rtol=1e-6)
    assert torch.autograd.gradgradcheck(u, (x, t), rtol=1e-5)
    (slope,) = torch.autograd.grad(u(x, t).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    values = {"x": x.detach().numpy(), "t": 0.37, **member}
    found = solution.evaluate(lambda u: {"slope": u.x, "bend": u.xx}, **values)
    assert np.allclose(found["slope"], slope.detach(), rtol=1e-12) and np.allclose(found["bend"], bend, rtol=1e-12)
    assert np.allclose(u(x, t).detach(), solution(**values)["u"], rtol=1e-13)


def test_gradients_against_exact_ones(experts: pl.Solution) -> None:
    x = torch.linspace(0.05, 0.95, 7, dtype=torch.float64, requires_grad=True)
    t = torch.linspace(0.2, 0.9, 7, dtype=torch.float64, requires_grad=True)
    for order in (1, 2):
        found, true = experts(x=x, t=t)["u"], exact(x, t)
        for _ in range(order):
            found, true = (torch.autograd.grad(v.sum(), (x, t), create_graph=True) for v in (found, true))
            found, true = (torch.stack(v) for v in (found, true))
        assert float(((found - true).norm() / true.norm()).detach()) < 1e-6


DISC = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)


def decaying(x: Any, y: Any, t: Any) -> Any:
    return torch.exp(-2 * torch.as_tensor(t)) * torch.sin(x) * torch.cos(y)


DECAY = pl.Problem(
    DISC * pl.Box(t=(0.0, 0.1)), "u", lambda u: u.t - u.laplacian,
    [pl.Initial(u=lambda x, y: decaying(x, y, 0.0)), pl.Dirichlet(u=decaying)],
)  # fmt: skip
WAVES = pl.Problem(DISC, "u", lambda u: u.laplacian + 2 * u, [pl.Dirichlet(u=lambda x, y: decaying(x, y, 0.0))])
COLD = DECAY.replace(conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=1.0)])


@pytest.mark.parametrize("name", ["cut cells", "marched", "layers taken out", "elements"])
def test_gradients_on_regions(name: str) -> None:
    experts = pl.HardConstraintMoE(tolerance=1e-2 if name == "layers taken out" else 1e-6)
    made: dict[str, Callable[[], Any]] = {
        "cut cells": lambda: pl.solve(WAVES, experts, progress=False),
        "marched": lambda: pl.solve(DECAY, experts, progress=False),
        "layers taken out": lambda: pl.solve(COLD, experts, progress=False),
        "elements": lambda: pl.reference_solution(WAVES, tolerance=1e-3),
    }
    solution = made[name]()
    x = torch.tensor([0.13, 0.41, -0.53], dtype=torch.float64, requires_grad=True)
    y = torch.tensor(0.37, dtype=torch.float64, requires_grad=True)
    t = torch.tensor(0.04, dtype=torch.float64, requires_grad=True)
    steady = name in ("cut cells", "elements")

    def u(*at: Tensor) -> Tensor:
        return solution(**dict(zip("xyt", at, strict=False)))["u"]

    places = (x, y) if steady else (x, y, t)
    assert torch.autograd.gradcheck(u, places, rtol=1e-6)
    if name != "layers taken out":
        found, true = (
            torch.cat([g.reshape(-1) for g in torch.autograd.grad(v.sum(), places)])
            for v in (u(*places), decaying(x, y, 0.0 if steady else t))
        )
        assert float((found - true).norm() / true.norm()) < (1e-2 if name == "elements" else 1e-6)


def test_a_parameter_of_a_family_by_finite_differences(solved: dict[str, pl.Solution]) -> None:
    solution, step = solved["family"], 1e-4
    k = torch.tensor(0.12, dtype=torch.float64, requires_grad=True)
    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(solution(x=x, t=0.5, k=k)["u"], k, create_graph=True)
    second, mixed = torch.autograd.grad(first, (k, x))
    near = [float(solution(x=0.3, t=0.5, k=0.12 + i * step)["u"]) for i in range(-2, 3)]
    assert abs(float(first.detach()) / (near[0] - 8 * near[1] + 8 * near[3] - near[4]) * 12 * step - 1) < 1e-6
    assert (
        abs(float(second) / (-near[0] + 16 * near[1] - 30 * near[2] + 16 * near[3] - near[4]) * 12 * step**2 - 1) < 1e-5
    )
    slopes = [float(solution.evaluate(lambda u: u.x, x=0.3, t=0.5, k=0.12 + i * step)) for i in (-1, 1)]
    assert abs(float(mixed) / (slopes[1] - slopes[0]) * 2 * step - 1) < 1e-5


def test_parameters_at_the_end_of_a_family_and_several_at_once(solved: dict[str, pl.Solution]) -> None:
    solution = solved["family"]
    k = torch.tensor([0.05, 0.2], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(solution(x=0.3, t=0.5, k=k)["u"].sum(), k)
    for at, side, found in zip((0.05, 0.2), (1e-5, -1e-5), slope.tolist(), strict=True):
        near = [float(solution(x=0.3, t=0.5, k=at + i * side)["u"]) for i in range(3)]
        assert abs(found / (-3 * near[0] + 4 * near[1] - near[2]) * 2 * side - 1) < 1e-5
    with pytest.raises(ValueError, match="derivatives by a parameter are known of the unknowns"):
        solution.evaluate(lambda u: u.x, x=0.3, t=0.5, k=k[0])


def test_a_classical_solution_is_differentiable() -> None:
    for problem in (HEAT, CIRCLE):
        reference = pl.reference_solution(problem)
        x = torch.tensor([0.2, 0.5, 0.77], dtype=torch.float64, requires_grad=True)
        t = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        found, true = reference(x=x, t=t)["u"], exact(x, t)
        for order in (x, t), (x,):
            (found, *_), (true, *_) = (torch.autograd.grad(v.sum(), order, create_graph=True) for v in (found, true))
            assert torch.allclose(found, true, rtol=1e-8, atol=1e-8)


def test_a_loaded_solution_calculates(experts: pl.Solution, tmp_path: Path) -> None:
    experts.save(tmp_path / "heat.pt")
    loaded = pl.Solution.load(tmp_path / "heat.pt")
    assert loaded.evaluate(lambda u, k: k * u.xx, x=0.3, t=0.4) == experts.evaluate(lambda u, k: k * u.xx, x=0.3, t=0.4)
    assert loaded.integrate(lambda u: u**2, t=0.4) == experts.integrate(lambda u: u**2, t=0.4)


def test_an_expression_binds_everything_by_name(experts: pl.Solution) -> None:
    x = np.linspace(0.0, 1.0, 5)
    found = experts.evaluate(
        lambda u, k, x, t: {"a": -k * u.x + x * t, "b": torch.sin(u), "c": k, "d": 2.0}, x=x, t=[[0.5], [1.0]]
    )
    assert isinstance(found["a"], np.ndarray) and all(v.shape == (2, 5) for v in found.values())
    wave = np.exp(-K * PI**2 * np.array([[0.5], [1.0]]))
    assert np.allclose(found["a"], -K * PI * np.cos(PI * x) * wave + x * [[0.5], [1.0]], atol=1e-6)
    assert np.allclose(found["b"], np.sin(np.sin(PI * x) * wave), atol=1e-7)
    assert (found["c"] == K).all() and (found["d"] == 2.0).all()
    at = torch.tensor([0.2, 0.6], requires_grad=True)
    (slope,) = torch.autograd.grad(experts.evaluate(lambda u, x: x * u.x, x=at, t=0.5).sum(), at)
    assert torch.allclose(
        slope, torch.as_tensor(experts.evaluate(lambda u, x: u.x + x * u.xx, x=at.detach(), t=0.5)).float()
    )


@pytest.mark.parametrize(
    "k", [pl.Piecewise((pl.Box(x=(0.0, 0.5)), 400.0), otherwise=1.0), lambda x: torch.where(x < 0.5, 400.0, 1.0)]
)
def test_a_flux_exactly_where_materials_meet(k: Any) -> None:
    ends = [pl.Dirichlet(T=0.0, on="x-"), pl.Dirichlet(T=1.0, on="x+")]
    bar = pl.Problem(pl.Box(x=(0.0, 1.0)), "T", lambda T, k: pl.diff(k * T.x, "x"), ends, parameters={"k": k})
    solution = pl.solve(bar, max_seconds=5, progress=False)
    flux = solution.evaluate(lambda T, k: k * T.x, x=[0.25, 0.5, 0.75])
    assert np.allclose(flux, 1 / (0.5 / 400 + 0.5), rtol=1e-9)
    at = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(solution.evaluate(lambda T, k: T, x=at).sum(), at)
    assert torch.allclose(slope, at * 0 + float(flux[1]), rtol=1e-9)  # above the edge k is 1


def test_functions_as_parameters_and_coefficients_that_were_found() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0)), unknowns="u", equations=lambda u, q, c: u.x - c * q,
        conditions=[pl.Dirichlet(u=0.0, on="x-"), pl.Data(points={"x": [0.5, 1.0]}, u=[0.5, 2.0])],
        parameters={"q": lambda x: 2 * x, "c": pl.Unknown(1.0)},
    )  # fmt: skip
    solution = pl.solve(
        problem, pl.PINN(network=TINY, points=30, stages=(pl.LevenbergMarquardt(steps=20),)), progress=False
    )
    assert abs(solution.coefficients["c"] - 2.0) < 1e-3
    assert solution.evaluate(lambda c, q: c * q, x=0.25) == 0.5 * solution.coefficients["c"]
    x = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    assert float(torch.autograd.grad(solution.evaluate(lambda q: q**2, x=x), x)[0]) == 2.0


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (lambda u: torch.mean(u), "depends on other points.*solution.integrate"),
        (lambda u: u - torch.mean(u), "depends on other points"),
        (lambda u: u.sum(), "u.sum: neither a derivative"),
        (lambda u: 0 * u + u.value.max(), "depends on other points"),
        (lambda w: w, "argument 'w', which is no unknown, coordinate or parameter"),
        (lambda u: None, "returned NoneType; .* write a return"),
        (lambda u: [1, 2], "returned list"),
        (lambda u: torch.zeros(3), r"returned shape \(3,\) for 5 points"),
        (lambda u: u.y, "u.y: neither a derivative"),
        (lambda u: {}, "returned {}"),
        (lambda *u: 1.0, r"takes \*u"),
        (3.0, "must be a function, got float"),
    ],
)
def test_expressions_that_cannot_be(experts: pl.Solution, expression: Any, told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        experts.evaluate(expression, x=np.linspace(0.0, 1.0, 5), t=0.1)
    with pytest.raises(TypeError, match=r"evaluate\(\) got x; give exactly the coordinates x, t"):
        experts.evaluate(lambda u: u, x=0.1)


def test_integrals_at_a_time_over_time_and_at_an_end(experts: pl.Solution) -> None:
    def wave(t: float) -> float:
        return math.exp(-K * PI**2 * t)

    cases = [
        (experts.integrate(lambda u: u**2, t=0.5), wave(1.0) / 2),
        (experts.integrate(lambda u: u), 2 / PI * (1 - wave(1.0)) / (K * PI**2)),
        (experts.integrate(lambda u, k: -k * u.x, on="x+", t=0.5), K * PI * wave(0.5)),
        (experts.integrate(lambda u: u.x, on="x", t=0.5), 0.0),
        (experts.integrate(lambda u: u, x=0.5), (1 - wave(1.0)) / (K * PI**2)),
        (experts.integrate(lambda: 1.0, t=0.1), 1.0),
    ]
    for found, true in cases:
        assert isinstance(found, float) and abs(found - true) < 1e-7 and found.error < 1e-8  # type: ignore[attr-defined]
    several = experts.integrate(lambda u, x: {"mass": u, "moment": x * u}, t=[0.1, 0.2])
    assert np.allclose(several["mass"], [2 / PI * wave(0.1), 2 / PI * wave(0.2)], atol=1e-7)
    assert several["moment"].shape == several["moment"].error.shape == (2,)


@pytest.mark.parametrize("name", list(SOLVERS))
def test_integrals_of_every_solver(solved: dict[str, pl.Solution], name: str) -> None:
    solution, member = solved[name], {"k": 0.12} if name == "family" else {}
    upper = solution.problem.domain.bounds["x"][1]
    change = solution.integrate(lambda u: u.x, t=0.4, **member)
    ends = solution(x=[0.0, upper], t=0.4, **member)["u"]
    jumps = 1e-3 if name in ("subdomains", "family", "tanh features") else 1e-9
    assert abs(change - (ends[1] - ends[0])) < jumps


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"z": 1.0}, "'z' is no coordinate"),
        ({"t": 2.0}, r"outside of t=\(0, 1\)"),
        ({"t": 0.1, "x": 0.1}, "nothing to integrate over"),
        ({"on": "x-", "x": 0.5}, "fixes x already"),
        ({"on": "top"}, "names no boundary"),
    ],
)
def test_integrals_that_cannot_be(experts: pl.Solution, given: dict[str, Any], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        experts.integrate(lambda u: u, **given)


def test_an_integral_that_is_not_known_well_is_said(experts: pl.Solution) -> None:
    with pytest.warns(UserWarning, match="two resolutions differ"):
        found = experts.integrate(lambda u: u > 0.31)
    assert 0 < found.error < 0.1


def test_an_integral_beyond_what_was_solved_is_not_a_number(experts: pl.Solution) -> None:
    begun = pl.Solution(**{**vars(experts), "models": experts.models[:1], "function": lambda p: p[:, :1] * torch.nan})
    with pytest.warns(UserWarning, match="not finite"):
        assert math.isnan(begun.integrate(lambda u: u))


def test_a_hole_in_a_plate() -> None:
    plate = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)) - pl.Ball(center={"x": 0.2, "y": 0.0}, radius=0.5, name="hole")
    problem = pl.Problem(
        domain=plate, unknowns="u", equations=lambda u: u.xx + u.yy, conditions=[pl.Dirichlet(u=lambda x: x)]
    )
    solution = pl.solve(problem, pl.PINN(network=TINY, points=60, stages=STEPS), progress=False)
    area = 4 - PI / 4
    assert abs(solution.integrate(lambda: 1.0) - area) < 1e-8
    inside = solution.integrate(lambda u: u.xx + u.yy)
    around = solution.integrate(lambda u, x: (u.x * (x - 0.2)) / 0.5, on="hole")
    assert isinstance(inside, float) and abs(around) < 10


def test_the_outward_normal(experts: pl.Solution) -> None:
    flux = experts.integrate(lambda u, k, n: -k * u.d(n), on="x", t=0.5)
    assert abs(flux - 2 * K * PI * math.exp(-K * PI**2 * 0.5)) < 1e-7
    assert abs(experts.integrate(lambda u, n: n.x * u.x, on="x-", t=0.5) + PI * math.exp(-K * PI**2 * 0.5)) < 1e-7
    # the divergence theorem in space
    inside = experts.integrate(lambda u: u.xx, t=0.5)
    assert abs(experts.integrate(lambda u, n: u.d(n), on="x", t=0.5) - inside) < 1e-6
    assert experts.integrate(lambda u, n: u.d(n), t=0.5) == experts.integrate(lambda u, n: u.d(n), on="x", t=0.5)
    with pytest.raises(ValueError, match="argument 'n'"):
        experts.evaluate(lambda u, n: u, x=0.5, t=0.5)


@pytest.mark.parametrize("windows", [1, 2, None])
def test_a_problem_that_is_solved_backwards(windows: int | None) -> None:
    problem = HEAT.replace(
        equations=lambda u, k: u.t + k * u.xx,
        conditions=[pl.Final(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
    )
    network = pl.PINN(network=TINY, points=60, windows=windows or 1, stages=STEPS)
    solution = pl.solve(problem, pl.HardConstraintMoE() if windows is None else network, progress=False)
    near = 1e-6 if windows is None else 5e-3
    assert abs(solution.integrate(lambda u: u, t=0.3) - 2 / PI * math.exp(-K * PI**2 * 0.7)) < near
    assert abs(solution.integrate(lambda u: u) - 2 / PI * (1 - math.exp(-K * PI**2)) / (K * PI**2)) < near
