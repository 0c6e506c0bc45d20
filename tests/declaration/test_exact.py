"""Exact conditions hold to rounding for random networks, and the ansatz is differentiated rightly."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import VALUE, Indices, closure
from pinnlab.training.model import Model
from pinnlab.training.plans import Settings

PI = math.pi
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


def second_order(u: pl.Field) -> pl.Field:
    return u.tt + u.t - u.xx


def problem(*conditions: object, equations: Callable = second_order, **domain: tuple[float, float]) -> Problem:
    return Problem(pl.Box(**(domain or {"x": (-1.0, 3.0), "t": (0.5, 2.0)})), "u", equations, conditions)


def random_model(p: Problem, solver: pl.PINN | None = None) -> Model:
    """What a solver trains, far from any solution."""
    harmonics = 2 if p.exact_plan().periods else 1
    solver = solver or pl.PINN(network=pl.MLP(width=7, depth=2), points=20, harmonics=harmonics)
    model = solver.plan(p, SETTINGS).start(0, []).system.model
    model.theta = torch.randn(model.size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return model


def at(p: Problem, n: int = 40, **fixed: float) -> Tensor:
    """Random points, some coordinates fixed."""
    d = len(p.domain.coordinates)
    points = p.domain.interior(torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(5))).points
    for name, value in fixed.items():
        points[:, p.domain.coordinates.index(name)] = value
    return points


def derivative(model: Model, points: Tensor, *names: str, unknown: int = 0) -> Tensor:
    wanted = tuple(sorted(model.region.coordinates.index(name) for name in names))
    indices = closure([wanted])
    return model.jet(points, indices)[indices.index(wanted), :, unknown].detach()


def close(found: Tensor, expected: Tensor | float, tolerance: float = 1e-12) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64).expand_as(found)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


class Prepared(torch.autograd.Function):
    """G (which = 0) or F (which = 1), or a derivative of it, as a function of the points that autograd can follow."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, model: Model, which: int, index: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(points)
        ctx.rest = model, which, index
        wider = closure([index])
        return model.ansatz.prepare(points.detach(), wider)[which][wider.index(index)]  # type: ignore[index]

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        (points,), (model, which, index) = ctx.saved_tensors, ctx.rest
        higher = [tuple(sorted((*index, i))) for i in range(points.shape[1])]
        columns = [(cotangent * Prepared.apply(points, model, which, by)).sum(1) for by in higher]
        return torch.stack(columns, dim=1), None, None, None


def against_autograd(model: Model, points: Tensor, indices: Indices) -> None:
    """The jet of u = G + F N against nested autograd through that formula."""

    def plain(p: Tensor) -> Tensor:
        return Prepared.apply(p, model, 0, ()) + Prepared.apply(p, model, 1, ()) * model.network(p)

    expected = autograd_jet(plain, points, indices, keep=False)
    for index, found, exact in zip(indices, model.jet(points, indices), expected, strict=True):
        tolerance = 1e-11 * float(1 + exact.abs().max())
        torch.testing.assert_close(found.detach(), exact, rtol=0, atol=tolerance, msg=f"derivative {index}")


def finite_differences(model: Model, points: Tensor, names: tuple[str, str]) -> Tensor:
    h = 1e-4
    i, j = (model.region.coordinates.index(name) for name in names)

    def shifted(a: float, b: float) -> Tensor:
        moved = points.clone()
        moved[:, i] += a * h
        moved[:, j] += b * h
        return model.values(moved)[:, 0]

    if i == j:
        return (shifted(1, 0) - 2 * shifted(0, 0) + shifted(-1, 0)) / h**2
    return (shifted(1, 1) - shifted(1, -1) - shifted(-1, 1) + shifted(-1, -1)) / (4 * h**2)


DERIVATIVES = closure([(0, 0, 0), (0, 0, 1), (0, 1, 1)])


def check_derivatives(model: Model, p: Problem) -> None:
    points = at(p, 12)
    against_autograd(model, points, DERIVATIVES)
    for names in (("x", "x"), ("x", "t"), ("t", "t")):
        exact = derivative(model, points, *names)
        torch.testing.assert_close(finite_differences(model, points, names), exact, rtol=1e-5, atol=1e-4)


