"""Huber's loss, on numbers worked by hand and on normal noise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from pinnlab.algebra.robust import CORNER, clipped, information, normal_square, root, root_slope, scale


def test_the_loss_is_a_square_first_and_then_a_line():
    r = np.array([1.0, -1.0, CORNER, 3.0, -3.0])
    # 2 * 1.345 * 3 - 1.345^2 = 6.260975
    assert root(r) ** 2 == pytest.approx([1.0, 1.0, CORNER**2, 6.260975, 6.260975])
    assert np.sign(root(r)).tolist() == [1, -1, 1, 1, -1] and clipped(r).tolist() == [
        1.0,
        -1.0,
        CORNER,
        CORNER,
        -CORNER,
    ]
    step = 1e-6
    for value in (0.3, -1.2, 2.0, -5.0):
        ahead, behind = root(np.array([value + step, value - step]))
        assert root_slope(np.array([value]))[0] == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)
    # half the derivative of the squares is psi
    assert root(r) * root_slope(r) == pytest.approx(clipped(r))


def test_the_scale_of_normal_noise_and_of_noise_with_outliers():
    noise = 0.3 * np.random.default_rng(0).standard_normal(20000)
    assert normal_square() == pytest.approx(0.7102, abs=1e-4)
    assert scale(noise, 0) == pytest.approx(0.3, rel=0.02)
    spoiled = np.concatenate([noise[:1900], np.full(100, 50.0)])
    assert scale(spoiled, 0) == pytest.approx(0.3, rel=0.15) and np.sqrt((spoiled**2).mean()) > 10
    assert scale(np.zeros(5), 1) == 0.0
    # with p parameters the sum stands for n - p
    assert scale(noise[:20], 10) > 1.3 * scale(noise[:20], 0)


def test_the_efficiency_is_that_of_hubers_table():
    a, b = information(scipy.stats.norm.ppf((np.arange(20000) + 0.5) / 20000), 0)
    assert a == pytest.approx(0.8214, abs=2e-4) and b == pytest.approx(0.7102, abs=2e-4)
    assert a**2 / b == pytest.approx(0.95, abs=1e-3)
    # three inside of four, one parameter: psi^2 is 1.345^2 over n - p = 3, (1 + 1/4 * 1/3)^2 = (13/12)^2
    a, b = information(np.array([0.0, 0.0, 0.0, 9.0]), 1)
    assert a == 0.75 and b == pytest.approx(CORNER**2 / 3 * (13 / 12) ** 2)
