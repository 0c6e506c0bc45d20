"""Equations and measurements, linearized together: how the unknowns, and what is measured, follow what is sought.

Letters: R rows of equations and conditions, U coefficients of the unknowns, p of what is sought, n measurements.

For given functions and numbers the equations and conditions decide the unknowns; their sensitivities follow from the same
factorization. So measurements are functions of what is sought alone, and never bend the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from pinnlab.declaration.conditions import Data
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.inverse.sought import Sought, Trial
from pinnlab.solvers.local_experts.rows import CellJacobian, CellRows

Array = np.ndarray
_INDEPENDENT = 1e-14
"""Reciprocal condition number below which equations do not decide the unknowns."""
_PINNED = 1e-6
"""Relative standard deviation of conditions on what is sought alone."""


class UndecidedError(ValueError):
    """The equations and conditions do not decide the unknowns."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """Measurements of one quantity, or a condition on what is sought, linearized.

    Attributes:
        label: its name.
        misfits: (n,) at the unknowns that the linearized equations ask for, divided by ``noise``.
        slopes: (n, p) their derivatives by what is sought.
        noise: the standard deviation that they are divided by; None where it is not known, and they are not divided.
    """

    label: str
    misfits: Array
    slopes: Array
    noise: float | None


@dataclass(frozen=True, eq=False)
class Linearized:
    """Everything at one place.

    Attributes:
        step: (U,) to the unknowns that the linearized equations ask for.
        sensitivity: (U, p) their derivatives by what is sought.
        quantities: what is measured.
        residual: root of the sum of squares of the rows of equations and conditions, before the step.
    """

    step: Array
    sensitivity: Array
    quantities: tuple[Quantity, ...]
    residual: float


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
        context = made.problem.context()
        self.data: list[tuple[Data, list[CellRows], list[tuple[str, float | None]]]] = []
        for condition in made.data:
            noises = [(term.residuals[0], term.noise) for term in condition.terms(context)]
            self.data.append((condition, made.data_rows(cells, [condition]), noises))

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

    def linearized(self, unknowns: Array, weights: Array) -> Linearized:
        """Linearize at coefficients (K, m, N) of the unknowns and (p,) of what is sought.

        Raises:
            UndecidedError: many unknowns solve the equations and conditions.
            FloatingPointError: residuals are not finite.
        """
        residuals, by_unknowns, by_sought, pins = [], [], [], []
        for group in self.groups:
            found, linear = group.linearized(unknowns, beside=Trial(self.sought, weights))
            matrix, beside, flat = self._dense(linear), _beside(linear), found.ravel()
            if not any(part.parts for part in linear):
                size = _PINNED * max(float(np.abs(found).max()), float(np.abs(beside @ weights).max()), 1e-12)
                pins.append(Quantity("condition", flat / size, beside / size, 1.0))
                continue
            residuals.append(flat)
            by_unknowns.append(matrix)
            by_sought.append(beside)
        right = np.concatenate(residuals)
        if not np.isfinite(right).all():
            raise FloatingPointError("the equations are not defined there")
        solve = _solver(np.concatenate(by_unknowns))
        both = -solve(np.column_stack([right, np.concatenate(by_sought)]))
        step, sensitivity = both[:, 0], both[:, 1:]
        quantities = [*self._measured(unknowns, weights, step, sensitivity), *pins]
        return Linearized(step, sensitivity, tuple(quantities), float(np.linalg.norm(right)))

    def _measured(self, unknowns: Array, weights: Array, step: Array, sensitivity: Array) -> list[Quantity]:
        quantities = []
        for _, groups, noises in self.data:
            misfits: list[list[Array]] = [[] for _ in noises]
            slopes: list[list[Array]] = [[] for _ in noises]
            for group in groups:
                found, linear = group.linearized(unknowns, beside=Trial(self.sought, weights))
                assert group.scale is not None
                matrix, beside = self._dense(linear), _beside(linear)
                shifted = found + (matrix @ step).reshape(found.shape)
                total = (matrix @ sensitivity + beside).reshape(*found.shape, -1)
                for i in range(len(noises)):
                    misfits[i].append(shifted[0, i] / group.scale[0, i])
                    slopes[i].append(total[0, i] / group.scale[0, i])
            for (label, noise), mine, their in zip(noises, misfits, slopes, strict=True):
                unit = 1.0 if noise is None else noise
                quantities.append(Quantity(label, np.concatenate(mine) / unit, np.concatenate(their) / unit, noise))
        return quantities

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


def _solver(matrix: Array):
    """Right sides (R, c) to least-squares solutions (U, c), by the triangle of a QR factorization, corrected once.

    Raises:
        UndecidedError: columns depend on one another.
    """
    lengths = np.linalg.norm(matrix, axis=0)
    if len(matrix) < matrix.shape[1] or not lengths.all():
        raise UndecidedError("there are fewer equations than unknowns")
    scaled = matrix / lengths
    triangle = np.linalg.qr(scaled, mode="r")
    condition, _ = scipy.linalg.lapack.dtrcon(triangle)
    if not condition > _INDEPENDENT:
        raise UndecidedError("they depend on one another")

    def once(right: Array) -> Array:
        inner = scipy.linalg.solve_triangular(triangle, scaled.T @ right, trans="T")
        return scipy.linalg.solve_triangular(triangle, inner)

    def solve(right: Array) -> Array:
        found = once(right)
        # of the semi-normal equations, which square the condition, one correction makes up for it (Bjorck 1987)
        found += once(right - scaled @ found)
        return found / lengths[:, None]

    return solve
