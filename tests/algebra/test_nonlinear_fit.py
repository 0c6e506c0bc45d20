"""Levenberg-Marquardt, one trial at a time."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.algebra.nonlinear_fit import Fit


def run(function, slope, start, longest=10.0, most=60):
    at = np.array(start)
    fit = Fit(at, function(at), slope(at), np.full((2, len(at)), longest))
    for _ in range(most):
        proposal = fit.propose()
        if fit.stuck or fit.promised < 1e-26:
            break
        if fit.improves(function(proposal)):
            fit.take(function(proposal), slope(proposal))
        else:
            fit.refuse()
    return fit


def test_a_linear_fit_is_found_at_once():
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    fit = run(lambda z: rows @ z - [0.0, 1.0, 5.0], lambda z: rows, [0.0, 0.0])
    assert fit.at == pytest.approx([-0.5, 2.5]) and fit.square == pytest.approx(1.5)


def test_rosenbrocks_valley():
    fit = run(
        lambda z: np.array([10 * (z[1] - z[0] ** 2), 1 - z[0]]),
        lambda z: np.array([[-20 * z[0], 10.0], [-1.0, 0.0]]),
        [-1.2, 1.0],
    )
    assert fit.at == pytest.approx([1.0, 1.0], abs=1e-10)


def test_steps_are_no_longer_than_allowed_and_refusals_shorten_them():
    fit = Fit(np.array([0.0]), np.array([10.0]), np.array([[1.0]]), np.array([[2.0], [3.0]]))
    assert fit.propose() == pytest.approx([-2.0])
    ahead = Fit(np.array([0.0]), np.array([-10.0]), np.array([[1.0]]), np.array([[2.0], [3.0]]))
    assert ahead.propose() == pytest.approx([3.0]), "each way has its own length"
    before = fit.damping
    fit.refuse()
    assert fit.damping > before and not fit.stuck
    assert not fit.improves(np.array([np.nan])) and not fit.improves(np.array([10.0])) and fit.improves(np.array([9.0]))


def test_parameters_that_nothing_depends_on_stay():
    fit = run(lambda z: np.array([z[0] - 1.0]), lambda z: np.array([[1.0, 0.0]]), [0.0, 7.0])
    assert fit.at == pytest.approx([1.0, 7.0])


def test_a_parameter_at_the_end_of_its_step_leaves_the_others_to_make_up_for_it():
    # without limits the step is (11, -10); shortened as a whole it would be (1, -0.91), and its sum no one
    rows, right = np.array([[1.0, 1.0], [0.0, 1e-3]]), np.array([1.0, -1e-2])
    fit = Fit(np.zeros(2), -right, rows, np.ones((2, 2)))
    proposal = fit.propose()
    assert proposal.max() <= 1 + 1e-12 and proposal.sum() == pytest.approx(1.0, abs=5e-3)
    assert fit.promised > 0.99


def test_after_a_refusal_another_step_is_proposed():
    # the box holds the step, so that damping a little would propose the same again
    fit = Fit(np.array([0.0]), np.array([100.0]), np.array([[1.0]]), np.array([[2.0], [2.0]]))
    refused = fit.propose()
    fit.refuse()
    assert refused == pytest.approx([-2.0]) and -1.6 < fit.propose()[0] < 0
