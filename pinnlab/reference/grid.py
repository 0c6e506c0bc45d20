"""An equation on a grid: a mapping that differentiates grid values when a derivative is asked for.

Letters: n nodes of an axis, q rows of a matrix.

In several dimensions the grid is the tensor product of axes (``derivatives/axes.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.stencils import Array


class GridJet(dict):
    """All derivatives of one unknown on a grid, computed when asked for: {derivative: (points,)}."""

    def __init__(self, derive: Callable[[Key], Tensor]):
        super().__init__()
        self._derive = derive

    def __missing__(self, key: Key) -> Tensor:
        self[key] = self._derive(key)
        return self[key]


def apply_along(matrix: Array | scipy.sparse.csr_array, values: Array, dim: int) -> Array:
    """Multiply a matrix (q, n) along one dimension of an array."""
    moved = np.moveaxis(values, dim, 0)
    product = matrix @ moved.reshape(moved.shape[0], -1)
    return np.moveaxis(product.reshape(product.shape[0], *moved.shape[1:]), 0, dim)


def as_tensor(values: Array) -> Tensor:
    """A float64 tensor of an array."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
