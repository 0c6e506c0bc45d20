"""How long the edges of a mesh are to be, and points that keep such distances.

Letters: n points, d coordinates, m places that ask for short edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

Array = np.ndarray
_GROWTH = 0.3
"""How fast lengths may grow with the distance from where they are small."""
_CHUNK = 4_000_000
_BATCHES = 40
_FEW = 0.01
"""Share of new points in a batch below which a surface or a volume is full."""


@dataclass(frozen=True, eq=False)
class Spacing:
    """How long edges are to be: ``largest``, and less near ``points`` (m, d) where it is ``sizes`` (m,).

    Away from these, lengths grow with the distance as fast as ``growth``.
    """

    largest: float
    points: Array
    sizes: Array
    growth: float = _GROWTH

    def scaled(self, share: float) -> Spacing:
        """Everywhere a share of the length."""
        return Spacing(share * self.largest, self.points, share * self.sizes, share * self.growth)

    def __call__(self, at: Array) -> Array:
        """(n,) lengths at points (n, d)."""
        found = np.full(len(at), self.largest)
        step = max(1, _CHUNK // max(1, len(self.points)))
        for first in range(0, len(at) if len(self.points) else 0, step):
            part = slice(first, first + step)
            gaps = np.linalg.norm(at[part, None] - self.points, axis=2)
            found[part] = np.minimum(found[part], (self.sizes + self.growth * gaps).min(axis=1))
        return found


def apart(points: Array, distances: Array, others: Array | None = None) -> Array:
    """Numbers of those points (n, d), earlier ones first, that keep distances (n,) from others (k, d) and one another."""
    numbers = np.arange(len(points))
    if others is not None and len(others) and len(points):
        numbers = numbers[scipy.spatial.cKDTree(others).query(points)[0] >= distances]
        points, distances = points[numbers], distances[numbers]
    if not len(points):
        return numbers
    pairs = scipy.spatial.cKDTree(points).query_pairs(float(distances.max()), output_type="ndarray")
    gaps = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    pairs = pairs[gaps < np.minimum(distances[pairs[:, 0]], distances[pairs[:, 1]])]
    # a point stays if it comes before all its neighbours that are still open; its neighbours go
    open_, kept = np.ones(len(points), dtype=bool), np.zeros(len(points), dtype=bool)
    while len(pairs):
        later = np.zeros(len(points), dtype=bool)
        later[pairs[:, 1]] = True
        first = open_ & ~later
        kept |= first
        gone = np.zeros(len(points), dtype=bool)
        gone[pairs[first[pairs[:, 0]], 1]] = True
        open_ &= ~first & ~gone
        pairs = pairs[open_[pairs].all(axis=1)]
    return numbers[kept | open_]


def filled(draw: Callable[[int], Array], distances: Callable[[Array], Array], others: Array) -> Array:
    """Points that are drawn until no more fit between them at their distances.

    Args:
        draw: gives a batch (n, d) by its number.
        distances: (n, d) points -> (n,) how far from one another they must be.
        others: (k, d) points from which they must be as far.
    """
    found = others
    for number in range(_BATCHES):
        batch = draw(number)
        new = batch[apart(batch, distances(batch), found)]
        found = np.concatenate([found, new])
        if len(new) <= _FEW * (len(found) - len(others)):
            break
    return found[len(others) :]
