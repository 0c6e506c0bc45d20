"""Boxes over a bounding box, halved along all coordinates where asked for: a quadtree in the plane, an octree in space.

Letters: n points, d coordinates, k boxes.

A box that is halved has 2^d children. Boxes that share a face differ by one halving at most (2:1), so that a face has one
or 2^(d - 1) neighbours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
_Place = tuple[int, tuple[int, ...]]
"""How often a box has been halved, and its number along each coordinate among the boxes of that size."""


@dataclass(frozen=True)
class Face:
    """What two leaves share.

    Attributes:
        lower, upper: numbers of the boxes below and above it.
        axis: number of the coordinate across it.
        small: the number of the smaller of the two boxes, whose whole side it is.
    """

    lower: int
    upper: int
    axis: int
    small: int


class Tree:
    """A grid of boxes over a bounding box, and their halves.

    Args:
        lower, upper: (d,) corners of the bounding box.
        counts: (d,) even boxes along each coordinate.

    Attributes:
        edges: of the boxes that were never halved, along each of d coordinates; ``over`` makes a grid that is not even.
        places: of every box, in the order in which they were made, how often it was halved and where it is.
        child: of every box the number of its first child, -1 for leaves.
    """

    def __init__(self, lower: Sequence[float] | Array, upper: Sequence[float] | Array, counts: Sequence[int]):
        self.edges = [np.linspace(a, b, n + 1) for a, b, n in zip(lower, upper, counts, strict=True)]
        self._begin()

    def _begin(self) -> None:
        self.counts = tuple(len(edges) - 1 for edges in self.edges)
        self.places: list[_Place] = [(0, i) for i in itertools.product(*map(range, self.counts))]
        self.child = [-1] * len(self.places)
        self._number = {place: i for i, place in enumerate(self.places)}

    @classmethod
    def over(cls, edges: Sequence[Array], halved: Iterable[int] = ()) -> Tree:
        """The tree over a grid with these edges along each coordinate, of which boxes of these numbers were halved, in
        this order.
        """
        tree = cls.__new__(cls)
        tree.edges = [np.asarray(each, dtype=float) for each in edges]
        tree._begin()
        for number in halved:
            tree._halve(int(number))
        return tree

    @property
    def halved(self) -> list[int]:
        """Numbers of the boxes that were halved, in that order: with the grid it is the whole tree."""
        return sorted((i for i, c in enumerate(self.child) if c >= 0), key=lambda i: self.child[i])

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.counts)

    @property
    def leaves(self) -> list[int]:
        """Numbers of the boxes that are not halved."""
        return [i for i, c in enumerate(self.child) if c < 0]

    def corners(self, boxes: Sequence[int] | Array) -> tuple[Array, Array]:
        """(k, d) lower corners and (k, d) sides of some boxes."""
        levels = np.array([self.places[i][0] for i in boxes], dtype=float).reshape(-1, 1)
        at = np.array([self.places[i][1] for i in boxes], dtype=float).reshape(-1, self.dimension) * 0.5**levels
        grid = np.floor(at).astype(int)
        lower, whole = self._grid(grid)
        return lower + (at - grid) * whole, whole * 0.5**levels

    def _grid(self, at: Array) -> tuple[Array, Array]:
        """(k, d) lower corners and (k, d) sides of boxes that were never halved, by their (k, d) numbers along axes."""
        lower = [edges[i] for edges, i in zip(self.edges, at.T, strict=True)]
        sides = [np.diff(edges)[i] for edges, i in zip(self.edges, at.T, strict=True)]
        return np.stack(lower, axis=1), np.stack(sides, axis=1)

    def split(self, boxes: Iterable[int]) -> None:
        """Halve some leaves, and others where neighbours would differ by more than one halving."""
        waiting = sorted(boxes)
        while waiting:
            number = waiting.pop()
            if self.child[number] >= 0:
                continue
            level, at = self.places[number]
            coarse = [
                found
                for axis, step in itertools.product(range(self.dimension), (-1, 1))
                if (found := self._holding(level, _moved(at, axis, step))) is not None and self.places[found][0] < level
            ]
            if coarse:
                waiting += [number, *coarse]
            else:
                self._halve(number)

    def _halve(self, number: int) -> None:
        level, at = self.places[number]
        self.child[number] = len(self.places)
        for step in itertools.product((0, 1), repeat=self.dimension):
            place = level + 1, tuple(2 * i + s for i, s in zip(at, step, strict=True))
            self._number[place] = len(self.places)
            self.places.append(place)
            self.child.append(-1)

    def _holding(self, level: int, at: tuple[int, ...]) -> int | None:
        """The smallest box that holds the place; None beyond the bounding box."""
        if any(not 0 <= i < count << level for i, count in zip(at, self.counts, strict=True)):
            return None
        while (level, at) not in self._number:
            level, at = level - 1, tuple(i >> 1 for i in at)
        return self._number[level, at]

    def copy(self) -> Tree:
        """The tree as it is now."""
        return Tree.over(self.edges, self.halved)

    def faces(self) -> list[Face]:
        """Every face between two leaves, once."""
        found = []
        for number in self.leaves:
            level, at = self.places[number]
            for axis, step in itertools.product(range(self.dimension), (-1, 1)):
                other = self._holding(level, _moved(at, axis, step))
                # where the neighbour is halved, its children find the face
                if other is None or self.child[other] >= 0:
                    continue
                if self.places[other][0] < level or step > 0:
                    found.append(Face(*((number, other) if step > 0 else (other, number)), axis, number))
        return found

    def locate(self, points: Array) -> Array:
        """(n,) number of the leaf that holds each of (n, d) points: the upper one on a face, the nearest one outside."""
        inner = [edges[1:-1] for edges in self.edges]
        place = np.stack([np.searchsorted(e, x, side="right") for e, x in zip(inner, points.T, strict=True)], axis=1)
        number = np.ravel_multi_index(tuple(place.T), self.counts)
        lower, sides = self._grid(place)
        child, within = np.array(self.child), (points - lower) / sides
        powers = 2 ** np.arange(self.dimension)[::-1]
        while (halved := child[number] >= 0).any():
            twice = 2 * within[halved]
            step = np.clip(np.floor(twice), 0, 1)
            within[halved] = twice - step
            number[halved] = child[number[halved]] + (step.astype(int) @ powers)
        return number


def _moved(at: tuple[int, ...], axis: int, step: int) -> tuple[int, ...]:
    return (*at[:axis], at[axis] + step, *at[axis + 1 :])
