"""A box cut into cells along its coordinates: where they are, who neighbours whom, in which one a point lies.

Letters: K cells, k some of them, n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.domains.boxes import Box

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Cells:
    """The tensor product of intervals; cells are numbered row-major, the last coordinate fastest.

    Attributes:
        edges: {coordinate: increasing edges}, in the order of the box.
        time: the coordinate that is time, or None.
    """

    edges: Mapping[str, Array]
    time: str | None = None

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
        return Box.of({name: (float(e[0]), float(e[-1])) for name, e in self.edges.items()}, self.time)

    @property
    def boxes(self) -> list[Box]:
        """The K cells."""
        corners = zip(self.lower.tolist(), self.upper.tolist(), strict=True)
        return [Box.of(dict(zip(self.edges, zip(*both, strict=True), strict=True)), self.time) for both in corners]

    @property
    def seams(self) -> dict[str, tuple[float, ...]]:
        """{coordinate: positions where cells meet}, of the coordinates that are cut."""
        return {name: tuple(map(float, e[1:-1])) for name, e in self.edges.items() if len(e) > 2}

    @cached_property
    def intervals(self) -> Array:
        """(K, d) number of the interval in which each cell lies, per coordinate."""
        return np.stack(np.unravel_index(np.arange(self.count), self.shape), axis=1)

    @cached_property
    def lower(self) -> Array:
        """(K, d) lower corners."""
        return np.stack([e[:-1][i] for e, i in zip(self.edges.values(), self.intervals.T, strict=True)], axis=1)

    @cached_property
    def upper(self) -> Array:
        """(K, d) upper corners."""
        return np.stack([e[1:][i] for e, i in zip(self.edges.values(), self.intervals.T, strict=True)], axis=1)

    @cached_property
    def width(self) -> Array:
        """(K, d) widths."""
        return self.upper - self.lower

    def points(self, cells: Array, reference: Array) -> Array:
        """(k, n, d) points of some cells (k,) from reference coordinates (n, d) in [-1, 1]^d."""
        return self.lower[cells][:, None] + (reference + 1) / 2 * self.width[cells][:, None]

    def reference(self, cells: Array, points: Array) -> Array:
        """(n, d) reference coordinates of points (n, d), each in its own cell (n,)."""
        return 2 * (points - self.lower[cells]) / self.width[cells] - 1

    def stretch(self, cells: Array, orders: Sequence[int]) -> Array:
        """(k,) factors that turn derivatives by the reference coordinates of cells (k,) into those by the box's.

        Args:
            cells: their numbers.
            orders: how often the derivative is by each coordinate.
        """
        return np.prod((2 / self.width[cells]) ** np.array(orders), axis=1)

    def locate(self, points: Tensor) -> Tensor:
        """(n,) the cell in which each of (n, d) points lies: the upper one on an edge, the nearest one outside the box."""
        number = torch.zeros(len(points), dtype=torch.long, device=points.device)
        for i, edges in enumerate(self.edges.values()):
            inner = points.new_tensor(edges[1:-1])
            number = number * (len(edges) - 1) + torch.bucketize(points[:, i].contiguous(), inner, right=True)
        return number

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
        return Cells({**self.edges, **edges}, self.time)
