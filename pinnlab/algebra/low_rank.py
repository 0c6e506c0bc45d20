"""Systems of a matrix that is factorized, and of few rows that are not in it.

Letters: p unknowns, k rows that are added, q rows that are taken away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Solver = Callable[[Array], Array]


def corrected(solver: Solver, more: Array, less: Array) -> Solver:
    """A solver of (M + P^H P - Q^H Q) x = b, from one of M x = b (Sherman, Morrison & Woodbury; Hager 1989).

    Args:
        solver: of M, Hermitian.
        more: P (k, p).
        less: Q (q, p).
    """
    rows = np.concatenate([more, less])
    signs = np.repeat([1.0, -1.0], [len(more), len(less)])
    solved = np.stack([solver(row) for row in rows.conj()], axis=1)
    small = np.diag(signs) + rows @ solved

    def solve(right: Array) -> Array:
        found = solver(right)
        return np.asarray(found - solved @ np.linalg.solve(small, rows @ found))

    return solve
