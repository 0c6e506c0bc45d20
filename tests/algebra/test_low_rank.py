"""Systems of a factorized matrix and few rows that are not in it."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.algebra.low_rank import corrected


def test_a_row_more_and_a_row_less() -> None:
    matrix, more, less = np.diag([2.0, 4.0]), np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])
    found = corrected(lambda b: b / [2.0, 4.0], more, less)(np.array([3.0, 6.0]))
    # [[2, 1], [1, 5]] x = (3, 6)
    assert found == pytest.approx([1.0, 1.0])
    assert matrix + more.T @ more - less.T @ less == pytest.approx(np.array([[2.0, 1.0], [1.0, 5.0]]))


def test_a_pin_that_alone_makes_the_matrix_regular_is_exchanged_for_a_mean() -> None:
    """The Neumann Laplacian of three nodes, whose constant a pin at one node fixes, and then the mean."""
    singular = np.array([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]])
    pin, mean = np.array([[1.0, 0.0, 0.0]]), np.full((1, 3), 1 / 3)
    inverse = np.linalg.inv(singular + pin.T @ pin)
    right = singular @ [1.0, 2.0, 4.0] + 5.0 * mean[0]
    found = corrected(inverse.dot, mean, pin)(right)
    assert found == pytest.approx(np.array([1.0, 2.0, 4.0]) - 7 / 3 + 5.0)


def test_complex_rows() -> None:
    rng = np.random.default_rng(1)
    root = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    matrix = root.conj().T @ root + np.eye(4)
    more = rng.normal(size=(2, 4)) + 1j * rng.normal(size=(2, 4))
    right = rng.normal(size=4) + 1j * rng.normal(size=4)
    found = corrected(lambda b: np.linalg.solve(matrix, b), more, np.zeros((0, 4)))(right)
    assert found == pytest.approx(np.linalg.solve(matrix + more.conj().T @ more, right))
