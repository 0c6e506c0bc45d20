"""Dense linear algebra of Gauss-Newton steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pinnlab.algebra.dense import Cholesky, gram, lower_gram
from pinnlab.machine.threads import limited_threads


@pytest.mark.parametrize("p", [1, 5, 8, 37])
def test_products_with_the_transpose(p: int) -> None:
    matrix = torch.randn(50, p, dtype=torch.float64, generator=torch.Generator().manual_seed(p))
    expected = matrix.T @ matrix
    for found in (gram(matrix), lower_gram(matrix), lower_gram(matrix, blocks=3)):
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(found, found.T, rtol=1e-14, atol=1e-14)


def test_a_shifted_system_by_hand() -> None:
    """[[3, 1], [1, 2]] + diag(1, 2) = [[4, 1], [1, 4]]; times (1, 1) it is (5, 5)."""
    matrix, shift = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64), torch.tensor([1.0, 2.0])
    found = Cholesky(matrix, shift).solve(torch.tensor([5.0, 5.0], dtype=torch.float64))
    torch.testing.assert_close(found, torch.ones(2, dtype=torch.float64))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        Cholesky(-matrix, torch.zeros(2))


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with limited_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
