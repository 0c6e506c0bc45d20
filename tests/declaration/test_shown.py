"""The card of a problem."""

from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.library import problem_names
from pinnlab.declaration.shown import condition_rows, equation_rows, term_formulas
from pinnlab.typeset import UNREADABLE, Derivative, Operation, Symbol


def rows(problem: pl.Problem) -> list[tuple[str, str]]:
    return [row[:2] for row in condition_rows(problem.context(), problem.condition_terms())]


def test_equations_are_read_off_the_function() -> None:
    problem = pl.Problem(
        pl.Box(x=(-1, 1), t=(0, 1)), "u", lambda u, nu: u.t + u * u.x - nu * u.xx,
        [pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)], parameters={"nu": 0.01},
    )  # fmt: skip
    (node,) = term_formulas(problem.context(), problem.equation_term()).values()
    u = [Symbol("u", key) for key in ((), ("t",), ("x",), ("x", "x"))]
    convection = Operation("add", (u[1], Operation("mul", (u[0], u[2]))))
    assert node == Operation("sub", (convection, Operation("mul", (Symbol("nu"), u[3]))))
    assert rows(problem) == [("Initial", "t = 0"), ("Dirichlet", "x-, x+")]
    html = problem._repr_html_()
    assert "<mi>ν</mi>" in html and "<mi>sin</mi>" in html and "0.01" in html


def test_what_stands_inside_diff_is_shown_as_such() -> None:
    k = pl.Piecewise((pl.Box(x=(0, 0.5)), 2.0), otherwise=1.0)
    problem = pl.Problem(
        pl.Box(x=(0, 1)), "T", lambda T, k: pl.diff(k * T.x, "x"),
        [pl.Dirichlet(T=0.0, on="x-"), pl.Condition(lambda T, n, k: k * T.d(n) - 1.0, on="x+")], parameters={"k": k},
    )  # fmt: skip
    (node,) = term_formulas(problem.context(), problem.equation_term()).values()
    assert node == Derivative(Operation("mul", (Symbol("k"), Symbol("T", ("x",)))), "x")
    assert rows(problem) == [("Dirichlet", "x-"), ("Condition", "x+")]


def test_a_complex_equation_is_one() -> None:
    problem = pl.Problem(
        pl.Box(x=(-4, 4), t=(0, 1)), {"psi": complex}, lambda psi: 1j * psi.t + 0.5 * psi.xx,
        [pl.Initial(psi=lambda x: torch.exp(-x * x)), pl.Dirichlet(psi=0.0)],
    )  # fmt: skip
    (row,) = equation_rows(problem.context(), problem.equation_term())
    assert row.count("<mi>ψ</mi>") == 2 and "real" not in row and "<mi>i</mi>" in row


def test_periodic_sides_data_and_integrals_have_their_rows() -> None:
    problem = pl.Problem(
        pl.Box(x=(0, 1)), "u", lambda u, E: u.xx + E * u,
        [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u**2, equals=0.5), pl.Data(points={"x": [0.5]}, u=[1.0])],
        parameters={"E": pl.Unknown(9.0)},
    )  # fmt: skip
    assert [kind for kind, _ in rows(problem)] == ["Dirichlet", "Integral", "Data"]
    assert rows(pl.load_problem("allen_cahn")) == [("Initial", "t = 0"), ("Periodic", "x")]


def test_what_is_no_formula_is_named() -> None:
    def looked_up(u):
        return u.xx + torch.special.bessel_j0(u) if u.value.tolist() else u.xx

    problem = pl.Problem(pl.Box(x=(0, 1)), "u", looked_up, [pl.Dirichlet(u=lambda x: table(x))])
    assert "Dirichlet" in problem._repr_html_()
    (value,) = {n.arguments[1] for n in term_formulas(problem.context(), problem.condition_terms()[0][1][0]).values()}
    assert value == UNREADABLE


def table(x: torch.Tensor) -> torch.Tensor:
    waves = torch.arange(1, 4, dtype=x.dtype)
    return torch.sin(x[:, None] * waves) @ torch.ones_like(waves)


@pytest.mark.parametrize("name", problem_names())
def test_every_problem_has_a_card_with_formulas(name: str) -> None:
    problem = pl.load_problem(name)
    html = problem._repr_html_()
    assert html.count("<math") > len(problem.unknowns) and problem.name in html


def test_the_dry_run_has_a_card() -> None:
    problem = pl.Problem(pl.Box(x=(0, 1)), "u", lambda u: u.xx - 1, [pl.Dirichlet(u=0.0, on="x-")])
    html = problem.check()._repr_html_()
    assert "missing:" in html and "u_xx" in html and "#cf222e" in html
