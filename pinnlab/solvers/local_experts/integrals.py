"""Integrals on the cells of local experts: rows that depend on the coefficients of every cell.

Letters: k cells, q points of a cell, m unknowns, N basis functions, K all cells, p numbers, R integrals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains.columns import Columns
from pinnlab.solvers.local_experts.rows import NO_NUMBERS, Array, CellNodes, Numbers, by_numbers, spread


@dataclass(frozen=True, eq=False)
class SiteOfIntegral:
    """What is integrated over, or a piece of it.

    Attributes:
        nodes: q in each of k cells.
        weights: (k, q) of the sum that is the integral.
        which: (q,) number of the integral that a node belongs to: there is one at each time.
        columns: {coordinate: (k q,)}.
        normals: the same of the outward normal, on a boundary.
    """

    nodes: CellNodes
    weights: Array
    which: Array
    columns: Columns
    normals: Mapping[str, Tensor] | None


@dataclass(frozen=True, eq=False)
class DenseRows:
    """Linearized rows that touch all cells.

    Attributes:
        residuals: (R,), weighted.
        jacobian: (R, K, m N).
        numbers: (R, p) their derivatives by the numbers.
    """

    residuals: Array
    jacobian: Array
    numbers: Array


class IntegralRows:
    """One integral condition: R rows, one at each node in time.

    Args:
        unknowns: m names.
        term: its integrand less the mean of its value, pointwise.
        sites: what is integrated over.
        parameters: of the problem.
        weight: multiplies the rows.
    """

    def __init__(
        self,
        unknowns: Sequence[str],
        term: Term,
        sites: Sequence[SiteOfIntegral],
        parameters: Mapping[str, Any],
        weight: float,
    ):
        self.unknowns, self.term, self.sites = tuple(unknowns), term, tuple(sites)
        self.parameters, self.weight = parameters, weight
        self.count = 1 + int(max(site.which.max() for site in sites))
        self.volume = sum(float(site.weights[:, site.which == 0].sum()) for site in sites)
        self.scale: float | None = None

    def residuals(self, coefficients: Array, numbers: Numbers = NO_NUMBERS) -> Array:
        """(R,) means of the integrand less the value's, without weight."""
        total = np.zeros(self.count)
        for site in self.sites:
            jets = {u: site.nodes.jet(coefficients[:, j], False) for j, u in enumerate(self.unknowns)}
            total += self._sums(site, self._evaluated(site, jets, spread(numbers, site.weights.size)).detach().numpy())
        return total / self.volume

    def linearized(self, coefficients: Array, numbers: Numbers = NO_NUMBERS) -> DenseRows:
        """The rows at coefficients (K, m, N)."""
        cells, m, size = coefficients.shape
        residuals, of_numbers = np.zeros(self.count), np.zeros((self.count, len(numbers)))
        jacobian = np.zeros((self.count, cells, m, size))
        largest = 0.0
        for site in self.sites:
            leaves = spread(numbers, site.weights.size, leaves=True)
            jets = {u: site.nodes.jet(coefficients[:, j], True) for j, u in enumerate(self.unknowns)}
            found = self._evaluated(site, jets, leaves)
            residuals += self._sums(site, found.detach().numpy())
            of_numbers += self._sums(site, by_numbers([found], leaves)[0])
            (slopes,) = linearize([found], jets)
            for (unknown, key), slope in slopes.items():
                part = slope.numpy().reshape(site.weights.shape) * site.nodes.stretch(key)[:, None]
                largest = max(largest, float(np.sqrt((part**2).mean())))
                rows = site.nodes.nodes.rows(site.nodes.orders(key))
                j = self.unknowns.index(unknown)
                for i in range(self.count):
                    mine = site.which == i
                    jacobian[i, site.nodes.which, j] += (part * site.weights)[:, mine] @ rows[mine]
        if self.scale is None:
            # as many cells as the other rows have
            self.scale = self.weight * np.sqrt(cells) / (largest or 1.0)
        factor = self.scale / self.volume
        return DenseRows(factor * residuals, factor * jacobian.reshape(self.count, cells, -1), factor * of_numbers)

    def _evaluated(self, site: SiteOfIntegral, jets: Mapping[str, Any], numbers: Mapping[str, Tensor]) -> Tensor:
        scope = Scope.of_jets(jets, site.columns, {**self.parameters, **numbers}, site.normals)
        (found,) = self.term.evaluate((scope,)).values()
        return found

    def _sums(self, site: SiteOfIntegral, values: Array) -> Array:
        """(R, ...) from values (k q, ...)."""
        weighted = (values.T * site.weights.ravel()).T.reshape(*site.weights.shape, *values.shape[1:]).sum(axis=0)
        total = np.zeros((self.count, *values.shape[1:]))
        np.add.at(total, site.which, weighted)
        return total


def stacked(found: Sequence[DenseRows]) -> DenseRows:
    """The rows of several conditions, or of none."""
    if not found:
        return DenseRows(np.zeros(0), np.zeros((0, 0, 0)), np.zeros((0, 0)))
    return DenseRows(
        np.concatenate([rows.residuals for rows in found]),
        np.concatenate([rows.jacobian for rows in found]),
        np.concatenate([rows.numbers for rows in found]),
    )
