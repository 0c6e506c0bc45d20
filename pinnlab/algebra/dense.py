"""Dense linear algebra of Gauss-Newton steps.

Letters: N residuals, p parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

_LARGE = 2000
"""Columns from which a product in blocks pays on a GPU."""


def gram(matrix: Tensor) -> Tensor:
    """matrix^T matrix, (p, p) from (N, p).

    On the CPU in float64 this goes through NumPy, whose OpenBLAS recognizes the product as symmetric and does half the
    work.
    """
    if matrix.device.type == "cpu" and not matrix.requires_grad:
        array = matrix.numpy()
        return torch.from_numpy(array.T @ array)
    return lower_gram(matrix) if matrix.shape[1] >= _LARGE and not matrix.requires_grad else matrix.T @ matrix


def lower_gram(matrix: Tensor, blocks: int = 8) -> Tensor:
    """matrix^T matrix, (p, p) from (N, p), of which only blocks on and below the diagonal are computed.

    With b blocks that is (b + 1) / 2b of the work: torch has no product that knows its result to be symmetric.
    """
    p = matrix.shape[1]
    result = matrix.new_empty(p, p)
    ends = [p * k // blocks for k in range(blocks + 1)]
    for start, end in zip(ends, ends[1:], strict=False):
        result[start:end, :end] = matrix[:, start:end].T @ matrix[:, :end]
        result[:start, start:end] = result[start:end, :start].T
    return result


def factor(matrix: np.ndarray) -> np.ndarray:
    """The lower Cholesky factor of a symmetric matrix, which is overwritten.

    Raises:
        numpy.linalg.LinAlgError: the matrix is not positive definite in floating point.
    """
    # the transpose of a symmetric C array is Fortran-ordered without a copy
    return scipy.linalg.cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)


class Cholesky:
    """Solves (matrix + diag(shift)) x = b for a symmetric positive semi-definite matrix.

    Args:
        matrix: (p, p).
        shift: (p,) positive.

    Raises:
        numpy.linalg.LinAlgError: the shifted matrix is not positive definite in floating point.
    """

    def __init__(self, matrix: Tensor, shift: Tensor):
        shifted = matrix.clone()
        shifted.diagonal().add_(shift)
        self._numpy = shifted.device.type == "cpu"
        if self._numpy:
            self._factor: Any = factor(shifted.numpy())
        else:
            self._factor, info = torch.linalg.cholesky_ex(shifted)
            if int(info):
                raise np.linalg.LinAlgError("matrix is not positive definite")

    def solve(self, b: Tensor) -> Tensor:
        """x, (p,)."""
        if self._numpy:
            return torch.from_numpy(scipy.linalg.cho_solve((self._factor, True), b.numpy(), check_finite=False))
        return torch.cholesky_solve(b[:, None], self._factor)[:, 0]


class Blas:
    """The functions of BLAS for numbers of a kind, and what they call the adjoint."""

    def __init__(self, dtype: np.dtype):
        is_complex = dtype.kind == "c"
        names = "trsv", "trsm", "gemv", "herk" if is_complex else "syrk"
        self.triangular, self.solve, self.product, self.square = scipy.linalg.get_blas_funcs(names, dtype=dtype)
        self.adjoint = 2 if is_complex else 1
