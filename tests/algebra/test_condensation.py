"""Sparse least squares by static condensation: by products of rows, and by rows that are made orthonormal first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from neighbours import grid
from side_by_side import side_by_side

from pinnlab.algebra import condensation
from pinnlab.algebra.condensation import Fewer, condensed, factors
from pinnlab.algebra.substructures import shared, substructures
from pinnlab.machine.processes import Processes

Array = np.ndarray
Solver = Callable[[Array], Array]


def solver(rows: list[dict[int, Array]], sizes: dict[int, int], orthonormal: bool) -> Solver:
    """Of groups in a row, or anywhere, by the faces that the rows have."""
    widths = {(min(each), max(each)): 1 for each in rows if len(each) == 2}
    places = np.arange(float(len(sizes)))[:, None]
    return condensed(rows, sizes, substructures(sizes, widths, places), orthonormal)


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


@pytest.mark.parametrize("orthonormal", [False, True])
def test_two_unknowns_by_hand(orthonormal: bool) -> None:
    """Rows (1, 0), (0, 2) and (1, -1): the normal equations are (2, -1; -1, 5), whose inverse is (5, 1; 1, 2) / 9."""
    rows = [{0: np.array([[1.0]])}, {1: np.array([[2.0]])}, {0: np.array([[1.0]]), 1: np.array([[-1.0]])}]
    solve = solver(rows, {0: 1, 1: 1}, orthonormal)
    assert solve(np.array([9.0, 0.0])) == pytest.approx([5.0, 1.0], rel=1e-13)
    assert solve(np.array([0.0, 9.0])) == pytest.approx([1.0, 2.0], rel=1e-13)


@pytest.mark.parametrize("orthonormal", [False, True])
@pytest.mark.parametrize("kind", [float, complex])
def test_a_chain_of_groups_of_different_sizes(orthonormal: bool, kind: type) -> None:
    rng, sizes = np.random.default_rng(0), {0: 4, 1: 3, 2: 5}

    def drawn(n: int, p: int) -> Array:
        found = rng.standard_normal((n, p))
        return found + 1j * rng.standard_normal((n, p)) if kind is complex else found

    joints = [(drawn(3, 4), drawn(3, 3)), (drawn(2, 3), drawn(2, 5))]
    rows = chain([1e3 * drawn(6, 4), drawn(5, 3), drawn(7, 5)], joints)
    right = drawn(1, 12)[0]
    found = solver(rows, sizes, orthonormal)(right)
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

    def refined(orthonormal: bool) -> float:
        solve, found = solver(rows, sizes, orthonormal), np.zeros_like(truth)
        for _ in range(2):
            found = found + solve(matrix.T @ (matrix @ (truth - found)))
        return float(np.abs(found - truth).max())

    assert refined(orthonormal=True) < 1e-7
    assert refined(orthonormal=False) > 1e-4


def test_unknowns_that_no_row_sees_stay_small() -> None:
    rows = [{0: np.array([[1.0, 0.0], [2.0, 0.0]])}]
    found = solver(rows, {0: 2}, orthonormal=True)(np.array([5.0, 0.0]))
    assert found == pytest.approx([1.0, 0.0], abs=1e-12)


def test_factors_of_a_group() -> None:
    rows = [np.array([[3.0, 1.0]]), np.array([[4.0, 2.0], [0.0, 2.0]])]
    q, r = factors(rows, 2)
    assert q @ r == pytest.approx(np.concatenate(rows), abs=1e-14)
    assert q.T @ q == pytest.approx(np.eye(2), abs=1e-14)
    assert abs(r[0, 0]) == pytest.approx(5.0) and r[1, 0] == 0.0


@pytest.mark.parametrize("orthonormal", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (3, 3, 2)])
def test_groups_on_grids_as_dense_matrices_have_it(shape: tuple[int, ...], orthonormal: bool) -> None:
    """Faces of 7 rows, of which 3 are independent; one pair of groups has two of them."""
    rng, size = np.random.default_rng(0), 8
    pairs, places = grid(shape)
    seen = rng.standard_normal((7, 3))
    rows = [{i: rng.standard_normal((size + 2, size))} for i in range(len(places))]
    for a, b in [*pairs, pairs[0]]:
        rows.append({a: seen @ rng.standard_normal((3, size)), b: seen @ rng.standard_normal((3, size))})
    sizes = dict.fromkeys(range(len(places)), size)
    matrix, right = whole(rows, sizes).real, rng.standard_normal(size * len(places))
    fronts = substructures(sizes, dict.fromkeys(((min(p), max(p)) for p in pairs), 6), places)
    found = condensed(rows, sizes, fronts, orthonormal)(right)
    assert found == pytest.approx(np.linalg.solve(matrix.T @ matrix, right), rel=1e-9)


@pytest.mark.parametrize("orthonormal", [False, True])
@pytest.mark.parametrize(("shape", "count"), [((4, 3), 2), ((4, 3), 3), ((3, 3, 2), 2), ((2, 1), 4)])
@pytest.mark.parametrize("kind", [float, complex])
def test_several_processes_have_the_same_solver(
    shape: tuple[int, ...], count: int, orthonormal: bool, kind: type
) -> None:
    """Each has the rows that touch its own groups only; in the last case some have none."""
    rng, size = np.random.default_rng(2), 8
    pairs, places = grid(shape)
    seen = rng.standard_normal((7, 3))

    def drawn(*lengths: int) -> Array:
        return rng.standard_normal(lengths) + (1j * rng.standard_normal(lengths) if kind is complex else 0.0)

    rows = [{i: drawn(size + 2, size)} for i in range(len(places))]
    rows += [{a: seen @ drawn(3, size), b: seen @ drawn(3, size)} for a, b in pairs]
    sizes, widths = dict.fromkeys(range(len(places)), size), dict.fromkeys(((min(p), max(p)) for p in pairs), 6)
    fronts, right = substructures(sizes, widths, places), drawn(size * len(places))
    shares = shared(fronts, sizes, widths, count)

    def one(processes: Processes) -> Array:
        mine = [each for each in rows if any(shares.groups[i] == processes.rank for i in each)]
        assert len(mine) < len(rows)
        return condensed(mine, sizes, fronts, orthonormal, processes, shares)(right)

    first, *others = side_by_side(one, count)
    matrix = whole(rows, sizes)
    assert first == pytest.approx(np.linalg.solve(matrix.conj().T @ matrix, right), rel=1e-9)
    assert all(np.array_equal(each, first) for each in others)


def test_what_one_process_cannot_eliminate_is_said_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, widths = {0: 2, 1: 3}, {(0, 1): 1}
    rows = [{0: np.eye(2)}, {1: np.eye(3)}, {0: np.ones((1, 2)), 1: np.ones((1, 3))}]
    fronts = substructures(sizes, widths, np.array([[0.0], [1.0]]))
    shares, eliminated = shared(fronts, sizes, widths, 2), condensation._OwnProducts.eliminated

    def fails(self: Any, of_faces: Array) -> Any:
        if len(self.matrix) == 3:
            raise np.linalg.LinAlgError
        return eliminated(self, of_faces)

    def one(processes: Processes) -> str:
        with pytest.raises(np.linalg.LinAlgError) as caught:
            condensed(rows, sizes, fronts, False, processes, shares)
        return str(caught.value)

    monkeypatch.setattr(condensation._OwnProducts, "eliminated", fails)
    assert side_by_side(one, 2) == ["the rows are dependent to rounding"] * 2


def test_faces_without_rows_are_none() -> None:
    sizes = {0: 2, 1: 2}
    rows = [{0: np.diag([1.0, 2.0])}, {1: np.diag([2.0, 4.0])}]
    fronts = substructures(sizes, {(0, 1): 3}, np.array([[0.0], [1.0]]))
    assert condensed(rows, sizes, fronts)(np.ones(4)) == pytest.approx([1.0, 0.25, 0.25, 1 / 16])


def test_fewer_rows_have_the_same_products() -> None:
    """The values of quadratics at five nodes are three numbers; the next face of the same kind shares the combinations."""
    nodes = np.vander(np.linspace(-1.0, 1.0, 5), 3)
    fewer, rng = Fewer(), np.random.default_rng(1)
    for _ in range(2):
        left, right = nodes @ rng.standard_normal((3, 4)), nodes @ rng.standard_normal((3, 2))
        found = fewer({7: left, 3: right})
        assert found[7].shape == (3, 4) and found[3].shape == (3, 2)
        assert found[7].T @ found[3] == pytest.approx(left.T @ right, abs=1e-13)
        assert found[7].T @ found[7] == pytest.approx(left.T @ left, abs=1e-13)