def test_initial_value() -> None:
    p = problem(pl.Initial(u=lambda x: torch.sin(x) + x), equations=lambda u: u.t - u.xx)
    model = random_model(p)
    start = at(p, t=0.5)
    close(model.values(start)[:, 0], torch.sin(start[:, 0]) + start[:, 0])
    close(derivative(model, start, "x"), torch.cos(start[:, 0]) + 1)
    assert float(derivative(model, start, "t").std()) > 0.01, "the velocity is free"
    assert float(model.values(at(p, t=2.0)).std()) > 0.1
    check_derivatives(model, p)


def test_initial_value_and_velocity() -> None:
    p = problem(pl.Initial(u=lambda x: torch.sin(x), u_t=lambda x: x**2))
    model = random_model(p)
    start = at(p, t=0.5)
    close(model.values(start)[:, 0], torch.sin(start[:, 0]))
    close(derivative(model, start, "t"), start[:, 0] ** 2)
    close(derivative(model, start, "x", "t"), 2 * start[:, 0])
    assert float(derivative(model, start, "t", "t").std()) > 0.01, "the acceleration is free"
    check_derivatives(model, p)


@pytest.mark.parametrize(("face", "position", "other"), [("x-", -1.0, 3.0), ("x+", 3.0, -1.0)])
def test_dirichlet_on_one_face(face: str, position: float, other: float) -> None:
    p = problem(pl.Dirichlet(u=lambda t: torch.exp(t), on=face))
    model = random_model(p)
    here = at(p, x=position)
    close(model.values(here)[:, 0], torch.exp(here[:, 1]))
    close(derivative(model, here, "t"), torch.exp(here[:, 1]))
    assert float((model.values(at(p, x=other))[:, 0] - torch.exp(here[:, 1])).std()) > 0.01, "the other face is free"
    assert float(derivative(model, here, "x").std()) > 0.01
    check_derivatives(model, p)


def test_dirichlet_on_both_faces() -> None:
    p = problem(pl.Dirichlet(u=lambda t: t, on="x-"), pl.Dirichlet(u=lambda x, t: x * torch.cos(t), on="x+"))
    model = random_model(p)
    left, right = at(p, x=-1.0), at(p, x=3.0)
    close(model.values(left)[:, 0], left[:, 1])
    close(model.values(right)[:, 0], 3 * torch.cos(right[:, 1]))
    check_derivatives(model, p)


def test_dirichlet_with_initial_value() -> None:
    g = lambda x, t: torch.sin(x) * torch.exp(-t)  # noqa: E731
    start = lambda x: g(x, torch.tensor(0.5, dtype=torch.float64))  # noqa: E731
    p = problem(pl.Dirichlet(u=g), pl.Initial(u=start), equations=lambda u: u.t - u.xx)
    assert len(p.exact_plan().built_in) == 2
    model = random_model(p)
    for points in (at(p, x=-1.0), at(p, x=3.0), at(p, t=0.5)):
        close(model.values(points)[:, 0], g(points[:, 0], points[:, 1]))
    check_derivatives(model, p)


def test_dirichlet_with_initial_value_and_velocity() -> None:
    g = lambda x, t: torch.sin(x + 2 * t)  # noqa: E731
    value, velocity = (lambda x: torch.sin(x + 1.0)), (lambda x: 2 * torch.cos(x + 1.0))
    p = problem(pl.Dirichlet(u=g), pl.Initial(u=value, u_t=velocity))
    assert len(p.exact_plan().built_in) == 2
    model = random_model(p)
    for points in (at(p, x=-1.0), at(p, x=3.0), at(p, t=0.5)):
        close(model.values(points)[:, 0], g(*points.T))
    start = at(p, t=0.5)
    close(derivative(model, start, "t"), velocity(start[:, 0]))
    close(derivative(model, start, "x", "t"), -2 * torch.sin(start[:, 0] + 1.0))
    check_derivatives(model, p)


