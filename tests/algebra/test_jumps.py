"""The prior of functions that jump, on numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.algebra.jumps import (
    drawn_size,
    drawn_weights,
    expected_squares,
    increments,
    jump_precision,
    jump_weights,
)
from pinnlab.algebra.smoothness import product_means
from pinnlab.solvers.local_experts.basis import Chebyshev


def test_increments_on_a_line() -> None:
    # T_0, T_1 at -1 and 1 are 1, 1 and -1, 1; T_1 is damped by sin(pi / 2) / (pi / 2)
    assert increments((1,)) == pytest.approx(np.array([[[0.0, math.pi]]]))


def test_increments_in_the_plane_stand_at_each_place_but_the_last() -> None:
    # x y at (-1, -1), (-1, 1), (1, -1), (1, 1) is 1, -1, -1, 1; both factors are damped by 2 / pi
    rows = increments((1, 1))
    assert rows.shape == (3, 2, 4)
    assert rows[:, :, 3] == pytest.approx(np.array([[-2, -2], [2, 0], [0, 2]]) * (math.pi / 2) ** 2)
    # only a constant has none
    assert np.linalg.matrix_rank(rows.reshape(-1, 4)) == 3
    assert rows[:, :, 0] == pytest.approx(np.zeros((3, 2)))


def test_a_step_is_one_increment_and_hardly_overshoots() -> None:
    p, basis = 40, Chebyshev((40,))
    nodes = -np.cos(math.pi * np.arange(p + 1) / p)
    step = np.where(nodes > 0.3, 1.0, 0.0)
    undamped = np.linalg.solve(basis.rows(nodes[:, None], (0,)), step)
    weights = undamped * np.sinc(np.arange(p + 1) / (p + 1))
    found = (increments((p,)) @ weights)[:, 0]
    assert sorted(np.abs(found))[-2:] == pytest.approx([0.0, 1.0], abs=1e-11)
    values = basis.rows(np.linspace(-1, 1, 999)[:, None], (0,)) @ weights
    assert values.max() < 1.03 and values.min() > -0.03
    assert 1.08 < (basis.rows(np.linspace(-1, 1, 999)[:, None], (0,)) @ undamped).max()


def test_weights_of_increments() -> None:
    # q = 1/2: s (s + 1) = 2; q = 1/12: s (s + 1) = 12
    assert jump_weights(np.array([1.0, 1 / 6]), 1.0) == pytest.approx([1.0, 3.0])
    assert jump_weights(np.array([4.0]), 2.0) == pytest.approx([1.0])
    # small ones as the total variation, sqrt(2) tau / |d|; large ones as a logarithm, 2 tau^2 / d^2
    assert jump_weights(np.array([1e-10]), 1.0) == pytest.approx([math.sqrt(2) * 1e5], rel=1e-4)
    assert jump_weights(np.array([1e10]), 1.0) == pytest.approx([2e-10], rel=1e-4)


def test_expected_squares_have_what_is_uncertain() -> None:
    rows = np.array([[[0.0, 2.0], [1.0, 0.0]]])
    # (2 * 3)^2 + 1^2, and the deviations 2 * 0.5 and 0.1
    found = expected_squares(rows, np.array([1.0, 3.0]), np.diag([0.1, 0.5]))
    assert found == pytest.approx([37 + 1 + 0.01])


def test_the_precision_is_that_of_normal_increments() -> None:
    rows = np.array([[[0.0, 2.0]], [[0.0, 1.0]]])
    # 4 * 1 / 0.25 + 1 * 9 / 0.25
    assert jump_precision(rows, np.array([1.0, 9.0]), 0.5) == pytest.approx(np.diag([0.0, 52.0]))
    assert product_means((1,)) == pytest.approx([1, 0])


def test_draws_of_sizes_are_inverse_gamma_where_nothing_is_known_beforehand() -> None:
    rng = np.random.default_rng(0)
    draws = np.array([drawn_size(8.0, 21, 1e9, rng) for _ in range(4000)])
    # 1 / tau^2 is gamma of the shape 10 and the rate 4
    assert (draws**-2).mean() == pytest.approx(2.5, rel=0.03)
    assert (draws**-2).std() == pytest.approx(math.sqrt(10) / 4, rel=0.06)
    # with a mean of 0.01 beforehand, the greatest density is where 100 tau + 20 = 8 / tau^2
    small = np.array([drawn_size(8.0, 21, 0.01, rng) for _ in range(400)])
    assert small.mean() == pytest.approx(0.373, rel=0.03)


def test_draws_of_weights_follow_large_increments() -> None:
    rng = np.random.default_rng(0)
    found = drawn_weights(np.full(4000, 200.0), np.zeros(4000), 1.0, rng)
    # exponential of the rate 1 / nu + 100, 1 / nu being about one
    assert found.mean() == pytest.approx(1 / 101, rel=0.06)
