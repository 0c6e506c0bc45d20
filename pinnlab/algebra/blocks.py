"""Matrices made of blocks, most of them zero: Jacobians whose rows touch few groups of parameters, and their factors.

Letters: N residuals, p parameters, g groups of parameters, p_i parameters of group i.

The networks of subdomains meet only at interfaces, so a row of the residuals' Jacobian touches one or two of them. Its
normal matrix is a sparse matrix of dense blocks; for subdomains in a row its factorization costs as much per subdomain
however many there are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.algebra.dense import Blas, gram

Blocks = dict[tuple[int, int], Tensor]
"""Blocks (i, j), i >= j, of a symmetric matrix; those that are left out vanish."""


@dataclass(frozen=True)
class BlockJacobian:
    """A Jacobian (N, p) that keeps only the blocks which can differ from zero.

    Args:
        sizes: (g,) parameters of each group; groups stand one after the other in the flat vector.
        bands: rows one after the other, each band as {group: (rows, p_i)}; without rows where another process has them.
        private: where processes share the rows, the number of the one that alone has rows of a group, -1 if several do.
    """

    sizes: tuple[int, ...]
    bands: tuple[dict[int, Tensor], ...]
    private: tuple[int, ...] = ()

    @property
    def columns(self) -> list[slice]:
        """Where each group stands in the flat vector."""
        ends = np.cumsum(self.sizes).tolist()
        return [slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True)]

    @property
    def heights(self) -> list[int]:
        """Rows of each band."""
        return [len(next(iter(band.values()))) for band in self.bands]

    @property
    def shape(self) -> tuple[int, int]:
        """(N, p)."""
        return sum(self.heights), sum(self.sizes)

    def __matmul__(self, vector: Tensor) -> Tensor:
        """J v, (N,) from (p,)."""
        columns = self.columns
        return torch.cat(
            [reduce(add, (block @ vector[columns[i]] for i, block in band.items())) for band in self.bands]
        )

    def transposed(self, vector: Tensor) -> Tensor:
        """J^T v, (p,) from (N,)."""
        result, columns = vector.new_zeros(sum(self.sizes)), self.columns
        for band, part in zip(self.bands, vector.split(self.heights), strict=True):
            for i, block in band.items():
                result[columns[i]] += block.T @ part
        return result

    @property
    def coupled(self) -> list[tuple[int, int]]:
        """The blocks (i, j), i >= j, of J^T J that can differ from zero, in order."""
        return sorted({(i, j) for band in self.bands for i in band for j in band if i >= j})

    def gram(self) -> Blocks:
        """The blocks of J^T J to which these rows contribute."""
        found: Blocks = {}
        for band, height in zip(self.bands, self.heights, strict=True):
            if not height:
                continue
            for i, left in band.items():
                for j, right in band.items():
                    if i >= j:
                        product = gram(left) if i == j else left.T @ right
                        found[i, j] = found[i, j] + product if (i, j) in found else product
        return found

    def dense(self) -> Tensor:
        """The same matrix with its zeros, (N, p)."""
        columns, like = self.columns, next(iter(self.bands[0].values()))
        result = like.new_zeros(self.shape)
        for rows, band in zip(result.split(self.heights), self.bands, strict=True):
            for i, block in band.items():
                rows[:, columns[i]] = block
        return result


class BlockCholesky:
    """Solves (A + shift) x = b for a symmetric, or Hermitian, positive semi-definite matrix of blocks.

    Groups are eliminated in the order of fewest neighbours, which keeps a chain of subdomains a chain.

    Args:
        blocks: of A; every diagonal block is there.
        shift: number added to the diagonal, at least 0.
        only: groups to eliminate, all if None. What is left is the Schur complement of the others, without the shift.

    Attributes:
        rest: its blocks, as arrays.

    Raises:
        numpy.linalg.LinAlgError: the shifted matrix is not positive definite in floating point.
    """

    def __init__(self, blocks: Blocks, shift: float, only: Sequence[int] | None = None):
        # of every pair one block, that of the larger number by the smaller one; of those on the diagonal the lower half
        work = {key: block.detach().cpu().numpy() for key, block in blocks.items()}
        self.sizes = {i: len(work[i, i]) for i in sorted(i for i, j in blocks if i == j)}
        chosen = list(self.sizes) if only is None else only
        self.steps: list[_Step] = []
        blas = Blas(np.result_type(*work.values()))
        for i, near in elimination(chosen, blocks):
            diagonal = work.pop((i, i)).copy(order="F")
            diagonal.flat[:: len(diagonal) + 1] += shift
            lower = scipy.linalg.cholesky(diagonal, lower=True, overwrite_a=True, check_finite=False)
            row = [work.pop((i, j)) if i > j else work.pop((j, i)).conj().T for j in near]
            self.steps.append(_Step(blas, i, lower, near, row))
            self.steps[-1].take_from(work)
        self.rest = {(i, j): _whole(block) if i == j else block for (i, j), block in work.items()}

    def solve(self, right: Tensor) -> Tensor:
        """x, (p,)."""
        parts = np.split(right.detach().cpu().numpy().copy(), np.cumsum(list(self.sizes.values()))[:-1])
        x = dict(zip(self.sizes, parts, strict=True))
        self.reduce(x)
        self.expand(x)
        return torch.from_numpy(np.concatenate(list(x.values()))).to(right)

    def reduce(self, x: dict[int, np.ndarray]) -> None:
        """Forward substitution: the right-hand side of what is left, in place, for {group: right-hand side}."""
        for step in self.steps:
            step.reduce(x)

    def expand(self, x: dict[int, np.ndarray]) -> None:
        """Back substitution, in place, once the groups that are left are solved for."""
        for step in reversed(self.steps):
            step.expand(x)


class _Step:
    """The elimination of one group: the factor of its own block, and what couples it to others.

    BLAS is called by name: vectors here are short, and what SciPy does before it calls BLAS takes longer than they do.

    Args:
        blas: of its numbers.
        group: number i.
        lower: (p_i, p_i) factor of its block.
        near: the groups that it couples to, in order.
        row: their blocks (p_i, p_j).
    """

    def __init__(self, blas: Blas, group: int, lower: np.ndarray, near: Sequence[int], row: Sequence[np.ndarray]):
        self._blas, self.group, self.lower = blas, group, lower
        ends = np.cumsum([0, *(block.shape[1] for block in row)]).tolist()
        self.spans = {j: slice(a, b) for j, a, b in zip(near, ends, ends[1:], strict=False)}
        self.below = np.zeros((len(lower), 0))
        if row:
            both = np.asfortranarray(np.concatenate(row, axis=1))
            self.below = blas.solve(1.0, lower, both, lower=1, overwrite_b=1)

    def take_from(self, work: dict[tuple[int, int], np.ndarray]) -> None:
        """Subtract from the blocks of the groups near it, those on the diagonal by their lower halves, what it leaves."""
        if not self.spans:
            return
        left = self._blas.square(1.0, self.below, trans=self._blas.adjoint, lower=1)
        for j, rows in self.spans.items():
            for k, columns in self.spans.items():
                if k <= j:
                    work[j, k] = work.get((j, k), 0.0) - left[rows, columns]

    def reduce(self, x: dict[int, np.ndarray]) -> None:
        """Forward substitution."""
        own = x[self.group] = self._blas.triangular(self.lower, x[self.group], lower=1)
        if self.spans:
            taken = self._blas.product(1.0, self.below, own, trans=self._blas.adjoint)
            for j, span in self.spans.items():
                x[j] = x[j] - taken[span]

    def expand(self, x: dict[int, np.ndarray]) -> None:
        """Back substitution."""
        own = x[self.group]
        if self.spans:
            beside = np.concatenate([x[j] for j in self.spans])
            own = self._blas.product(-1.0, self.below, beside, beta=1.0, y=own)
        x[self.group] = self._blas.triangular(self.lower, own, lower=1, trans=self._blas.adjoint)


def _whole(lower: np.ndarray) -> np.ndarray:
    """A Hermitian matrix of which the lower half is given."""
    return np.tril(lower) + np.tril(lower, -1).conj().T


class EquilibratedBlockCholesky:
    """Solves A x = b for a symmetric positive definite matrix of blocks whose unknowns may differ by orders of magnitude.

    Rows and columns are scaled to a unit diagonal first, as in ``equilibration.EquilibratedCholesky``.

    Args:
        blocks: of A; every diagonal block is there.

    Raises:
        numpy.linalg.LinAlgError: the matrix is not positive definite in floating point.
    """

    def __init__(self, blocks: Blocks):
        diagonal = {i: block.diagonal().cpu().numpy() for (i, j), block in sorted(blocks.items()) if i == j}
        if not all((np.isfinite(d) & (d > 0)).all() for d in diagonal.values()):
            raise np.linalg.LinAlgError("the diagonal is not positive")
        scale = {i: torch.from_numpy(1 / np.sqrt(d)).to(blocks[i, i]) for i, d in diagonal.items()}
        scaled = {(i, j): (block * scale[j]).mul_(scale[i][:, None]) for (i, j), block in blocks.items()}
        self.scale, self.factor = torch.cat(list(scale.values())), BlockCholesky(scaled, 0.0)

    def solve(self, right: Tensor) -> Tensor:
        """x, (p,)."""
        return self.scale * self.factor.solve(self.scale * right)


def elimination(groups: Sequence[int], coupled: Iterable[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """Groups in the order of fewest neighbours, each with those that it then couples to.

    Args:
        groups: those to eliminate.
        coupled: pairs of groups; those that stay may be among them.
    """
    near: dict[int, set[int]] = {i: set() for i in groups}
    for i, j in coupled:
        near.setdefault(i, set())
        near.setdefault(j, set())
        if i != j:
            near[i].add(j)
            near[j].add(i)
    order, left = [], set(groups)
    waiting = [(len(near[i]), i) for i in left]
    heapq.heapify(waiting)
    while left:
        count, i = heapq.heappop(waiting)
        # an entry that is out of date has a newer one behind it
        if i not in left or count != len(near[i]):
            continue
        left.discard(i)
        mine = near.pop(i)
        for j in mine:
            near[j] |= mine - {j}
            near[j].discard(i)
            if j in left:
                heapq.heappush(waiting, (len(near[j]), j))
        order.append((i, sorted(mine)))
    return order