def test_transfinite_in_two_dimensions() -> None:
    g = lambda x, y: torch.sin(2 * x + y) + x * y  # noqa: E731
    p = problem(pl.Dirichlet(u=g), equations=lambda u: u.xx + u.yy, x=(-1.0, 1.0), y=(0.0, 3.0))
    model = random_model(p)
    for fixed in ({"x": -1.0}, {"x": 1.0}, {"y": 0.0}, {"y": 3.0}):
        points = at(p, **fixed)
        close(model.values(points)[:, 0], g(points[:, 0], points[:, 1]))
    assert float((model.values(at(p))[:, 0] - g(*at(p).T)).std()) > 0.01, "the inside is free"
    against_autograd(model, at(p, 12), DERIVATIVES)


def test_transfinite_in_three_dimensions_with_time() -> None:
    g = lambda x, y, t: x * y**2 + t * x + torch.cos(t) * y  # noqa: E731
    p = problem(
        pl.Dirichlet(u=g), pl.Initial(u=lambda x, y: g(x, y, torch.zeros_like(x))),
        equations=lambda u: u.t - u.xx - u.yy, x=(0.0, 2.0), y=(-1.0, 1.0), t=(0.0, 1.0),
    )  # fmt: skip
    assert len(p.exact_plan().built_in) == 2
    model = random_model(p)
    for fixed in ({"x": 0.0}, {"x": 2.0}, {"y": -1.0}, {"y": 1.0}, {"t": 0.0}):
        points = at(p, **fixed)
        close(model.values(points)[:, 0], g(*points.T))
    against_autograd(model, at(p, 8), closure([(0, 0), (0, 1), (1, 2)]))


def test_periodicity_with_initial_value() -> None:
    p = problem(pl.Periodic(on="x"), pl.Initial(u=lambda x: torch.cos(PI * x / 2)), equations=lambda u: u.t - u.xxx)
    plan = p.exact_plan()
    assert plan.periods == {0: 4.0} and not plan.soft
    model = random_model(p)
    left, right = at(p, x=-1.0), at(p, x=3.0)
    for names in ((), ("x",), ("x", "x"), ("x", "x", "x"), ("x", "t")):
        close(derivative(model, left, *names), derivative(model, right, *names), 1e-10)
    close(model.values(at(p, t=0.5))[:, 0], torch.cos(PI * at(p)[:, 0] / 2))
    assert float(derivative(model, left, "x").std()) > 0.01
    against_autograd(model, at(p, 8), DERIVATIVES)


def test_each_unknown_has_its_own_conditions() -> None:
    p = Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), ("u", "v", "w"), lambda u, v, w: u.t + v.xx + w.t,
        [pl.Initial(u=lambda x: x, v=2.0), pl.Dirichlet(v=2.0, on="x+")],
    )  # fmt: skip
    model = random_model(p)
    start, right = at(p, t=0.0), at(p, x=1.0)
    close(model.values(start)[:, 0], start[:, 0])
    close(model.values(start)[:, 1], 2.0)
    close(model.values(right)[:, 1], 2.0)
    assert float(model.values(start)[:, 2].std()) > 0.01 and float(model.values(right)[:, 0].std()) > 0.01
    against_autograd(model, at(p, 8), closure([(0, 0), (0, 1)]))


def test_parameters_reach_exact_data() -> None:
    conditions = [pl.Initial(u=lambda x, k: k * x)]
    p = Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, k: u.t - k * u.xx, conditions, {"k": 2.5})
    points = at(p, t=0.0)
    close(random_model(p).values(points)[:, 0], 2.5 * points[:, 0])


# -- what cannot be exact


