"""Equations and measurements, linearized together: how the unknowns, and what is measured, follow what is sought.

Letters: R rows of equations and conditions, U coefficients of the unknowns, p of what is sought, n measurements.

For given functions and numbers the equations and conditions decide the unknowns; their sensitivities follow from the same
factorization. So measurements are functions of what is sought alone, and never bend the equations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy

from pinnlab.algebra.evidence import triangle
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.inverse.quantities import (
    CONDITION,
    Linearized,
    Quantity,
    UndecidedError,
    bands,
    extrapolated,
)
from pinnlab.solvers.local_experts.inverse.sought import Sought, Trial
from pinnlab.solvers.local_experts.rows import CellJacobian, CellRows

Array = np.ndarray
Solver = Callable[[Array], Array]
"""Right sides (R, c) to least-squares solutions (U, c)."""
_INDEPENDENT = 1e-14
"""Reciprocal condition number below which equations do not decide the unknowns."""
_PINNED = 1e-4
"""Relative standard deviation of conditions on what is sought alone."""


class InverseSystem:
    """The rows of one problem on given cells.

    Args:
        discretization: of the problem.
        cells: all of them, over the whole domain, time as well.
        sought: functions and numbers.
    """

    def __init__(self, discretization: Discretization, cells: Cells, sought: Sequence[Sought]):
        self.discretization, self.cells, self.sought = discretization, cells, tuple(sought)
        made = discretization
        rows = [made.equation_rows(cells, made.interior), *made.boundary_rows(cells)]
        rows += [made.initial_rows(cells, None)] if made.initial else []
        rows += [each for axis in range(len(made.names)) for each in made.interface_rows(cells, axis)]
        self.groups = rows
        self._factored: tuple[Array, Solver] | None = None
        context = made.problem.context()
        self.data: list[tuple[list[CellRows], list[tuple[str, float | None]]]] = []
        for condition in made.data:
            noises = [(term.residuals[0], term.noise) for term in condition.terms(context)]
            self.data.append((made.data_rows(cells, [condition]), noises))

    @property
    def scales(self) -> list[Array]:
        """By what rows are multiplied, group by group; found at the first linearization."""
        every = [*self.groups, *(group for groups, _ in self.data for group in groups)]
        return [group.scale for group in every if group.scale is not None]

    @scales.setter
    def scales(self, values: Sequence[Array]) -> None:
        every = [*self.groups, *(group for groups, _ in self.data for group in groups)]
        for group, scale in zip(every, values, strict=True):
            group.scale = scale

    @property
    def width(self) -> int:
        """Coefficients of one cell."""
        return len(self.discretization.problem.unknowns) * self.discretization.basis.size

    @property
    def size(self) -> int:
        """U."""
        return self.cells.count * self.width

    @property
    def work(self) -> float:
        """Multiplications of one linearization, about."""
        rows = sum(int(np.prod(group.shape)) for group in self.groups)
        return 2.0 * rows * self.size * (self.size + 2 * sum(each.size for each in self.sought))

    def newton(self, unknowns: Array, weights: Array) -> tuple[Array, float]:
        """(U,) the step to unknowns that solve the linearized equations, and the size of what is left before it.

        Args:
            unknowns: (K, m, N).
            weights: (p,) of what is sought.

        Raises:
            UndecidedError, FloatingPointError: as ``linearized``.
        """
        solve, right, _, _ = self._equations(unknowns, weights)
        return -solve(right[:, None])[:, 0], float(np.linalg.norm(right))

    def linearized(self, unknowns: Array, weights: Array) -> Linearized:
        """Linearize at coefficients (K, m, N) of the unknowns and (p,) of what is sought.

        Raises:
            UndecidedError: many unknowns solve the equations and conditions.
            FloatingPointError: residuals are not finite.
        """
        solve, right, beside, pins = self._equations(unknowns, weights)
        both = -solve(np.column_stack([right, beside]))
        step, sensitivity = both[:, 0], both[:, 1:]
        quantities = [*self._measured(unknowns, weights, step, sensitivity), *pins]
        return Linearized(step, sensitivity, tuple(quantities), float(np.linalg.norm(right)))

    def _equations(self, unknowns: Array, weights: Array) -> tuple[Solver, Array, Array, list[Quantity]]:
        """A solver of the unknowns' rows, what is left of them (R,), its derivatives (R, p), and the other conditions."""
        residuals, by_unknowns, by_sought, pins = [], [], [], []
        for group in self.groups:
            found, linear = group.linearized(unknowns, beside=Trial(self.sought, weights))
            matrix, beside, flat = self._dense(linear), _beside(linear), found.ravel()
            if not any(part.parts for part in linear):
                size = _PINNED * max(float(np.abs(found).max()), float(np.abs(beside @ weights).max()), 1e-12)
                pins.append(Quantity(CONDITION, flat / size, beside / size, 1.0))
                continue
            residuals.append(flat)
            by_unknowns.append(matrix)
            by_sought.append(beside)
        right = np.concatenate(residuals)
        if not np.isfinite(right).all():
            raise FloatingPointError("the equations are not defined there")
        matrix = np.concatenate(by_unknowns)
        # where equations are linear in the unknowns, rows change with what is sought only
        if self._factored is None or not np.array_equal(self._factored[0], matrix):
            self._factored = matrix, _solver(matrix)
        return self._factored[1], right, np.concatenate(by_sought), pins

    def _measured(self, unknowns: Array, weights: Array, step: Array, sensitivity: Array) -> list[Quantity]:
        quantities = []
        bands = self._bands(unknowns)
        for groups, noises in self.data:
            misfits: list[list[Array]] = [[] for _ in noises]
            slopes: list[list[Array]] = [[] for _ in noises]
            highest: list[list[Array]] = [[] for _ in noises]
            places = np.concatenate([group.sites[0].points for group in groups]) if groups else None
            for group in groups:
                found, linear = group.linearized(unknowns, beside=Trial(self.sought, weights))
                assert group.scale is not None
                matrix, beside = self._dense(linear), _beside(linear)
                shifted = found + (matrix @ step).reshape(found.shape)
                total = (matrix @ sensitivity + beside).reshape(*found.shape, -1)
                parts = (matrix @ bands).reshape(*found.shape, 2)
                for i in range(len(noises)):
                    misfits[i].append(shifted[0, i] / group.scale[0, i])
                    slopes[i].append(total[0, i] / group.scale[0, i])
                    highest[i].append(parts[0, i] / group.scale[0, i])
            for (label, noise), *each in zip(noises, misfits, slopes, highest, strict=True):
                mine, their, last = (np.concatenate(part) / (1.0 if noise is None else noise) for part in each)
                truncated = extrapolated(*np.sqrt((last**2).mean(axis=0)))
                quantities.append(Quantity(label, mine, their, noise, truncated, places))
        return quantities

    def _bands(self, unknowns: Array) -> Array:
        """(U, 2): the coefficients of the two highest degrees along any axis, and of the two below them."""
        degrees = self.discretization.basis.degrees
        return bands(unknowns.reshape(-1, *(p + 1 for p in degrees)), degrees).reshape(-1, 2)

    def _dense(self, linear: Sequence[CellJacobian]) -> Array:
        """(k r q, U)."""
        count, r, q = linear[0].shape
        total = np.zeros((count, r * q, self.cells.count, self.width))
        for part in linear:
            total[np.arange(count), :, part.site.which] += part.dense()
        return total.reshape(count * r * q, -1)


