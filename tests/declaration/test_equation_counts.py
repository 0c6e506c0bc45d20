"""Equations, functions and numbers: more or fewer of one than of the others."""

from __future__ import annotations

from typing import Any

import numpy as np

import pinnlab as pl
from pinnlab.inverse.obstacles import obstacle_to_fit

LINE = pl.Box(x=(0.0, 1.0))
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
UPV = ("u", "v", "p")
D = pl.Dirichlet
WALLS = [D(u=0.0, v=0.0)]


def stokes(u: Any, v: Any, p: Any) -> Any:
    return {"x": p.x - u.xx - u.yy, "y": p.y - v.xx - v.yy, "mass": u.x + v.y}


def poisson_beside(u: Any, v: Any, p: Any) -> Any:
    """Stokes flow with the Poisson equation for the pressure, which follows."""
    return {**stokes(u, v, p), "pressure": p.xx + p.yy}


def test_more_equations_than_unknowns_are_said_and_not_refused() -> None:
    flow = pl.Problem(SQUARE, UPV, poisson_beside, WALLS)
    report = flow.check()
    assert "4 equations for 3 unknowns: there is a solution only where 1 of them follows" in report.excess[0]
    assert "TOO MANY: 4 equations" in str(report) and "  complete" not in str(report)
    assert "4 equations for 3 unknowns" in report._repr_html_() and ">complete<" not in report._repr_html_()
    flow.check_unique()
    assert pl.Problem(SQUARE, UPV, stokes, WALLS).check().excess == ()


def test_functions_that_are_to_be_found_count_as_unknowns() -> None:
    at = np.linspace(0.1, 0.9, 9)
    data = pl.Data(points={"x": at}, u=at * (1 - at) / 2)
    sought = {"k": pl.Unknown(1.0, of=("x",))}

    def both(u: Any, k: Any) -> Any:
        return {"balance": pl.diff(k * u.x, "x") + 1, "law": k - 1 - u}

    for equations, parameters in ((lambda u, k: pl.diff(k * u.x, "x") + 1, sought), (both, sought)):
        report = pl.Problem(LINE, "u", equations, [D(u=0.0), data], parameters).check()
        assert report.excess == () and report.missing == ()
    three = pl.Problem(LINE, "u", lambda u, k: {**both(u, k), "slope": u.x - 1}, [D(u=0.0), data], sought)
    assert "3 equations for 1 unknown and 1 function to be found" in three.check().excess[0]


def test_fewer_equations_than_unknowns_are_missing_unless_data_tell() -> None:
    at = np.linspace(0.1, 0.9, 9)
    source = pl.Problem(LINE, ("u", "f"), lambda u, f: u.xx - f, D(u=0.0))
    assert source.check().missing == (
        "1 equation for 2 unknowns leaves 1 function free: add equations, or Data that tell",
    )
    measured = pl.Problem(LINE, ("u", "f"), lambda u, f: u.xx - f, [D(u=0.0), pl.Data(points={"x": at}, u=at**2)])
    assert measured.check().complete


def test_more_equations_do_not_keep_numbers_from_being_fitted() -> None:
    at = np.linspace(0.1, 0.9, 9)
    rod = pl.Problem(
        LINE, ("u", "q"), lambda u, q, k: {"flux": q + k * u.x, "balance": q.x - 1, "both": k * u.xx + 1},
        [D(u=0.0), pl.Data(points={"x": at}, u=at * (1 - at) / 4)], {"k": pl.Unknown(1.0)},
    )  # fmt: skip
    assert "3 equations for 2 unknowns" in rod.check().excess[0]
    assert obstacle_to_fit(rod, "experts") is None


def test_a_condition_more_decides_a_number() -> None:
    """An eigenvalue by the size of the eigenfunction's slope at one end."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, E: u.xx + E * u, [pl.Dirichlet(u=0.0), pl.Neumann(u=-1.0, on="x-")],
        parameters={"E": pl.Unknown(8.0)},
    )  # fmt: skip
    report = problem.check()
    assert report.complete and not report.excess
    assert any(
        "E is to be found: conditions are more than the equations ask for, and decide it" in n for n in report.notes
    )
    fewer = problem.replace(conditions=[pl.Dirichlet(u=0.0)]).check()
    assert not fewer.complete and "E is to be found, but there are no data" in fewer.missing[0]
