from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.rewriting import rewritten
from pinnlab.declaration.terms import Scope
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.domains.affine import Affine
from pinnlab.domains.mapping import mapped, rigid

# x = 2 + 4 xi, T = 100 + 10 U
CHANGE = ChangeOfVariables({"x": Affine(2.0, 4.0), "t": Affine(7.0, -1.0)}, {"T": Affine(100.0, 10.0)})


# -- the maps


def test_an_affine_map_and_its_inverse() -> None:
    celsius = Affine(273.0, 2.0)
    assert celsius.outer(10.0) == 293.0 and celsius.inner(293.0) == 10.0
    assert celsius.inverse == Affine(-136.5, 0.5)
    assert Affine(7.0, -1.0).interval((2.0, 5.0)) == (2.0, 5.0)  # time backwards, from 5 to 2
    with pytest.raises(ValueError, match="not zero"):
        Affine(0.0, 0.0)


def test_derivatives_divide_by_the_scales_of_coordinates() -> None:
    assert CHANGE.factor("T", ()) == 10.0
    assert CHANGE.factor("T", ("x",)) == 2.5 and CHANGE.factor("T", ("x", "x")) == 0.625
    assert CHANGE.factor("T", ("t",)) == -10.0
    assert CHANGE.inverse.factor("T", ("x",)) == pytest.approx(0.4)


def test_a_jet_in_outer_variables() -> None:
    # U = xi^2 at xi = 3: T = 100 + 10 ((x - 2) / 4)^2 at x = 14
    jet = torch.tensor([[[9.0]], [[6.0]], [[2.0]]])
    found = CHANGE.outer_jet(jet, ((), (0,), (0, 0)), ["T"], ["x"])
    assert found.flatten().tolist() == [190.0, 15.0, 1.25]


# -- regions


def test_a_box_is_mapped_side_by_side() -> None:
    box = mapped(pl.Box(x=(2.0, 10.0), t=(2.0, 5.0)), CHANGE.coordinates)
    assert box.bounds == {"x": (0.0, 2.0), "t": (2.0, 5.0)}


def test_shapes_keep_their_shape() -> None:
    disc = pl.Ball({"x": 2.0, "y": 0.0}, 4.0)
    maps = {"x": Affine(2.0, 4.0), "y": Affine(0.0, 4.0)}
    small = mapped(disc - pl.Polygon([(2, 0), (3, 0), (2, 1)]), maps)
    assert small.bounds == {"x": (-1.0, 1.0), "y": (-1.0, 1.0)}
    assert rigid(disc * pl.Box(t=(0.0, 1.0))) == (("x", "y"), ("t",))
    with pytest.raises(ValueError, match="another shape"):
        mapped(disc, {"x": Affine(0.0, 2.0)})


# -- a problem


def rod() -> pl.Problem:
    def heat(T: pl.Field, x: pl.Field, k: pl.Field) -> pl.Field:
        return T.t - pl.diff(k * T.x, "x") - 1e-8 * T**4 * x

    return pl.Problem(
        domain=pl.Box(x=(2.0, 10.0), t=(2.0, 5.0)),
        unknowns="T",
        equations=heat,
        conditions=[
            pl.Dirichlet(T=lambda x, t: x * t, on="x-"),
            pl.Neumann(T=5.0, on="x+"),
            pl.Robin(T=(2.0, lambda x: x, 300.0), on="x+"),
            pl.Data(points={"x": [4.0], "t": [3.0]}, T=[120.0]),
        ],
        parameters={"k": lambda x: 1 + x**2},
    )


