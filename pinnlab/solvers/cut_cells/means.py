"""Integrals on cut cells: one row that depends on the coefficients of all experts.

Letters: n nodes of the quadrature, K experts, m unknowns, N basis functions.

The normal equations of the cells would be full with such a row in them. They are factorized without, but for a pin: the
part of the row that lies in one expert, so that a constant that only the integral fixes is fixed there, too. The pin is then
exchanged for the row by the formula of Sherman, Morrison and Woodbury.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pinnlab.declaration.conditions import Integral
from pinnlab.domains import Region
from pinnlab.domains.regions import Combination
from pinnlab.solvers.cut_cells.places import Places
from pinnlab.solvers.cut_cells.rows import Evaluate, Parts, PointRows

Array = np.ndarray


def inexact(condition: Integral, region: Region) -> str | None:
    """Why cut cells cannot take an integral, a part of a sentence; None where they can."""
    if len(region.space) < 3 or not isinstance(region.at_rest, Combination):
        return None
    return (
        f"takes integrals over regions whose quadrature is exact, which that of {region!r} is not: {condition!r} would be "
        "off by a thousandth"
    )


class MeanRows(PointRows):
    """The mean of a term over the quadrature of what an integral is over, as one row.

    Args:
        unknowns: m names.
        site: the nodes.
        evaluate: the integrand, less the value's mean, from jets at the nodes.
        shares: (n,) weights of the nodes, in their order; they add up to one.
        weight: multiplies the row.
    """

    of_all = True

    def __init__(self, unknowns: Sequence[str], site: Places, evaluate: Evaluate, shares: Array, weight: float = 1.0):
        super().__init__(unknowns, [site], evaluate, weight)
        self.shares = shares

    def residuals(self, coefficients: Array) -> Array:
        """(1, 1) the weighted mean."""
        return self.gathered(super().residuals(coefficients))

    def linearized(self, coefficients: Array) -> tuple[Array, list[Parts]]:
        """(1, 1) the weighted mean, and the dependence of the integrand on derivatives at the nodes."""
        found, parts = super().linearized(coefficients)
        return self.gathered(found), parts

    def jacobians(self, linear: Sequence[Parts], wanted: Array) -> Iterator[list[tuple[int, Array]]]:
        """The pin: the row's part (1, m, N) in the expert with the largest share, as large as the whole."""
        (site,), (parts,) = self.sites, linear
        own = np.add.reduceat(self.shares, self.starts[:-1])
        block = int(np.argmax(own))
        if wanted[site.experts[block]]:
            shares = {leaf: part * self.shares for leaf, part in parts.items()}
            (jacobian,) = site.jacobians(shares, self.unknowns, [block])
            yield [(int(site.experts[block]), jacobian.sum(axis=0, keepdims=True) / own[block])]

    def pull_back(self, linear: Sequence[Parts], residuals: Array, into: Array) -> None:
        super().pull_back([{leaf: part * self.shares for leaf, part in p.items()} for p in linear], residuals, into)

    def changes(self, linear: Sequence[Parts], coefficients: Array) -> Array:
        return self.gathered(super().changes(linear, coefficients))

    def mean_squares(self, residuals: Array, experts: int) -> Array:
        """(K,) the square of the misfit, in each expert."""
        return np.full(experts, float((residuals**2).sum()) / self.weight**2)

    def gathered(self, values: Array) -> Array:
        """(..., 1) the mean of values (..., n)."""
        return np.asarray(values @ self.shares)[..., None]

    def row_scale(self, linear: Sequence[Parts]) -> Array:
        """(1, n): such that the row is as large as those of points: one number for all nodes."""
        (parts,), (site,) = linear, self.sites
        plain = (part[0] / site.stretch(key) for (_, key), part in parts.items())
        largest = max((float(np.sqrt((np.abs(value) ** 2 * self.shares).sum())) for value in plain), default=0.0)
        return np.full((1, self.count), self.weight / (largest if largest > 0 else 1.0))
