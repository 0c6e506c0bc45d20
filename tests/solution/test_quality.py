"""Reports on finished solutions: misfits in numbers without units, estimates of the error, verdicts."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.relative_error import error_grid, relative_l2
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices
from pinnlab.solution.measures import Misfit, is_noise, measure, terms_of
from pinnlab.solution.quality.direct_features import annihilates, solve_directly
from pinnlab.solution.quality.error_equation import error_problem, solve_error_equation
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.solution.quality.error_features import estimate_on_features
from pinnlab.solution.quality.report import Verdict, judge
from pinnlab.solution.quality.smoothness import Kink, impossible, jump_inside
from pinnlab.solution.sizes import Size, natural_sizes, relative_size
from pinnlab.solvers.windows import joined
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.status import Status

PI = math.pi


class Given(Part):
    """A formula as a finished model.

    Args:
        region: where.
        formula: (n, d) -> (n, m).
    """

    def __init__(self, region: Any, formula: Any, **found: float):
        self.region, self.formula = region, formula
        self.parameters = [torch.zeros(1, dtype=torch.float64)]
        self.coefficients = {k: torch.tensor(v, dtype=torch.float64) for k, v in found.items()}
        self.constants: dict[str, Any] = {"c": 10.0, "D": 0.1}

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return autograd_jet(self.formula, points, indices, keep=False)

    def to_data(self, file: Any) -> dict[str, Any]:
        return {}


class Joined(Given):
    """The same, as if pieces met in the middle."""

    @property
    def joints(self) -> dict[str, tuple[float, ...]]:
        return {"x": (0.5,)}


def solved(problem: pl.Problem, *models: Any) -> pl.Solution:
    for model in models:
        model.unknowns = problem.unknowns
    return pl.Solution(problem, joined(models, problem.domain), models, History(()), Status.CONVERGED, 0.0)


def convection(c: float = 10.0) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, c: u.t + c * u.x,
        conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        parameters={"c": c},
        reference=lambda x, t, c: torch.sin(x - c * t),
        name="convection",
    )


def heat(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        "unknowns": "u",
        "equations": lambda u, D: u.t - D * u.xx,
        "conditions": [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
        "parameters": {"D": 0.1},
        "reference": lambda x, t: torch.exp(-0.1 * PI**2 * t) * torch.sin(PI * x),
        "name": "heat",
    }
    return pl.Problem(**{**given, **changes})


def heated(points: Tensor, rate: float = 0.1) -> Tensor:
    x, t = points[:, :1], points[:, 1:]
    return torch.exp(-rate * PI**2 * t) * torch.sin(PI * x)


# -- small functions, by hand --------------------------------------------------------------------------------------------


def test_the_terms_of_a_residual_are_its_slopes_times_the_jet() -> None:
    jets = {"u": {(): torch.tensor([2.0]), ("x",): torch.tensor([3.0]), ("t",): torch.tensor([5.0])}}
    for leaf in jets["u"].values():
        leaf.requires_grad_()
    u = jets["u"]
    found = terms_of(u["t",] + u[()] * u["x",] - 7.0, jets)
    assert [float(f) for f in found] == [6.0, 6.0, 5.0], "u u_x by u and by u_x, and u_t; what is given is no term"


def test_relative_sizes() -> None:
    assert relative_size(1.0, [2.0, 4.0]) == 0.25
    assert relative_size(0.0, []) == 0.0 and relative_size(1.0, [0.0]) == math.inf


def test_an_estimate_knows_its_bounds() -> None:
    sure = ErrorEstimate({"u": 1e-3, "v": 2e-3}, {"u": 1e-4, "v": 1e-4}, "x", 0.0)
    assert (sure.largest, sure.upper, sure.lower) == (2e-3, 2.1e-3, 1.9e-3) and sure.certain
    unsure = ErrorEstimate({"u": 1e-9}, {"u": 5e-9}, "x", 0.0)
    assert unsure.upper == 6e-9 and not unsure.certain


def test_verdicts_rest_on_the_estimate() -> None:
    small = [Misfit("equation", "equation", 1e-9, 1e-9, 1e-9), Misfit("initial u", "initial", 0.0, 0.0, 0.0)]

    def estimate(size: float, doubt: float = 0.0) -> ErrorEstimate:
        return ErrorEstimate({"u": size}, {"u": doubt}, "the error equation", 0.0)

    assert judge(estimate(1e-6), small, 1.0, 0.01) == (
        Verdict.GOOD,
        "estimated relative error 1.0e-06 (by the error equation); equations hold to 1e-09, conditions hold to rounding",
    )
    assert judge(estimate(0.05), small, 1.0, 0.01)[0] is Verdict.DOUBTFUL
    seen = [*small, Misfit("equation2", "equation", 0.1, 0.1, 0.1)]
    assert judge(estimate(0.5), seen, 1.0, 0.01)[0] is Verdict.WRONG
    assert judge(estimate(0.5), seen, 1.0, 0.1)[0] is Verdict.DOUBTFUL
    verdict, why = judge(estimate(1e-9, 1e-8), small, 1.0, 0.01)
    assert verdict is Verdict.GOOD and "at most 1e-08" in why
    assert judge(estimate(0.005, 0.1), small, 1.0, 0.01)[0] is Verdict.DOUBTFUL
    verdict, why = judge(None, small, 1.0, 0.01)
    assert verdict is Verdict.DOUBTFUL and "certifies nothing" in why
    assert judge(None, small, 0.75, 0.01) == (Verdict.WRONG, "there is no solution on 25 % of the domain")
    broken = [*small, Misfit("neumann u x-", "boundary", 1.0, 1.0, 0.6)]
    assert judge(estimate(1e-6), broken, 1.0, 0.01)[0] is Verdict.DOUBTFUL
    assert judge(None, broken, 1.0, 0.01)[0] is Verdict.WRONG
    off = [*small, Misfit("equation2", "equation", 1.0, 1.0, 0.8)]
    verdict, why = judge(estimate(1e-6), off, 1.0, 0.01)
    assert verdict is Verdict.DOUBTFUL and "may be thinner" in why
    followed = ErrorEstimate({"u": 1e-6}, {"u": 0.0}, "characteristics", 0.0)
    assert judge(followed, off, 1.0, 0.01)[0] is Verdict.GOOD, "beside a jump that travels residuals say nothing"
    missed = [*small, Misfit("data u", "data", 1.0, 1.0, 0.2)]
    assert judge(estimate(1e-6), missed, 1.0, 0.01)[0] is Verdict.DOUBTFUL
    noisy = [*small, Misfit("data u", "data", 1.0, 1.0, 0.2, noise=True)]
    verdict, why = judge(estimate(1e-6), noisy, 1.0, 0.01)
    assert verdict is Verdict.GOOD and "data hold to 2e-01 (noise)" in why
    assert judge(estimate(1e-6), noisy, 1.0, 0.01, found=True)[0] is Verdict.DOUBTFUL
    assert judge(estimate(1e-6), noisy, 1.0, 0.01, found=True, fitted=True)[0] is Verdict.GOOD
    assert judge(estimate(1e-6), missed, 1.0, 0.01, found=True)[0] is Verdict.DOUBTFUL
    assert judge(estimate(1e-6), missed, 1.0, 0.01, found=True, fitted=True)[0] is Verdict.DOUBTFUL


# -- misfits -------------------------------------------------------------------------------------------------------------


def test_misfits_have_no_units() -> None:
    """With twice the rate of decay, the residual is half of the larger term, whatever the scale of u, x and t."""
    for size in (1.0, 1e6):
        problem = heat(conditions=[pl.Initial(u=lambda x, s=size: s * torch.sin(PI * x)), pl.Dirichlet(u=0.0)])
        model = Given(problem.domain, lambda p, s=size: s * heated(p, 0.2))
        (equation, initial, *sides), share = measure(problem, [model])
        assert share == 1.0 and equation.kind == "equation"
        assert equation.relative == pytest.approx(0.5, rel=1e-12)
        assert initial.relative < 1e-15 and all(side.relative < 1e-15 for side in sides)


def test_a_condition_is_measured_against_the_same_derivative_of_the_domain() -> None:
    problem = heat(conditions=[pl.Initial(u=0.0), pl.Neumann(u=0.0, on="x-"), pl.Dirichlet(u=0.0, on="x+")])
    misfits, _ = measure(problem, [Given(problem.domain, lambda p: 3 * p[:, :1])])
    found = {m.name: m for m in misfits}
    assert found["neumann u x-"].rms == pytest.approx(3.0) and found["neumann u x-"].relative == pytest.approx(1.0)
    assert found["dirichlet u x+"].relative == pytest.approx(math.sqrt(12), rel=1e-3), "3 against how 3 x varies"


def test_hand_overs_and_jumps_are_seen() -> None:
    problem = heat()
    early, late = (problem.domain.replace(t=ends) for ends in ((0.0, 0.5), (0.5, 1.0)))
    models = [Given(early, heated), Given(late, lambda p: heated(p) + 0.25)]
    found = {m.name: m for m in measure(problem, models)[0]}
    assert found["hand-over u"].rms == pytest.approx(0.25, rel=1e-12)
    step = Joined(problem.domain, lambda p: heated(p) + 0.5 * (p[:, :1] > 0.5))
    found = {m.name: m for m in measure(problem, [step])[0]}
    assert found["jump u"].rms == pytest.approx(0.5, rel=1e-9)


# -- the error equation ------------------------------------------------------------------------------------------------


def test_the_error_solves_the_error_problem() -> None:
    """e = u - u_h leaves no residual in the equations and conditions of the problem that was made for it."""
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x, t: u.t + u * u.x - u.xx - (torch.cos(x + t) * (1 + torch.sin(x + t)) + torch.sin(x + t)),
        conditions=[
            pl.Initial(u=lambda x: torch.sin(x)),
            pl.Robin(u=(2.0, 1.0, lambda t: 2 * torch.sin(t) - torch.cos(t)), on="x-"),
            pl.Neumann(u=lambda t: torch.cos(1 + t), on="x+"),
        ],
    )
    wrong = Given(problem.domain, lambda p: torch.sin(p.sum(1, keepdim=True)) + p[:, :1] * p[:, 1:] ** 2 + 0.1)
    made = error_problem(problem, wrong)
    assert [type(c).__name__ for c in made.conditions] == ["Initial", "Robin", "Neumann"]
    exact = Given(problem.domain, lambda p: -p[:, :1] * p[:, 1:] ** 2 - 0.1)
    assert max(m.maximum for m in measure(made, [exact])[0]) < 1e-12


@pytest.mark.parametrize("size", [5e-2, 1e-9])
def test_the_error_equation_finds_errors_of_any_size(size: float) -> None:
    problem = heat()
    model = Given(problem.domain, lambda p: heated(p) + size * torch.sin(2 * PI * p[:, :1]) * torch.sin(3 * p[:, 1:]))
    solution = solved(problem, model)
    (true,) = solution.error().values()
    report = solution.report("equation")
    assert report.estimate is not None and report.estimate.certain
    assert report.estimate.largest == pytest.approx(true, rel=1e-3)
    assert report.verdict is (Verdict.DOUBTFUL if size > 0.01 else Verdict.GOOD)


def test_windows_hand_their_errors_over() -> None:
    """A wave whose second window starts off: its velocity is wrong from there on."""
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.tt - u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(PI * x), u_t=0.0), pl.Dirichlet(u=0.0)],
        reference=lambda x, t: torch.sin(PI * x) * torch.cos(PI * t),
    )

    def wave(p: Tensor, off: float) -> Tensor:
        x, t = p[:, :1], p[:, 1:]
        return torch.sin(PI * x) * (torch.cos(PI * t) + off * torch.sin(PI * (t - 0.4)))

    ends = ((0.0, 0.4), (0.4, 1.0))
    models = [
        Given(problem.domain.replace(t=e), lambda p, o=o: wave(p, o)) for e, o in zip(ends, (0.0, 0.3), strict=True)
    ]
    solution = solved(problem, *models)
    report = solution.report("equation", tolerance=0.1)
    assert report.estimate is not None
    assert report.estimate.largest == pytest.approx(solution.error()["u"], rel=1e-3)
    assert {m.name: m for m in report.conditions}["hand-over u_t"].relative > 0.1
    assert max(m.relative for m in report.equations) < 1e-12, "no residual says anything of it"


def test_steady_problems_and_ordinary_differential_equations() -> None:
    poisson = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x, y: u.xx + u.yy + 2 * PI**2 * torch.sin(PI * x) * torch.sin(PI * y),
        conditions=[pl.Dirichlet(u=0.0)],
        reference=lambda x, y: torch.sin(PI * x) * torch.sin(PI * y),
    )
    model = Given(poisson.domain, lambda p: (1.002 * torch.sin(PI * p)).prod(1, keepdim=True))
    decay = pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns=("u", "v"),
        equations=lambda u, v: {"u": u.t + 2 * u, "v": v.t - u * v},
        conditions=[pl.Initial(u=1.0, v=1.0)],
        reference=lambda t: {"u": torch.exp(-2 * t), "v": torch.exp((1 - torch.exp(-2 * t)) / 2)},
    )
    off = Given(
        decay.domain,
        lambda t: torch.cat(
            [torch.exp(-2 * t) + 1e-3 * t, torch.exp((1 - torch.exp(-2 * t)) / 2) - 1e-4 * t**2], dim=1
        ),
    )
    for solution in (solved(poisson, model), solved(decay, off)):
        report = solution.report("equation")
        assert report.estimate is not None and report.verdict is Verdict.GOOD
        assert report.estimate.errors == pytest.approx(solution.error(), rel=1e-3)


def test_time_that_is_up_is_told() -> None:
    problem = heat()
    with pytest.raises(TimeoutError, match="the time is up"):
        solve_error_equation(problem, [Given(problem.domain, lambda p: 1.1 * heated(p))], 0.0)


def test_random_features_need_no_box() -> None:
    problem = pl.Problem(
        domain=pl.Ball({"x": 0.0, "y": 0.0}, 1.0),
        unknowns="u",
        equations=lambda u: u.xx + u.yy + 4,
        conditions=[pl.Dirichlet(u=0.0)],
        reference=lambda x, y: 1 - x**2 - y**2,
    )
    solution = solved(
        problem, Given(problem.domain, lambda p: 1 - p.square().sum(1, keepdim=True) + 1e-4 * torch.cos(2 * p[:, :1]))
    )
    error, doubt = estimate_on_features(problem, solution.models, 60.0, degrees=(6, 8))
    points = error_grid(problem.domain)
    (value,) = relative_l2(solution.function(points), solution.function(points) + error(points)).tolist()
    assert value == pytest.approx(solution.error()["u"], rel=1e-3) and doubt["u"] < 1e-5 * value


# -- reports -----------------------------------------------------------------------------------------------------------


def spliced(p: Tensor) -> Tensor:
    """sin(x - 10 t) up to t = 0.2 and nearly nothing from there on: both solve the equation, their seam does not."""
    x, t = p[:, :1], p[:, 1:]
    return torch.sin(x - 10 * t) * torch.sigmoid((0.2 - t) / 1e-3)


def test_a_spliced_solution_is_called_wrong() -> None:
    problem = convection()
    solution = solved(problem, Given(problem.domain, spliced))
    # at points that miss the seam, nothing is wrong
    away = {"x": np.linspace(0.0, 6.0, 50), "t": np.where(np.arange(50) % 2, 0.1, 0.7)}
    assert np.abs(solution.residual(**away)[problem.residual_names[0]]).max() < 1e-12
    for how in ("equation", "classical"):
        report = solution.report(how)
        assert report.verdict is Verdict.WRONG, str(report)
        assert report.estimate is not None
        assert report.estimate.largest == pytest.approx(solution.error()["u"], rel=0.02)
    assert solution.report(None).verdict is Verdict.DOUBTFUL


def test_an_exact_solution_is_called_good() -> None:
    problem = convection()
    solution = solved(problem, Given(problem.domain, lambda p: torch.sin(p[:, :1] - 10 * p[:, 1:])))
    report = solution.report()
    assert report.verdict is Verdict.GOOD and report.sentence.startswith("good: estimated relative error ")
    assert report.estimate is not None and report.estimate.upper < 1e-12
    assert report.estimate.method == "characteristics" and not report.reasons
    assert "the residual is rounding" in solution.report("equation", max_seconds=5).reasons[0]
    text = str(report)
    assert text.splitlines()[0] == report.sentence and "periodic u x" in text and "by characteristics" in text


def test_an_unfinished_solution_is_called_wrong() -> None:
    problem = heat()
    report = solved(problem, Given(problem.domain.replace(t=(0.0, 0.5)), heated)).report()
    assert report.verdict is Verdict.WRONG and report.estimate is None
    assert report.why == "there is no solution on 50 % of the domain"


def test_a_solution_in_parts_goes_to_the_classical_solver() -> None:
    solution = pl.solve(heat(), pl.HardConstraintMoE(tolerance=1e-2), progress=False)
    report = solution.report()
    assert report.estimate is not None and report.estimate.method == "the classical solution"
    assert "put together of subdomains or experts" in report.reasons[0]
    assert any(m.kind == "jump" for m in report.conditions)
    assert report.verdict is Verdict.GOOD


def test_found_coefficients_are_taken_as_they_are() -> None:
    times = np.linspace(0.1, 1.0, 10)
    exact = np.exp(-0.1 * PI**2 * times)
    problem = heat(parameters={"D": pl.Unknown(0.5)})
    problem = problem.replace(conditions=[*problem.conditions, pl.Data({"x": np.full(10, 0.5), "t": times}, u=exact)])
    right = solved(problem, Given(problem.domain, lambda p: 1.001 * heated(p), D=0.1)).report()
    assert right.verdict is Verdict.GOOD and "with the coefficients found" in right.why
    other = solved(problem, Given(problem.domain, lambda p: 1.001 * heated(p, 0.2), D=0.2)).report()
    assert other.verdict is Verdict.DOUBTFUL and "the data are missed by" in other.why


def test_a_comparison_is_used_as_it_is() -> None:
    solution = solved(heat(), Given(heat().domain, lambda p: 1.05 * heated(p)))
    comparison = solution.compare()
    report = solution.report(comparison)
    assert report.estimate is not None and report.estimate.largest == pytest.approx(0.05, rel=1e-3)
    silent = dataclasses.replace(comparison, classical_error_estimate={})
    assert "could not estimate its own error, and does not agree" in solution.report(silent).reasons[0]


def test_two_methods_that_agree_vouch_for_each_other() -> None:
    solution = solved(heat(), Given(heat().domain, lambda p: (1 + 1e-5) * heated(p)))
    silent = dataclasses.replace(solution.compare(), classical_error_estimate={})
    report = solution.report(silent)
    assert (
        report.verdict is Verdict.GOOD
        and "2e-05 of its size (by the classical solution on one grid)" in report.sentence
    )
    assert report.estimate is not None and report.estimate.least == 0.0


def laplace(*coordinates: str) -> pl.Problem:
    """u = x on a cube."""
    return pl.Problem(
        domain=pl.Box(**{c: (0.0, 1.0) for c in coordinates}),
        unknowns="u",
        equations=lambda u: sum(u.d(c, c) for c in coordinates),
        conditions=[pl.Dirichlet(u=lambda x: x, exact=False)],
        reference=lambda x: x,
    )


def test_polynomials_reach_beyond_three_coordinates() -> None:
    problem = laplace(*"xyzw")
    solution = solved(problem, Given(problem.domain, lambda p: p[:, :1] + 0.003 * p[:, 1:2] * p[:, 2:3]))
    error, doubt = estimate_on_features(problem, solution.models, 60.0, degrees=(3, 4))
    points = error_grid(problem.domain)
    np.testing.assert_allclose(error(points), -0.003 * points[:, 1:2] * points[:, 2:3], rtol=0, atol=1e-12)
    assert doubt["u"] < 1e-12


def test_why_there_is_no_estimate_is_told() -> None:
    problem = laplace(*"xyzwabc")
    report = solved(problem, Given(problem.domain, lambda p: p[:, :1] + 0.1 * p[:, 1:2])).report()
    assert report.estimate is None and report.verdict is Verdict.DOUBTFUL
    assert any("7 coordinates are too many" in r for r in report.reasons)
    assert any("no classical solution" in r for r in report.reasons)
    assert "note: " in str(report)


def test_requests_that_cannot_work() -> None:
    solution = solved(heat(), Given(heat().domain, heated))
    with pytest.raises(
        ValueError, match=r"report\(estimate='guess'\): choose one of 'auto', 'characteristics', 'equation'"
    ):
        solution.report("guess")
    with pytest.raises(ValueError, match=r"report\(tolerance=0\): must be positive"):
        solution.report(tolerance=0)
    family = heat(parameters={"D": pl.Uniform(0.1, 0.2)})
    with pytest.raises(ValueError, match=r"report\(\) of a family: each member has its own; .* solution.at\(D=...\)"):
        solved(family, Given(family.domain, heated)).report()


def test_points_lie_on_the_error_grid() -> None:
    problem = heat()
    found = solve_error_equation(problem, [Given(problem.domain, lambda p: 1.1 * heated(p))], 60.0)
    points = error_grid(problem.domain)[::997]
    np.testing.assert_allclose(found(points).numpy(), -0.1 * heated(points).numpy(), rtol=0, atol=1e-10)


# -- sizes and certificates --------------------------------------------------------------------------------------------


def test_sizes_by_hand() -> None:
    kelvin = Size.of(torch.tensor([292.0, 294.0, 292.0, 294.0]))
    assert kelvin.variation == 1.0 and kelvin.rms == pytest.approx(math.hypot(293, 1)) and kelvin.unit == 1.0
    assert Size(293.0, 1e-7).unit == 293.0, "a constant up to rounding varies by nothing"
    assert Size(1e-10, 1e-10, natural=0.5).unit == 0.5, "next to nothing"
    assert Size(0.0, 0.0).unit == 0.0


def test_natural_sizes_by_hand() -> None:
    """Of v in u_x + v_y on a box of 2 by 3: u_x counts as u / 2, v_y as v / 3."""
    jets = {u: {(c,): torch.zeros(4, requires_grad=True)} for u, c in (("u", "x"), ("v", "y"))}
    sizes = {"u": Size(1.0, 1.0), "v": Size(0.0, 0.0)}
    everywhere = torch.ones(4, dtype=torch.bool)
    residual = jets["u"]["x",] + jets["v"]["y",]
    found, terms = natural_sizes([residual], jets, sizes, {"x": 2.0, "y": 3.0}, everywhere)
    assert found["v"].natural == pytest.approx(1.5) and terms == pytest.approx([0.5])
    # of what is given, too: v_y = 0.1
    found, _ = natural_sizes([jets["v"]["y",] - 0.1], jets, sizes, {"x": 2.0, "y": 3.0}, everywhere)
    assert found["v"].natural == pytest.approx(0.3)


def test_errors_are_judged_by_the_variation() -> None:
    """1 K off at 293 K, where the temperature varies by 3 K: a third, and 0.3 % of its size."""
    kelvin = {"T": Size(293.0, 3.0)}
    estimate = ErrorEstimate.of({"T": 1.0}, {"T": 0.01}, kelvin, 1e-15, "x", 0.0)
    assert estimate.errors["T"] == pytest.approx(1 / 293) and estimate.of_variation["T"] == pytest.approx(1 / 3)
    assert "error of T 3.3e-01 of its variation, 3e-03 of its size" in estimate.sentence
    seen = [Misfit("equation", "equation", 0.1, 0.1, 0.1)]
    assert judge(estimate, seen, 1.0, 0.01)[0] is Verdict.WRONG
    assert (
        judge(ErrorEstimate.of({"T": 0.3}, {"T": 0.0}, kelvin, 0.0, "x", 0.0), seen, 1.0, 0.01)[0] is Verdict.DOUBTFUL
    )
    # a doubt that hides the variation: neither good nor wrong
    hidden = ErrorEstimate.of({"T": 1.0}, {"T": 2.0}, kelvin, 0.0, "x", 0.0)
    assert judge(hidden, seen, 1.0, 0.01)[0] is Verdict.DOUBTFUL


def test_an_unknown_that_vanishes_has_an_absolute_error() -> None:
    tiny = ErrorEstimate.of({"v": 3e-9}, {"v": 1e-10}, {"v": Size(1e-10, 1e-10, 0.5)}, 1e-15, "x", 0.0)
    assert tiny.errors["v"] == 3e-9 and judge(tiny, [], 1.0, 0.01)[0] is Verdict.GOOD
    assert (
        "error of v, which vanishes, 3.0e-09 absolute, 6.0e-09 of the size with which it would matter" in tiny.sentence
    )
    # a zero that nothing drives may have missed what does
    nothing = ErrorEstimate.of({"v": 0.0}, {"v": 0.0}, {"v": Size(0.0, 0.0)}, 1e-15, "x", 0.0)
    verdict, why = judge(nothing, [], 1.0, 0.01)
    assert verdict is Verdict.DOUBTFUL and "zero everywhere, as nothing that was looked at drives it" in why
    # with nothing to compare it with it is neither good nor wrong
    seen = [Misfit("equation", "equation", 1.0, 1.0, 1.0)]
    alone = ErrorEstimate.of({"v": 3.0}, {"v": 0.0}, {"v": Size(0.0, 0.0)}, 1e-15, "x", 0.0)
    assert judge(alone, seen, 1.0, 0.01)[0] is Verdict.DOUBTFUL


def test_no_estimate_is_below_rounding() -> None:
    estimate = ErrorEstimate.of({"u": 5e-22}, {"u": 1e-22}, {"u": Size(1.0, 1.0)}, 1e-15, "x", 0.0)
    assert estimate.errors["u"] == 1e-15 and estimate.sentence == "relative error at rounding (1e-15)"


def test_nan_does_not_hide() -> None:
    estimate = ErrorEstimate({"u": 1e-9, "v": math.nan}, {"u": 0.0, "v": 0.0}, "x", 0.0)
    assert math.isnan(estimate.largest) and math.isnan(estimate.upper)
    assert judge(estimate, [], 1.0, 0.01)[0] is Verdict.DOUBTFUL
    assert math.isnan(relative_size(1.0, [1.0, math.nan]))


def test_wrong_needs_evidence() -> None:
    fine = [Misfit("equation", "equation", 1e-8, 1e-8, 1e-8)]

    def of(error: float) -> ErrorEstimate:
        return ErrorEstimate({"u": error}, {"u": 0.0}, "x", 0.0)

    verdict, why = judge(of(0.9), fine, 1.0, 0.01)
    assert verdict is Verdict.DOUBTFUL and "of which nothing else shows anything" in why
    assert judge(of(0.9), fine, 1.0, 0.01, second=of(0.8))[0] is Verdict.WRONG
    verdict, why = judge(of(0.9), fine, 1.0, 0.01, second=of(1e-8))
    assert verdict is Verdict.DOUBTFUL and "two estimates disagree" in why


def test_a_certificate_is_not_overruled() -> None:
    verdict, why = judge(
        ErrorEstimate({"u": 1e-9}, {"u": 0.0}, "x", 0.0), [], 1.0, 0.01, not_unique="order 2, 1 condition."
    )
    assert verdict is Verdict.DOUBTFUL and "not unique or does not exist: order 2, 1 condition." in why
    line = pl.Box(x=(0.0, 1.0))
    missing = pl.Problem(line, "u", lambda u: u.xx - 1, [pl.Dirichlet(u=0.0, on="x-")])
    floating = pl.Problem(line, "u", lambda u: u.xx, [pl.Neumann(u=0.0)])
    for problem, found, words in (
        (missing, lambda p: p**2 / 2, "too few conditions in x: 2 needed"),
        (floating, torch.ones_like, "u is known up to a constant"),
    ):
        report = solved(problem, Given(line, found)).report()
        assert report.verdict is Verdict.DOUBTFUL and words in report.why
    # where there is no grid, by functions that no equation and no condition sees
    ball = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
    loose = pl.Problem(ball, "u", lambda u: u.xx + u.yy, [pl.Neumann(u=0.0)])
    assert annihilates(loose, [Given(ball, lambda p: p[:, :1] * 0 + 2)], 60.0)
    assert not annihilates(loose.replace(conditions=[pl.Dirichlet(u=0.0)]), [Given(ball, lambda p: p[:, :1] * 0)], 60.0)


def test_a_solution_in_pieces_off_boxes_is_compared_with_one_in_one() -> None:
    ball = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
    problem = pl.Problem(
        ball, "u", lambda u: u.xx + u.yy + 4, [pl.Dirichlet(u=0.0)], reference=lambda x, y: 1 - x**2 - y**2
    )
    pieces = solved(problem, Joined(ball, lambda p: 1 - p.square().sum(1, keepdim=True) + 1e-4 * p[:, :1]))
    direct, doubt = solve_directly(problem, pieces.function, 60.0, degrees=(5, 7))
    points = error_grid(ball)
    np.testing.assert_allclose(direct(points), 1 - points.square().sum(1, keepdim=True), rtol=0, atol=1e-6)
    assert doubt["u"] < 1e-4


def test_data_that_are_missed_by_noise_or_by_more() -> None:
    x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    noise = torch.randn(101, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert is_noise(noise, x) and not is_noise(torch.sin(6 * x[:, 0]), x) and not is_noise(noise + 2, x)
    assert not is_noise(noise[:5], x[:5]), "five numbers tell nothing"


def test_a_kink_leaves_no_residual_and_is_found() -> None:
    """max(x - 0.3, 0) solves the heat equation to the left and to the right of its kink, and not at it."""
    problem = heat(
        conditions=[
            pl.Initial(u=lambda x: (x - 0.3).clamp_min(0)),
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Dirichlet(u=0.7, on="x+"),
        ]
    )
    kinked = solved(problem, Given(problem.domain, lambda p: (p[:, :1] - 0.3).clamp_min(0)))
    kink = jump_inside(problem, kinked.models)
    assert str(kink) == "u_x jumps near x = 0.3" and impossible(problem, kinked.models[0], kink)
    report = kinked.report(max_seconds=20)
    assert max(m.rms for m in report.equations) == 0.0 and report.verdict is Verdict.WRONG
    assert "u_x jumps near x = 0.3, which no solution of the equations does" in report.why
    assert "the residual to its left and right does not see" in report.reasons[0]
    for smooth in (heated, lambda p: torch.tanh((p[:, :1] - 0.3) / 0.01) * p[:, 1:]):
        assert jump_inside(problem, [Given(problem.domain, smooth)]) is None


def test_waves_may_keep_kinks_and_steady_lines_may_not() -> None:
    box, line = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), pl.Box(x=(0.0, 1.0))
    start = pl.Initial(u=lambda x: x * (1 - x), u_t=0.0)
    wave = pl.Problem(box, "u", lambda u: u.tt - u.xx, [start, pl.Dirichlet(u=lambda t: 0 * t)])
    steady = pl.Problem(line, "u", lambda u: u.xx - u, [pl.Dirichlet(u=1.0)])
    kink = Kink("u", "x", 1, 0.3)
    assert not impossible(wave, Given(box, lambda p: p[:, :1]), kink)
    assert impossible(steady, Given(line, lambda p: p), kink)
    assert not impossible(
        steady.replace(equations=lambda u, x: pl.diff(torch.where(x > 0.3, 2.0, 1.0) * u.x, "x") - u),
        Given(line, lambda p: p),
        kink,
    )


def test_a_problem_without_one_solution_may_be_solved_wrongly_all_the_same() -> None:
    missed = Misfit("dirichlet u x-", "dirichlet", 1.0, 1.0, 0.9)
    verdict, why = judge(None, [missed], 1.0, 0.01, not_unique="order 2, 1 condition.")
    assert verdict is Verdict.WRONG and "dirichlet u x- is violated by 9e-01 of its size, and order 2" in why
    assert judge(None, [Misfit("data", "data", 1.0, 1.0, 0.9)], 1.0, 0.01, not_unique="x")[0] is Verdict.DOUBTFUL


def test_errors_relative_to_the_variation() -> None:
    problem = heat(conditions=[pl.Initial(u=lambda x: 100 + torch.sin(PI * x)), pl.Dirichlet(u=100.0)])
    problem = problem.replace(reference=lambda x, t: 100 + torch.exp(-0.1 * PI**2 * t) * torch.sin(PI * x))
    solution = solved(problem, Given(problem.domain, lambda p: 100 + 1.1 * heated(p)))
    (of_size,), (of_variation,) = solution.error().values(), solution.error(relative_to="variation").values()
    assert of_size < 5e-4 and of_variation == pytest.approx(0.2, rel=0.01)
    report = solution.report()
    assert report.estimate is not None and report.verdict is Verdict.WRONG
    assert report.estimate.of_variation["u"] == pytest.approx(of_variation, rel=1e-3)
    assert {m.name: m for m in report.conditions}["initial u"].relative > 0.1
    with pytest.raises(ValueError, match=r"error\(relative_to='mean'\): choose 'size' or 'variation'"):
        solution.error(relative_to="mean")


def test_an_error_that_is_rounding_where_it_is_handed_over_grows_in_later_windows() -> None:
    def pulse(t):
        return 0.1 * torch.exp(-(((t - 0.1) / 0.03) ** 2))

    unstable = pl.Problem(
        pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, t: u.t - 8 * (u - 1 - pulse(t)) + 2 * (t - 0.1) / 0.03**2 * pulse(t),
        [pl.Initial(u=float(1 + pulse(torch.zeros((), dtype=torch.float64))))],
        reference=lambda t: 1 + pulse(t),
    )
    solution = pl.solve(unstable, pl.HardConstraintMoE(), progress=False)
    estimate = solution.report("equation").estimate
    true = solution.error()["u"]
    assert len(solution.models) > 1 and true > 1e-11
    assert abs(estimate.largest / true - 1) < 0.1


def test_the_error_of_a_flow_in_velocity_and_pressure() -> None:
    """Poiseuille's flow, off by known functions: finite elements solve the error equation, its constant from one value."""

    def exact(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"u": y * (1 - y), "v": 0.1 + 0 * x, "p": 0.3 - 2 * x - 0.1 * y}

    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns=("u", "v", "p"),
        equations=lambda u, v, p, y: {
            "x": u * u.x + v * u.y + p.x - u.laplacian - 0.1 * (1 - 2 * y),
            "y": u * v.x + v * v.y + p.y - v.laplacian + 0.1,
            "mass": u.x + v.y,
        },
        conditions=[
            pl.Dirichlet(u=lambda y: y * (1 - y), v=0.1),
            pl.Data(points={"x": [0.2], "y": [0.5]}, p=[-0.15]),
        ],
        reference=exact,
    )

    def wrong(points: Tensor) -> Tensor:
        x, y = points.unbind(1)
        e = [1e-2 * torch.sin(3 * y) * x, 2e-3 * x * y**2, 0.1 * torch.cos(3 * x) * y + 0.05]
        return torch.stack([v + d for v, d in zip(exact(x, y).values(), e, strict=True)], dim=1)

    solution = solved(problem, Given(problem.domain, wrong))
    report = solution.report("equation", max_seconds=30)
    assert report.estimate is not None
    assert report.estimate.errors == pytest.approx(solution.error(), rel=2e-2)
