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

from pinnlab.algebra.dense import factor, gram

Blocks = dict[tuple[int, int], Tensor]
"""Blocks (i, j), i >= j, of a symmetric matrix; those that are left out vanish."""
Elimination = Sequence[tuple[int, Sequence[int]]]
"""Groups in the order in which they are eliminated, each with those that it then couples to."""


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
        order: in which they are eliminated, as ``elimination`` or ``algebra.dissection`` finds it; None looks for it.

    Attributes:
        rest: its blocks, as arrays.

    Raises:
        numpy.linalg.LinAlgError: the shifted matrix is not positive definite in floating point.
    """

    def __init__(
        self,
        blocks: Blocks,
        shift: float,
        only: Sequence[int] | None = None,
        order: Elimination | None = None,
    ):
        work = {key: block.detach().cpu().numpy() for key, block in blocks.items()}
        # one symmetric store: work[i, j] for every ordered pair
        work |= {(j, i): block.conj().T for (i, j), block in work.items() if i != j}
        self.sizes = {i: len(work[i, i]) for i in sorted(i for i, j in blocks if i == j)}
        chosen = list(self.sizes) if only is None else only
        self.steps: list[tuple[int, np.ndarray, dict[int, np.ndarray]]] = []
        for i, near in elimination(chosen, blocks) if order is None else order:
            diagonal = work.pop((i, i)).copy()
            diagonal.flat[:: len(diagonal) + 1] += shift
            lower = factor(diagonal)
            below = {
                j: scipy.linalg.solve_triangular(lower, work.pop((i, j)), lower=True, check_finite=False) for j in near
            }
            for j in near:
                del work[j, i]
            for number, j in enumerate(near, 1):
                for k in near[:number]:
                    update = below[j].conj().T @ below[k]
                    work[j, k] = np.subtract(work.get((j, k), 0.0), update, out=update)
                    if j != k:
                        work[k, j] = update.conj().T
            self.steps.append((i, lower, below))
        self.rest = {(i, j): block for (i, j), block in work.items() if i >= j}

    def solve(self, right: Tensor) -> Tensor:
        """x, (p,)."""
        parts = np.split(right.detach().cpu().numpy().copy(), np.cumsum(list(self.sizes.values()))[:-1])
        x = dict(zip(self.sizes, parts, strict=True))
        self.reduce(x)
        self.expand(x)
        return torch.from_numpy(np.concatenate(list(x.values()))).to(right)

    def reduce(self, x: dict[int, np.ndarray]) -> None:
        """Forward substitution: the right-hand side of what is left, in place, for {group: right-hand side}."""
        for i, lower, below in self.steps:
            x[i] = scipy.linalg.solve_triangular(lower, x[i], lower=True, check_finite=False)
            for j, block in below.items():
                # a view, where the conjugate of the block would be a copy
                x[j] = x[j] - (block.T @ x[i].conj()).conj()

    def expand(self, x: dict[int, np.ndarray]) -> None:
        """Back substitution, in place, once the groups that are left are solved for."""
        for i, lower, below in reversed(self.steps):
            for j, block in below.items():
                x[i] = x[i] - block @ x[j]
            x[i] = scipy.linalg.solve_triangular(lower, x[i], lower=True, trans="C", check_finite=False)


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
