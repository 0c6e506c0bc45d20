"""Normal equations of cells in a row: symmetric, block tridiagonal, closed to a ring where the problem is periodic.

Letters: C columns (blocks), p unknowns of a column.

The cost is linear in the number of columns. Unknowns are scaled to unit diagonal before the factorization, which is
what keeps the normal equations of well-chosen bases accurate.
"""

from __future__ import annotations

import numpy as np
import scipy

Array = np.ndarray


class Chain:
    """The Cholesky factor of a block-tridiagonal matrix, ring allowed.

    Args:
        diagonal: (C, p, p) blocks.
        upper: (C - 1, p, p) blocks (k, k + 1).
        corner: (p, p) block (0, C - 1) of a ring, or None. With C = 2 add it to ``upper`` instead.

    Raises:
        LinAlgError: the matrix is not positive definite in floating point.
    """

    def __init__(self, diagonal: Array, upper: Array, corner: Array | None = None):
        diag = np.einsum("kii->ki", diagonal)
        if not np.isfinite(diag).all() or (diag <= 0).any():
            raise np.linalg.LinAlgError("the diagonal is not positive")
        self.scale = s = 1 / np.sqrt(diag)
        count, p = diag.shape
        self.diagonal, self.coupling, self.border = [], [], []
        reach = None if corner is None else s[0][:, None] * corner * s[-1]
        pivot = s[0][:, None] * diagonal[0] * s[0]
        tail = s[-1][:, None] * diagonal[-1] * s[-1]
        for k in range(count - 1):
            factor = _factor(pivot)
            self.diagonal.append(factor)
            between = s[k][:, None] * upper[k] * s[k + 1]
            last = k == count - 2
            if last and reach is not None:
                between = between + reach
                reach = None
            between = scipy.linalg.solve_triangular(factor, between, lower=True, check_finite=False)
            self.coupling.append(between)
            if last:
                pivot = tail - between.T @ between
                break
            pivot = s[k + 1][:, None] * diagonal[k + 1] * s[k + 1] - between.T @ between
            if reach is not None:
                border = scipy.linalg.solve_triangular(factor, reach, lower=True, check_finite=False)
                self.border.append(border)
                tail = tail - border.T @ border
                reach = -between.T @ border
        self.diagonal.append(_factor(pivot))

    def solve(self, right: Array) -> Array:
        """X (C, p) for a right-hand side (C, p)."""
        x = right * self.scale
        count = len(x)
        for k in range(count):
            x[k] = scipy.linalg.solve_triangular(self.diagonal[k], x[k], lower=True, check_finite=False)
            if k < count - 1:
                x[k + 1] -= self.coupling[k].T @ x[k]
            if k < len(self.border):
                x[-1] -= self.border[k].T @ x[k]
        for k in reversed(range(count)):
            if k < count - 1:
                x[k] -= self.coupling[k] @ x[k + 1]
            if k < len(self.border):
                x[k] -= self.border[k] @ x[-1]
            x[k] = scipy.linalg.solve_triangular(self.diagonal[k], x[k], lower=True, trans=1, check_finite=False)
        return x * self.scale


def _factor(block: Array) -> Array:
    return scipy.linalg.cholesky(block, lower=True, check_finite=False)
