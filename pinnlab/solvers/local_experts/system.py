"""The least-squares system of all cells of one time slab (or of a steady problem), and its Gauss-Newton solution.

Letters: K cells, C columns (cells with the same interval of the first space coordinate), m unknowns, N basis functions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.blocks import EquilibratedBlockCholesky
from pinnlab.domains.cells import Cells
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.rows import CellJacobian, CellRows

Array = np.ndarray
_COPIES = 4
"""Of every block at the height of a factorization: summed, equilibrated, factorized, and the part in work."""
_TELLING = 0.02
"""Seconds from which on a factorization tells how fast the next one will be."""
_FAR = 1e-3
"""Relative step below which the old factorization serves for the next one."""


@dataclass(frozen=True, eq=False)
class GaussNewtonResult:
    """What Gauss-Newton found.

    Attributes:
        coefficients: (K, m, N).
        converged: whether steps became small.
        iterations: number of factorizations and steps with an old one.
        misfit: root of the sum of squares of all weighted rows.
        singular: whether the normal equations could not be factorized, or so badly that steps did not shrink.
    """

    coefficients: Array
    converged: bool
    iterations: int
    misfit: float
    singular: bool = False


def bytes_of_slab(columns: int, per_column: int, block: int) -> float:
    """Memory that Gauss-Newton on a slab takes at its height, in bytes, about.

    Args:
        columns: C; each has a block on the diagonal of the normal equations and one beside it.
        per_column: cells of a column.
        block: m N, coefficients of a cell; its equations have about m q = m N rows.
    """
    size = per_column * block
    jacobians = 2 * columns * per_column * block**2
    return 8.0 * (_COPIES * 2 * columns * size**2 + jacobians)


class Pace:
    """How fast systems are factorized, learned from every one that was.

    Args:
        rate: multiplications per second that the first is expected to reach.
    """

    def __init__(self, rate: float = math.inf):
        self.rate = rate

    def seconds(self, work: float) -> float:
        """What so many multiplications will take, about."""
        return work / self.rate

    def learn(self, work: float, seconds: float) -> None:
        """So many multiplications took so long; small ones say nothing of large ones."""
        if seconds > _TELLING:
            self.rate = work / seconds


class SlabSystem:
    """All rows of one slab.

    The cells of a column are one block of the normal equations, which are block tridiagonal, closed to a ring where the
    coordinate is periodic: the cost of a step is linear in the number of columns.

    Args:
        cells: K cells.
        groups: rows; those with two sites couple the cells on both sides of a face.
        unknowns: m.
        size: N.
        axis: number of the coordinate along which columns follow one another.
    """

    def __init__(self, cells: Cells, groups: Sequence[CellRows], unknowns: int, size: int, axis: int):
        self.cells, self.groups = cells, tuple(groups)
        self.columns = cells.shape[axis]
        self.block = unknowns * size
        column = cells.intervals[:, axis]
        order = np.argsort(column, kind="stable")
        self.column, self.position = column, np.empty(len(column), dtype=int)
        self.per_column = len(column) // self.columns
        self.position[order] = np.arange(len(column)) % self.per_column

    @property
    def work(self) -> float:
        """Multiplications of one factorization, the products of Jacobians that it starts with included."""
        size, cells = self.per_column * self.block, self.columns * self.per_column
        rows = sum(len(group.sites) ** 2 * math.prod(group.shape) for group in self.groups)
        return 2.4 * self.columns * size**3 + max(rows, cells * self.block) * self.block**2

    def solve(
        self,
        start: Array,
        tolerance: float,
        most: int = 10,
        pace: Pace | None = None,
        deadline: Deadline | None = None,
    ) -> GaussNewtonResult:
        """Gauss-Newton from ``start`` (K, m, N) until steps are below ``tolerance`` times the size of the unknowns.

        Raises:
            TimeIsUpError: the time is up, or the next factorization would end too late.
        """
        pace, deadline = pace or Pace(), deadline or Deadline()
        now, factor, step, change, best = start, None, None, np.inf, np.inf
        for iteration in range(1, most + 1):
            deadline.check()
            found = [group.linearized(now) for group in self.groups]
            misfit = float(np.sqrt(sum((residuals**2).sum() for residuals, _ in found)))
            if not misfit < 10 * best:
                # the step left the range where the equations hold, or went much too far: take half of it
                if step is None:
                    return GaussNewtonResult(now, False, iteration, misfit)
                step = step / 2
                now = now - step
                continue
            best = min(best, misfit)
            fresh = False
            if factor is None or change > _FAR:
                fresh = True
                what = f"factorizing the equations of {self.cells.count} experts"
                deadline.require(pace.seconds(self.work), what)
                began = time.perf_counter()
                try:
                    factor = self._factorize([linear for _, linear in found])
                except np.linalg.LinAlgError:
                    return GaussNewtonResult(now, False, iteration, misfit, singular=True)
                pace.learn(self.work, time.perf_counter() - began)
            before = change
            step = -self._spread(factor.solve(self._gathered(self._gradient(found))), now.shape)
            now = now + step
            size = np.abs(now).max(axis=(0, 2))
            change = float((np.abs(step).max(axis=(0, 2)) / np.where(size > 0, size, 1.0)).max())
            if not np.isfinite(change):
                return GaussNewtonResult(start, False, iteration, np.inf)
            # steps with an old factorization shrink until they are rounding
            if change < tolerance or (before < _FAR and change > 0.3 * before):
                small = change < max(tolerance, 1e-8)
                if not (small or fresh):
                    # not rounding, perhaps, but what the old factorization does not see
                    factor = None
                    continue
                return GaussNewtonResult(now, small, iteration, misfit, singular=not small)
        return GaussNewtonResult(now, False, most, best)

    def _gradient(self, found: Sequence[tuple[Array, list[CellJacobian]]]) -> Array:
        total = np.zeros((self.cells.count, self.block))
        for residuals, parts in found:
            for linear in parts:
                pulled = linear.pull_back(residuals)
                np.add.at(total, linear.site.which, pulled.reshape(len(pulled), -1))
        return total

    def _factorize(self, found: Sequence[list[CellJacobian]]) -> EquilibratedBlockCholesky:
        w, p = self.per_column, self.per_column * self.block
        blocks = {(k, k): np.zeros((p, p)) for k in range(self.columns)}
        for parts in found:
            jacobians = [linear.dense() for linear in parts]
            homes = [(self.column[linear.site.which], self.position[linear.site.which]) for linear in parts]
            for i, (ja, (ca, pa)) in enumerate(zip(jacobians, homes, strict=True)):
                for jb, (cb, pb) in zip(jacobians[i:], homes[i:], strict=True):
                    products = ja.transpose(0, 2, 1) @ jb
                    for product, a, x, b, y in zip(products, ca, pa, cb, pb, strict=True):
                        if a < b:
                            a, x, b, y, product = b, y, a, x, product.T
                        if (a, b) not in blocks:
                            blocks[a, b] = np.zeros((p, p))
                        block = blocks[a, b].reshape(w, self.block, w, self.block)
                        block[x, :, y] += product
                        if a == b and ja is not jb:
                            block[y, :, x] += product.T
        return EquilibratedBlockCholesky({key: torch.from_numpy(block) for key, block in blocks.items()})

    def _gathered(self, cells: Array) -> Tensor:
        """(p,) column after column, from (K, m N)."""
        result = np.empty((self.columns, self.per_column, self.block))
        result[self.column, self.position] = cells
        return torch.from_numpy(result.ravel())

    def _spread(self, columns: Tensor, shape: tuple[int, ...]) -> Array:
        """The inverse of ``_gathered``, in the shape (K, m, N)."""
        parts = columns.numpy().reshape(self.columns, self.per_column, self.block)
        return parts[self.column, self.position].reshape(shape)
