"""Symmetric positive matrices whose unknowns differ by orders of magnitude, scaled to a unit diagonal.

Letters: N unknowns; ``*batch`` leading dimensions, one matrix per entry.

Of all diagonal scalings D A D this one brings the condition number within a factor N of the best (van der Sluis, Numer.
Math. 14 (1969) 14). It is what keeps the normal equations of well-chosen basis functions accurate.
"""

from __future__ import annotations

import torch
from torch import Tensor


def divisors(norms: Tensor) -> Tensor:
    """Norms to divide by: one in place of what is not positive."""
    return torch.where(norms > 0, norms, torch.ones_like(norms))


def equilibrated(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A_ij / (s_i s_j), (*batch, N, N), and s, (*batch, N), the roots of the diagonal's magnitudes.

    Args:
        matrix: A, symmetric, (*batch, N, N); no gradient flows through s.
    """
    scale = divisors(matrix.detach().diagonal(dim1=-2, dim2=-1).abs().sqrt())
    return matrix / scale[..., :, None] / scale[..., None, :], scale


class EquilibratedCholesky:
    """The Cholesky factors of symmetric matrices with unit diagonal, after equilibration.

    Args:
        matrix: A, (*batch, N, N).
        damping: (*batch), added to the unit diagonal; none if None.

    Attributes:
        least_pivot: (*batch), the smallest pivot of each scaled matrix: about machine precision where digits are lost,
            0 or NaN where the matrix is not positive definite in floating point.
    """

    def __init__(self, matrix: Tensor, damping: Tensor | None = None):
        scaled, self.scale = equilibrated(matrix)
        if damping is not None:
            eye = torch.eye(scaled.shape[-1], dtype=scaled.dtype, device=scaled.device)
            scaled = scaled + damping[..., None, None] * eye
        self.factor, info = torch.linalg.cholesky_ex(scaled)
        pivots = self.factor.diagonal(dim1=-2, dim2=-1).square().amin(-1)
        self.least_pivot = torch.where(info == 0, pivots, torch.zeros_like(pivots))

    def solve(self, right: Tensor) -> Tensor:
        """A^-1 b, (*batch, N) for b (*batch, N); numbers without meaning where ``least_pivot`` is 0 or NaN."""
        return torch.cholesky_solve((right / self.scale)[..., None], self.factor)[..., 0] / self.scale
