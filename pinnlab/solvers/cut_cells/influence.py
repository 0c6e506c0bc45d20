"""How far what is off anywhere moves the whole solution, and which cells it comes from.

Letters: K experts, m unknowns, N basis functions, r residuals of a term, n points.

Rows that no solve has seen are off by r; the change of the solution that they ask for is e = (J^H J)^-1 H^H r, with the
Jacobians J of the rows that were solved and H of those that were not. It is about as large as the error, where what is off
in a cell tells of that cell only: one solution of a plate's equation may be off by a thousand times what any cell shows.
Combinations that the solved rows hardly see would change by any amount; the others do see them, and bound that change where
a small share s of them counts as well:

    e = (J^H J + s H^H H)^-1 H^H r.

The part of the mean square of e that comes from a cell is, about, the sum of r H w over the cell's rows, where w solves the
same equations with e itself as right-hand side: the residuals weighted by the dual solution (Becker & Rannacher 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.algebra.conjugate_gradients import conjugate_gradients
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.cut_cells.rows import Parts, PointRows
from pinnlab.solvers.cut_cells.system import CellSystem, Solver

Array = np.ndarray
Misfits = Sequence[tuple[PointRows, Array, Sequence[Parts]]]
"""Groups of rows that were not solved, with their residuals (r, n) and what these depend on."""
_SHARE = 0.1
"""Of what rows that were not solved count next to those that were."""
_TURNS, _ROUGHLY = 4, 0.05
"""Turns of conjugate gradients for the change, and the share of what is left at which they end: its size counts."""


@dataclass(frozen=True, eq=False)
class Influence:
    """What misfits do to the solution.

    Attributes:
        error: root mean square of the change that they ask for, of all unknowns together, each times what it counts.
        of_each: (m,) the same of each unknown, in its own units.
        shares: (K,) how much of it comes from each expert; some may be negative.
    """

    error: float
    of_each: Array
    shares: Array

    def relative(self, size: float) -> Array:
        """(K,) the change relative to the root mean square of all unknowns; less where less of it comes from.

        The expert that most of it comes from is taken to bear all of it.

        Args:
            size: that root mean square.
        """
        most = np.abs(self.shares).max()
        return self.error / (size if size > 0 else 1.0) * np.abs(self.shares) / (most if most > 0 else 1.0)


def influence(
    system: CellSystem,
    solver: Solver,
    linear: Sequence[Sequence[Parts]],
    misfits: Misfits,
    volumes: Array,
    deadline: Deadline,
    enough: float = 0.0,
) -> Influence:
    """The change of the solution that rows ask for which were not solved.

    Args:
        system: whose rows were solved.
        solver: a factorization of about their normal equations.
        linear: what those rows depend on.
        misfits: the rows that were not solved.
        volumes: (K,) shares of the experts in the region.
        deadline: raise TimeIsUpError after it.
        enough: the change counts no more than that, so that one which is smaller without a bound is not looked at further.
    """
    solved = list(zip(system.groups, linear, strict=True))
    others = [(group, parts) for group, _, parts in misfits]

    def product(combined: Array) -> Array:
        return system.normal_product(solved, combined) + _SHARE * system.normal_product(others, combined)

    def bounded(gradient: Array, start: Array) -> Array:
        # each turn takes about one of the combinations that the solved rows hardly see
        return conjugate_gradients(product, solver, gradient, _TURNS, _ROUGHLY, start, deadline.check)

    # combinations of functions have a mean square of one in their expert, and are orthogonal
    factors = system.of_unknowns(system.counts**2 * volumes[:, None])
    gradient = system.pulled_back(misfits)
    change = solver(gradient)
    large = change @ (factors * change) > enough**2
    if large:
        change = bounded(gradient, change)
    weighted = factors * change
    squares = system.of_unknowns(volumes[:, None]) * change**2
    each = np.array([squares[system.of_unknowns(np.arange(system.m) == j)].sum() for j in range(system.m)])
    error = float(np.sqrt(change @ weighted))
    shares = np.zeros(len(volumes))
    if error == 0.0:
        return Influence(0.0, np.sqrt(each), shares)
    dual = solver(weighted)
    dual = system.spread(bounded(weighted, dual) if large else dual)
    for group, residuals, parts in misfits:
        products = (group.changes(parts, dual) * residuals).sum(axis=0)
        sums = np.add.reduceat(products, group.starts[:-1])
        for site in group.sites:
            np.add.at(shares, site.experts, sums / len(group.sites))
    return Influence(error, np.sqrt(each), shares / error)
