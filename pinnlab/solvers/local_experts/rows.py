"""Rows of the cells' least-squares system: any term of a problem, evaluated on the cells' local bases.

Letters: k cells, q points of a cell, r residuals of a term, m unknowns, N basis functions, K all cells, d coordinates,
p numbers that are to be found.

Coefficients are (K, m, N). A term is evaluated once for all of its cells; its Jacobian is the pointwise linearization
of the residual times the derivatives of the basis functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.basis import LocalBasis

Array = np.ndarray
CellJets = dict[str, LazyJet]
Numbers = Mapping[str, float]
"""{parameter: value} of parameters that are to be found with the unknowns."""
Evaluate = Callable[[Sequence[CellJets], Mapping[str, Any]], list[Tensor]]
"""The unknowns' derivatives at the term's sites, each derivative (k q,), and numbers, (k q,) each, to residuals (k q,)."""
NO_NUMBERS: Numbers = {}
_OF_NUMBERS = ""
"""What stands for numbers among the jets of unknowns."""


class Beside(Protocol):
    """What is sought beside the unknowns of the cells: numbers and functions, while rows are linearized once."""

    def bound(self, n: int) -> dict[str, Any]:
        """{parameter: its value at n points, or a function}, with leaves of a graph in it."""
        ...

    def slopes(self, residuals: Sequence[Tensor]) -> Array:
        """(r, n, p) pointwise derivatives of r residuals (n,) by the p coefficients of what is sought."""
        ...


class ReferenceNodes:
    """Reference points (q, d) at which a basis is evaluated; its derivatives there are computed once.

    Args:
        basis: N functions.
        points: (q, d) in [-1, 1]^d.
    """

    def __init__(self, basis: LocalBasis, points: Array):
        self.basis, self.points = basis, points
        self._rows: dict[tuple[int, ...], Array] = {}

    def rows(self, orders: tuple[int, ...]) -> Array:
        """(q, N) derivatives of the basis, of the given order by each reference coordinate."""
        if orders not in self._rows:
            self._rows[orders] = self.basis.rows(self.points, orders)
        return self._rows[orders]


@dataclass(frozen=True, eq=False)
class CellNodes:
    """The same reference nodes in several cells.

    Attributes:
        cells: all cells of a box.
        which: (k,) the numbers of those that are meant.
        nodes: q of them, the same in each cell.
    """

    cells: Cells
    which: Array
    nodes: ReferenceNodes
    _stretches: dict[Key, Array] = field(default_factory=dict, init=False, repr=False)

    @property
    def points(self) -> Array:
        """(k q, d) points of the box, cell after cell."""
        return self.cells.points(self.which, self.nodes.points).reshape(-1, len(self.cells.edges))

    def orders(self, key: Key) -> tuple[int, ...]:
        """How often a derivative is by each coordinate."""
        return tuple(key.count(name) for name in self.cells.edges)

    def stretch(self, key: Key) -> Array:
        """(k,) factor from derivatives by the reference coordinates to those by the box's."""
        if key not in self._stretches:
            self._stretches[key] = self.cells.stretch(self.which, self.orders(key))
        return self._stretches[key]

    def derivative(self, coefficients: Array, key: Key) -> Array:
        """(k q,) derivative of one unknown with coefficients (K, N)."""
        values = coefficients[self.which] @ self.nodes.rows(self.orders(key)).T
        return (values * self.stretch(key)[:, None]).ravel()

    def jet(self, coefficients: Array, leaves: bool, known: Callable[[Key], Array] | None = None) -> LazyJet:
        """All derivatives (k q,) of one unknown with coefficients (K, N), as leaves of a graph or without one.

        Args:
            coefficients: of the unknown, or of what is left of it.
            leaves: whether they are leaves.
            known: derivative (k q,) of a part of the unknown that is known beforehand.
        """

        def derive(key: Key) -> Tensor:
            found = self.derivative(coefficients, key)
            return torch.from_numpy(found if known is None else found + known(key)).requires_grad_(leaves)

        return LazyJet(derive)


