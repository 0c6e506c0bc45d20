"""Unknown numbers, found from data around local experts, with their intervals."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.inverse.fitted import FittedMarch
from pinnlab.inverse.responses import Responses, UnsolvedError
from pinnlab.inverse.spread import _guess, _line
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.training.plans import NothingSolvedError

T = np.linspace(0.0, 5.0, 40)
RNG = np.random.default_rng(5)
NOISE = RNG.standard_normal(40)


RATE = pl.Unknown(0.2)


def decay(values, unknown=RATE, equation=lambda u, k: u.t + k * u, sd=None, **others):
    data = pl.Data({"t": T}, u=values, sd=sd)
    return pl.Problem(pl.Box(t=(0.0, 5.0)), "u", equation, [pl.Initial(u=1.0), data], {"k": unknown, **others})


def solved(problem, **options):
    return pl.solve(problem, pl.HardConstraintMoE(), progress=False, **options)


def heat(extra=lambda u, D: 0.0, **parameters):
    x, t = RNG.uniform(0, 1, 60), RNG.uniform(0, 0.3, 60)
    u = np.exp(-(math.pi**2 * 0.8 + 2.0) * t) * np.sin(math.pi * x) + 0.01 * RNG.standard_normal(60)
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.3)), "u", lambda u, D, h: u.t - D * u.xx + h * u,
        [pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0), pl.Data({"x": x, "t": t}, u=u, sd=0.01)],
        parameters,
    )  # fmt: skip


def test_the_default_finds_a_rate_and_says_how_sure_it_is():
    solution = pl.solve(decay(np.exp(-0.6 * T) + 0.01 * NOISE), progress=False)
    assert type(solution.solver) is pl.HardConstraintMoE and solution.status.name == "CONVERGED"
    low, high = solution.intervals(0.95)["k"]
    assert low < 0.6 < high and low < solution.coefficients["k"] < high
    # the derivative of exp(-k t) by k is -t exp(-k t)
    k = solution.coefficients["k"]
    left = np.exp(-k * T) - np.exp(-0.6 * T) - 0.01 * NOISE
    deviation = math.sqrt((left @ left) / 39 / ((T * np.exp(-k * T)) ** 2).sum())
    assert (high - low) / 2 == pytest.approx(2.0227 * deviation, rel=1e-3)
    assert f"k = {k:.6g}, 95 % interval {low:.6g} to {high:.6g}" in str(solution)
    assert solution.history.column("k")[-1] == pytest.approx(k)


def test_noise_that_is_given_makes_the_intervals():
    tight, wide = (solved(decay(np.exp(-0.6 * T) + 0.01 * NOISE, sd=sd)).intervals()["k"] for sd in (0.01, 0.02))
    assert wide[1] - wide[0] == pytest.approx(2 * (tight[1] - tight[0]), rel=1e-3)


def test_without_noise_it_is_as_accurate_as_the_experts():
    assert solved(decay(np.exp(-0.6 * T))).coefficients["k"] == pytest.approx(0.6, rel=1e-6)


def test_sensitivities_are_those_of_other_marches():
    problem = heat(D=pl.Unknown(0.7), h=pl.Unknown(1.5, bounds=(0, None)))
    experts = LocalExperts(tolerance=1e-10)
    responses = Responses(problem, partial(experts._solved, 0), {})
    here = responses.at(responses.start, Deadline())
    (found,) = responses.jacobian(here, Deadline())
    for i, step in enumerate(1e-3 * np.eye(2)):
        ahead, behind = (responses.at(responses.start + s * step, Deadline()).left[0] for s in (1, -1))
        assert found[:, i] == pytest.approx((ahead - behind) / 2e-3, abs=2e-6)


def test_derivatives_of_ordinary_differential_equations_are_exact():
    # u' = r u (1 - u) from u = A: u = A / (A + (1 - A) exp(-r t)), over many slabs
    t = np.linspace(0, 20, 30)
    problem = pl.Problem(
        pl.Box(t=(0.0, 20.0)), "u", lambda u, r: u.t - r * u * (1 - u),
        [pl.Initial(u=lambda A: A), pl.Data({"t": t}, of=lambda u, gain: gain * u, values=t)],
        {"r": pl.Unknown(0.8), "A": pl.Unknown(0.1), "gain": pl.Unknown(2.0)},
    )  # fmt: skip
    responses = Responses(problem, partial(LocalExperts()._solved, 0), {})
    here = responses.at(responses.start, Deadline())
    assert len(here.state.march.pieces) > 1
    numbers, points = torch.tensor([0.8, 0.1]).double(), torch.from_numpy(t)

    def exact(numbers):
        r, A = numbers
        return A / (A + (1 - A) * torch.exp(-r * points))

    # first guesses are the units of free variables
    wanted = torch.autograd.functional.jacobian(exact, numbers).numpy() * numbers.numpy()
    slopes = responses.slopes(here, points[:, None], Deadline())[:, :, 0]
    assert slopes[:2].T == pytest.approx(wanted, abs=1e-7) and not slopes[2].any()
    (found,) = responses.jacobian(here, Deadline())
    assert found == pytest.approx(2 * np.column_stack([wanted, exact(numbers).numpy()]), abs=2e-7)


def test_a_sum_that_data_do_not_take_apart_is_named():
    solution = solved(heat(D=pl.Unknown(1.0), h=pl.Unknown(1.0)))
    assert solution.uncertainty.remarks[0] == "the data tell D and h only through 9.87 D + h"
    assert solution.intervals() == {"D": (-math.inf, math.inf), "h": (-math.inf, math.inf)}
    D, h = solution.coefficients.values()
    assert 9.8696 * D + h == pytest.approx(9.8696 * 0.8 + 2.0, rel=0.03)


def test_a_prior_takes_them_apart():
    solution = solved(heat(D=pl.Unknown(1.0), h=pl.Unknown(1.0, prior=(2.1, 0.1))))
    low, high = solution.intervals()["h"]
    assert solution.uncertainty.remarks == ()
    assert solution.coefficients["h"] == pytest.approx(2.1, abs=1e-3)
    assert (high - low) / 2 == pytest.approx(1.96 * 0.1, rel=0.01)


def test_products_and_what_leaves_no_trace():
    product = decay(
        np.exp(-0.6 * T) + 0.01 * NOISE, pl.Unknown(1.0, bounds=(0, None)), lambda u, k, b: u.t + k * b * u,
        b=pl.Unknown(1.0, bounds=(0, 10)),
    )  # fmt: skip
    solution = solved(product)
    assert solution.uncertainty.remarks[0] == "the data tell k and b only through k b"
    assert solution.intervals() == {"k": (0.0, math.inf), "b": (0.0, 10.0)}
    nothing = decay(np.exp(-0.6 * T) + 0.01 * NOISE, equation=lambda u, k, b: u.t + k * u + 0 * b, b=pl.Unknown(1.0))
    assert "the data do not tell b" in str(solved(nothing))


def test_a_bound_that_data_want_beyond():
    solution = solved(decay(np.exp(-0.6 * T) + 0.01 * NOISE, pl.Unknown(0.2, bounds=(0, 0.5))))
    assert solution.coefficients["k"] == pytest.approx(0.5, abs=1e-3)
    assert "k is at its bound 0.5: the data want it beyond" in solution.uncertainty.remarks


def test_numbers_beside_one_at_its_bound_are_as_unsure_as_that_leaves_them():
    # -u'' + q u = f: what q and f do is nearly the same, and the noise is such that q wants below zero
    x = np.linspace(0.05, 0.95, 40)
    values = 1.1 * x * (1 - x) + 0.02 * np.cos(2 * math.pi * x) * x * (1 - x) + 0.02 * NOISE
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, q, f: -u.xx + q * u - f,
        [pl.Dirichlet(u=0.0), pl.Data({"x": x}, u=values, sd=0.02)],
        {"q": pl.Unknown(3.0, bounds=(0, None)), "f": pl.Unknown(1.0, bounds=(0, None))},
    )  # fmt: skip
    solution = solved(problem)
    q, f = solution.intervals().values()
    assert q[0] == 0.0 and "q is at its bound 0" in solution.uncertainty.remarks[0]
    # without q the largest f would be 2.2 and 1.96 deviations, 0.03; with q it is f = 2.2 + q 2.2 / 9.9, about
    assert f[0] < 2.2 < f[1] and f[1] > 2.2 * (1 + 0.7 * q[1] / 9.87) > 2.4


def test_another_minimum_is_found():
    # of the fit of a frequency there are as many minima as periods
    data = pl.Data({"t": T}, u=np.cos(3 * T) + 0.05 * NOISE)
    problem = pl.Problem(
        pl.Box(t=(0.0, 5.0)), "u", lambda u, w: u.tt + w**2 * u, [pl.Initial(u=1.0, u_t=0.0), data],
        {"w": pl.Unknown(0.5, bounds=(0.1, 10))},
    )  # fmt: skip
    solution = solved(problem)
    low, high = solution.intervals()["w"]
    assert low < 3.0 < high < 3.1
    assert any("another minimum" in note for note in solution.notes)


def test_a_misfit_that_is_no_noise_and_measurements_far_off_are_told():
    wave = decay(np.exp(-0.6 * T) + 0.1 * np.sin(3 * T) + 0.01 * NOISE, sd=0.01)
    told = str(solved(wave))
    assert "times the noise that was given" in told and "is no independent noise" in told
    values = np.exp(-0.6 * T) + 0.01 * NOISE
    values[7] += 0.5
    assert "1 of 40 measurements lie far off, number 7 most" in str(solved(decay(values)))


def test_measurements_far_off_count_less_where_that_is_asked_for():
    values = np.exp(-0.6 * T) + 0.01 * NOISE
    clean = solved(decay(values)).intervals()["k"]
    values[[3, 11, 20]] += [0.5, 0.4, 0.6]
    robust = decay(values)
    robust = robust.replace(conditions=[robust.conditions[0], pl.Data({"t": T}, u=values, robust=True)])
    solution = solved(robust)
    low, high = solution.intervals()["k"]
    assert low < 0.6 < high and high - low < 1.8 * (clean[1] - clean[0])
    assert any("3 of 40 measurements lie far off, number 20 most" in note for note in solution.notes)
    assert solution.uncertainty.remarks == ()
    off = solved(decay(values)).intervals()["k"]
    assert off[1] - off[0] > 5 * (high - low)


def test_a_robust_loss_is_as_sure_as_its_estimate_scatters():
    # a gain that is measured directly: the estimate's error over its stated deviation has variance one
    rng, errors = np.random.default_rng(4), []
    for _ in range(16):
        noise = rng.standard_normal(30) * np.where(rng.random(30) < 0.1, 20.0, 1.0)
        data = pl.Data({"t": T[:30]}, of=lambda u, k: k + 0 * u, values=2.0 + 0.1 * noise, robust=True)
        problem = pl.Problem(
            pl.Box(t=(0.0, 5.0)), "u", lambda u: u.t, [pl.Initial(u=1.0), data], {"k": pl.Unknown(1.0)}
        )  # fmt: skip
        march = LocalExperts().fitted(problem, 0, {})
        while march.advance().stopped is None:
            pass
        found = march.uncertainty
        errors.append((found.values["k"] - 2.0) / found.covariance.deviations[0])
    assert 0.4 < float(np.mean(np.square(errors))) < 2.0


def test_a_robust_loss_is_refused_where_it_has_no_effect():
    data = pl.Data({"t": T}, u=np.exp(-0.6 * T), robust=True)
    problem = decay(np.exp(-0.6 * T)).replace(conditions=[pl.Initial(u=1.0), data])
    with pytest.raises(ValueError, match=r"robust=True\) has no effect on how PINN solves .*HardConstraintMoE"):
        pl.solve(problem, pl.PINN(), progress=False)
    with pytest.raises(ValueError, match="robust=True"):
        pl.solve(problem.at(k=0.6), pl.HardConstraintMoE(), progress=False)
    with pytest.raises(TypeError, match=r"Data\(robust='huber'\): give True"):
        pl.Data({"t": T}, u=T, robust="huber")


def test_one_measurement_tells_nothing_of_its_noise():
    problem = pl.Problem(
        pl.Box(t=(0.0, 5.0)), "u", lambda u, k: u.t + k * u, [pl.Initial(u=1.0), pl.Data({"t": [2.0]}, u=[0.3])],
        {"k": pl.Unknown(0.2)},
    )  # fmt: skip
    solution = solved(problem)
    assert solution.coefficients["k"] == pytest.approx(-math.log(0.3) / 2, rel=1e-5)
    assert solution.intervals() == {"k": (-math.inf, math.inf)} and "give sd=" in str(solution)


def test_natural_units_and_files(tmp_path):
    t = np.linspace(0.0, 1e4, 30)
    problem = pl.Problem(
        pl.Box(t=(0.0, 1e4)), "T", lambda T, k: T.t + k * (T - 290.0),
        [pl.Initial(T=350.0), pl.Data({"t": t}, T=290 + 60 * np.exp(-4e-4 * t) + 0.2 * RNG.standard_normal(30))],
        {"k": pl.Unknown(1e-4, bounds=(0, None))},
    )  # fmt: skip
    solution = solved(problem)
    low, high = solution.intervals()["k"]
    assert low < 4e-4 < high and high - low < 2e-5
    solution.save(tmp_path / "cooling.pt")
    again = pl.Solution.load(tmp_path / "cooling.pt")
    assert again.intervals()["k"] == pytest.approx((low, high)) and again.coefficients == solution.coefficients


def test_unknown_initial_and_boundary_values_of_steady_problems_too():
    x, q, b = np.linspace(0, 1, 30), 2.5, 0.3
    w = q**0.5
    values = (1 - np.cosh(w * x)) / q + (b - (1 - np.cosh(w)) / q) * np.sinh(w * x) / np.sinh(w)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, q: -u.xx + q * u - 1,
        [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=lambda b: b, on="x+"), pl.Data({"x": x}, u=values)],
        {"q": pl.Unknown(1.0), "b": pl.Unknown(0.1)},
    )  # fmt: skip
    found = solved(problem).coefficients
    assert found == pytest.approx({"q": q, "b": b}, rel=1e-5)


def test_a_run_goes_on_from_numbers_and_from_a_checkpoint(tmp_path):
    problem = decay(np.exp(-0.6 * T) + 0.01 * NOISE)
    whole = solved(problem)
    assert len(solved(problem, start=whole).history) < len(whole.history)
    file = tmp_path / "half.pt"
    solved(problem, checkpoint=file, callbacks=[lambda record: len(record.coefficients) and record.loss < 0.05])
    again = solved(problem, checkpoint=file)
    assert again.coefficients["k"] == pytest.approx(whole.coefficients["k"], rel=1e-12)


def test_what_it_cannot_take_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"from Data, or beside an Integral.*use PINN"):
        solved(
            pl.Problem(pl.Box(t=(0.0, 1.0)), "u", lambda u, k: u.t + k * u, [pl.Initial(u=1.0)], {"k": pl.Unknown(1.0)})
        )
    x = pl.Data({"x": [0.5]}, u=[1.0])
    with pytest.raises(ValueError, match="without the data that state is not fixed: .*use PINN"):
        solved(
            pl.Problem(
                pl.Box(x=(0.0, 1.0)),
                "u",
                lambda u, k: u.xx + k,
                [pl.Dirichlet(u=0.0, on="x-"), x],
                {"k": pl.Unknown(1.0)},
            )
        )
    solution = solved(decay(np.exp(-0.6 * T)).at(k=0.6).replace(conditions=[pl.Initial(u=1.0)]))
    with pytest.raises(ValueError, match=r"no numbers were to be found; they are declared as parameters=\{'k'"):
        solution.intervals()


def test_numbers_that_have_not_settled_have_no_interval():
    problem = decay(np.exp(-0.6 * T) + 0.01 * NOISE)
    march = LocalExperts().fitted(problem, 0, {})
    assert march.advance().accepted
    stopped = march.advance(Deadline(1.0, 1.0, lambda: 2.0))
    assert stopped.stopped.name == "BUDGET_REACHED" and march.uncertainty is None
    assert march.notes[-1] == "k had not settled when the time was up" and len(march.pieces) > 0


def test_what_only_measurements_depend_on_is_found_too():
    # a gain that stands in no equation; without data nothing depends on it
    data = pl.Data({"t": T}, of=lambda u, gain: gain * u, values=2.5 * np.exp(-0.6 * T) + 0.01 * NOISE)
    problem = pl.Problem(
        pl.Box(t=(0.0, 5.0)), "u", lambda u, k: u.t + k * u, [pl.Initial(u=1.0), data],
        {"k": pl.Unknown(0.2), "gain": pl.Unknown(1.0)},
    )  # fmt: skip
    solution = solved(problem)
    for name, value in {"k": 0.6, "gain": 2.5}.items():
        low, high = solution.intervals(0.999)[name]
        assert low < value < high < 1.1 * value


def test_a_first_guess_without_a_solution_over_the_whole_domain_is_left_for_one_that_has_one():
    # such as a tank that runs dry before the last measurement
    def solve(problem, deadline, most, near):
        if float(problem.parameter_values()["k"]) > 0.8:
            raise UnsolvedError("no slab is short enough")
        return experts._solved(0, problem, deadline, most, near)

    experts = LocalExperts()
    problem = decay(np.exp(-0.6 * T) + 0.01 * NOISE, pl.Unknown(0.9, bounds=(0, 1)))
    march = FittedMarch(problem, solve, experts.tolerance, {})
    while march.advance().stopped is None:
        pass
    assert march.uncertainty is not None
    low, high = march.uncertainty.intervals()["k"]
    assert low < 0.6 < high
    assert any("for the first guess of k there is no solution" in note for note in march.notes)
    with pytest.raises(NothingSolvedError, match="first guess of k: no slab"):
        FittedMarch(decay(np.exp(-0.6 * T), pl.Unknown(50.0, bounds=(40, 60))), solve, 1e-9, {}).advance()


def test_numbers_without_a_solution_next_to_the_first_guess_are_told(monkeypatch):
    problem = decay(np.exp(-0.6 * T) + 0.01 * NOISE)
    march = FittedMarch(problem, partial(LocalExperts()._solved, 0), 1e-9, {})

    def none(*_):
        raise UnsolvedError("it grows beyond all bounds")

    monkeypatch.setattr(march.responses, "jacobian", none)
    with pytest.raises(NothingSolvedError, match="solved for numbers next to the first guess: it grows beyond"):
        march.advance()


def test_a_march_that_begins_near_another_comes_to_the_same_with_fewer_steps():
    problem = decay(np.exp(-0.6 * T), equation=lambda u, k: u.t + k * u * (2 - u))
    responses = Responses(problem, partial(LocalExperts()._solved, 0), {})
    first = responses.at(np.array([0.6]), Deadline())
    near = responses.at(np.array([0.65]), Deadline())
    assert near.state.march.near is not None and first.state.march.near is None
    responses._last = None
    alone = responses.at(np.array([0.65]), Deadline())
    assert near.left[0] == pytest.approx(alone.left[0], abs=1e-9)
    assert near.state.work <= alone.state.work
    # numbers that have little in common start anew
    assert responses.at(np.array([4.0]), Deadline()).state.march.near is None
    far = responses._similar(np.array([4.0]), np.array([4.0 * math.e]))
    assert far and not responses._similar(np.array([0.5]), np.array([1.7])), "a factor of e, or one first guess"


def test_numbers_without_bounds_go_as_far_as_positive_ones_and_change_their_sign_near_zero():
    march = FittedMarch(decay(np.exp(-0.6 * T)), partial(LocalExperts()._solved, 0), 1e-9, {})
    back, ahead = march._longest(np.array([3.0]))
    assert (back[0], ahead[0]) == pytest.approx((3 * (1 - 1 / math.e), 3 * (math.e - 1)))
    back, ahead = march._longest(np.array([-3.0]))
    assert (back[0], ahead[0]) == pytest.approx((3 * (math.e - 1), 3 * (1 - 1 / math.e)))
    assert march._longest(np.array([0.0])) == pytest.approx(np.full((2, 1), 0.1))
    assert march._longest(np.array([9.0]))[0, 0] == 2.0, "towards zero no more than two first guesses"


def test_a_profile_is_followed_along_its_curve():
    places = {0.0: np.array([0.0, 1.0]), 1.0: np.array([1.0, 2.0]), -1.0: np.array([-1.0, 3.0])}
    assert _guess(places, 2.0, np.array([1.0, 0.0])) == pytest.approx([2.0, 3.0])
    assert _guess(places, -1.5, np.array([1.0, 0.0])) == pytest.approx([-1.5, 4.0])
    assert _guess({0.0: np.array([0.0, 1.0])}, 0.5, np.array([2.0, 4.0])) == pytest.approx([1.0, 3.0])


def test_logarithms_follow_one_another_as_power_laws_do():
    frees = (Free(), Free(0.0), Free(0.0))
    assert _line(frees, np.array([40.0, 1.0, -40.0]), 1) == pytest.approx([40.0, 1.0, -5.0])
    assert _line(frees, np.array([1.0, 40.0, -40.0]), 0) == pytest.approx([1.0, 40.0, -40.0])


def test_noise_that_is_all_that_is_left_of_the_data_is_no_reason_to_doubt():
    values = np.exp(-0.6 * T) + 0.1 * NOISE
    verdicts = [solved(decay(values, sd=sd)).report(estimate="classical").verdict.value for sd in (0.1, 0.03)]
    assert verdicts == ["good", "doubtful"]
    # neighbours that hang together are no noise, however large it may be
    smooth = solved(decay(np.exp(-0.6 * T) + 0.2 * np.sin(T)))
    assert smooth.report(estimate="classical").verdict.value == "doubtful"
