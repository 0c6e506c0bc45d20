"""Matrices of blocks against the dense ones they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pinnlab.algebra.blocks import BlockCholesky, BlockJacobian, EquilibratedBlockCholesky, elimination

GENERATOR = torch.Generator().manual_seed(0)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def jacobian(pairs: list[tuple[int, ...]], sizes: tuple[int, ...], rows: int = 9) -> BlockJacobian:
    return BlockJacobian(sizes, tuple({i: random(rows + k, sizes[i]) for i in pair} for k, pair in enumerate(pairs)))


CHAIN = [(0,), (1,), (2,), (3,), (0, 1), (1, 2), (2, 3)]
RING = [*CHAIN, (0, 3)]
ARROW = [(0, 4), (1, 4), (2, 4), (3, 4), (0, 1), (1, 2), (2, 3)]
SIZES = (3, 5, 2, 4, 1)


@pytest.mark.parametrize("pairs", [CHAIN, RING, ARROW], ids=["chain", "ring", "arrow"])
def test_products_are_those_of_the_dense_matrix(pairs: list[tuple[int, ...]]) -> None:
    sizes = SIZES[: 1 + max(max(p) for p in pairs)]
    found = jacobian(pairs, sizes)
    dense = found.dense()
    assert dense.shape == found.shape
    v, r = random(sum(sizes)), random(found.shape[0])
    torch.testing.assert_close(found @ v, dense @ v)
    torch.testing.assert_close(found.transposed(r), dense.T @ r)
    product, blocks = dense.T @ dense, found.gram()
    assert set(blocks) == {(max(a, b), min(a, b)) for pair in pairs for a in pair for b in pair}
    for (i, j), block in blocks.items():
        torch.testing.assert_close(block, product[found.columns[i], found.columns[j]])


@pytest.mark.parametrize("pairs", [CHAIN, RING, ARROW], ids=["chain", "ring", "arrow"])
def test_cholesky_solves_the_shifted_system(pairs: list[tuple[int, ...]]) -> None:
    sizes = SIZES[: 1 + max(max(p) for p in pairs)]
    found = jacobian(pairs, sizes)
    dense, right = found.dense(), random(sum(sizes))
    shifted = dense.T @ dense + 0.3 * torch.eye(sum(sizes), dtype=torch.float64)
    blocks = found.gram()
    before = {key: block.clone() for key, block in blocks.items()}
    torch.testing.assert_close(BlockCholesky(blocks, 0.3).solve(right), torch.linalg.solve(shifted, right))
    # another shift is tried with the same blocks
    for key, block in blocks.items():
        torch.testing.assert_close(block, before[key])


@pytest.mark.parametrize("pairs", [CHAIN, RING], ids=["chain", "ring"])
def test_cholesky_of_a_hermitian_matrix(pairs: list[tuple[int, ...]]) -> None:
    sizes = SIZES[:4]
    real, imaginary = jacobian(pairs, sizes).dense(), jacobian(pairs, sizes).dense()
    dense = torch.complex(real, imaginary)
    matrix, ends = dense.mH @ dense, np.cumsum((0, *sizes))
    parts = [slice(a, b) for a, b in zip(ends, ends[1:], strict=False)]
    blocks = {(i, j): matrix[parts[i], parts[j]].clone() for i in range(4) for j in range(i + 1)}
    right = torch.complex(random(sum(sizes)), random(sum(sizes)))
    found = BlockCholesky(blocks, 0.3).solve(right)
    torch.testing.assert_close(found, torch.linalg.solve(matrix + 0.3 * torch.eye(len(matrix)), right))


def test_a_matrix_that_is_not_positive_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        BlockCholesky({(0, 0): -torch.eye(2, dtype=torch.float64)}, 0.5)


def test_a_chain_stays_a_chain_when_it_is_eliminated() -> None:
    steps = elimination(range(5), [(i, i + 1) for i in range(4)])
    assert sorted(i for i, _ in steps) == list(range(5))
    assert max(len(near) for _, near in steps) == 1


def test_the_border_of_an_arrow_is_eliminated_last() -> None:
    steps = elimination(range(5), [(i, 0) for i in range(1, 5)])
    assert [i for i, _ in steps][-2:] in ([4, 0], [0, 4])
    assert all(len(near) <= 1 for _, near in steps)


def test_a_part_of_the_groups_is_eliminated() -> None:
    found = jacobian(CHAIN, SIZES[:4])
    dense = found.dense()
    matrix = dense.T @ dense
    inner = BlockCholesky(found.gram(), 0.3, only=[0, 3])
    own = torch.tensor([0, 1, 2, 10, 11, 12, 13])
    kept = torch.arange(3, 10)
    shifted = matrix + 0.3 * torch.eye(14, dtype=torch.float64)
    across = shifted[kept][:, own] @ torch.linalg.solve(shifted[own][:, own], shifted[own][:, kept])
    schur = (matrix[kept][:, kept] - across).numpy()
    assert sorted(inner.rest) == [(1, 1), (2, 1), (2, 2)]
    for (i, j), rows, columns in (((1, 1), slice(0, 5), slice(0, 5)), ((2, 1), slice(5, 7), slice(0, 5))):
        np.testing.assert_allclose(inner.rest[i, j], schur[rows, columns], rtol=1e-12, atol=1e-13)


def row_of_cells(columns: int, p: int, ring: bool) -> tuple[dict[tuple[int, int], torch.Tensor], torch.Tensor]:
    """Blocks of a tridiagonal matrix, closed to a ring or not, and the matrix."""
    rng = np.random.default_rng(columns)
    diagonal = rng.standard_normal((columns, p, p))
    diagonal = diagonal @ diagonal.transpose(0, 2, 1) + 12 * np.eye(p)
    pairs = [(k + 1, k) for k in range(columns - 1)] + [(columns - 1, 0)] * ring
    blocks = {(k, k): torch.from_numpy(d) for k, d in enumerate(diagonal)}
    blocks |= {pair: torch.from_numpy(rng.standard_normal((p, p))) for pair in pairs}
    dense = torch.zeros(columns, p, columns, p, dtype=torch.float64)
    for (i, j), block in blocks.items():
        dense[j, :, i] = block.T
        dense[i, :, j] = block
    return blocks, dense.reshape(columns * p, columns * p)


@pytest.mark.parametrize(("columns", "ring"), [(1, False), (2, False), (3, False), (7, False), (3, True), (7, True)])
def test_equilibrated_solution_of_cells_in_a_row(columns: int, ring: bool) -> None:
    blocks, dense = row_of_cells(columns, 4, ring)
    scale = 10.0 ** torch.from_numpy(np.random.default_rng(1).uniform(-8, 8, (columns, 4)))
    scaled = {(i, j): scale[i][:, None] * block * scale[j] for (i, j), block in blocks.items()}
    right = torch.from_numpy(np.random.default_rng(0).standard_normal(4 * columns))
    given = right * scale.ravel()
    before = given.clone()
    found = EquilibratedBlockCholesky(scaled).solve(given) * scale.ravel()
    torch.testing.assert_close(dense @ found, right, rtol=0, atol=1e-12)
    assert torch.equal(given, before)


def test_unknowns_of_very_different_size() -> None:
    """diag(1, 1e9) [[2, 1/2], [1/2, 1]] diag(1, 1e9) x = (5/2, 3/2 1e9) has the solution (1, 1e-9)."""
    scale = torch.tensor([1.0, 1e9], dtype=torch.float64)
    matrix = scale[:, None] * torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64) * scale
    x = EquilibratedBlockCholesky({(0, 0): matrix}).solve(torch.tensor([2.5, 1.5e9], dtype=torch.float64))
    torch.testing.assert_close(x * scale, torch.ones(2, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], "not positive definite"),
        ([[0.0, 0.0], [0.0, 1.0]], "the diagonal is not positive"),
        ([[math.nan, 0.0], [0.0, 1.0]], "the diagonal is not positive"),
    ],
)
def test_what_is_not_positive_definite_is_refused(bad: list[list[float]], message: str) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=message):
        EquilibratedBlockCholesky({(0, 0): torch.tensor(bad, dtype=torch.float64)})
