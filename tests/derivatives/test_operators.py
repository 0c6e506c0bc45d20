"""Gradient, divergence, curl and Laplacian against derivatives by name, on fields whose derivatives are exact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fields import coordinate_field, unknown_field
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains.columns import Coordinates, columns_of
from pinnlab.reference.grids.equations import Equations

PLANE = Coordinates(("x", "tau", "y"), "tau")
SOLID = Coordinates(("x", "y", "z"), None)
POINTS = torch.rand(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) + 0.2
K = torch.tensor(1.7, dtype=torch.float64)


def field(name: str, function: Callable[[Tensor, Tensor, Tensor], Tensor], names: Coordinates) -> pl.Field:
    def derive(key: tuple[str, ...]) -> Tensor:
        index = tuple(names.index(c) for c in key)
        indices = closure([index])
        jet = autograd_jet(lambda p: function(*p.unbind(1))[:, None], POINTS, indices, keep=False)
        return jet[indices.index(tuple(sorted(index))), :, 0]

    return unknown_field(name, LazyJet(derive), names)


U = field("u", lambda x, t, y: torch.sin(x * y + t), PLANE)
V = field("v", lambda x, t, y: torch.cos(2 * x - y) * t, PLANE)
X = coordinate_field("x", POINTS[:, 0], PLANE)
A, B, C = (
    field(name, f, SOLID)
    for name, f in (
        ("a", lambda x, y, z: torch.sin(y * z)), ("b", lambda x, y, z: x * torch.exp(z)),
        ("c", lambda x, y, z: torch.cos(x + 2 * y)),
    )
)  # fmt: skip


def same(a: pl.Field, b: pl.Field) -> bool:
    return torch.allclose(a.value, b.value, rtol=1e-13, atol=1e-13) and bool((a.value != 0).any())


def test_time_is_no_direction_whatever_it_is_called() -> None:
    assert same(U.laplacian, U.xx + U.yy)
    assert pl.grad(U).names == ("x", "y") and same(pl.grad(U).y, U.y) and same(pl.grad(U)[0], U.x)
    assert same(pl.div(U, V), U.x + V.y) and same(pl.div((U, V)), U.x + V.y)


def test_operators_of_expressions_follow_the_product_rule() -> None:
    assert same((X * U).laplacian, X * U.laplacian + 2 * U.x)
    assert same(pl.div(X * pl.grad(U)), X * U.laplacian + U.x)
    assert same(pl.div(pl.grad(U)), U.laplacian)
    assert same(pl.grad(U * V).y, U.y * V + U * V.y)


def test_numbers_do_not_change_in_space() -> None:
    assert same(pl.div(U, 3.0), U.x)
    assert same(pl.curl(1.0, V), V.x)


def test_curls() -> None:
    assert same(pl.curl(U, V), V.x - U.y)
    flow = pl.curl(U)
    assert same(flow.x, U.y) and same(flow.y, -U.x)
    x, y, z = pl.curl(A, B, C)
    assert same(x, C.y - B.z) and same(y, A.z - C.x) and same(z, B.x - A.y)
    assert torch.allclose(pl.div(pl.curl((A, B, C))).value, torch.zeros(6, dtype=torch.float64), atol=1e-13)


def test_vectors_add_and_scale_by_components() -> None:
    g, h = pl.grad(U), pl.grad(V)
    assert same((g + h).y, U.y + V.y) and same((g - h).x, U.x - V.x) and same((-g).x, -U.x)
    assert same(((U, V) + g).y, V + U.y) and same(((U, V) - g).y, V - U.y)
    for scaled in (K * g, g * K, float(K) * g, np.float64(K) * g, g / (1 / K)):
        assert same(scaled.x, K * U.x)
    assert same((X * g).y, X * U.y) and same((g * X).y, X * U.y)
    assert same(pl.dot((U, V), g), U * U.x + V * U.y)
    x, y = g
    assert len(g) == 2 and same(x, U.x) and same(y, U.y)
    assert repr(g).startswith("Vector(x=Field(u.x, ")


def test_those_who_watch_see_what_stands_inside() -> None:
    seen: list[tuple[pl.Field, str]] = []
    names = columns_of(pl.Box(x=(0, 1), t=(0, 1)), {"x": POINTS[:, 0], "t": POINTS[:, 1]}).names

    def watch(field: pl.Field, name: str) -> pl.Field:
        seen.append((field, name))
        return field.derived(name)

    u = unknown_field("u", LazyJet(lambda key: torch.ones(6, dtype=torch.float64)), names, watch=watch)
    inside = 2.0 * u.x
    seen.clear()
    pl.div(inside)
    assert seen == [(inside, "x")]
    seen.clear()
    square = u * u
    assert square.laplacian is not None and seen[0] == (square, "x") and len(seen) == 2


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: pl.div(U), ValueError, r"div\(\) got 1 component\(s\), and space has 2 coordinate\(s\), x, y"),
        (lambda: pl.div(K, K), TypeError, r"div\(\) got no field"),
        (lambda: pl.div(U, K), TypeError, r"div\(\) got a Tensor as a component"),
        (lambda: pl.curl(U, V, U), ValueError, r"curl\(\) got 3 component\(s\) in a space of 2"),
        (lambda: pl.grad(K), TypeError, r"grad\(\) got a Tensor"),
        (lambda: pl.grad(U) * pl.grad(V), TypeError, r"product of two vectors is pl.dot\(a, b\)"),
        (lambda: pl.grad(U) + 1.0, TypeError, "adds to one of as many components, not to a float"),
        (lambda: U + pl.grad(V), TypeError, "adds to one of as many components, not to a Field"),
        (lambda: pl.grad(U).t, AttributeError, "a vector has no 't'; its components are x, y"),
        (lambda: U.grad, ValueError, r"u.grad: there is no such derivative or function; write pl.grad\(u\)"),
        (lambda: U.x.lap, ValueError, "write u.x.laplacian"),
        (lambda: pl.equations.heat(1.0, U), TypeError, r"pl.equations got 1.0 as an unknown; hand the function over"),
        (lambda: pl.dot((U, V), (U,)), ValueError, r"dot\(\) got 2 and 1 components"),
        (lambda: unknown_field("u", {}, ("x", "t")).laplacian, TypeError, "which of the coordinates x, t is time"),
        (lambda: unknown_field("u", {}, Coordinates(("t",), "t")).laplacian, ValueError, "no coordinates of space"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(wrong: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()


def test_a_function_that_is_not_there_is_explained() -> None:
    with pytest.raises(ValueError, match=r"by all coordinates of space are u.laplacian, pl.grad\(u\)"):
        pl.Problem(pl.Box(x=(0, 1)), "u", lambda u: pl.laplacian(u))  # type: ignore[attr-defined]


def test_regions_know_what_is_time() -> None:
    columns = pl.Box(t=(0, 1), x=(0, 2), y=(0, 3)).columns(POINTS)
    assert columns.names == ("t", "x", "y") and columns.names.space == ("x", "y") and columns.names.time == "t"
    assert columns.replaced(x=POINTS[:, 0]).names is columns.names
    steady = pl.Box(x=(0, 1), y=(0, 1)).columns(POINTS[:, :2])
    assert steady.names.time is None and steady.names.space == ("x", "y")


# -- in problems


def poisson(u: pl.Field, x: pl.Field, y: pl.Field) -> pl.Field:
    return u.laplacian + 2 * torch.pi**2 * torch.sin(torch.pi * x) * torch.sin(torch.pi * y)


def test_a_problem_in_operators_is_that_in_derivatives() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    by_name = pl.Problem(box, "u", lambda u, x, y: poisson(u, x, y) * 1.0, [pl.Dirichlet(u=0.0)])
    for equation in (poisson, lambda u, x, y: pl.div(pl.grad(u)) + (poisson(u, x, y) - u.laplacian)):
        problem = pl.Problem(box, "u", equation, [pl.Dirichlet(u=0.0)])
        assert problem.derivatives == by_name.derivatives == {"u": {("x", "x"), ("y", "y")}}
    solution = pl.solve(by_name, max_seconds=10, progress=False)
    exact = lambda x, y: torch.sin(torch.pi * x) * torch.sin(torch.pi * y)  # noqa: E731
    assert solution.error(exact)["u"] < 1e-6


def test_a_flux_that_jumps_inside_a_divergence_is_found() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    k = {"k": lambda x: torch.where(x > 0.5, 10.0, 1.0)}
    ends = [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+"), pl.Neumann(u=0.0, on="y")]
    problem = pl.Problem(box, "u", lambda u, k: pl.div(k * pl.grad(u)), ends, k)
    (jump,) = problem.jumps
    assert jump.flux and jump.position == pytest.approx(0.5)
    with pytest.raises(ValueError, match="jumps"):
        pl.solve(problem, pl.PINN(), progress=False)


def test_names_of_operators_are_no_coordinates() -> None:
    for name in ("laplacian", "real", "imag", "conj"):
        with pytest.raises(ValueError, match=f"coordinate {name!r} cannot be called so"):
            pl.Problem(pl.Box(**{name: (0, 1)}), "u", lambda u: u - 1.0)


def test_the_classical_solver_computes_laplacians_at_once() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))
    problem = pl.Problem(
        box, "u", lambda u: u.t - 0.1 * u.laplacian + pl.dot((1.0, 2.0), pl.grad(u)), [pl.Initial(u=0.0)]
    )
    assert Equations(problem).quick


def test_a_normal_is_a_vector_too() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    by_dot = pl.Condition(lambda u, n: pl.dot(pl.grad(u), n) - 1.0, on="x+")
    problem = pl.Problem(
        box, "u", lambda u: u.laplacian, [by_dot, pl.Dirichlet(u=0.0, on="x-"), pl.Neumann(u=0.0, on="y")]
    )
    solution = pl.solve(problem, max_seconds=5, progress=False)
    assert solution.error(lambda x, y: x)["u"] < 1e-10


@pytest.mark.filterwarnings("ignore:parameters=")  # not all of the equations take the speed
@pytest.mark.parametrize(
    "equation", [lambda u: u.tt - u.laplacian, pl.equations.wave, lambda u: u.tt - pl.div(pl.grad(u))]
)
def test_time_is_no_direction_where_states_at_both_ends_make_it_one_of_the_solver(
    equation: Callable[..., pl.Field],
) -> None:
    ends = [
        pl.Initial(u=lambda x: torch.sin(torch.pi * x)), pl.Dirichlet(u=0.0),
        pl.Final(u=lambda x: 0.5 * torch.sin(torch.pi * x)),
    ]  # fmt: skip
    problem = pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 1 / 3)), "u", equation, ends, {"c": 1.0})
    (residual,) = problem.forward.equation_term().evaluate((scope_of(problem.forward),)).values()
    assert residual.abs().max() < 1e-12


def scope_of(problem: pl.Problem) -> Scope:
    """The wave sin(pi x) cos(pi t) at some points."""
    points, names = POINTS[:, :2] / 3, problem.domain.coordinates

    def derive(key: tuple[str, ...]) -> Tensor:
        index = tuple(sorted(names.index(c) for c in key))
        function = lambda p: (torch.sin(torch.pi * p[:, 0]) * torch.cos(torch.pi * p[:, 1]))[:, None]  # noqa: E731
        return autograd_jet(function, points, closure([index]), keep=False)[-1, :, 0]

    return Scope.of_jets({"u": LazyJet(derive)}, problem.domain.columns(points), problem.parameter_values())
