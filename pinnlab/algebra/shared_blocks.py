"""Block matrices whose rows processes share: each eliminates what is its own, and all solve for what lies between them.

Letters: p parameters, g groups of parameters (subdomains), R processes.

A subdomain that no other process has rows of is eliminated by its own process, and only Schur complements on the others
are exchanged: the traffic grows with the subdomains that meet another process, not with all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.blocks import BlockCholesky, Blocks, elimination
from pinnlab.machine.processes import Processes


class SharedBlockCholesky:
    """Solves (A + shift) x = b, A being the sum over processes of symmetric positive semi-definite block matrices.

    Args:
        blocks: of this process' part of A.
        coupled: the blocks (i, j), i >= j, of A, in the same order in each process.
        sizes: (g,) parameters of each group.
        private: (g,) the process that alone contributes to a group, -1 where several do.
        shift: positive number added to the diagonal.
        processes: R.

    Raises:
        numpy.linalg.LinAlgError: in all processes, where the shifted matrix is not positive definite in floating point.
    """

    def __init__(
        self,
        blocks: Blocks,
        coupled: Sequence[tuple[int, int]],
        sizes: Sequence[int],
        private: Sequence[int],
        shift: float,
        processes: Processes,
    ):
        self.sizes, self.processes = sizes, processes
        self.own = [i for i, rank in enumerate(private) if rank == processes.rank]
        self.between = [i for i, rank in enumerate(private) if rank < 0]
        failed, rest = False, {}
        try:
            self.inner = BlockCholesky(blocks, shift, self.own)
            rest = self.inner.rest
        except np.linalg.LinAlgError:
            failed = True
        if processes.any(failed):
            raise np.linalg.LinAlgError("matrix is not positive definite")
        number = {i: k for k, i in enumerate(self.between)}
        pairs = between_pairs(coupled, private)
        missing = [np.zeros((sizes[i], sizes[j])) for i, j in pairs]
        parts = [torch.from_numpy(np.asarray(rest.get(pair, zero))) for pair, zero in zip(pairs, missing, strict=True)]
        squares = [part for (i, j), part in zip(pairs, parts, strict=True) if i == j]
        oblongs = [part for (i, j), part in zip(pairs, parts, strict=True) if i != j]
        found = iter(processes.sums_symmetric(*squares)) if squares else iter(())
        others = iter(processes.sums(*oblongs)) if oblongs else iter(())
        total = {(number[i], number[j]): next(found if i == j else others) for i, j in pairs}
        self.outer = BlockCholesky(total, shift) if total else None

    def solve(self, right: Tensor) -> Tensor:
        """X (p,) for b (p,), both the same in each process."""
        given = right.detach().cpu().numpy()
        parts = dict(enumerate(np.split(given.copy(), np.cumsum(self.sizes)[:-1])))
        x = {i: np.zeros_like(parts[i]) if i in self.between else parts[i] for i in [*self.own, *self.between]}
        self.inner.reduce(x)
        if self.outer is not None:
            update = self._sum([x[i] for i in self.between])
            inside = self.outer.solve(torch.from_numpy(update + np.concatenate([parts[i] for i in self.between])))
            ends = np.cumsum([self.sizes[i] for i in self.between])[:-1]
            x |= dict(zip(self.between, np.split(inside.numpy(), ends), strict=True))
        self.inner.expand(x)
        # each adds its own groups, and the leading one what lies between
        mine = {*self.own, *(self.between if self.processes.leads else ())}
        whole = self._sum([x[i] if i in mine else np.zeros_like(parts[i]) for i in parts])
        return torch.from_numpy(whole).to(right)

    def _sum(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        return self.processes.sum(torch.from_numpy(np.concatenate(parts))).numpy()


def between_pairs(coupled: Sequence[tuple[int, int]], private: Sequence[int]) -> list[tuple[int, int]]:
    """The blocks (i, j), i >= j, that couple groups of several processes once all private groups are eliminated.

    Args:
        coupled: blocks before.
        private: (g,) as in ``SharedBlockCholesky``.
    """
    steps = elimination([i for i, rank in enumerate(private) if rank >= 0], coupled)
    filled = {(i, j) for _, near in steps for i in near for j in near if i >= j}
    return sorted((i, j) for i, j in filled | set(coupled) if private[i] < 0 and private[j] < 0)
