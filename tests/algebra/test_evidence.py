"""Evidence, cross-validation and discrepancy on numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.algebra.evidence import Evidence, Rows, discrepancy, generalized_cross_validation, posterior


def test_one_coefficient() -> None:
    # y = (1, 3) of theta with variance 4 and noise of variance 1: precision 2 + 1/4, mean 4 / (9/4)
    rows = Rows.of(np.ones((2, 1)), np.array([1.0, 3.0]))
    found = posterior([rows], [1.0], np.array([[0.25]]))
    assert found.mean == pytest.approx([16 / 9])
    assert found.factor @ found.factor.T == pytest.approx(np.array([[4 / 9]]))
    assert found.misfits[0] == pytest.approx((7 / 9) ** 2 + (11 / 9) ** 2)
    assert found.freedom[0] == pytest.approx(2 / (9 / 4))
    # the covariance of y is [[5, 4], [4, 5]]: determinant 9, and y^T C^-1 y = (5 - 24 + 45) / 9
    assert found.log_evidence == pytest.approx(-0.5 * (26 / 9 + math.log(9)))


def test_the_quick_evidence_is_the_same() -> None:
    rng = np.random.default_rng(0)
    groups = [Rows.of(rng.normal(size=(n, 4)), rng.normal(size=n)) for n in (3, 30)]
    root = rng.normal(size=(4, 4))
    precision, variances = root @ root.T + np.eye(4), [0.5, 0.1]
    slow = posterior(groups, variances, precision).log_evidence
    assert Evidence(groups).log_evidence(variances, precision) == pytest.approx(slow)


def test_many_rows_are_few_with_the_same_squares() -> None:
    rng = np.random.default_rng(1)
    matrix, values = rng.normal(size=(40, 3)), rng.normal(size=40)
    rows, theta = Rows.of(matrix, values), rng.normal(size=3)
    assert rows.matrix.shape == (4, 3)
    assert rows.count == 40
    assert ((rows.matrix @ theta - rows.values) ** 2).sum() == pytest.approx(((matrix @ theta - values) ** 2).sum())


def test_the_evidence_prefers_the_size_that_made_the_data() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(200, 20))
    values = matrix @ (3.0 * rng.normal(size=20)) + rng.normal(size=200)
    evidence = Evidence([Rows.of(matrix, values)])
    sizes = [0.3, 1.0, 3.0, 10.0, 30.0]
    scores = [evidence.log_evidence([1.0], np.eye(20) / size**2) for size in sizes]
    assert sizes[int(np.argmax(scores))] == 3.0


def test_scores() -> None:
    assert generalized_cross_validation(misfit=6.0, freedom=2.0, count=5) == pytest.approx(5 * 6 / 9)
    assert discrepancy(misfit=8.0, variance=2.0, count=4) == pytest.approx(0.0)
    assert discrepancy(misfit=16.0, variance=2.0, count=4) == pytest.approx(math.log(2))
