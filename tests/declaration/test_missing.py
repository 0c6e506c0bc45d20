"""Data as people have them: missing values, columns of tables."""

from __future__ import annotations

import numpy as np
import pytest

import pinnlab as pl

NAN = float("nan")
LINE = pl.Box(t=(0.0, 4.0))
START = pl.Initial(u=1.0, v=0.0)


def problem(data):
    def equations(u, v, k):
        return {"u": u.t + k * u, "v": v.t - k * u}

    return pl.Problem(LINE, ("u", "v"), equations, [START, data], {"k": pl.Unknown(0.3)})


def test_rows_without_a_value_or_a_place_are_left_out():
    data = pl.Data({"t": [0.0, 1.0, NAN, 3.0]}, u=[1.0, NAN, 0.3, 0.2], sd=[1.0, 2.0, 3.0, 4.0])
    assert data.missing == 2
    assert data.points["t"].tolist() == [0.0, 3.0] and data.values["u"].tolist() == [1.0, 0.2]
    assert data.sd["u"].tolist() == [1.0, 4.0]
    assert "2 values or places are missing, and left out" in str(problem(data).check())
    # by its attributes a checkpoint recognizes a condition
    assert "missing" not in vars(pl.Data({"t": [0.0]}, u=[1.0]))


def test_several_quantities_lack_values_each_in_its_own_rows():
    t, k = np.linspace(0.0, 4.0, 9), 0.5
    u, v = np.exp(-k * t), 1 - np.exp(-k * t)
    u[2], v[5] = NAN, NAN
    data = pl.Data({"t": t}, u=u, v=v)
    assert data.missing == 0 and [p.missing for p in data.complete()] == [1, 1]
    terms = data.terms(problem(data).context())
    assert [(term.residuals, term.fixed) for term in terms] == [(("data u",), 8), (("data v",), 8)]
    solution = pl.solve(problem(data), progress=False)
    assert solution.coefficients["k"] == pytest.approx(k, rel=1e-6)
    assert any("2 values or places are missing" in note for note in solution.notes)
    network = pl.PINN(network=pl.MLP(width=6, depth=2), stages=(pl.LevenbergMarquardt(steps=15),))
    assert pl.solve(problem(data), network, progress=False).coefficients["k"] == pytest.approx(k, rel=1e-3)
    known = problem(data).at(k=k)
    assert pl.solve(known, pl.HardConstraintMoE(), progress=False)(t=4.0)["u"] == pytest.approx(np.exp(-2.0), rel=1e-5)


def test_columns_of_tables():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"day": [0.0, 1.0, 2.0], "cases": [1.0, None, 3.0]})
    data = pl.Data({"t": table["day"]}, u=table["cases"])
    assert data.values["u"].tolist() == [1.0, 3.0] and data.missing == 1


def test_nothing_left_and_expressions_that_lack_different_rows_are_refused():
    with pytest.raises(ValueError, match=r"Data\(u=...\): 2 entries are not finite numbers, and no row has"):
        pl.Data({"t": [0.0, 1.0]}, u=[NAN, NAN])
    with pytest.raises(ValueError, match="1 entries are not finite"):
        pl.Data({"t": [0.0, 1.0]}, u=[1.0, float("inf")])
    with pytest.raises(ValueError, match="give each a Data of its own"):
        pl.Data({"t": [0.0, 1.0]}, of=lambda u: {"a": u, "b": u.t}, values={"a": [1.0, NAN], "b": [NAN, 1.0]})