def test_contradictory_conditions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"contradict each other.*: Dirichlet.* and Initial.*exact=False"):
        problem(pl.Initial(u=0.0, exact=True), pl.Dirichlet(u=1.0, exact=True))
    with pytest.raises(ValueError, match="already has a Dirichlet value on 'x-'"):
        problem(pl.Dirichlet(u=0.0), pl.Dirichlet(u=1.0, on="x-"))
    with pytest.raises(ValueError, match="the initial state of u is given twice"):
        problem(pl.Initial(u=0.0), pl.Initial(u=1.0))
    with pytest.raises(ValueError, match=r"contradicts Periodic\(on='x'\): a periodic coordinate has no boundary"):
        problem(pl.Dirichlet(u=0.0), pl.Periodic(on="x"))
    with pytest.raises(ValueError, match="contradict each other"):
        problem(
            pl.Dirichlet(u=0.0, on="x", exact=True), pl.Dirichlet(u=1.0, on="y", exact=True),
            equations=lambda u: u.xx + u.yy, x=(0.0, 1.0), y=(0.0, 1.0),
        )  # fmt: skip


def test_the_optional_one_of_two_contradicting_conditions_becomes_soft() -> None:
    first, second = pl.Initial(u=0.0, exact=True), pl.Dirichlet(u=1.0)
    plan = problem(first, second).exact_plan()
    assert plan.built_in == (first,) and plan.soft == (second,)
    assert plan.notes == ("Dirichlet(u=1.0) is soft: it disagrees with another condition where they meet",)


def test_an_initial_velocity_without_an_exact_value_is_not_lost() -> None:
    value, velocity = pl.Initial(u=0.0, exact=False), pl.Initial(u_t=1.0)
    plan = problem(value, velocity).exact_plan()
    assert velocity in plan.soft, "it is not built in, so it must enter the loss"
    assert "Initial(u_t=1.0) is soft" in plan.notes[0]
    with pytest.raises(ValueError, match="cannot be exact"):
        problem(value, pl.Initial(u_t=1.0, exact=True))


def test_an_initial_value_that_is_not_periodic_does_not_break_periodicity() -> None:
    start, ends = pl.Initial(u=lambda x: x), pl.Periodic(on="x")
    plan = problem(start, ends).exact_plan()
    assert start in plan.soft and "is soft: it disagrees with another condition" in plan.notes[0]
    with pytest.raises(ValueError, match="contradict"):
        problem(pl.Initial(u=lambda x: x, exact=True), pl.Periodic(on="x", exact=True))


def test_soft_on_demand_and_where_needed() -> None:
    assert len(problem(pl.Initial(u=0.0, exact=False), pl.Dirichlet(u=0.0, exact=False)).exact_plan().soft) == 2
    unknown = Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, k: u.t - k * u.xx, [pl.Initial(u=lambda x, k: k * x)],
        {"k": pl.Unknown(1.0)},
    ).exact_plan()  # fmt: skip
    assert len(unknown.soft) == 1 and "its value depends on k, which has no fixed number" in unknown.notes[0]
    acceleration = problem(pl.Initial(u_tt=0.0), equations=lambda u: u.ttt - u.xx).exact_plan()
    assert len(acceleration.soft) == 1 and "first time derivative" in acceleration.notes[0]


def test_periodicity_needs_a_network_that_can_take_it() -> None:
    p = problem(pl.Periodic(on="x"), equations=lambda u: u.t - u.xx)
    own = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    plan = pl.PINN(network=own, points=20).plan(p, SETTINGS)
    assert "this network takes the bare coordinates" in plan.notes[0]
    assert [b.kind for b in plan.start(0, []).system.blocks] == ["equation", "periodic"]
    demanded = problem(pl.Periodic(on="x", exact=True), equations=lambda u: u.t - u.xx)
    with pytest.raises(ValueError, match="cannot be exact.*built-in network"):
        pl.PINN(network=own, points=20).plan(demanded, SETTINGS)
    some = Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), ("u", "v"), lambda u, v: u.t + v.x, [pl.Periodic(on="x", unknowns="u")]
    ).exact_plan()
    assert "only some unknowns are periodic" in some.notes[0] and len(some.soft) == 1


def test_nothing_exact_is_the_bare_network() -> None:
    p = problem(pl.Initial(u=0.0, exact=False), equations=lambda u: u.t - u.xx)
    model = random_model(p)
    assert model.ansatz.is_trivial and model.ansatz.prepare(at(p), VALUE) is None
    torch.testing.assert_close(model.values(at(p)), model.network(at(p)).detach())
