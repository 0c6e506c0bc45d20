"""Roughness and the prior of smooth functions, on numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.algebra.smoothness import grams, matern_precision, means, product_means, roughness
from pinnlab.solvers.local_experts.basis import Chebyshev


def test_means_of_chebyshev_polynomials() -> None:
    assert means(4) == pytest.approx([1, 0, -1 / 3, 0, -1 / 15])
    assert product_means((1, 2)) == pytest.approx([1, 0, -1 / 3, 0, 0, 0])


def test_mean_products_of_polynomials_and_of_their_slopes() -> None:
    # T_0, T_1, T_2 are 1, s, 2 s^2 - 1, with slopes 0, 1, 4 s
    values, slopes, curvatures = grams(2, 2)
    assert values == pytest.approx(np.array([[1, 0, -1 / 3], [0, 1 / 3, 0], [-1 / 3, 0, 7 / 15]]))
    assert slopes == pytest.approx(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 16 / 3]]))
    assert curvatures == pytest.approx(np.diag([0, 0, 16.0]))


def test_roughness_in_the_plane_counts_mixed_derivatives_twice() -> None:
    weights = np.zeros((3, 3))
    weights[1, 1] = 1.0  # x y
    flat = weights.ravel()
    assert flat @ roughness((2, 2), 2) @ flat == pytest.approx(2.0)
    assert flat @ roughness((2, 2), 1) @ flat == pytest.approx(2 / 3)
    assert flat @ roughness((2, 2), 0) @ flat == pytest.approx(1 / 9)


def test_the_size_of_a_constant_is_not_held_against_it() -> None:
    constant = np.array([3.0, 0, 0, 0])
    for order in range(3):
        assert constant @ roughness((3,), order) @ constant == pytest.approx(0.0, abs=1e-14)


def test_materns_prior_has_size_one_inside() -> None:
    parts, length = [roughness((24,), order) for order in range(3)], 0.15
    precision = matern_precision(parts, length, 1) + np.outer(product_means((24,)), product_means((24,)))
    rows = Chebyshev((24,)).rows(np.array([[0.0], [0.15]]), (0,))
    covariance = rows @ np.linalg.inv(precision) @ rows.T
    # less its mean, and with one of deviation one: 1 - 2 * (2 * 0.15) * (1 / 2) + 1, about
    assert covariance[0, 0] == pytest.approx(2 - 0.3, abs=0.05)
    # of order two the correlation is (1 + r) exp(-r) at r lengths
    assert covariance[0, 0] - covariance[0, 1] == pytest.approx(1 - 2 * math.exp(-1), abs=0.02)