def test_equations_see_the_users_units() -> None:
    problem = rod()
    change = ChangeOfVariables(CHANGE.coordinates, CHANGE.unknowns, {}, {"heat": 2.0})
    inner = pl.Problem(
        unknowns="T", **rewritten(change, problem.context(), problem.equations, problem.conditions, problem.parameters)
    )
    assert inner.domain.bounds["x"] == (0.0, 2.0)
    # U, U_xi, U_xixi, U_tau at xi = 1 (x = 6), tau = 3 (t = 4)
    U, slope, bend, rate = 2.0, 3.0, 4.0, 5.0
    jet = {(): U, ("x",): slope, ("x", "x"): bend, ("t",): rate}
    columns = inner.domain.columns(torch.tensor([[1.0, 3.0]]))
    jets = {"T": {key: torch.tensor([value]) for key, value in jet.items()}}
    scope = Scope.of_jets(jets, columns, inner.parameter_values())
    found = inner.equation_term().evaluate((scope,))["heat"]
    T, Tx, Txx, Tt, x = 100 + 10 * U, 2.5 * slope, 0.625 * bend, -10 * rate, 6.0
    expected = Tt - ((1 + x**2) * Txx + 2 * x * Tx) - 1e-8 * T**4 * x
    assert float(found) == pytest.approx(expected / 2.0)


def test_conditions_are_counted_in_inner_units() -> None:
    problem = rod()
    sizes: dict[int, dict[str, float]] = {i: {} for i in range(4)} | {2: {"robin T x+": 25.0}}
    given = (problem.context(), problem.equations, problem.conditions, problem.parameters)
    inner = rewritten(CHANGE, *given, sizes=sizes)
    dirichlet, neumann, robin, data = inner["conditions"]
    # T = x t at x = 6, t = 4 is 24, U = -7.6
    assert float(dirichlet.values["T"](x=torch.tensor(1.0), t=torch.tensor(3.0))) == pytest.approx(-7.6)
    assert neumann.values["T"] == 2.0  # dT/dx = 5 = 2.5 dU/dxi
    assert data.points["x"].tolist() == [0.5] and data.values["T"].tolist() == [2.0]
    # 2 T + x T_x = 300: 20 U + 2.5 x U_xi = 100, divided by its size
    a, b, g = robin.values["T"]
    x = torch.tensor(1.0)
    assert float(b(x=x)) / a == pytest.approx(2.5 * 6 / 20) and g / a == pytest.approx(5.0)
    assert a == pytest.approx(20 / 25)


def test_what_time_backwards_gives() -> None:
    # V_t + V_xx = 0 with V at the end is U_s = U_xx from a start
    problem = pl.Problem(pl.Box(x=(0.0, math.pi), t=(0.0, 1.0)), "V", lambda V: V.t + V.xx, [pl.Dirichlet(V=0.0)])
    back = ChangeOfVariables({"t": Affine(1.0, -1.0)}, residuals={"equation0": -1.0})
    inner = rewritten(back, problem.context(), problem.equations, problem.conditions, problem.parameters)
    inner["conditions"].append(pl.Initial(V=lambda x: torch.sin(x)))
    found = pl.solve(pl.Problem(unknowns="V", **inner), pl.HardConstraintMoE(), progress=False)
    assert float(found(x=math.pi / 2, t=1.0)["V"]) == pytest.approx(math.exp(-1), rel=1e-6)


def test_places_in_sentences_are_told_in_the_users_numbers() -> None:
    change = ChangeOfVariables({"S": Affine(0.0, 256.0), "t": Affine(3.0, -1.0)})
    assert change.told("a kink at S = 0.390625, from t = 0.5 on") == "a kink at S = 100, from t = 2.5 on"
    assert change.told("at t = 1e-05 of the start, J = 0.5, rest = 2") == "at t = 3 of the start, J = 0.5, rest = 2"
    assert ChangeOfVariables().told("t = 1") == "t = 1"
    assert change.told("the initial state has a kink") == "the final state has a kink"
    assert ChangeOfVariables({"S": Affine(0.0, 2.0)}).told("the initial state") == "the initial state"


def test_changes_one_after_another() -> None:
    mirror = ChangeOfVariables({"t": Affine(5.0, -1.0)})
    units = ChangeOfVariables(
        {"t": Affine(1.0, 2.0), "x": Affine(0.0, 4.0)}, {"u": Affine(3.0, 2.0)}, {}, {"heat": 8.0}
    )
    both = mirror.after(units)
    # t = 5 - (1 + 2 s)
    assert both.coordinate("t") == Affine(4.0, -2.0) and both.coordinate("x") == Affine(0.0, 4.0)
    assert both.factor("u", ("t",)) == -1.0 and both.residuals == {"heat": 8.0}
    assert both.positions("t", (1.0, 2.0)) == (1.0, 1.5)
