"""The dry run over the parts of a declaration, and what a problem stores of it."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.dry_run import DryRun, bound_residuals, dry_run, make_context, parameter_values
from pinnlab.declaration.parameters.functions import GivenFunction
from pinnlab.declaration.terms import Scope

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))


def heat(u: pl.Field, nu: float) -> pl.Field:
    return u.t - nu * u.xx


def pair(u: pl.Field, v: pl.Field) -> dict[str, pl.Field]:
    return {"first": u.x * v, "second": v.tt}


def test_it_returns_what_it_learned() -> None:
    found = dry_run(BOX, ("u", "v"), (heat, pair), (pl.Initial(u=0.0),), {"nu": 0.1})
    keys = {"u": frozenset({("t",), ("x", "x"), ("x",)}), "v": frozenset({(), ("t", "t")})}
    assert found == DryRun(keys, ("heat", "first", "second"))


def test_conditions_know_the_order_of_the_equations() -> None:
    orders: list[dict[tuple[str, str], int]] = []

    class Seen(pl.Initial):
        def terms(self, context: Any) -> list:
            orders.append(context.order)
            return super().terms(context)

    problem = pl.Problem(BOX, "u", heat, Seen(u=0.0), {"nu": 0.1})
    assert orders == [{("u", "x"): 2, ("u", "t"): 1}] == [problem.context().order]
    assert make_context(BOX, ("u",), {}, {"u": frozenset()}).order == {}


def test_equations_are_bound_once_and_named() -> None:
    with pytest.raises(ValueError, match="equation 'heat' has an argument 'nu'"):
        bound_residuals([heat], ("u", "x", "t"))
    bound = bound_residuals([lambda u: u, heat], ("u", "x", "t", "nu"))
    jet = {key: torch.full((3,), value) for key, value in {(): 5.0, ("t",): 1.0, ("x", "x"): 2.0}.items()}
    scope = Scope.of_jets({"u": jet}, BOX.columns(torch.zeros(3, 2)), {"nu": torch.tensor(0.25)})
    values = {name: residual.value.tolist() for name, residual in bound(scope).items()}
    assert values == {"equation0": [5.0] * 3, "heat": [0.5] * 3}


def test_values_of_parameters() -> None:
    found = parameter_values(
        {"a": 2.0, "b": pl.Uniform(0.0, 3.0), "c": pl.Unknown(4.0)}, torch.zeros((), dtype=torch.float32)
    )
    assert {n: (float(v), v.dtype) for n, v in found.items()} == {
        "a": (2.0, torch.float32), "b": (1.5, torch.float32), "c": (4.0, torch.float32),
    }  # fmt: skip


def test_a_problem_stores_tuples_whatever_it_is_given() -> None:
    start = pl.Initial(u=0.0)
    for unknowns, equations, conditions in (("u", heat, start), (["u"], [heat], [start]), (("u",), (heat,), (start,))):
        problem = pl.Problem(BOX, unknowns, equations, conditions, {"nu": 1})
        assert (problem.unknowns, problem.equations, problem.conditions) == (("u",), (heat,), (start,))
        assert problem.parameters == {"nu": 1.0} and isinstance(problem.parameters["nu"], float)
    bare = pl.Problem(BOX, "u", lambda u: u.x)
    assert bare.conditions == () and bare.parameters == {} and bare.name == "problem"
    assert list(vars(bare)) == [f.name for f in dataclasses.fields(bare)]


def test_a_changed_problem_is_a_new_one() -> None:
    problem = pl.Problem(BOX, "u", heat, pl.Initial(u=0.0), {"nu": 0.1})
    steady = dataclasses.replace(problem, equations=lambda u: u.xx, conditions=(), parameters={})
    assert steady.derivatives == {"u": {("x", "x")}} and problem.derivatives == {"u": {("t",), ("x", "x")}}
    same = problem.replace()
    assert same != problem and vars(same) == vars(problem)
    assert vars(pickle.loads(pickle.dumps(problem.replace(conditions=()))))["residual_names"] == ("heat",)
    with pytest.raises(ValueError, match="derivatives is declared with init=False"):
        problem.replace(derivatives={})
    assert repr(problem).startswith(
        "Problem(domain=Box(x=(0, 1), t=(0, 1)), unknowns=('u',), equations=(<function heat"
    )
    assert "residual_names" not in repr(problem)


def test_a_function_as_a_parameter_knows_its_columns() -> None:
    problem = pl.Problem(BOX, "u", lambda u, k: u.x - k, parameters={"k": lambda t: 2 * t})
    k = problem.parameters["k"]
    assert isinstance(k, GivenFunction) and (k.on, k.columns) == (("t",), (1,))
    wider = problem.replace(domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))).parameters["k"]
    assert isinstance(wider, GivenFunction) and wider.columns == (2,) and wider.given is k.given


def test_a_random_field_stores_tuples() -> None:
    field = pl.RandomField(on=["x", "y"], periodic="y")
    assert (field.on, field.periodic) == (("x", "y"), ("y",)) and field == pl.RandomField(("x", "y"), periodic=["y"])
    assert list(vars(field)) == [f.name for f in dataclasses.fields(field)]
    assert repr(field).endswith("kernel='squared_exponential', periodic=('y',), centered=False)")
    assert pl.RandomField("x").over(BOX, periodic=("x", "y")).periodic == ("x",)
