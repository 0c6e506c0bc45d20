"""Tensor cells of a box: where they are, who neighbours whom, how they are split and merged.

Letters: K cells, n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnlab.domains import Box

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Cells:
    """The tensor product of intervals; cells are numbered row-major, the last coordinate fastest.

    Attributes:
        edges: {coordinate: increasing edges}, in the domain's order.
    """

    edges: Mapping[str, Array]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Intervals per coordinate."""
        return tuple(len(e) - 1 for e in self.edges.values())

    @property
    def count(self) -> int:
        """K."""
        return int(np.prod(self.shape))

    @cached_property
    def region(self) -> Box:
        """The box that the cells fill."""
        return Box(**{name: (float(e[0]), float(e[-1])) for name, e in self.edges.items()})

    @cached_property
    def intervals(self) -> Array:
        """(K, d) number of the interval in which each cell lies, per coordinate."""
        return np.stack(np.unravel_index(np.arange(self.count), self.shape), axis=1)

    @cached_property
    def lower(self) -> Array:
        """(K, d) lower corners."""
        return np.stack([e[:-1][i] for e, i in zip(self.edges.values(), self.intervals.T, strict=True)], axis=1)

    @cached_property
    def width(self) -> Array:
        """(K, d) widths."""
        return np.stack([np.diff(e)[i] for e, i in zip(self.edges.values(), self.intervals.T, strict=True)], axis=1)

    def points(self, cells: Array, reference: Array) -> Array:
        """(k, n, d) places of reference points (n, d) in some cells (k,)."""
        return self.lower[cells][:, None] + (reference + 1) / 2 * self.width[cells][:, None]

    def locate(self, points: Array) -> tuple[Array, Array]:
        """The cell (n,) of each point (n, d), and its reference coordinates (n, d); the nearest cell outside."""
        index = [
            np.clip(np.searchsorted(e, points[:, i], side="right") - 1, 0, len(e) - 2)
            for i, e in enumerate(self.edges.values())
        ]
        cells = np.ravel_multi_index(index, self.shape)
        return cells, 2 * (points - self.lower[cells]) / self.width[cells] - 1

    def side(self, axis: int, upper: bool) -> Array:
        """The cells that touch one face of the box."""
        return np.flatnonzero(self.intervals[:, axis] == (self.shape[axis] - 1 if upper else 0))

    def neighbours(self, axis: int) -> tuple[Array, Array]:
        """The cells on both sides of each inner face across a coordinate: (lower cells, upper cells)."""
        numbers = np.arange(self.count).reshape(self.shape)
        lower = np.take(numbers, range(self.shape[axis] - 1), axis)
        upper = np.take(numbers, range(1, self.shape[axis]), axis)
        return lower.ravel(), upper.ravel()

    def replace(self, **edges: Array) -> Cells:
        """The same cells with the edges of some coordinates changed."""
        return Cells({**self.edges, **edges})


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
        place = (edges[k - 1] - start) / (left + right)
        # the parent is dyadic if it starts at a multiple of its own length
        if start < edges[k] - 1e-12 * length and abs(place - round(place)) < 1e-6:
            found.append(k)
    return found
