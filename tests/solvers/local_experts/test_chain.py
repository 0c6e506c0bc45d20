"""Block-tridiagonal systems, open and closed to a ring, against a dense solve."""

import math

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from pinnlab.solvers.local_experts.chain import Chain


def system(columns: int, p: int, ring: bool) -> tuple[Chain, np.ndarray]:
    rng = np.random.default_rng(columns)
    dense = np.zeros((columns, p, columns, p))
    diagonal = rng.standard_normal((columns, p, p))
    diagonal = diagonal @ diagonal.transpose(0, 2, 1) + 12 * np.eye(p)
    upper = rng.standard_normal((max(columns - 1, 0), p, p))
    corner = rng.standard_normal((p, p)) if ring else None
    for k in range(columns):
        dense[k, :, k] += diagonal[k]
    for k in range(columns - 1):
        dense[k, :, k + 1] += upper[k]
        dense[k + 1, :, k] += upper[k].T
    if corner is not None:
        dense[0, :, -1] += corner
        dense[-1, :, 0] += corner.T
    return Chain(diagonal, upper, corner), dense.reshape(columns * p, columns * p)


@pytest.mark.parametrize(("columns", "ring"), [(1, False), (2, False), (3, False), (7, False), (3, True), (7, True)])
def test_agrees_with_a_dense_solve(columns: int, ring: bool) -> None:
    chain, dense = system(columns, 4, ring)
    right = np.random.default_rng(0).standard_normal((columns, 4))
    np.testing.assert_allclose(dense @ chain.solve(right.copy()).ravel(), right.ravel(), atol=1e-12, rtol=0)


def test_the_right_hand_side_is_left_alone() -> None:
    chain, _ = system(3, 2, True)
    right = np.ones((3, 2))
    chain.solve(right)
    assert (right == 1).all()


def test_unknowns_of_very_different_size() -> None:
    scale = np.array([1.0, 1e9])
    matrix = scale[:, None] * np.array([[2.0, 0.5], [0.5, 1.0]]) * scale
    chain = Chain(matrix[None], np.zeros((0, 2, 2)))
    x = chain.solve(np.array([[1.0, 1e9]]))
    np.testing.assert_allclose(x[0] * scale, np.linalg.solve([[2.0, 0.5], [0.5, 1.0]], [1.0, 1.0]), rtol=1e-12)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], "not positive definite"),
        ([[0.0, 0.0], [0.0, 1.0]], "the diagonal is not positive"),
        ([[math.nan, 0.0], [0.0, 1.0]], "the diagonal is not positive"),
    ],
)
def test_what_is_not_positive_definite_is_refused(bad: list[list[float]], message: str) -> None:
    with pytest.raises(LinAlgError, match=message):
        Chain(np.array([bad]), np.zeros((0, 2, 2)))
