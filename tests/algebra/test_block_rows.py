"""Solvers of sparse least squares: by normal equations, and by rows that are made orthonormal first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pinnlab.algebra.block_rows import by_normal_equations, by_orthonormal_rows, factors

Array = np.ndarray
Solves = Callable[..., Callable[[Array], Array]]
CHAIN = [(0, [1]), (1, [2]), (2, [])]
"""Three groups in a row, eliminated from one end."""
COUPLED = {(1, 0), (2, 1)}


def chain(own: list[Array], joints: list[tuple[Array, Array]]) -> list[dict[int, Array]]:
    """Rows of each group alone, and of each with the next one."""
    alone = [{i: block} for i, block in enumerate(own)]
    return alone + [{i: below, i + 1: above} for i, (below, above) in enumerate(joints)]


def whole(rows: list[dict[int, Array]], sizes: dict[int, int]) -> Array:
    """The same rows as one matrix."""
    starts = np.cumsum([0, *sizes.values()])
    found = [np.zeros((len(next(iter(each.values()))), starts[-1]), complex) for each in rows]
    for matrix, each in zip(found, rows, strict=True):
        for i, block in each.items():
            matrix[:, starts[i] : starts[i + 1]] = block
    return np.concatenate(found)


@pytest.mark.parametrize("solver", [by_normal_equations, by_orthonormal_rows])
def test_two_unknowns_by_hand(solver: Solves) -> None:
    """Rows (1, 0), (0, 2) and (1, -1): the normal equations are (2, -1; -1, 5), whose inverse is (5, 1; 1, 2) / 9."""
    rows = [{0: np.array([[1.0]])}, {1: np.array([[2.0]])}, {0: np.array([[1.0]]), 1: np.array([[-1.0]])}]
    solve = solver(rows, {0: 1, 1: 1}, {(1, 0)}, [(0, [1]), (1, [])])
    assert solve(np.array([9.0, 0.0])) == pytest.approx([5.0, 1.0], rel=1e-13)
    assert solve(np.array([0.0, 9.0])) == pytest.approx([1.0, 2.0], rel=1e-13)


@pytest.mark.parametrize("solver", [by_normal_equations, by_orthonormal_rows])
@pytest.mark.parametrize("kind", [float, complex])
def test_a_chain_of_groups_of_different_sizes(solver: Solves, kind: type) -> None:
    rng, sizes = np.random.default_rng(0), {0: 4, 1: 3, 2: 5}

    def drawn(n: int, p: int) -> Array:
        found = rng.standard_normal((n, p))
        return found + 1j * rng.standard_normal((n, p)) if kind is complex else found

    joints = [(drawn(3, 4), drawn(3, 3)), (drawn(2, 3), drawn(2, 5))]
    rows = chain([1e3 * drawn(6, 4), drawn(5, 3), drawn(7, 5)], joints)
    right = drawn(1, 12)[0]
    found = solver(rows, sizes, COUPLED, CHAIN)(right)
    matrix = whole(rows, sizes)
    assert found == pytest.approx(np.linalg.solve(matrix.conj().T @ matrix, right), rel=1e-9)


def test_orthonormal_rows_keep_what_normal_equations_lose() -> None:
    """Powers up to the 11th on each of three intervals, joined by values and slopes: a condition of 3e8.

    One step of iterative refinement after the first solve, its residuals taken from the rows.
    """
    count = 12
    powers = np.vander(np.linspace(0.0, 1.0, 40), count, increasing=True)
    upper, lower = np.stack([np.ones(count), np.arange(float(count))]), np.eye(2, count)
    sizes = dict.fromkeys(range(3), count)
    rows = chain([powers] * 3, [(upper, -lower)] * 2)
    matrix = whole(rows, sizes).real
    truth = np.random.default_rng(1).standard_normal(matrix.shape[1])

    def refined(solver: Solves) -> float:
        solve, found = solver(rows, sizes, COUPLED, CHAIN), np.zeros_like(truth)
        for _ in range(2):
            found = found + solve(matrix.T @ (matrix @ (truth - found)))
        return float(np.abs(found - truth).max())

    assert refined(by_orthonormal_rows) < 1e-8
    assert refined(by_normal_equations) > 0.1


def test_unknowns_that_no_row_sees_stay_small() -> None:
    rows = [{0: np.array([[1.0, 0.0], [2.0, 0.0]])}]
    found = by_orthonormal_rows(rows, {0: 2}, set(), [(0, [])])(np.array([5.0, 0.0]))
    assert found == pytest.approx([1.0, 0.0], abs=1e-12)


def test_factors_of_a_group() -> None:
    rows = [np.array([[3.0, 1.0]]), np.array([[4.0, 2.0], [0.0, 2.0]])]
    q, r = factors(rows, 2)
    assert q @ r == pytest.approx(np.concatenate(rows), abs=1e-14)
    assert q.T @ q == pytest.approx(np.eye(2), abs=1e-14)
    assert abs(r[0, 0]) == pytest.approx(5.0) and r[1, 0] == 0.0
