"""Interface conditions on hand-worked numbers."""

from __future__ import annotations

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import unknown_field
from pinnlab.solvers.multidomain.interfaces import (
    ARMS,
    CONDITIONS,
    LITERATURE,
    Face,
    InterfaceCondition,
    interface_terms,
    resolve,
)
from pinnlab.solvers.multidomain.partition import Subdomains

NAMES = ("x", "t")


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def field(**derivatives: float) -> pl.Field:
    """A field at one point from its derivatives: ``field(value=1.0, x=2.0, xx=3.0)``."""
    jet = {tuple("" if k == "value" else k): tensor(v) for k, v in derivatives.items()}
    return unknown_field("u", jet, NAMES)


FIRST = field(value=3.0, x=1.0, t=-1.0, xx=5.0, tt=2.0)
SECOND = field(value=1.0, x=4.0, t=1.0, xx=2.0, tt=0.5)
FACE = Face("x", {"x": tensor(0.0), "t": tensor(0.5)}, width=0.5, order=2)
IN_TIME = Face("t", FACE.points, width=0.25, order=1)


@pytest.mark.parametrize(
    ("name", "face", "expected"),
    [
        ("value", FACE, [2.0]),
        ("average", FACE, [1.0, -1.0]),
        ("residual", FACE, [3.0, 1.0]),
        ("residual_jump", FACE, [2.0]),
        ("flux", FACE, [2.0]),
        ("normal", FACE, [-3.0]),
        ("normal", IN_TIME, [-2.0]),
        ("normal_2", FACE, [3.0]),
        ("residual_gradient", FACE, [1.0, -1.0, 4.0, 1.0]),
        ("tangential", FACE, [-2.0]),
        ("tangential", IN_TIME, [-3.0]),
        ("tangential_2", FACE, [1.5]),
        ("tangential_2", IN_TIME, [3.0]),
        ("matching", FACE, [2.0, -1.5]),
        ("matching", IN_TIME, [2.0]),
    ],
)
def test_conditions_on_hand_worked_numbers(name: str, face: Face, expected: list[float]) -> None:
    assert [float(r) for r in CONDITIONS[name](FIRST, SECOND, face)] == expected


def test_the_nine_arms_stand_in_the_order_of_the_papers_code() -> None:
    assert ARMS == (
        "value", "average", "residual", "residual_jump", "flux", "normal_2", "residual_gradient", "tangential",
        "tangential_2",
    )  # fmt: skip
    assert all(name in CONDITIONS for names in LITERATURE.values() for name in names)


def burgers(u: pl.Field, nu: pl.Field) -> pl.Field:
    return u.t + u * u.x - nu * u.xx


PROBLEM = pl.Problem(
    domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=burgers,
    conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
    parameters={"nu": 0.5},
)


def scopes(first: dict[str, float], second: dict[str, float]) -> tuple[Scope, Scope]:
    def scope(values: dict[str, float]) -> Scope:
        jet = {tuple("" if k == "value" else k): tensor(v) for k, v in values.items()}
        return Scope.of_jets({"u": jet}, PROBLEM.domain.columns(tensor(0.0, 0.5)[None]), {"nu": tensor(0.5)})

    return scope(first), scope(second)


def evaluated(name: str, first: dict[str, float], second: dict[str, float], flux: object = None) -> list[float]:
    (interface,) = Subdomains({"x": (0.0,)}).split(PROBLEM.domain).interfaces
    (term,) = interface_terms(PROBLEM, interface, resolve(name), flux, "0|1")  # type: ignore[arg-type]
    found = term.evaluate(scopes(first, second))
    assert term.kind == "interface" and all(name in key and "0|1" in key for key in found)
    return [float(r) for r in found.values()]


A = {"value": 2.0, "t": 1.0, "x": 3.0, "xx": 4.0, "xt": 0.5, "tt": 7.0, "xxx": 6.0, "xxt": 2.0}
B = {"value": 1.0, "t": 2.0, "x": 1.0, "xx": 2.0, "xt": 1.5, "tt": 8.0, "xxx": 4.0, "xxt": 4.0}


def test_residual_conditions_use_the_equation() -> None:
    # r = t + u x - xx / 2
    assert evaluated("residual", A, B) == [5.0, 2.0]
    assert evaluated("residual_jump", A, B) == [3.0]


def test_the_gradient_of_the_residual_is_that_of_the_equation() -> None:
    # r_x = xt + x^2 + u xx - xxx / 2, r_t = tt + t x + u xt - xxt / 2
    assert evaluated("residual_gradient", A, B) == [14.5, 10.0, 2.5, 9.5]


def test_flux_is_the_users_or_the_normal_derivative() -> None:
    def through(u: pl.Field, nu: pl.Field) -> pl.Field:
        return u * u / 2 - nu * u.x

    assert evaluated("flux", A, B) == [2.0]
    assert evaluated("flux", A, B, through) == [0.5 - 0.0]
    assert evaluated("flux", A, B, lambda u, nu: {"x": u * u / 2 - nu * u.x, "t": u}) == [0.5]
    with pytest.raises(ValueError, match="returned components for t, but an interface is crossed along 'x'"):
        evaluated("flux", A, B, lambda u: {"t": u})


def test_matching_knows_the_equations_order() -> None:
    # second order in x: value and first derivative, cells of extent 1
    assert evaluated("matching", A, B) == [1.0, 0.5 * 2.0]


def test_a_condition_of_the_users_own_is_one_function() -> None:
    def ratio(first: pl.Field, second: pl.Field, face: Face) -> pl.Field:
        return first / second - 1.0 + 0.0 * face.points["t"]

    (term,) = interface_terms(
        PROBLEM, Subdomains({"x": (0.0,)}).split(PROBLEM.domain).interfaces[0], resolve(ratio), None, "0|1"
    )
    assert {k: float(v) for k, v in term.evaluate(scopes(A, B)).items()} == {"ratio u 0|1": 1.0}


def test_names_functions_weights_and_subsets() -> None:
    assert [(c.name, w) for c, w in resolve(("value", "flux"))] == [("value", 1.0), ("flux", 1.0)]
    assert [(c.name, w) for c, w in resolve({"value": 2.0, CONDITIONS["normal"]: 0.5})] == [
        ("value", 2.0),
        ("normal", 0.5),
    ]
    assert resolve(()) == ()
    own = InterfaceCondition("mine", lambda first, second: first - second)
    assert resolve(own) == ((own, 1.0),)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("jump", ValueError, "no such interface condition; choose from value, average"),
        (("value", "value"), ValueError, "stands twice"),
        ({"value": 0.0}, ValueError, "must be a positive number; leave out what is off"),
        ((3,), TypeError, "give names such as"),
    ],
)
def test_bad_conditions_are_named(given: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        resolve(given)
