"""Functions that are constant in pieces, found from data."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.declaration.parameters.unknown_functions import UnknownFunction
from pinnlab.solvers.local_experts.inverse.levels import resolving
from pinnlab.solvers.local_experts.inverse.sought import SoughtFunction
from pinnlab.solvers.local_experts.inverse.strength import Strength

AT, XS = np.linspace(0.0, 1.0, 201), np.linspace(0.0, 1.0, 60)
JUMPS = "piecewise constant"


def pieces(x: np.ndarray) -> np.ndarray:
    return np.array([1.0, 3.0, 1.6])[np.searchsorted([0.3, 0.65], x)]


def conductivity(regularization: str | None, smooth: bool = False) -> pl.Problem:
    """(k u')' = -1 from u = 0 to a flux of one, 1 % noise."""
    fine = np.linspace(0.0, 1.0, 4001)
    middle = (fine[1:] + fine[:-1]) / 2
    k = 2 + np.sin(2 * math.pi * middle) if smooth else pieces(middle)
    exact = np.concatenate([[0.0], np.cumsum((2 - middle) / k) / len(middle)])
    sd = 0.01 * float(exact.max())
    values = np.interp(XS, fine, exact) + sd * np.random.default_rng(1).normal(size=len(XS))
    unknown = {"k": pl.Unknown(1.5, of="x", bounds=(0, None), regularization=regularization)}
    conditions = [
        pl.Dirichlet(u=0.0, on="x-"),
        pl.Condition(lambda u, k: k * u.x - 1, on="x+"),
        pl.Data({"x": XS}, u=values, sd=sd),
    ]
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, k: pl.diff(k * u.x, "x") + 1, conditions, unknown)


def error(problem: pl.Problem, exact: np.ndarray) -> float:
    found = pl.solve(problem, progress=False).coefficients["k"](AT)
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def test_jumps_are_found_better_than_as_smooth_functions() -> None:
    problem, exact = conductivity(JUMPS), pieces(AT)
    solution = pl.solve(problem, progress=False)
    k = solution.coefficients["k"]
    assert solution.status is pl.Status.CONVERGED
    assert float(np.linalg.norm(k(AT) - exact) / np.linalg.norm(exact)) < 0.7 * error(conductivity(None), exact)
    low, high = k.band(0.95, AT)
    near = (np.abs(AT[:, None] - [0.3, 0.65]) < 0.05).any(axis=1)
    assert ((low <= exact) & (exact <= high))[~near].mean() > 0.95
    # it says that the place of a jump is not known to less than the width in which it rises
    assert (high - low)[near].mean() > 1.5 * (high - low)[~near].mean()


def test_smooth_functions_are_found_better_as_such() -> None:
    exact = 2 + np.sin(2 * math.pi * AT)
    assert error(conductivity(None, smooth=True), exact) < 0.8 * error(conductivity(JUMPS, smooth=True), exact)


def test_a_source_that_is_switched_with_a_noise_that_is_not_known(tmp_path: Path) -> None:
    # u' + u = 2 up to t = 0.4, then 0
    exact = np.where(XS < 0.4, 2 * (1 - np.exp(-XS)), 2 * (1 - math.exp(-0.4)) * np.exp(0.4 - XS))
    data = pl.Data({"t": XS}, u=exact + 0.005 * np.random.default_rng(0).normal(size=len(XS)))
    unknown = {"s": pl.Unknown(0.0, of=("t",), regularization=JUMPS)}
    box = pl.Box(t=(0.0, 1.0))
    problem = pl.Problem(box, "u", lambda u, s: u.t + u - s, [pl.Initial(u=0.0), data], unknown)
    path = str(tmp_path / "run.ck")
    solution = pl.solve(problem, checkpoint=path, progress=False)
    s = solution.coefficients["s"]
    assert s(t=np.array([0.2, 0.7])) == pytest.approx([2.0, 0.0], abs=0.1)
    low, high = s.band(0.95, t=np.array([0.2, 0.7]))
    assert (high - low).max() < 0.6
    # a checkpoint that has ended gives the same
    again = pl.solve(problem, checkpoint=path, progress=False)
    assert (again.coefficients["s"](t=AT) == s(t=AT)).all()
    solution.save(tmp_path / "solution.pt")
    loaded = pl.Solution.load(tmp_path / "solution.pt", problem=problem)
    assert loaded.coefficients["s"](t=AT) == pytest.approx(s(t=AT))


def test_strengths_are_kept_as_plain_data() -> None:
    given = Strength(np.array([0.5, -1.0]), 2, (np.array([1.0, 2.0]),))
    found = Strength.from_data(given.to_data())
    assert (found.logs == given.logs).all() and found.order == 2
    assert [w.tolist() for w in found.weights] == [[1.0, 2.0]]


def test_cells_that_resolve() -> None:
    edges, degree = resolving(np.array([0.0, 1.0, 3.0]), 96)
    assert edges == pytest.approx([0.0, 0.5, 1.0, 2.0, 3.0]) and degree == 48


def test_displacements_of_constants_are_none() -> None:
    unknown = UnknownFunction(pl.Unknown(2.0, of=("x",), regularization=JUMPS), ("x",))
    function = SoughtFunction("k", unknown, [8], [(0.0, 1.0)])
    assert function.displaced(function.start) == pytest.approx(np.zeros((9, 4)), abs=1e-12)
    rising = np.eye(9)[1]
    # from the middle, by one of eight steps along the angle: sin(pi / 8)
    found = function.rows(np.array([[0.5]]), (0,)) @ function.displaced(rising)
    assert np.abs(found[0]) == pytest.approx(np.sin(np.array([2, 1, 1, 2]) * math.pi / 8) / math.sqrt(2), rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularization": JUMPS}, "only functions are regularized"),
        ({"of": ("x",), "regularization": "jumps"}, 'give regularization="smooth" or "piecewise constant"'),
        ({"of": ("x", "y", "z"), "regularization": JUMPS}, "one or two coordinates"),
    ],
)
def test_what_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pl.Unknown(1.0, **options)


def test_laws_that_jump_are_refused() -> None:
    unknown = {"k": pl.Unknown(1.0, of=("u",), regularization=JUMPS)}
    with pytest.raises(ValueError, match=r"a law that jumps.*Take regularization=.smooth."):
        pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, k: pl.diff(k * u.x, "x"), [pl.Dirichlet(u=0.0)], unknown)


def test_the_default_is_smooth() -> None:
    assert pl.Unknown(1.0, of="x", regularization="smooth") == pl.Unknown(1.0, of="x")
    assert "piecewise constant" in repr(pl.Unknown(1.0, of="x", regularization=JUMPS))
