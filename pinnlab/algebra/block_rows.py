"""Sparse least squares whose rows touch one or two groups of unknowns: solvers of A^H A x = b.

Letters: g groups of unknowns, p_i unknowns of group i, n rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np
import scipy
import torch

from pinnlab.algebra.blocks import BlockCholesky, Elimination

Array = np.ndarray
Rows = Mapping[int, Array]
"""{group: (n, p_i)}: n rows, by the one or two groups that they touch."""
Solver = Callable[[Array], Array]
"""Right-hand sides (p,) to solutions (p,)."""
_SHIFTS = (1e-15, 1e-13, 1e-11)
"""Added to a unit diagonal, the next one where rounding makes the matrix indefinite."""
_SEEN, _RIDGE = 1e-10, 3e-8
"""Reciprocal condition of a group's own rows, of unit columns, below which they see some combinations of its unknowns too
badly; and what they are then taken to see of each one at least."""


def by_normal_equations(
    rows: Iterable[Rows], sizes: Mapping[int, int], coupled: Collection[tuple[int, int]], order: Elimination
) -> Solver:
    """A solver by a Cholesky factorization of A^H A, scaled to a unit diagonal.

    Args:
        rows: of A.
        sizes: {group: p_i}, in the order of the unknowns.
        coupled: pairs of groups, the larger number first, that have rows in common.
        order: in which groups are eliminated.

    Raises:
        numpy.linalg.LinAlgError: the matrix is not positive definite in floating point.
    """
    blocks: dict[tuple[int, int], Array] = {}
    for each in rows:
        _add_products(blocks, each.items(), lambda i, j: i >= j)
    _fill(blocks, sizes, coupled)
    scale = {i: 1 / np.sqrt(np.maximum(blocks[i, i].diagonal().real, 1e-300)) for i in sizes}
    for (i, j), block in blocks.items():
        block *= scale[i][:, None]
        block *= scale[j]
    both, factor = np.concatenate(list(scale.values())), _factorized(blocks, order)
    return lambda right: both * factor.solve(torch.from_numpy(both * right)).numpy()


def by_orthonormal_rows(
    rows: Iterable[Rows], sizes: Mapping[int, int], coupled: Collection[tuple[int, int]], order: Elimination
) -> Solver:
    """The same where normal equations lose too many digits: the rows of each group are made orthonormal by QR first.

    Normal equations square the condition of the rows, most of which, for high derivatives of polynomials in a cell, is one
    of each group by itself. What is left is how groups depend on each other, and its square is harmless.

    Args:
        rows: of A; all are held at once.
        sizes: {group: p_i}, in the order of the unknowns.
        coupled: pairs of groups, the larger number first, that have rows in common.
        order: in which groups are eliminated.

    Raises:
        numpy.linalg.LinAlgError: what is left between groups is not positive definite in floating point.
    """
    own: dict[int, list[Array]] = {i: [] for i in sizes}
    heights = dict.fromkeys(sizes, 0)
    joined: list[list[tuple[int, slice]]] = []
    for each in rows:
        spans = []
        for i, block in each.items():
            spans.append((i, slice(heights[i], heights[i] + len(block))))
            own[i].append(block)
            heights[i] += len(block)
        if len(spans) > 1:
            joined.append(spans)
    made = {i: factors(own.pop(i), size) for i, size in sizes.items()}
    blocks = {(i, i): np.eye(size, dtype=made[i][0].dtype) for i, size in sizes.items()}
    for spans in joined:
        _add_products(blocks, [(i, made[i][0][span]) for i, span in spans], lambda i, j: i > j)
    triangles = [r for _, r in made.values()]
    del made
    _fill(blocks, sizes, coupled)
    factor, ends = _factorized(blocks, order), np.cumsum(list(sizes.values()))[:-1]
    triangular = scipy.linalg.get_blas_funcs("trsv", dtype=np.result_type(*triangles))

    def solve(right: Array) -> Array:
        parts = zip(triangles, np.split(right, ends), strict=True)
        inner = np.concatenate([triangular(r, b, trans=2) for r, b in parts])
        inner = factor.solve(torch.from_numpy(inner)).numpy()
        return np.concatenate([triangular(r, y) for r, y in zip(triangles, np.split(inner, ends), strict=True)])

    return solve


def factors(rows: list[Array], size: int) -> tuple[Array, Array]:
    """Q (n, p) and R (p, p) of the n rows of a group; with a ridge under the rows where these do not see all unknowns.

    Args:
        rows: blocks (n_k, p).
        size: p.
    """
    stacked = np.concatenate([*rows, np.zeros((0, size))])
    norms = np.sqrt(np.maximum((np.abs(stacked) ** 2).sum(axis=0), 1e-300))
    stacked /= norms
    if len(stacked) >= size:
        q, r = scipy.linalg.qr(stacked, mode="economic", check_finite=False)
        if _reciprocal_condition(r) > _SEEN:
            return q, r * norms
    below = np.concatenate([stacked, _RIDGE * np.eye(size)])
    q, r = scipy.linalg.qr(below, mode="economic", check_finite=False)
    return q[: len(stacked)], r * norms


def _add_products(
    blocks: dict[tuple[int, int], Array], parts: Iterable[tuple[int, Array]], wanted: Callable[[int, int], bool]
) -> None:
    """Add the products of rows by two groups each."""
    parts = list(parts)
    for i, left in parts:
        for j, right in parts:
            if wanted(i, j):
                product = left.conj().T @ right
                if (i, j) in blocks:
                    blocks[i, j] += product
                else:
                    blocks[i, j] = product


def _fill(blocks: dict[tuple[int, int], Array], sizes: Mapping[int, int], coupled: Iterable[tuple[int, int]]) -> None:
    """Zeros where there should be a block and no row made one."""
    dtype = np.result_type(float, *blocks.values())
    for i, j in (*((i, i) for i in sizes), *coupled):
        if (i, j) not in blocks:
            blocks[i, j] = np.zeros((sizes[i], sizes[j]), dtype)


def _factorized(blocks: dict[tuple[int, int], Array], order: Elimination) -> BlockCholesky:
    shared = {key: torch.from_numpy(block) for key, block in blocks.items()}
    for shift in _SHIFTS:
        try:
            return BlockCholesky(shared, shift, order=order)
        except np.linalg.LinAlgError:
            continue
    raise np.linalg.LinAlgError("the rows are dependent to rounding")


def _reciprocal_condition(upper: Array) -> float:
    (estimate,) = scipy.linalg.get_lapack_funcs(("trcon",), (upper,))
    return float(estimate(upper)[0])
