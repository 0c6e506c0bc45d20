"""Covariance, blind directions and quantiles on numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.algebra.combinations import told_rows
from pinnlab.algebra.confidence import (
    covariance,
    involved,
    lag_correlation,
    profile_in_box,
    quantile,
    too_large,
)


def test_the_covariance_of_a_straight_line():
    # y = a + b x at x = -1, 0, 1: J^T J = diag(3, 2)
    found = covariance(np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]))
    assert found.matrix == pytest.approx(np.diag([1 / 3, 1 / 2])) and len(found.blind) == 0
    assert found.deviations == pytest.approx([3**-0.5, 2**-0.5])


def test_units_of_parameters_do_not_matter():
    rows = np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 2.0]])
    plain, scaled = covariance(rows), covariance(rows * [1e-9, 1e6])
    assert scaled.matrix * np.outer([1e-9, 1e6], [1e-9, 1e6]) == pytest.approx(plain.matrix)


def test_a_sum_that_data_tell_leaves_a_blind_direction():
    # only 2 a + b is seen: along (1, -2) nothing changes
    found = covariance(np.array([[2.0, 1.0], [4.0, 2.0], [-2.0, -1.0]]))
    (direction,) = found.blind
    assert direction[1] / direction[0] == pytest.approx(-2.0)
    assert np.isinf(found.deviations).all() and involved(direction).all()
    assert told_rows(found.blind) == pytest.approx(np.array([[2.0, 1.0]]))


def test_a_parameter_without_a_trace_is_a_direction_of_its_own():
    found = covariance(np.array([[1.0, 0.0], [1.0, 1e-12]]), least=1e-9)
    assert found.blind == pytest.approx(np.array([[0.0, 1.0]])) or found.blind == pytest.approx(np.array([[0.0, -1.0]]))
    assert found.deviations == pytest.approx([2**-0.5, np.inf])
    assert not involved(found.blind[0])[0]


def test_fewer_rows_than_parameters_leave_directions_open():
    assert len(covariance(np.array([[1.0, 2.0, 3.0]])).blind) == 2


def test_quantiles_are_those_of_tables():
    assert quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert quantile(0.95, 1.0) == pytest.approx(12.7062, abs=1e-4)
    assert quantile(0.99, 10.0) == pytest.approx(3.1693, abs=1e-4)


def test_neighbours_that_agree_are_correlated():
    assert lag_correlation(np.array([1.0, 1.0, 1.0, 1.0])) == pytest.approx(3 / 4)
    assert lag_correlation(np.array([1.0, -1.0, 1.0, -1.0])) == pytest.approx(-3 / 4)
    assert lag_correlation(np.zeros(5)) == 0.0


def test_a_sum_of_squares_beyond_chance():
    assert not too_large(110.0, 100.0) and too_large(160.0, 100.0) and not too_large(5.0, 0.0)
    assert math.isfinite(quantile(0.5, 0.5))


def test_a_profile_beside_a_bound():
    # residuals s - 1 and s + b + 1 with b >= 0: b = 0 for s >= -1, where the sum of squares is 2 + 2 s^2; else (s - 1)^2
    rows, box = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[-np.inf, np.inf], [0.0, np.inf]])
    steps, deviances = profile_in_box(rows, np.array([-1.0, 1.0]), box, 0, 1.0)
    found = dict(zip(steps, deviances, strict=True))
    assert found[0.0] == 0.0 and found[1.0] == pytest.approx(2**0.5) and found[-0.5] == pytest.approx(-(0.5**0.5))
    assert found[-2.0] == pytest.approx(-(7**0.5)) and deviances[-1] > 4 > deviances[-2]
