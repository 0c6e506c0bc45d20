"""Count sketches against the matrices that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinnlab.algebra.sketches import ColumnSketch, RowSketch, signs


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tensor(*values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(7))


def as_matrix(sketch: RowSketch) -> Tensor:
    """S, (N, S): one sign per row."""
    matrix = torch.zeros(len(sketch.bucket), sketch.size, dtype=torch.float64)
    matrix[torch.arange(len(sketch.bucket)), sketch.bucket] = sketch.sign
    return matrix


def test_rows_by_hand() -> None:
    """Rows 0 and 3 meet in bucket 1 with signs 1 and -1, row 1 in bucket 0 with -1, row 2 in bucket 2."""
    sketch = RowSketch(3, torch.tensor([1, 0, 2, 1]), tensor(1.0, -1.0, 1.0, -1.0))
    rows = tensor([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 9.0])
    total = torch.zeros(3, 2, dtype=torch.float64)
    sketch.add(total, rows, 0)
    assert torch.equal(total, tensor([-3.0, -4.0], [-6.0, -7.0], [5.0, 6.0]))


@pytest.mark.parametrize("size", [1, 3, 7, 25])
def test_rows_in_chunks_are_the_product_with_the_matrix(size: int) -> None:
    sketch, rows = RowSketch.drawn(25, size, generator(), normal(1)), normal(25, 4)
    total = torch.zeros(size, 4, dtype=torch.float64)
    for first, stop in ((11, 25), (0, 2), (2, 11)):
        sketch.add(total, rows[first:stop], first)
    torch.testing.assert_close(total, as_matrix(sketch).T @ rows, rtol=1e-13, atol=1e-13)


def test_buckets_are_filled_evenly() -> None:
    sketch = RowSketch.drawn(23, 5, generator(), normal(1))
    assert sorted(torch.bincount(sketch.bucket, minlength=5).tolist()) == [4, 4, 5, 5, 5]
    for start in range(0, 20, 5):
        assert sorted(sketch.bucket[start : start + 5].tolist()) == [0, 1, 2, 3, 4]


def test_the_gram_matrix_is_right_on_average() -> None:
    rows = normal(12, 3)
    mean = torch.zeros(3, 3, dtype=torch.float64)
    for seed in range(2000):
        total = torch.zeros(4, 3, dtype=torch.float64)
        RowSketch.drawn(12, 4, generator(seed), rows).add(total, rows, 0)
        mean += total.T @ total / 2000
    exact = rows.T @ rows
    assert float((mean - exact).norm()) < 0.05 * float(exact.norm())


def test_kept_rows() -> None:
    rows, total = normal(5, 2), torch.zeros(5, 2, dtype=torch.float64)
    RowSketch.kept(5, rows).add(total, rows, 0)
    assert torch.equal(total, rows)


def test_columns_by_hand() -> None:
    """Columns 2 and 0 share the first bucket, column 1 has the second."""
    half = 0.5**0.5
    sketch = ColumnSketch(2, torch.tensor([2, 1, 0]), tensor(half, -1.0, -half))
    assert torch.allclose(sketch.reduce(tensor([1.0, 2.0, 5.0])), tensor([4 * half, -2.0]), rtol=0, atol=1e-13)
    assert torch.allclose(sketch.expand(tensor(2.0, 3.0)), tensor(-2 * half, -3.0, 2 * half), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("p", "k"), [(7, 3), (6, 3), (5, 5), (4, 1)])
def test_columns_are_orthonormal_and_each_is_used(p: int, k: int) -> None:
    sketch = ColumnSketch.drawn(p, k, generator(), normal(1))
    matrix = torch.stack([sketch.expand(unit) for unit in torch.eye(k, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(matrix.T @ matrix, torch.eye(k, dtype=torch.float64), rtol=0, atol=1e-14)
    assert bool((matrix.count_nonzero(dim=1) == 1).all())
    rows = normal(6, p)
    torch.testing.assert_close(sketch.reduce(rows), rows @ matrix, rtol=1e-13, atol=1e-13)


def test_signs_and_repetition() -> None:
    drawn = signs(1000, generator())
    assert set(drawn.tolist()) == {-1.0, 1.0} and abs(float(drawn.mean())) < 0.1
    one, two = (RowSketch.drawn(9, 4, generator(3), normal(1)) for _ in range(2))
    assert torch.equal(one.bucket, two.bucket) and torch.equal(one.sign, two.sign)
