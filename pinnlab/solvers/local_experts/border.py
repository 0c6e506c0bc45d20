"""Gauss-Newton steps where a few rows touch all cells, as integrals do, and a few unknowns are numbers.

Letters: P coefficients of all cells, p numbers, R dense rows, z pins, w = p + R + z.

The normal equations are those of the cells with a border. Without the border they may be singular: an eigenfunction, or a
constant, is what only an integral fixes. So rows that pin values at a point are added to the cells' equations, and taken
off again, exactly, in the border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.blocks import EquilibratedBlockCholesky

Array = np.ndarray
_INDEPENDENT = 1e-13
"""Relative singular value of the border's own equations below which a direction is left alone."""


@dataclass(frozen=True, eq=False)
class Border:
    """What stands beside the cells' normal equations, M + pins^T pins.

    Attributes:
        numbers: (P, p) the products of Jacobians by coefficients and by numbers, of the cells' rows.
        squares: (p, p) the products of those by numbers.
        rows: (R, P) dense rows.
        rows_by_numbers: (R, p) their derivatives by numbers.
        pins: (z, P) rows that were added to the cells' equations.
    """

    numbers: Array
    squares: Array
    rows: Array
    rows_by_numbers: Array
    pins: Array

    @property
    def columns(self) -> Array:
        """(P, w)."""
        return np.concatenate([self.numbers, self.rows.T, self.pins.T], axis=1)

    @property
    def corner(self) -> Array:
        """(w, w)."""
        p, r, z = self.squares.shape[0], len(self.rows), len(self.pins)
        found = np.zeros((p + r + z,) * 2)
        found[:p, :p], found[p : p + r, :p] = self.squares, self.rows_by_numbers
        found[:p, p : p + r] = self.rows_by_numbers.T
        found[p : p + r, p : p + r], found[p + r :, p + r :] = -np.eye(r), np.eye(z)
        return found


class BorderedFactor:
    """Solves the normal equations of cells, dense rows and numbers together.

    Args:
        factor: of the cells' normal equations, pins added.
        border: what stands beside them.
    """

    def __init__(self, factor: EquilibratedBlockCholesky, border: Border):
        self.factor, self.columns, self.count = factor, border.columns, len(border.squares)
        solved = [factor.solve(torch.from_numpy(column.copy())).numpy() for column in self.columns.T]
        self.solved = np.stack(solved, axis=1)
        complement = border.corner - self.columns.T @ self.solved
        size = np.sqrt(np.abs(complement).max(axis=1))
        self.units = 1 / np.where(size > 0, size, 1.0)
        # what the border does not decide either, such as how two eigenfunctions of one value mix, stays as it is
        self.inverse = np.linalg.pinv(self.units[:, None] * complement * self.units, rcond=_INDEPENDENT)

    def solve(self, gradient: Tensor, of_numbers: Array) -> tuple[Tensor, Array]:
        """(P,) and (p,): the solution for right-hand sides (P,) and (p,)."""
        inner = self.factor.solve(gradient).numpy()
        right = np.zeros(len(self.units))
        right[: self.count] = of_numbers
        right -= self.columns.T @ inner
        beside = self.units * (self.inverse @ (self.units * right))
        return torch.from_numpy(inner - self.solved @ beside), beside[: self.count]
