"""Combinations of parameters on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.algebra.combinations import reduced, sparse, together, told_rows


def test_a_reduced_form_has_as_many_zeros_as_may_be():
    # the span of (1, -1, 0) and (0, 0, 1), mixed
    mixed = np.array([[1.0, -1.0, 2.0], [1.0, -1.0, -2.0]])
    assert reduced(mixed) == pytest.approx(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]))
    assert np.abs(sparse(mixed)) == pytest.approx(np.array([[0.5**0.5, 0.5**0.5, 0.0], [0.0, 0.0, 1.0]]))
    assert sparse(np.zeros((0, 3))).shape == (0, 3) and sparse(np.zeros((0, 0))).shape == (0, 0)


def test_directions_are_joined_by_the_parameters_they_share():
    directions = np.array([[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 2.0, 0.0, 1.0, 0.0]])
    assert together(directions) == [([1], [2]), ([0, 2], [0, 1, 3])]


def test_what_stays_is_at_right_angles_to_what_does_not():
    assert told_rows(np.array([[1.0, -2.0]])) == pytest.approx(np.array([[2.0, 1.0]]))
    assert told_rows(np.array([[1.0, 1.0, 1.0]])) == pytest.approx(np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]))
    assert told_rows(np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]])) == pytest.approx(np.ones((1, 3)))
    assert len(told_rows(np.eye(2))) == 0
