"""Reports on finished solutions: what a verdict rests on."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from known_solutions import Given, Joined, convection, heat, heated, solved
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.relative_error import error_grid
from pinnlab.solution.measures import Misfit
from pinnlab.solution.quality.direct_features import annihilates, solve_directly
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.solution.quality.report import Verdict, judge
from pinnlab.solution.quality.smoothness import Kink, impossible, jump_inside
from pinnlab.solution.sizes import Size, relative_size


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
    exact = np.exp(-0.1 * math.pi**2 * times)
    problem = heat(parameters={"D": pl.Unknown(0.5)})
    problem = problem.replace(conditions=[*problem.conditions, pl.Data({"x": np.full(10, 0.5), "t": times}, u=exact)])
    right = solved(problem, Given(problem.domain, lambda p: 1.001 * heated(p), D=0.1)).report()
    assert right.verdict is Verdict.GOOD and "with the coefficients found" in right.why
    other = solved(problem, Given(problem.domain, lambda p: 1.001 * heated(p, 0.2), D=0.2)).report()
    assert other.verdict is Verdict.DOUBTFUL and "the data are missed by" in other.why


def test_a_coefficient_that_nothing_tells_makes_no_solution_good() -> None:
    problem = heat(parameters={"D": pl.Unknown(0.5)})
    report = solved(problem, Given(problem.domain, lambda p: heated(p, 0.3), D=0.3)).report()
    assert report.verdict is Verdict.DOUBTFUL and report.estimate is not None
    assert report.why.startswith("parameter D is to be found, but there are no data: add Data(")
    assert any("parameter D is to be found" in reason for reason in report.reasons)


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


def test_requests_that_cannot_work() -> None:
    solution = solved(heat(), Given(heat().domain, heated))
    with pytest.raises(
        ValueError, match=r"report\(estimate='guess'\): choose one of 'auto', 'characteristics', 'leapfrog', 'equation'"
    ):
        solution.report("guess")
    with pytest.raises(ValueError, match=r"report\(tolerance=0\): must be positive"):
        solution.report(tolerance=0)
    family = heat(parameters={"D": pl.Uniform(0.1, 0.2)})
    with pytest.raises(ValueError, match=r"report\(\) of a family: each member has its own; .* solution.at\(D=...\)"):
        solved(family, Given(family.domain, heated)).report()


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


def test_rounding_of_a_derivative_that_is_zero_is_no_kink() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    problem = pl.Problem(box, "u", lambda u: u.xx + u.yy - 1, [pl.Dirichlet(u=0.0)])
    for size, seen in ((1e-15, False), (1e-9, True)):
        bent = Given(box, lambda p, s=size: 7 + (math.pi * p[:, :1]).cos() + s * (p[:, 1:] - 0.75).clamp_min(0))
        assert (jump_inside(problem, [bent]) is not None) is seen


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
    problem = heat(conditions=[pl.Initial(u=lambda x: 100 + torch.sin(math.pi * x)), pl.Dirichlet(u=100.0)])
    problem = problem.replace(reference=lambda x, t: 100 + torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x))
    solution = solved(problem, Given(problem.domain, lambda p: 100 + 1.1 * heated(p)))
    (of_size,), (of_variation,) = solution.error().values(), solution.error(relative_to="variation").values()
    assert of_size < 5e-4 and of_variation == pytest.approx(0.2, rel=0.01)
    report = solution.report()
    assert report.estimate is not None and report.verdict is Verdict.WRONG
    assert report.estimate.of_variation["u"] == pytest.approx(of_variation, rel=1e-3)
    assert {m.name: m for m in report.conditions}["initial u"].relative > 0.1
    with pytest.raises(ValueError, match=r"error\(relative_to='mean'\): choose one of 'size', 'variation', 'all'"):
        solution.error(relative_to="mean")
