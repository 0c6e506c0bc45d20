"""Two referees, grids and finite elements: they agree, and wrong answers do not pass them."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.solution.quality import estimates, estimators
from pinnlab.solution.quality.report import Verdict
from pinnlab.solvers.windows import joined
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.status import Status

LINE, SQUARE = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


class Formula(Part):
    """A formula as a finished model: (n, d) -> (n, m)."""

    def __init__(self, problem, formula):
        self.region, self.formula, self.unknowns = problem.domain, formula, problem.unknowns
        self.parameters = [torch.zeros(1, dtype=torch.float64)]
        self.coefficients, self.constants = {}, {}

    def jet(self, points, indices):
        return autograd_jet(self.formula, points, indices, keep=False)

    def to_data(self, file):
        return {}


def forced(problem, formula):
    """The solution that a solver would have returned that ended at a formula."""
    model = Formula(problem, formula)
    return pl.Solution(problem, joined([model], problem.domain), [model], History(()), Status.CONVERGED, 0.0)


# -- agreement ---------------------------------------------------------------------------------------------------------


def _bump(x, y):
    return torch.exp(-8 * ((x - 0.4) ** 2 + (y - 0.6) ** 2))


PLANE = {
    "reaction": lambda: pl.Problem(
        SQUARE, "u", lambda u, x, y: u.xx + u.yy - u**3 - u + 20 * _bump(x, y), pl.Dirichlet(u=0.0)
    ),
    "convection": lambda: pl.Problem(
        SQUARE,
        "u",
        lambda u, x, y: u.laplacian - 5 * y * u.x + _bump(x, y),
        [pl.Dirichlet(u=0.0, on="x-"), pl.Neumann(u=1.0, on="x+"), pl.Robin(u=(2.0, 1.0, 0.0), on="y")],
    ),
    "elasticity": lambda: pl.Problem(
        SQUARE,
        ("u", "v"),
        lambda u, v, x, y: {
            "a": 3 * u.xx + u.yy + 2 * pl.diff(v.x, "y") + _bump(x, y),
            "b": 3 * v.yy + v.xx + 2 * pl.diff(u.x, "y"),
        },
        pl.Dirichlet(u=0.0, v=0.0),
    ),
    "materials": lambda: pl.Problem(
        SQUARE,
        "u",
        lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") + 1,
        pl.Dirichlet(u=0.0),
        {"k": pl.Piecewise((pl.Box(x=(0.0, 0.3)), 10.0), otherwise=1.0)},
    ),
    "heat": lambda: pl.Problem(
        SQUARE * pl.Box(t=(0.0, 0.02)),
        "u",
        lambda u, x, y: u.t - u.laplacian - 5 * _bump(x, y),
        [pl.Dirichlet(u=0.0), pl.Initial(u=lambda x, y: torch.sin(math.pi * x) * torch.sin(math.pi * y))],
    ),
}


@pytest.mark.parametrize("name", PLANE)
def test_grids_and_elements_agree_within_their_estimates(name):
    problem = PLANE[name]()
    if problem.domain.has_time:
        domain = pl.Box(**dict(problem.domain.bounds))
        problem = problem.replace(domain=domain)
    one = pl.reference_solution(problem, resolution=12, method="grid")
    two = pl.reference_solution(problem, tolerance=3e-2, method="elements")
    assert "collocation" in one.method and "finite elements" in two.method
    rng = np.random.default_rng(0)
    at = {name: rng.uniform(*bounds, 800) for name, bounds in problem.domain.bounds.items()}
    first, second = one(**at), two(**at)
    for unknown in problem.unknowns:
        gap = np.linalg.norm(first[unknown] - second[unknown]) / np.linalg.norm(first[unknown])
        assert gap < (one.error_estimate[unknown] + two.error_estimate[unknown]) + 1e-9


def test_a_method_that_does_not_fit_is_refused():
    disk = pl.Problem(pl.Ball({"x": 0.0, "y": 0.0}, 1.0), "u", lambda u: u.laplacian + 1, pl.Dirichlet(u=0.0))
    with pytest.raises(ValueError, match="method='grid': Ball.*needs method='elements'"):
        pl.reference_solution(disk, method="grid")
    with pytest.raises(ValueError, match="method='spectral': choose 'grid' or 'elements'"):
        pl.reference_solution(disk, method="spectral")


def test_two_referees_that_disagree_are_no_referee(monkeypatch):
    problem = PLANE["reaction"]()
    solution = forced(problem, lambda p: 0.0 * p[:, :1])
    asked = []

    def other(found, until):
        asked.append(until)
        agreed = estimators.by_classical(found, 4.0, "elements")
        judged = tuple(type(j)(**{**vars(j), "error": 1e-6, "doubt": 0.0}) for j in agreed.judged)
        return type(agreed)(**{**vars(agreed), "judged": judged})

    report = solution.report("classical", max_seconds=8)
    assert report.verdict is Verdict.WRONG
    monkeypatch.setattr(estimates, "_second_referee", other)
    report = solution.report("classical", max_seconds=8)
    assert asked and report.verdict is Verdict.DOUBTFUL
    assert "no referee, as two estimates disagree" in report.sentence


# -- wrong answers -----------------------------------------------------------------------------------------------------


def _step(x):
    return torch.where(x > 0.5, 10.0, 1.0)


_ENDS = [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")]


@pytest.mark.parametrize(
    "problem",
    [
        pl.Problem(LINE, "u", lambda u, x: pl.diff(_step(x) * u.x, "x"), _ENDS),
        pl.Problem(LINE, "u", lambda u, k: pl.diff(k * u.x, "x"), _ENDS, {"k": lambda x: _step(x)}),
        pl.Problem(
            LINE, "u", lambda u, k: pl.diff(k * u.x, "x"), _ENDS,
            {"k": pl.Piecewise((pl.Box(x=(0.5, 1.0)), 10.0), otherwise=1.0)},
        ),
    ],
    ids=["where", "function", "material"],
)  # fmt: skip
def test_a_line_through_a_jump_of_a_coefficient_is_called_wrong(problem):
    report = forced(problem, lambda p: p).report()
    assert report.verdict is Verdict.WRONG, report.sentence


def test_a_plane_through_a_disk_of_another_material_is_called_wrong():
    disk = pl.Piecewise((pl.Ball({"x": 0.5, "y": 0.5}, 0.3), 1000.0), otherwise=1.0)
    problem = pl.Problem(
        SQUARE,
        "u",
        lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y"),
        pl.Dirichlet(u=lambda x: x),
        {"k": disk},
    )
    report = forced(problem, lambda p: p[:, :1]).report(max_seconds=5)
    assert report.verdict is Verdict.WRONG, report.sentence


def test_a_kink_that_stays_where_diffusion_smooths_it_is_not_called_good():
    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        "u",
        lambda u: u.t - 0.02 * u.xx,
        [
            pl.Initial(u=lambda x: torch.clamp(x - 0.3, min=0)),
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Dirichlet(u=0.7, on="x+"),
        ],
    )
    solution = forced(problem, lambda p: torch.clamp(p[:, :1] - 0.3, min=0))
    # right at the kink it is 0.0798 at the end; all in all it is a twentieth off
    reference = pl.reference_solution(problem, tolerance=1e-4, times=[1.0])
    assert reference(x=0.3, t=1.0)["u"] == pytest.approx(0.0798, abs=1e-3)
    report = solution.report("classical", max_seconds=3)
    assert report.verdict is Verdict.DOUBTFUL and report.estimate is not None and report.estimate.least > 0.05


@pytest.mark.parametrize(
    ("equation", "conditions", "formula"),
    [
        (lambda u: u.xx - 1, [pl.Dirichlet(u=0.0, on="x-")], lambda p: p**2 / 2 - 0.3 * p),
        (lambda u: u.xxxx - 1, [pl.Dirichlet(u=0.0)], lambda p: p**4 / 24 - p / 24),
    ],
    ids=["second order", "fourth order"],
)
def test_one_of_many_solutions_is_not_called_good(equation, conditions, formula):
    problem = pl.Problem(LINE, "u", equation, conditions)
    report = forced(problem, formula).report()
    assert report.verdict is Verdict.DOUBTFUL and "not unique" in report.sentence
    with pytest.raises(ValueError, match="boundary conditions there; add Dirichlet"):
        pl.reference_solution(problem)
