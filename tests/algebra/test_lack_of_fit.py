"""Smooth parts of residuals: by hand, on noise, and on misfits that a sum of squares does not show."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy

from pinnlab.algebra.confidence import too_large
from pinnlab.algebra.lack_of_fit import smooth_chance, smooth_functions, smooth_misfit


def test_polynomials_at_places() -> None:
    # at -1, 0, 1 the constant and the straight line are (1, 1, 1) / sqrt(3) and (-1, 0, 1) / sqrt(2), up to a rotation
    found = smooth_functions(np.array([[2.0], [3.0], [4.0]]), 1)
    onto = np.full((3, 3), 1 / 3) + np.outer([-1, 0, 1], [-1, 0, 1]) / 2
    assert found @ found.T == pytest.approx(onto)
    # in the plane there are six up to degree two; along a line, which has one coordinate that never changes, three
    rng = np.random.default_rng(0)
    places = rng.uniform(size=(40, 2))
    assert smooth_functions(places, 2).shape == (40, 6)
    places[:, 1] = 0.5
    assert smooth_functions(places, 2).shape == (40, 3)


def test_the_chance_of_a_share() -> None:
    # of four residuals half along one direction of two: F = (1/2 / 2) / (1/2 / 2) = 1 with 2 and 2 degrees of freedom
    assert smooth_chance(0.5, 4, 2) == pytest.approx(0.5)
    # with 1 and n: Student's t squared
    t = math.sqrt(0.2 / (0.8 / 9))
    assert smooth_chance(0.2, 10, 1) == pytest.approx(2 * scipy.stats.t.sf(t, 9))
    assert smooth_chance(0.5, 4, 2, freedom=1.5) == 1.0
    assert smooth_chance(0.0, 40, 2) == 1.0


def test_noise_is_noise() -> None:
    rng, chances = np.random.default_rng(1), []
    for d in (1, 2, 3):
        for _ in range(60):
            places = rng.uniform(size=(120, d))
            chances.append(smooth_misfit(rng.normal(size=120), places)[0])
    assert min(chances) > 1e-4
    # no more often than said: of 180, 18 at 0.1, give or take 4
    assert np.mean(np.array(chances) < 0.1) < 0.17


def test_a_misfit_of_a_third_of_the_noise_is_seen_where_the_sum_of_squares_hardly_is() -> None:
    rng, large, chances = np.random.default_rng(2), 0, []
    for _ in range(20):
        places = rng.uniform(-1, 1, size=(600, 2))
        misfit = 0.7 * np.sin(math.pi * places[:, 0]) * np.sin(math.pi * places[:, 1])
        residuals = rng.normal(size=600) + misfit
        large += too_large(float(residuals @ residuals), 600)
        chances.append(smooth_misfit(residuals, places)[0])
    assert large <= 5
    assert np.median(chances) < 1e-6


def test_the_order_of_residuals_does_not_matter_and_few_are_not_judged() -> None:
    rng = np.random.default_rng(3)
    places, order = rng.uniform(size=(50, 1)), rng.permutation(50)
    residuals = rng.normal(size=50) + 2 * places[:, 0]
    assert smooth_misfit(residuals[order], places[order]) == pytest.approx(smooth_misfit(residuals, places))
    assert smooth_misfit(np.array([1.0, 2.0, 3.0]), np.arange(3.0)[:, None]) == (1.0, 0.0)
    assert smooth_misfit(np.zeros(50), places) == (1.0, 0.0)
