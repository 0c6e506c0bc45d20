"""Block matrices shared by processes against the dense matrix; threads stand for the processes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinnlab.algebra.blocks import BlockJacobian
from pinnlab.algebra.shared_blocks import SharedBlockCholesky, between_pairs
from pinnlab.machine.processes import Processes, lower_parts

GENERATOR = torch.Generator().manual_seed(0)


@dataclass(frozen=True)
class Thread(Processes):
    """A process whose sums go through a list that all threads see."""

    board: list[Any] = field(default_factory=list)
    barrier: Any = None

    def sum(self, value: Tensor) -> Tensor:
        self.board[self.rank] = value
        self.barrier.wait(timeout=20)
        total = torch.stack(self.board).sum(0)
        self.barrier.wait(timeout=20)
        self.traffic.bytes += value.numel() * value.element_size()
        return total


def threads(count: int) -> list[Thread]:
    board, barrier = [None] * count, threading.Barrier(count)
    return [Thread(rank, count, board=board, barrier=barrier) for rank in range(count)]


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


SIZES = (3, 5, 2, 4, 3, 6)
CHAIN = [*[(k,) for k in range(6)], *[(k, k + 1) for k in range(5)]]
# three processes with two groups each; an interface belongs to the process of its first group
OWNERS = [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2]
PRIVATE = (0, 0, -1, 1, -1, 2)


def parts(coupled: list[tuple[int, ...]], owners: list[int]) -> tuple[BlockJacobian, list[BlockJacobian]]:
    """A Jacobian, and the rows of it that each of three processes has."""
    bands = [{i: random(9, SIZES[i]) for i in pair} for pair in coupled]
    mine = [
        tuple(
            band if owner == k else {i: b[:0] for i, b in band.items()}
            for band, owner in zip(bands, owners, strict=True)
        )
        for k in range(3)
    ]
    return BlockJacobian(SIZES, tuple(bands)), [BlockJacobian(SIZES, own) for own in mine]


def test_what_lies_between() -> None:
    assert between_pairs([(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)], (0, -1, -1)) == [(1, 1), (2, 1), (2, 2)]
    # 3 is eliminated and couples its neighbours 2 and 4
    coupled = parts(CHAIN, OWNERS)[0].coupled
    assert between_pairs(coupled, PRIVATE) == [(2, 2), (4, 2), (4, 4)]


@pytest.mark.parametrize("private", [PRIVATE, (-1,) * 6], ids=["own subdomains", "nothing private"])
@pytest.mark.parametrize("pairs", [CHAIN, [*CHAIN[:6], (0, 5)]], ids=["chain", "one seam"])
def test_the_shifted_system_is_solved(pairs: list[tuple[int, ...]], private: tuple[int, ...]) -> None:
    owners = OWNERS if pairs == CHAIN else [0, 0, 1, 1, 2, 2, 0]
    if pairs != CHAIN and private == PRIVATE:
        private = (0, 0, 1, 1, 2, -1)
    whole, own = parts(pairs, owners)
    right, matrix = random(sum(SIZES)), whole.dense().T @ whole.dense()
    expected = torch.linalg.solve(matrix + 0.3 * torch.eye(len(right), dtype=torch.float64), right)

    def work(process: Thread) -> Tensor:
        part = own[process.rank]
        return SharedBlockCholesky(part.gram(), part.coupled, SIZES, private, 0.3, process).solve(right)

    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(work, threads(3)):
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


def test_all_refuse_what_one_cannot_factorize() -> None:
    def work(process: Thread) -> str:
        blocks = {(process.rank,) * 2: torch.eye(2, dtype=torch.float64) * (1 - 2 * process.rank)}
        with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
            SharedBlockCholesky(blocks, [(0, 0), (1, 1)], (2, 2), (0, 1), 0.5, process)
        return "refused"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, threads(2))) == ["refused"] * 2


def test_sums_of_symmetric_matrices_send_half() -> None:
    matrices = [a @ a.T for a in (random(150, 9), random(3, 3))]

    def work(process: Thread) -> tuple[list[Tensor], int]:
        return process.sums_symmetric(*matrices), process.traffic.bytes

    with ThreadPoolExecutor(2) as pool:
        for found, size in pool.map(work, threads(2)):
            for one, two in zip(matrices, found, strict=True):
                torch.testing.assert_close(two, 2 * one)
            assert size == 8 * (75 * 75 + 2 * (37 * 38 + 37 * 37 + 38 * 38) + 9)
    assert sum(part.numel() for part, _ in lower_parts(matrices[0], 200)) == 150 * 150