class CellRows:
    """One term of the problem, such as an equation or a boundary condition, at nodes of some cells.

    Args:
        unknowns: their names.
        sites: where the term is taken: one for most, two for what couples cells, such as a jump.
        evaluate: residuals from jets at the sites.
        leading: which derivatives set the scale of the rows; all if None.
        weight: multiplies all rows.
        lift: {unknown: a part of it that is known}; coefficients are of the rest.
    """

    def __init__(
        self,
        unknowns: Sequence[str],
        sites: Sequence[CellNodes],
        evaluate: Evaluate,
        weight: float = 1.0,
        leading: Callable[[Key], bool] | None = None,
        lift: Mapping[str, KnownFunction] | None = None,
    ):
        self.unknowns, self.sites, self.evaluate = tuple(unknowns), tuple(sites), evaluate
        self.leading, self.weight = leading, weight
        self.scale: Array | None = None
        self._lift = dict(lift or {})
        self._known: dict[tuple[int, str, Key], Array] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """(k, q)."""
        return len(self.sites[0].which), len(self.sites[0].nodes.points)

    def jets(self, coefficients: Array, leaves: bool = False) -> list[CellJets]:
        """The unknowns' jets at each site, for coefficients (K, m, N)."""
        return [
            {u: site.jet(coefficients[:, j], leaves, self._lifted(i, u)) for j, u in enumerate(self.unknowns)}
            for i, site in enumerate(self.sites)
        ]

    def _lifted(self, i: int, unknown: str) -> Callable[[Key], Array] | None:
        """Derivatives (k q,) of the known part of an unknown at a site, each found once."""
        if unknown not in self._lift:
            return None

        def known(key: Key) -> Array:
            if (i, unknown, key) not in self._known:
                site = self.sites[i]
                index = tuple(sorted(list(site.cells.edges).index(name) for name in key))
                jet = self._lift[unknown].jet(torch.from_numpy(site.points), closure([index]))
                self._known[i, unknown, key] = jet[-1, :, 0].numpy()
            return self._known[i, unknown, key]

        return known

    def residuals(self, coefficients: Array, numbers: Numbers = NO_NUMBERS) -> Array:
        """(k, r, q) weighted residuals."""
        with torch.no_grad():
            return self._weighted(self.evaluate(self.jets(coefficients), spread(numbers, math.prod(self.shape))))

    def linearized(
        self, coefficients: Array, numbers: Numbers = NO_NUMBERS, beside: Beside | None = None
    ) -> tuple[Array, list[CellJacobian]]:
        """(k, r, q) weighted residuals, and per site their dependence on the coefficients of its cells; the first site also
        has that on the numbers, or on what is sought ``beside`` the unknowns in their place.
        """
        jets = self.jets(coefficients, leaves=True)
        leaves = spread(numbers, math.prod(self.shape), leaves=True)
        found = self.evaluate(jets, leaves if beside is None else beside.bound(math.prod(self.shape)))
        slopes = [linearize(found, jet) for jet in jets]
        if self.scale is None:
            self.scale = self._row_scale(slopes)
        count, q = self.shape
        linear = []
        for site, slope in zip(self.sites, slopes, strict=True):
            # {(unknown, derivative): (k, r, q)}, of the residuals that depend on it
            parts: dict[tuple[str, Key], Array] = {}
            for i, mine in enumerate(slope):
                for leaf, value in mine.items():
                    part = parts.setdefault(leaf, np.zeros((count, len(slope), q)))
                    part[:, i] = (
                        value.numpy().reshape(count, q) * self.scale[:, i, None] * site.stretch(leaf[1])[:, None]
                    )
            linear.append(CellJacobian(site, self.unknowns, parts, (count, len(slope), q)))
        if numbers or beside is not None:
            by = by_numbers(found, leaves) if beside is None else beside.slopes(found)
            by = by.reshape(len(found), count, q, by.shape[-1]).transpose(1, 0, 2, 3)
            linear[0] = replace(linear[0], numbers=by * self.scale[:, :, None, None])
        with torch.no_grad():
            return self._weighted([f.detach() for f in found]), linear

    def _weighted(self, found: Sequence[Tensor]) -> Array:
        count, q = self.shape
        stacked = np.stack([f.detach().numpy().reshape(count, q) for f in found], axis=1)
        assert self.scale is not None
        return stacked * self.scale[:, :, None]

    def _row_scale(self, slopes: Sequence[Coefficients]) -> Array:
        """(k, r): such that the leading derivatives of a unit basis function count as one in a cell's mean square."""
        count, q = self.shape
        size = np.zeros((count, len(slopes[0])))
        for site, slope in zip(self.sites, slopes, strict=True):
            for i, mine in enumerate(slope):
                leads = [leaf for leaf in mine if self.leading is None or self.leading(leaf[1])] or list(mine)
                for leaf in leads:
                    mean = np.sqrt((mine[leaf].numpy().reshape(count, q) ** 2).mean(axis=1))
                    size[:, i] = np.maximum(size[:, i], mean * site.stretch(leaf[1]))
        return self.weight / np.sqrt(q) / np.where(size > 0, size, 1.0)


