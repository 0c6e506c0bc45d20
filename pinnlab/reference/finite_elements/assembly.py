"""Matrices of finite elements, put together from integrals over elements and sides.

Letters: d coordinates, k elements, q quadrature points of each, i functions of an element, N = size of the system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy

from pinnlab.derivatives.names import Key
from pinnlab.reference.finite_elements.space import Array, Points

_MANY = 8_000_000
"""Entries from which on they are added up before all are there."""

Source = tuple[int, bool]
"""Number of a component of the state, and whether its rate is meant."""
Place = tuple[Source, tuple[int, ...]]
"""The same, and the coordinates by which it is differentiated."""
Numbers = dict[tuple[str, Key], Array]
"""{(unknown, derivative): (k, q)}."""


class Parts:
    """Entries of two matrices (N, N): by the state, and by its rates."""

    def __init__(self, size: int):
        self.size = size
        self._found: dict[bool, list[tuple[Array, Array, Array]]] = {False: [], True: []}

    def add(self, of_rates: bool, rows: Array, columns: Array, values: Array) -> None:
        """Add entries."""
        self._found[of_rates].append((rows, columns, values))

    def add_local(self, of_rates: bool, points: Points, local: Array, first: int, at: int) -> None:
        """Add the matrices (k, i, i) of elements, with rows from ``first`` on and columns from ``at`` on."""
        rows = np.broadcast_to(points.nodes.T[:, :, None] + first, local.shape)
        columns = np.broadcast_to(points.nodes.T[:, None, :] + at, local.shape)
        self.add(of_rates, rows.ravel(), columns.ravel(), local.ravel())

    def sum_up(self) -> None:
        """Add up entries at the same place, once there are many: those of parts of the elements."""
        for of_rates, found in self._found.items():
            if len(found) > 1 and sum(len(values) for _, _, values in found) > _MANY:
                total = self.sum(of_rates).tocoo()
                self._found[of_rates] = [(*total.coords, total.data)]

    def add_bent(
        self, points: Points, along: Array, axis: int, change: Mapping[Place, Array], first: int, count: int
    ) -> None:
        """Add a flux's derivative inside the elements, tested with what lies along the slopes of functions.

        Args:
            points: inside.
            along: (d, k, q).
            axis: of the derivative.
            change: {component and what it is differentiated by: (k, q)}, the flux's linearization.
            first: row of the functions that test.
            count: of the nodes.
        """
        left = np.einsum("dikq,dkq->ikq", points.gradients, along * points.weights)
        for (source, place), value in change.items():
            inner = value * (points.gradients[place[0]] if place else points.values)
            local = np.matmul(left.transpose(1, 0, 2), points.slope(inner)[axis].transpose(1, 2, 0))
            self.add_local(source[1], points, local, first, source[0] * count)

    def without(self, free: Array) -> None:
        """Drop all entries in rows that are not free."""
        for kind, found in self._found.items():
            self._found[kind] = [(r[free[r]], c[free[r]], v[free[r]]) for r, c, v in found]

    def sum(self, of_rates: bool) -> scipy.sparse.csr_array:
        """The matrix."""
        found = self._found[of_rates]
        if not found:
            return scipy.sparse.csr_array((self.size, self.size))
        rows, columns, values = (np.concatenate(each) for each in zip(*found, strict=True))
        return scipy.sparse.csr_array(scipy.sparse.coo_array((values, (rows, columns)), (self.size, self.size)))


@dataclass(eq=False)
class Forms:
    """The integrand of one equation's linearization: test functions or their slopes times trial functions or theirs.

    Attributes:
        dimensions: d.
        shape: (k, q).
    """

    dimensions: int
    shape: tuple[int, ...]
    _found: dict[Source, dict[int | None, tuple[Array, Array]]] = field(default_factory=dict)

    def add(self, source: Source, place: tuple[int, ...], test: int | None, value: Array) -> None:
        """Add phi (or dphi/dx of the axis ``test``) times value times a component (or its derivative by ``place``)."""
        mine = self._found.setdefault(source, {})
        if test not in mine:
            mine[test] = np.zeros(self.shape), np.zeros((self.dimensions, *self.shape))
        if place:
            mine[test][1][place[0]] += value
        else:
            mine[test][0][...] += value

    def assemble(self, parts: Parts, points: Points, first: int, count: int) -> None:
        """Integrate, and add to the matrices."""
        for source, found in self._found.items():
            local = np.zeros((points.nodes.shape[1], len(points.values), len(points.values)))
            for test, (plain, slopes) in found.items():
                left = points.values if test is None else points.gradients[test]
                right = plain * points.values
                for axis, slope in enumerate(slopes):
                    if slope.any():
                        right = right + slope * points.gradients[axis]
                local += np.matmul((left * points.weights).transpose(1, 0, 2), right.transpose(1, 2, 0))
            parts.add_local(source[1], points, local, first, source[0] * count)


def tested_along(forms: Forms, along: Array, plain: Mapping[Place, Array]) -> None:
    """Add values and slopes of a residual's linearization, tested with what lies along (d, k, q) the slopes of functions."""
    for (source, place), value in plain.items():
        for axis, weight in enumerate(along):
            forms.add(source, place, axis, weight * value)


@dataclass(frozen=True, eq=False)
class Side:
    """Conditions with fluxes at the quadrature points of one piece.

    Attributes:
        through: {equation: (k, q)} n c F.
        changes: {equation: its linearization}.
        share: (equations, conditions, k, q) how much of each condition is taken off.
        residuals: (k, q) of each condition.
        linear: their linearization.
    """

    through: dict[int, Array]
    changes: dict[int, Numbers]
    share: Array
    residuals: list[Array]
    linear: list[Numbers]
