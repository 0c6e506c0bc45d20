"""Normal modes: the solutions exp(s x) v of a linear system of differential equations in one coordinate.

Letters: m equations and unknowns, p highest order, k boundary operators, N modes, q numbers that fix a solution.

A(d/dx) u = 0 with constant coefficients has as many independent solutions as det A(s) has zeros. How many of them
conditions must fix, and which conditions can, is what well-posedness of boundary value problems is about: J. Nitsche's
and Lopatinskii's condition for elliptic equations; H.-O. Kreiss, Initial boundary value problems for hyperbolic systems,
Comm. Pure Appl. Math. 23 (1970), for those that evolve. The number of zeros, the degree of the determinant, comes from
J. Pryce, A simple structural analysis method for DAEs, BIT 41 (2001): it is a greatest assignment of orders, if the
Jacobian that belongs to it is regular. No determinant is computed, and no eigenvalue is infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import scipy

Array: TypeAlias = np.ndarray[Any, Any]

ZERO = 1e-12
"""Relative size of a coefficient that is taken for zero."""
REGULAR = 1e-9
"""Reciprocal condition number of the scaled Jacobian from which on it is regular."""
NEUTRAL = 1e-6
"""Relative size of a real part below which a mode neither grows nor decays."""
RANK = 1e-8
"""Relative size of singular values, rows and columns scaled, that are taken for zero."""


@dataclass(frozen=True)
class Modes:
    """All solutions of A(d/dx) u = 0.

    Attributes:
        flow: (N, N); coordinates z of a solution obey z' = flow z.
        jets: {(unknown, order below or at the offset): (N,) row that gives this derivative from z}.
        offsets: (m,) orders up to which ``jets`` has an unknown's derivatives.
        scales: (m,) by which unknowns were scaled.
    """

    flow: Array
    jets: dict[tuple[int, int], Array]
    offsets: tuple[int, ...]
    scales: Array

    @property
    def count(self) -> int:
        """N, the degree of det A."""
        return len(self.flow)

    @property
    def growth(self) -> float:
        """The largest real part of an exponent; 0 without modes."""
        return float(np.linalg.eigvals(self.flow).real.max()) if self.count else 0.0

    def rows(self, operators: Array) -> Array:
        """What boundary operators (p + 1, k, m), coefficients of powers of d/dx, make of a solution: (k, N), scaled rows."""
        found = np.zeros((operators.shape[1], self.count), dtype=complex)
        for j, scale in enumerate(self.scales):
            for order in np.flatnonzero(np.abs(operators[:, :, j]).max(axis=1)).tolist():
                row = self.jets[j, min(order, self.offsets[j])]
                for _ in range(order - self.offsets[j]):
                    row = row @ self.flow
                found += np.outer(operators[order, :, j] * scale, row)
        return _unit_rows(found)

    def decaying(self) -> tuple[Array, int]:
        """(N, n) basis of the solutions that decay as x grows, and how many modes neither decay nor grow."""
        if not self.count:
            return np.zeros((0, 0)), 0
        values = np.linalg.eigvals(self.flow)
        largest = np.abs(values).max()

        def side(s: complex) -> int:
            small = abs(s.real) <= NEUTRAL * abs(s) or abs(s) <= 0.1 * NEUTRAL * largest
            return 0 if small else int(np.sign(s.real))

        _, basis, n = scipy.linalg.schur(self.flow, output="complex", sort=lambda s: side(s) < 0)
        return basis[:, :n], sum(side(s) == 0 for s in values)

    def between(self, first: Array, last: Array) -> int:
        """How many solutions are left on an interval by operators at its two ends; see ``joined``."""
        return min(self.count - rank(np.concatenate([first, _unit_rows(last @ step)])) for step in self._steps())

    def joined(self, first: Array, last: Array) -> Array:
        """Rows (k, N) of operators that take both ends of an interval together, as periodicity does."""
        return _unit_rows(first + last @ self._steps()[0])

    def _steps(self) -> list[Array]:
        """Propagators over short intervals: generic ones, whose length says nothing of a resonance.

        Exponents that are zero several times over, as those of polynomials are, come out as rounding makes them, and
        lengths made of these may be far too short: the unit of length is among them, unless modes grow much over it.
        """
        sizes = np.abs(np.linalg.eigvals(self.flow)) if self.count else np.ones(1)
        sizes = sizes[sizes > NEUTRAL * sizes.max()] if sizes.max() > 0 else np.ones(1)
        most = 20.0 / sizes.max()
        lengths = (1.0 / sizes.max(), min(1.0 / np.exp(np.log(sizes).mean()), most), min(1.0, most))
        return [scipy.linalg.expm(self.flow * length) for length in lengths]


def find_modes(symbol: Array) -> Modes | None:
    """The modes of A(d/dx) = sum of symbol[k] (d/dx)^k; None where their number is not certain.

    Args:
        symbol: (p + 1, m, m).
    """
    symbol, columns = _equilibrated(symbol)
    m = symbol.shape[1]
    degrees = np.full((m, m), -np.inf)
    for order, coefficients in enumerate(symbol):
        degrees[np.abs(coefficients) > ZERO] = order
    offsets = _offsets(degrees)
    if offsets is None:
        return None
    equation, unknown = offsets
    jacobian = np.array([[_part(symbol, i, j, unknown[j] - equation[i]) for j in range(m)] for i in range(m)])
    scale = np.abs(jacobian).max(axis=1, keepdims=True)
    if (scale == 0).any() or 1 / np.linalg.cond(_unit_columns(jacobian / scale)) < REGULAR:
        return None
    places = {place: q for q, place in enumerate((j, order) for j in range(m) for order in range(unknown[j]))}
    hidden = [_shifted(symbol, i, level, places) for i in range(m) for level in range(equation[i])]
    lower = np.array([_shifted(symbol, i, equation[i], places) for i in range(m)]).reshape(m, len(places))
    top = -np.linalg.solve(jacobian / scale, lower / scale)
    basis = np.eye(len(places), dtype=complex)
    if hidden:
        _, sizes, right = np.linalg.svd(_unit_rows(np.array(hidden)))
        if sizes.min() < REGULAR * sizes.max():
            return None
        basis = right[len(hidden) :].conj().T
    shift = np.zeros((len(places), len(places)), dtype=complex)
    for (j, order), q in places.items():
        shift[q] = top[j] if order + 1 == unknown[j] else np.eye(len(places))[places[j, order + 1]]
    jets = {place: basis[q] for place, q in places.items()}
    jets.update({(j, unknown[j]): top[j] @ basis for j in range(m)})
    return Modes(basis.conj().T @ shift @ basis, jets, unknown, columns)


def rank(rows: Array) -> int:
    """The rank of rows of size one or less, whose columns may be of very different size."""
    if not rows.size:
        return 0
    if 1 in rows.shape:
        return int(np.abs(rows).max() > RANK)
    sizes = np.linalg.svd(_unit_columns(rows), compute_uv=False)
    return int((sizes > RANK * max(sizes[0], 1e-300)).sum())


def null_space(rows: Array) -> Array:
    """(n, columns) orthonormal vectors that rows annihilate; each row is scaled first."""
    if not rows.size:
        return np.eye(rows.shape[1])
    _, sizes, right = np.linalg.svd(_unit_rows(rows), full_matrices=True)
    return right[int((sizes > RANK * max(sizes[0], 1e-300)).sum()) :]


def _unit_rows(rows: Array) -> Array:
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(sizes > 0, sizes, 1.0)


def _unit_columns(rows: Array) -> Array:
    """Columns of size one, but for those that are zero up to rounding."""
    sizes = np.linalg.norm(rows, axis=0, keepdims=True)
    return rows / np.where(sizes > ZERO * max(sizes.max(), 1e-300), sizes, 1.0)


def _equilibrated(symbol: Array) -> tuple[Array, Array]:
    """The symbol with rows and columns scaled to entries of at most one, and the columns' factors."""
    m = symbol.shape[1]
    rows, columns = np.ones(m), np.ones(m)
    sizes = np.abs(symbol).max(axis=0)
    for _ in range(4):
        scaled = rows[:, None] * sizes * columns
        by_row, by_column = np.sqrt(scaled.max(axis=1)), np.sqrt(scaled.max(axis=0))
        rows, columns = rows / np.where(by_row > 0, by_row, 1.0), columns / np.where(by_column > 0, by_column, 1.0)
    return rows[:, None] * symbol * columns, columns


def _offsets(degrees: Array) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Smallest offsets of equations and unknowns (Pryce's Sigma method); None without an assignment."""
    pairs = scipy.optimize.linear_sum_assignment(np.where(np.isfinite(degrees), -degrees, 1e6))
    if not np.isfinite(degrees[pairs]).all():
        return None
    equation = np.zeros(len(degrees))
    while True:
        unknown = (degrees + equation[:, None]).max(axis=0)
        following = unknown[pairs[1]] - degrees[pairs]
        if (following == equation).all():
            return tuple(int(c) for c in equation), tuple(int(d) for d in unknown)
        equation = following


def _part(symbol: Array, i: int, j: int, order: int) -> complex:
    return symbol[order, i, j] if 0 <= order < len(symbol) else 0.0


def _shifted(symbol: Array, i: int, level: int, places: dict[tuple[int, int], int]) -> Array:
    """Equation i, differentiated ``level`` times, as a row on the derivatives in ``places``."""
    return np.array([_part(symbol, i, j, order - level) for j, order in places], dtype=complex)
