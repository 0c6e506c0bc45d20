"""Unknown coefficients: first guess, bounds, prior."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pinnlab as pl


def test_an_unknown_has_a_first_guess_bounds_and_a_prior():
    plain = pl.Unknown(0.5)
    assert (plain.start, plain.bounds, plain.prior, plain.of) == (0.5, None, None, None)
    # by these a checkpoint of an older version recognizes it
    assert vars(plain) == {"start": 0.5} and repr(plain) == "Unknown(0.5)"
    known = pl.Unknown(0.5, bounds=(0, 1), prior=(0.4, 0.1))
    assert (known.bounds, known.prior) == ((0.0, 1.0), (0.4, 0.1))
    assert repr(known) == "Unknown(0.5, bounds=(0.0, 1.0), prior=(0.4, 0.1))"
    assert known == pl.Unknown(0.5, np.array([0, 1]), [0.4, 0.1]) and known != plain
    assert pl.Unknown(2.0, bounds=(0, None)).bounds == (0.0, math.inf)
    assert pl.Unknown(2.0, bounds=(None, 3)).bounds == (-math.inf, 3.0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bounds": 3.0}, TypeError, r"bounds=3.0\): give two numbers"),
        ({"bounds": (0, 1, 2)}, TypeError, "give two numbers"),
        ({"bounds": ("a", 1)}, TypeError, "'a' is not a number"),
        ({"bounds": (0, math.nan)}, ValueError, "nan is not a number"),
        ({"bounds": (1, 0)}, ValueError, "the first must be smaller"),
        ({"bounds": (0.5, 1)}, ValueError, "first guess must be between the bounds, and on neither"),
        ({"bounds": (2, 3)}, ValueError, "first guess must be between the bounds"),
        ({"prior": 0.1}, TypeError, r"prior=0.1\): give its mean and its standard deviation"),
        ({"prior": (0.5, 0.0)}, ValueError, "a positive standard deviation"),
        ({"prior": (math.inf, 1.0)}, ValueError, "a finite mean"),
        ({"prior": (2.0, 0.1), "bounds": (0, 1)}, ValueError, r"the mean is outside the bounds \(0.0, 1.0\)"),
    ],
)
def test_bounds_and_priors_that_make_no_sense_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        pl.Unknown(0.5, **options)


def test_bounds_and_priors_change_units_with_their_coefficient():
    t = np.linspace(0.0, 1e4, 20)
    problem = pl.Problem(
        pl.Box(t=(0.0, 1e4)), "u", lambda u, k: u.t + k * u,
        [pl.Initial(u=300.0), pl.Data({"t": t}, u=300.0 * np.exp(-2e-4 * t))],
        {"k": pl.Unknown(1e-4, bounds=(0, 1e-2), prior=(2e-4, 5e-5))},
    )  # fmt: skip
    inner = problem.natural.parameters["k"]
    scale = problem.scales().coefficients["k"]
    assert scale < 1e-3
    assert inner.bounds == pytest.approx((0.0, 1e-2 / scale)) and inner.prior == pytest.approx(
        (2e-4 / scale, 5e-5 / scale)
    )
