"""Cells in space, halved where the solution asks for it and merged again where it no longer does.

Letters: K cells, d coordinates, m unknowns, q interior nodes.

The indicator of a cell is the share of its highest polynomial degrees, per coordinate. Cells form a tensor grid: what is
halved is an interval of one coordinate, with all cells that lie in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pinnlab.declaration.discontinuities.spots import Spot
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.basis import Chebyshev

Array = np.ndarray
_SMALLEST_CELL = 1e-7
_SPREAD = 0.1
"""Share of the largest indicator up to which intervals of a steady problem may owe theirs to others: least squares spread
what a thin layer is off by over the whole domain."""
_OF_SPOT = 2.0
"""Widths of a small part in which data change, that cells may have there."""
_MERGE = 0.03
"""Share of the tolerance below which two cells become one again."""


class UnresolvedError(ValueError):
    """The march cannot go on; what it has found so far stays valid."""


class Indicator:
    """How far the solution in a cell is from what its polynomials resolve; other bases are measured by the polynomial
    through their values.

    Args:
        degrees: of the polynomials, per coordinate.
        nodes: (q, d) interior nodes in the reference cell.
    """

    def __init__(self, degrees: Sequence[int], nodes: Array):
        polynomials = Chebyshev(degrees)
        self._spectrum = np.linalg.pinv(polynomials.rows(nodes, (0,) * len(degrees)))
        self._shape = polynomials.shape

    def __call__(self, values: Array, size: Array) -> Array:
        """(K, d) share of the highest two degrees per coordinate.

        Args:
            values: (K, m, q) of the unknowns at the interior nodes.
            size: (m,) to which values are relative; zero stands for one.
        """
        values = values / np.where(size > 0, size, 1.0)[:, None]
        spectrum = (values @ self._spectrum.T).reshape(*values.shape[:2], *self._shape)
        found = []
        for axis in range(len(self._shape)):
            top = np.moveaxis(spectrum, 2 + axis, -1)[..., -2:].reshape(*values.shape[:2], -1, 2)
            found.append(np.sqrt((top**2).sum(axis=2)).max(axis=(1, 2)))
        return np.stack(found, axis=1)


class Refinement:
    """The edges of the cells in space, moved by indicators.

    Args:
        coarsest: {coordinate of space: edges at the start}; they stay edges.
        tolerance: of the indicator.
        most_cells: that a slab may have.
        steady: whether there is one slab alone, so that what is off can be told from what it spoils.

    Attributes:
        coarsest: {coordinate of space: edges that stay}; those of the start, and of cells that had to be halved for good.
        edges: {coordinate of space: present edges}.
        coarse: whether something was thinner than the smallest cell.
    """

    def __init__(self, coarsest: dict[str, Array], tolerance: float, most_cells: int, steady: bool = False):
        self.coarsest = {name: np.asarray(edges, dtype=float) for name, edges in coarsest.items()}
        self.tolerance, self.most_cells, self.steady = tolerance, most_cells, steady
        self.edges = dict(self.coarsest)
        self.coarse = False

    def split(self, tails: Array, cells: Cells, space: Sequence[int]) -> bool:
        """Halve the intervals whose indicator is too large; whether there were any.

        Args:
            tails: (K, d) indicators.
            cells: the K cells.
            space: numbers of the coordinates that may be cut.

        Raises:
            UnresolvedError: there would be too many cells.
        """
        some = False
        least = max(self.tolerance, _SPREAD * float(tails[:, space].max())) if self.steady and space else self.tolerance
        for axis in space:
            name = list(cells.edges)[axis]
            edges = self.edges[name]
            marked = _worst(tails, cells, axis) > least
            small = np.diff(edges) < _SMALLEST_CELL * (edges[-1] - edges[0])
            self.coarse |= bool((marked & small).any())
            marked &= ~small
            some |= bool(marked.any())
            self.edges[name] = halved(edges, marked)
        count = math.prod(len(e) - 1 for e in self.edges.values())
        if some and count > self.most_cells:
            raise UnresolvedError(f"more than {self.most_cells} experts would be needed")
        return some

    def merge(self, cells: Cells, axis: int, tails: Callable[[Cells], Array]) -> None:
        """Take away edges whose two sides one cell represents as well.

        Args:
            cells: those of the solution.
            axis: number of the coordinate.
            tails: indicators (K, d) of the solution on other cells.
        """
        name = list(cells.edges)[axis]
        edges = self.edges[name] = cells.edges[name]
        candidates = siblings(edges, self.coarsest[name])
        if candidates:
            coarse = np.delete(edges, candidates)
            trial = cells.replace(**{name: coarse})
            worst = _worst(tails(trial), trial, axis)
            homes = np.searchsorted(coarse, edges[candidates], side="right") - 1
            self.edges[name] = np.delete(edges, np.asarray(candidates)[worst[homes] < _MERGE * self.tolerance])

    def halve_at(self, name: str, position: float, width: float) -> None:
        """Halve the cells that hold a position along a coordinate, two if it is an edge, down to this width."""
        while True:
            edges = self.edges[name]
            near = (edges[:-1] <= position) & (position <= edges[1:]) & (np.diff(edges) > width)
            if not near.any():
                break
            self.edges[name] = halved(edges, near)

    def halve_to(self, spots: Sequence[Spot], space: Sequence[str]) -> None:
        """Halve the cells along coordinates of space in which data change, until their nodes see that."""
        for spot in spots:
            for name, position in zip(space, spot.center, strict=True):
                self.halve_at(name, position, _OF_SPOT * spot.width)

    def halve_all(self) -> bool:
        """Halve every cell along every coordinate; False where there would be too many."""
        trial = {name: halved(edges, np.ones(len(edges) - 1, dtype=bool)) for name, edges in self.edges.items()}
        if math.prod(len(edges) - 1 for edges in trial.values()) > self.most_cells:
            return False
        self.edges = trial
        return True

    def halve_widest(self) -> bool:
        """Halve the widest cells along each coordinate for good; False where there would be too many, or none to halve."""
        trial = {
            name: halved(edges, np.diff(edges) > 0.75 * np.diff(edges).max()) for name, edges in self.edges.items()
        }
        if not trial or math.prod(len(edges) - 1 for edges in trial.values()) > self.most_cells:
            return False
        for name, edges in trial.items():
            widest = np.diff(edges).max()
            while (wide := np.diff(self.coarsest[name]) > 1.01 * widest).any():
                self.coarsest[name] = halved(self.coarsest[name], wide)
        self.edges = trial
        return True

    def thinnest(self) -> tuple[str, float]:
        """Where the narrowest interval is: (coordinate, position)."""
        name, edges = min(self.edges.items(), key=lambda item: np.diff(item[1]).min() / np.ptp(item[1]))
        return name, float(edges[np.diff(edges).argmin()])


def _worst(tails: Array, cells: Cells, axis: int) -> Array:
    """The largest indicator in each interval of one coordinate."""
    worst = np.zeros(cells.shape[axis])
    np.maximum.at(worst, cells.intervals[:, axis], tails[:, axis])
    return worst


def halved(edges: Array, which: Array) -> Array:
    """Edges with the marked intervals (boolean) cut in the middle."""
    middles = ((edges[:-1] + edges[1:]) / 2)[which]
    return np.sort(np.concatenate([edges, middles]))


def siblings(edges: Array, coarsest: Array) -> list[int]:
    """Inner edges that halving put there last: removing one gives back an interval of the coarser generation.

    Args:
        edges: obtained from ``coarsest`` by halving intervals.
        coarsest: edges that stay.

    Returns:
        Positions in ``edges``.
    """
    found = []
    for k in range(1, len(edges) - 1):
        left, right = edges[k] - edges[k - 1], edges[k + 1] - edges[k]
        if abs(left - right) > 1e-9 * left:
            continue
        home = np.clip(np.searchsorted(coarsest, edges[k], side="right") - 1, 0, len(coarsest) - 2)
        start, length = coarsest[home], coarsest[home + 1] - coarsest[home]
        multiple = (edges[k - 1] - start) / (left + right)
        # the parent is dyadic if it starts at a multiple of its own length
        if start < edges[k] - 1e-12 * length and abs(multiple - round(multiple)) < 1e-6:
            found.append(k)
    return found
