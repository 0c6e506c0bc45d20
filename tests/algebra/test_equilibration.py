"""Matrices scaled to a unit diagonal: by hand, badly scaled, not definite."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.algebra.equilibration import EquilibratedCholesky, divisors, equilibrated


def matrix(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_scaled_to_a_unit_diagonal_by_hand() -> None:
    scaled, scale = equilibrated(matrix([4.0, 3.0], [3.0, 9.0]))
    assert scale.tolist() == [2.0, 3.0]
    assert scaled.tolist() == [[1.0, 0.5], [0.5, 1.0]]


def test_zeros_and_nan_are_no_divisors() -> None:
    assert divisors(matrix([0.0, 2.0, math.nan])).tolist() == [[1.0, 2.0, 1.0]]
    assert equilibrated(matrix([0.0, 3.0], [3.0, -9.0]))[0].tolist() == [[0.0, 1.0], [1.0, -1.0]]


def test_factor_and_solution_by_hand() -> None:
    """[[1, 1/2], [1/2, 1]] has the pivots 1 and 3/4; [[4, 3], [3, 9]] (1, 2) = (10, 21)."""
    factor = EquilibratedCholesky(matrix([4.0, 3.0], [3.0, 9.0]))
    assert float(factor.least_pivot) == pytest.approx(0.75, rel=1e-15)
    torch.testing.assert_close(factor.solve(matrix([10.0, 21.0])[0]), matrix([1.0, 2.0])[0], rtol=1e-15, atol=0)


def test_damping_is_relative_to_the_diagonal() -> None:
    """[[4, 3], [3, 9]] + diag(4, 9) = [[8, 3], [3, 18]]; times (1, 1) it is (11, 21)."""
    factor = EquilibratedCholesky(matrix([4.0, 3.0], [3.0, 9.0]), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(factor.solve(matrix([11.0, 21.0])[0]), torch.ones(2, dtype=torch.float64))


def test_a_badly_scaled_batch() -> None:
    """Unknowns that differ by 24 orders of magnitude cost no digits, and no pivot tells of them."""
    scale = 10.0 ** torch.tensor([[-12.0, 0.0, 12.0], [3.0, -9.0, 6.0]], dtype=torch.float64)
    plain = matrix([2.0, 0.5, 0.3], [0.5, 1.0, 0.2], [0.3, 0.2, 4.0])
    factor = EquilibratedCholesky(scale[:, :, None] * plain * scale[:, None])
    exact = matrix([1.0, -2.0, 3.0])[0]
    found = factor.solve(scale * (plain @ exact))
    torch.testing.assert_close(found * scale, exact.expand(2, 3), rtol=1e-13, atol=0)
    torch.testing.assert_close(factor.least_pivot, EquilibratedCholesky(plain).least_pivot.expand(2))


@pytest.mark.parametrize("bad", [[[1.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], [[math.nan, 0.0], [0.0, 1.0]]])
def test_one_that_is_not_positive_definite_tells_and_spoils_no_other(bad: list[list[float]]) -> None:
    factor = EquilibratedCholesky(torch.stack([matrix(*bad), matrix([4.0, 3.0], [3.0, 9.0])]))
    assert (factor.least_pivot > 0).tolist() == [False, True]
    torch.testing.assert_close(factor.solve(matrix([1.0, 1.0], [10.0, 21.0]))[1], matrix([1.0, 2.0])[0])
