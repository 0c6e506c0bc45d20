"""Linear systems of elements in space: directly while they are small, else by multigrid inside a Krylov method.

Letters: N = size of the system, c components, v nodes, s vectors.

A factorization in space fills up with the square of the number of unknowns, more or less. Multigrid (U. Trottenberg et al.,
Multigrid, 2001) takes a few products with the matrix and its coarser versions: quadratic functions are corrected by linear
ones on the same tetrahedra, those by linear ones on the tetrahedra that were cut into eight, and the coarsest directly. The
matrices of the coarser levels are the finer one's for the coarser functions. Corrections are made by GMRES (Y. Saad and
M. Schultz, SIAM J. Sci. Stat. Comput. 7, 1986), which also serves equations without symmetry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from pinnlab.domains.meshing.tetrahedra import Tetrahedra
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.finite_elements.factorizing import Solve, factorized
from pinnlab.reference.finite_elements.space import Array

Prepare = Callable[[Any], Solve]
"""A matrix (N, N) -> the solver of its systems."""
_SWEEPS = 2
_DAMPING = 1.4
"""Of a sweep, over the largest eigenvalue."""
_POWERS = 12
_LIFT = 1e-3
"""Of the diagonal, that is added to a matrix that is singular without its border."""
_VECTORS, _RESTARTS = 40, 5
_TOLERANCE = 1e-9
"""Of residuals, relative to the right side."""


def prolongations(mesh: Tetrahedra) -> list[scipy.sparse.csr_array]:
    """From each level to the next finer one, the finest first: (v + e, v) for the v nodes and e edges of a mesh."""
    found: list[scipy.sparse.csr_array] = []
    each: Tetrahedra | None = mesh
    while each is not None:
        count, (edges, _) = len(each.nodes), each.edges
        rows = np.concatenate([np.arange(count), np.repeat(count + np.arange(len(edges)), 2)])
        columns = np.concatenate([np.arange(count), edges.ravel()])
        values = np.concatenate([np.ones(count), np.full(2 * len(edges), 0.5)])
        found.append(scipy.sparse.csr_array((values, (rows, columns)), shape=(count + len(edges), count)))
        each = each.parent
    return found


@dataclass(frozen=True, eq=False)
class _Level:
    """One level: its matrix (N, N), the inverse blocks (v, c, c) of its nodes, and the way from the next coarser one."""

    matrix: scipy.sparse.csr_array
    blocks: Array
    damping: float
    up: scipy.sparse.csr_array

    def smoothed(self, x: Array | None, right: Array) -> Array:
        """After some sweeps of damped block Jacobi."""
        for _ in range(_SWEEPS):
            rest = right if x is None else right - self.matrix @ x
            step = self.damping * _apply(self.blocks, rest)
            x = step if x is None else x + step
        assert x is not None
        return x


def _apply(blocks: Array, x: Array) -> Array:
    count, components = blocks.shape[:2]
    return np.einsum("vab,bv->av", blocks, x.reshape(components, count)).reshape(-1)


class Multigrid:
    """An approximate inverse of a matrix, one V-cycle.

    Args:
        matrix: (N, N), N = c v, of the finest level.
        ways: from each level to the next finer one, of one component.
        fixed: (N,) entries of the state that conditions fix.
        small: unknowns below which a level is factorized.

    Raises:
        RuntimeError: a level's matrix is singular.
    """

    def __init__(
        self, matrix: scipy.sparse.csr_array, ways: Sequence[scipy.sparse.csr_array], fixed: Array, small: int
    ):
        self.levels: list[_Level] = []
        for way in ways:
            count = len(fixed) // way.shape[0]
            up = scipy.sparse.kron(scipy.sparse.eye_array(count), way, format="csr")
            coarse_fixed = fixed.reshape(count, -1)[:, : way.shape[1]].reshape(-1)
            # functions of a coarser level vanish where conditions hold
            keep = scipy.sparse.diags_array((~fixed).astype(float)) @ up
            up = scipy.sparse.csr_array(keep @ scipy.sparse.diags_array((~coarse_fixed).astype(float)))
            blocks = _inverse_blocks(matrix, count)
            self.levels.append(_Level(matrix, blocks, _DAMPING / _largest(matrix, blocks), up))
            ones = scipy.sparse.diags_array(coarse_fixed.astype(float))
            matrix = scipy.sparse.csr_array(up.T @ matrix @ up + ones)
            fixed = coarse_fixed
            if len(fixed) <= small:
                break
        self.coarsest = factorized(matrix)

    def __call__(self, right: Array) -> Array:
        """The approximate solution (N,)."""
        return self._cycle(0, right)

    def _cycle(self, number: int, right: Array) -> Array:
        if number == len(self.levels):
            return self.coarsest(right)
        level = self.levels[number]
        x = level.smoothed(None, right)
        x = x + level.up @ self._cycle(number + 1, level.up.T @ (right - level.matrix @ x))
        return level.smoothed(x, right)


def _inverse_blocks(matrix: scipy.sparse.csr_array, components: int) -> Array:
    """(v, c, c)."""
    count = matrix.shape[0] // components
    found = np.empty((count, components, components), dtype=matrix.dtype)
    for a in range(components):
        for b in range(components):
            found[:, a, b] = matrix[a * count : (a + 1) * count, b * count : (b + 1) * count].diagonal()
    return np.linalg.inv(found)


def _largest(matrix: scipy.sparse.csr_array, blocks: Array) -> float:
    """The size of the largest eigenvalue of the matrix times the inverse blocks, by the power method."""
    x = np.random.default_rng(0).standard_normal(matrix.shape[0]).astype(matrix.dtype)
    size = 1.0
    for _ in range(_POWERS):
        x = _apply(blocks, matrix @ (x / np.linalg.norm(x)))
        size = float(np.linalg.norm(x))
    return size


def gmres(
    matrix: scipy.sparse.csr_array, right: Array, inverse: Solve, deadline: Deadline, tolerance: float = _TOLERANCE
) -> Array:
    """The solution (N,) of a system, with an approximate inverse applied first.

    Raises:
        TooLargeError: it does not converge: the levels do not resolve the equations.
        TimeIsUpError: the deadline has passed.
    """
    x, size = np.zeros_like(right), float(np.linalg.norm(right))
    if size == 0:
        return x
    for _ in range(_RESTARTS):
        rest = right - matrix @ x
        start = float(np.linalg.norm(rest))
        if start <= tolerance * size:
            return x
        basis, columns = [rest / start], []
        for k in range(_VECTORS):
            deadline.check()
            new = matrix @ inverse(basis[-1])
            column = np.zeros(k + 2, dtype=new.dtype)
            for i, vector in enumerate(basis):
                column[i] = np.vdot(vector, new)
                new = new - column[i] * vector
            column[k + 1] = np.linalg.norm(new)
            columns.append(column)
            table = np.zeros((k + 2, k + 1), dtype=new.dtype)
            for j, entries in enumerate(columns):
                table[: len(entries), j] = entries
            wanted = np.zeros(k + 2, dtype=new.dtype)
            wanted[0] = start
            weights = np.linalg.lstsq(table, wanted, rcond=None)[0]
            if np.linalg.norm(table @ weights - wanted) <= 0.5 * tolerance * size or abs(column[k + 1]) < 1e-14 * start:
                break
            basis.append(new / column[k + 1])
        x = x + inverse(sum(w * vector for w, vector in zip(weights, basis, strict=False)))
    if float(np.linalg.norm(right - matrix @ x)) > 100 * tolerance * size:
        raise TooLargeError(f"the iteration for {len(right)} unknowns does not converge on meshes of this size")
    return x


def bordered(matrix: scipy.sparse.csr_array, count: int, inverse: Solve) -> Solve:
    """An approximate inverse of a matrix (N + K, N + K) from one of its first N rows and columns, by elimination."""
    border = matrix[:count, count:].toarray()
    rows = matrix[count:, :count]
    through = np.stack([inverse(column) for column in border.T], axis=1)
    schur = rows @ through

    def applied(right: Array) -> Array:
        found = inverse(right[:count])
        numbers = np.linalg.solve(schur, rows @ found - right[count:])
        return np.concatenate([found - through @ numbers, numbers])

    return applied


def linear_solver(mesh: Tetrahedra, fixed: Array, deadline: Deadline, small: int, gauges: int = 0) -> Prepare:
    """How systems on a mesh are solved: a matrix (N + K, N + K) gives the solver of its system.

    Args:
        mesh: of the finest level.
        fixed: (N,) entries of the state that conditions fix.
        deadline: of each solution.
        small: unknowns up to which a matrix is factorized.
        gauges: K rows and columns at the end, beside which the others are singular.
    """
    ways, count = prolongations(mesh), len(fixed)

    def inverted(matrix: scipy.sparse.csr_array) -> Solve:
        return factorized(matrix) if count <= small else Multigrid(matrix, ways, fixed, small // 2)

    def prepared(matrix: scipy.sparse.csr_array) -> Solve:
        if gauges:
            inner = matrix[:count, :count]
            # a regular one in its place; what that changes, the iteration takes back
            lifted = scipy.sparse.csr_array(inner + scipy.sparse.diags_array(_LIFT * inner.diagonal()))
            inverse = bordered(matrix, count, inverted(lifted))
        else:
            inverse = inverted(matrix)
            if count <= small:
                return inverse
        return lambda right: gmres(matrix, right, inverse, deadline)

    return prepared
