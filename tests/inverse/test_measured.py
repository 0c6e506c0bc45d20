"""The noise of measured quantities, given or estimated."""

from __future__ import annotations

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.inverse.measured import Noise, measured, misfits
from pinnlab.inverse.priors import prior_terms

T = np.linspace(0.0, 1.0, 4)
PLAIN = pl.Unknown(1.0)


def problem(first, second=None, k=PLAIN):
    conditions = [pl.Initial(u=1.0, v=1.0), first, *([] if second is None else [second])]
    return pl.Problem(
        pl.Box(t=(0.0, 1.0)), ("u", "v"), lambda u, v, k: {"u": u.t + k * u, "v": v.t}, conditions, {"k": k}
    )


def test_misfits_are_solution_minus_measurement():
    data = pl.Data({"t": T}, of=lambda u, k: k * u, values=[0.0, 1.0, 2.0, 3.0])
    groups = measured(problem(data))
    assert [(g.label, g.count) for g in groups] == [("data expression", 4)]
    (left,) = misfits(problem(data), groups, lambda x, i: x.new_full((len(i), len(x), 2), 2.0), {"k": 3.0})
    assert left == pytest.approx([6.0, 5.0, 4.0, 3.0])
    assert len(problem(data).guessed.conditions) == 1


def test_noise_that_is_given_stays_and_the_rest_is_estimated():
    known, unknown = pl.Data({"t": T}, u=T, sd=0.5), pl.Data({"t": T}, v=T)
    noise = Noise(measured(problem(known, unknown)), [1.0, 10.0], 1e-8)
    assert noise.given == (True, False) and noise.deviations == (0.5, 10.0) and not noise.known
    left = [np.full(4, 9.0), np.array([3.0, -3.0, 3.0, -3.0])]
    # one parameter takes half of a degree of freedom of each: 36 / 3.5
    assert noise.estimate(left, 1) == pytest.approx(1 - noise.deviations[1] / 10)
    assert noise.deviations == pytest.approx((0.5, (36 / 3.5) ** 0.5))
    assert noise.whitened(left)[:4] == pytest.approx(np.full(4, 18.0))
    noise.estimate([left[0], np.zeros(4)], 1)
    assert noise.deviations[1] == pytest.approx(1e-7) and noise.rounding


def test_weights_say_how_quantities_count_where_the_noise_is_not_given():
    data = pl.Data({"t": T}, u=T, weight=4.0), pl.Data({"t": T}, v=T)
    noise = Noise(measured(problem(*data)), [1.0, 10.0], 1e-8)
    assert noise.deviations == (0.5, 1.0)
    noise.estimate([np.full(4, 1.0), np.full(4, 2.0)], 0)
    # sqrt((4 * 1 / 0.25 + 4 * 4) / 8) = 2
    assert noise.deviations == pytest.approx((1.0, 2.0))


def test_a_prior_weighs_as_one_more_measurement():
    data = pl.Data({"t": T}, u=T, sd=0.5, weight=2.0)
    (term,) = prior_terms(problem(data, k=pl.Unknown(1.0, prior=(0.5, 0.1))))
    # of the mean of four squares, times two, one in units of the noise is worth 2 * 0.25 / 4
    assert term.weight == pytest.approx(0.125) and term.residuals == ("prior k",)
    with pytest.raises(ValueError, match=r"'k'\] has a prior, which counts against the noise"):
        prior_terms(problem(pl.Data({"t": T}, u=T), k=pl.Unknown(1.0, prior=(0.5, 0.1))))
    assert prior_terms(problem(data)) == []


def test_quantities_at_the_same_points_are_evaluated_once():
    t = np.linspace(0, 1, 5)
    problem = pl.Problem(
        pl.Box(t=(0.0, 1.0)), ("u", "v"), lambda u, v: {"u": u.t - v, "v": v.t + u},
        [pl.Initial(u=0.0, v=1.0), pl.Data({"t": t}, u=t, v=2 * t), pl.Data({"t": t / 2}, u=t)],
    )  # fmt: skip
    groups, asked = measured(problem), []

    def jet(points, indices):
        asked.append(points)
        return points.new_zeros(len(indices), len(points), 2)

    left = misfits(problem, groups, jet, {})
    assert len(groups) == 3 and len(asked) == 2
    assert [abs(each).max() for each in left] == [1.0, 2.0, 1.0]