def spread(numbers: Numbers, n: int, leaves: bool = False) -> dict[str, Tensor]:
    """{name: (n,)}: numbers at n points, so that derivatives by them are pointwise too."""
    return {k: torch.full((n,), v, dtype=torch.float64).requires_grad_(leaves) for k, v in numbers.items()}


def by_numbers(residuals: Sequence[Tensor], leaves: Mapping[str, Tensor]) -> Array:
    """(r, n, p) pointwise derivatives of r residuals (n,) by numbers that are leaves."""
    keys = {name: (name,) for name in leaves}
    n = len(residuals[0])
    if not leaves:
        return np.zeros((len(residuals), n, 0))
    slopes = linearize(residuals, {_OF_NUMBERS: {keys[name]: leaf for name, leaf in leaves.items()}})
    zero = torch.zeros(n, dtype=torch.float64)
    return np.stack(
        [np.stack([mine.get((_OF_NUMBERS, key), zero).numpy() for key in keys.values()], axis=1) for mine in slopes]
    )


@dataclass(frozen=True, eq=False)
class CellJacobian:
    """The derivative of weighted residuals by the coefficients of one site's cells.

    Attributes:
        site: where.
        unknowns: their names.
        parts: {(unknown, derivative): (k, r, q)}, in reference coordinates.
        shape: (k, r, q).
        numbers: (k, r, q, p) the derivative by numbers, of the first site where there are some.
    """

    site: CellNodes
    unknowns: tuple[str, ...]
    parts: Mapping[tuple[str, Key], Array]
    shape: tuple[int, int, int]
    numbers: Array | None = None

    def dense(self) -> Array:
        """(k, r q, m N)."""
        count, r, q = self.shape
        size = self.site.nodes.basis.size
        result = np.zeros((count, r, q, len(self.unknowns), size))
        begun = set()
        for (unknown, key), part in self.parts.items():
            rows = self.site.nodes.rows(self.site.orders(key))
            mine = result[:, :, :, self.unknowns.index(unknown)]
            if unknown in begun:
                mine += part[..., None] * rows
            else:
                # half the memory traffic of adding to zeros
                np.multiply(part[..., None], rows, out=mine)
                begun.add(unknown)
        return result.reshape(count, r * q, -1)

    def pull_back(self, residuals: Array) -> Array:
        """(k, m, N) transposed Jacobian times weighted residuals (k, r, q), without forming it."""
        result = np.zeros((self.shape[0], len(self.unknowns), self.site.nodes.basis.size))
        for (unknown, key), part in self.parts.items():
            cotangent = (part * residuals).sum(axis=1)
            result[:, self.unknowns.index(unknown)] += cotangent @ self.site.nodes.rows(self.site.orders(key))
        return result
