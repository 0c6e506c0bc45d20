"""Estimates of errors where data fix what equations and conditions leave open."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices
from pinnlab.solution.quality.error_features import estimate_on_features
from pinnlab.solution.quality.report import Verdict
from pinnlab.solvers.windows import joined
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.status import Status

LINE = pl.Box(x=(0.0, 1.0))


class Formula(Part):
    """A formula as a finished model: (n, d) -> (n, m), perhaps in two pieces."""

    def __init__(self, problem: pl.Problem, formula: Any, joints: dict[str, tuple[float, ...]]):
        self.region, self.formula, self.unknowns, self._joints = problem.domain, formula, problem.unknowns, joints
        self.parameters = [torch.zeros(1, dtype=torch.float64)]
        self.coefficients, self.constants = {}, {}

    @property
    def joints(self) -> dict[str, tuple[float, ...]]:
        return self._joints

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return autograd_jet(self.formula, points, indices, keep=False)

    def to_data(self, file: Any) -> dict[str, Any]:
        return {}


def waved(sd: float | None = None) -> pl.Problem:
    """u = sin(3 x), of which one end and one point inside are known."""
    inside = pl.Data(points={"x": [0.5]}, u=[math.sin(1.5)], sd=sd)
    return pl.Problem(LINE, "u", lambda u, x: u.xx + 9 * torch.sin(3 * x), [pl.Dirichlet(u=0.0, on="x-"), inside])


def ended(problem: pl.Problem, slope: float, pieces: bool) -> pl.Solution:
    """The solution that a solver would have returned that ended at sin(3 x) and a multiple of x."""

    def formula(points: Tensor) -> Tensor:
        return torch.sin(3 * points[:, :1]) + slope * points[:, :1]

    model = Formula(problem, formula, {"x": (0.4,)} if pieces else {})
    return pl.Solution(problem, joined([model], problem.domain), [model], History(()), Status.CONVERGED, 0.0)


@pytest.mark.parametrize("pieces", [False, True])
def test_what_misses_a_value_that_fixes_it_is_as_far_off_as_it_is(pieces: bool) -> None:
    problem, x = waved(), np.linspace(0, 1, 4001)
    for slope in (0.05, 1e-3):
        solution = ended(problem, slope, pieces)
        true = slope * np.linalg.norm(x) / np.linalg.norm(np.sin(3 * x) - np.sin(3 * x).mean())
        report = solution.report()
        assert report.estimate is not None
        assert report.estimate.of_variation["u"] == pytest.approx(true, rel=0.05)
        assert (report.verdict is Verdict.GOOD) == (slope < 0.01), report.sentence
    # equations and conditions alone see nothing of it
    assert max(m.relative for m in report.equations) < 1e-12


def test_noise_of_a_value_that_fixes_a_solution_is_in_doubt() -> None:
    problem = waved(sd=0.1)
    _, doubt = estimate_on_features(problem, ended(problem, 1e-4, False).models, 60.0, data=True)
    # u is off by noise times x / 0.5, of which the root mean square is 0.1 / 0.5 / sqrt(3)
    assert doubt["u"] == pytest.approx(0.2 / math.sqrt(3), rel=0.5)
    assert ended(problem, 1e-4, False).report().verdict is not Verdict.GOOD


def test_what_data_leave_open_has_no_estimate() -> None:
    loose = waved().replace(conditions=[pl.Data(points={"x": [0.5]}, u=[math.sin(1.5)])])
    report = ended(loose, 0.0, True).report()
    assert report.estimate is None and report.verdict is Verdict.DOUBTFUL


def test_a_conductivity_from_fluxes_inside() -> None:
    xs = np.linspace(0.1, 0.9, 5)
    fluxes = pl.Data(points={"x": xs}, of=lambda u, k: -k * u.x, values=-2.5 * math.pi * np.cos(math.pi * xs))
    value = pl.Data(points={"x": [0.25]}, u=[math.sin(math.pi / 4)])
    problem = pl.Problem(
        LINE,
        "u",
        lambda u, x, k: k * u.xx + 2.5 * math.pi**2 * torch.sin(math.pi * x),
        [pl.Dirichlet(u=0.0, on="x-"), fluxes, value],
        {"k": pl.Unknown(1.0)},
        reference=lambda x: torch.sin(math.pi * x),
    )
    solver = pl.PINN(network=pl.MLP(width=6, depth=2), stages=(pl.LevenbergMarquardt(steps=25),))
    solution = pl.solve(problem, solver, progress=False)
    report = solution.report()
    true = solution.error(relative_to="variation")["u"]
    assert report.verdict is Verdict.GOOD and report.estimate is not None
    assert report.estimate.of_variation["u"] == pytest.approx(true, rel=0.5)
