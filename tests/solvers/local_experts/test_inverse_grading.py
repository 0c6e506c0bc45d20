"""Intervals of time that are cut where unknowns have a layer behind the start, while functions are sought."""

from __future__ import annotations

import math

import numpy as np

import pinnlab as pl
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.inverse.grading import cut_positions, slow_intervals
from pinnlab.solvers.local_experts.inverse.levels import Levels


def series(function) -> np.ndarray:
    """(1, 1, 11) Chebyshev coefficients over 0 < t < 1."""
    return np.polynomial.chebyshev.chebinterpolate(lambda z: function((z + 1) / 2), 10)[None, None]


def test_a_root_is_cut_and_an_exponential_is_not() -> None:
    cells = Cells({"t": np.array([0.0, 1.0])}, "t")
    for function, slow in ((np.sqrt, True), (np.exp, False)):
        assert slow_intervals(series(function), (10,), cells, np.array([1e-6])).tolist() == [slow]
    # what is below the noise need not be resolved
    assert not slow_intervals(series(np.sqrt), (10,), cells, np.array([0.1])).any()
    two = Cells({"t": np.array([0.0, 1.0, 2.0])}, "t")
    both = np.concatenate([series(np.sqrt), series(np.exp)])
    assert slow_intervals(both, (10,), two, np.array([1e-6])).tolist() == [True, False]
    assert not slow_intervals(both, (10,), Cells({"x": np.array([0.0, 1.0, 2.0])}), np.array([1e-6])).any()


def test_the_first_interval_is_cut_near_the_start_and_cuts_stay_at_every_level() -> None:
    edges = np.array([0.0, 1.0, 3.0])
    assert cut_positions(edges, np.array([True, True])) == (0.25, 2.0)
    levels = Levels({"x": np.array([0.0, 1.0]), "t": edges}, {"x": 14, "t": 10}).cut("t", (0.25,)).cut("t", (2.0,))
    assert levels.at(0)[0]["t"].tolist() == [0.0, 0.25, 1.0, 2.0, 3.0]
    assert set(levels.at(0)[0]["t"]) < set(levels.at(5)[0]["t"])
    assert levels.size(0) == 15 * 4 * 11


def test_a_source_beside_a_flux_that_begins_at_once() -> None:
    # the surface of a rod heated by a flux of one from t = 0 on has u = 2 sqrt(t / pi), with the other end far away
    t = np.linspace(1e-3, 0.05, 50)
    values = 2 * np.sqrt(t / math.pi) + 1e-3 * np.random.default_rng(0).normal(size=50)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.05)),
        "u",
        lambda u, s: u.t - u.xx - s,
        [
            pl.Initial(u=0.0),
            pl.Neumann(u=-1.0, on="x+"),
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Data({"x": np.ones(50), "t": t}, u=-values, sd=1e-3),
        ],
        {"s": pl.Unknown(0.0, of=("t",))},
    )
    solution = pl.solve(problem, progress=False)
    assert solution.status is pl.Status.CONVERGED
    assert solution.uncertainty is None or not any("missed by" in each for each in solution.uncertainty.remarks)
    at = np.linspace(0.005, 0.045, 21)
    low, high = solution.coefficients["s"].band(0.95, at)
    assert np.isfinite(low).all() and ((low <= 0) & (high >= 0)).mean() > 0.8