def _beside(linear: Sequence[CellJacobian]) -> Array:
    """(k r q, p)."""
    numbers = linear[0].numbers
    assert numbers is not None
    return numbers.reshape(-1, numbers.shape[-1])


def _solver(matrix: Array) -> Solver:
    """Right sides (R, c) to least-squares solutions (U, c), by the triangle of a QR factorization, corrected once.

    Raises:
        UndecidedError: columns depend on one another.
    """
    lengths = np.linalg.norm(matrix, axis=0)
    if not np.isfinite(lengths).all():
        raise FloatingPointError("the equations are not defined there")
    if len(matrix) < matrix.shape[1] or not lengths.all():
        raise UndecidedError("there are fewer equations than unknowns")
    scaled = matrix / lengths
    upper = triangle(scaled)
    condition, _ = scipy.linalg.lapack.dtrcon(upper)
    if not condition > _INDEPENDENT:
        raise UndecidedError("they depend on one another")

    def once(right: Array) -> Array:
        inner = scipy.linalg.solve_triangular(upper, scaled.T @ right, trans="T")
        return scipy.linalg.solve_triangular(upper, inner)

    def solve(right: Array) -> Array:
        found = once(right)
        # of the semi-normal equations, which square the condition, one correction makes up for it (Bjorck 1987)
        found += once(right - scaled @ found)
        return found / lengths[:, None]

    return solve
