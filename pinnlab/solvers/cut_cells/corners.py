"""Places on a boundary of the plane at which solutions are likely to be singular: corners, and changes of conditions.

Letters: n points, z corners, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnlab.domains import Region
from pinnlab.domains.patches import Patches

Array = np.ndarray
_TURN = 0.2
"""Angle up to which two sides that meet are one smooth side, as those of a fine mesh are."""
_NEAR = 1e-9
"""Distance between places that are the same, relative to the region."""
_SAMPLES, _HALVINGS = 65, 50
_DIRECTIONS, _CLOSE = 360, 1e-5
"""Places around a corner where one looks what is inside, and how far from it, relative to the region."""

Holds = Callable[[Array], Array]
"""Whether a condition holds at points (n, d): (n,)."""


@dataclass(frozen=True, eq=False)
class Corners:
    """Places at which solutions are likely to be singular.

    Attributes:
        points: (z, d).
        powers: (z,) a, where harmonic functions are like r^a.
        inner: (z,) whether they lie inside, where materials meet; none if None.
    """

    points: Array
    powers: Array
    inner: Array | None = None

    @property
    def sources(self) -> Array:
        """(z,) whether a misfit at the corner may act as a source: no value or flux is prescribed there."""
        return np.zeros(len(self.points), dtype=bool) if self.inner is None else self.inner


def corners_of(
    region: Region,
    pieces: Mapping[str, Sequence[Patches]],
    kinds: Mapping[str, object],
    parts: Sequence[tuple[str, Holds]],
) -> Corners:
    """The corners of a region of the plane; a surface in space has edges, and none are found.

    Args:
        region: whose they are.
        pieces: {boundary piece: patches that cover it}.
        kinds: {boundary piece: what kinds of conditions it has}; where they change the power is half as large.
        parts: pieces, and conditions that hold on parts of them.
    """
    size, d = region.size, len(region.coordinates)
    ends: list[tuple[Array, Array, str]] = []
    for name, sets in pieces.items():
        for patches in sets:
            if patches.dimension == 1:
                for side in (0.0, 1.0):
                    placed = patches.place(np.arange(patches.count), np.full((patches.count, 1), side))
                    ends += [(x, n, name) for x, n in zip(placed.points, np.asarray(placed.normals), strict=True)]
    found: list[Array] = []
    mixed: list[bool] = []
    waiting = list(range(len(ends)))
    places = np.array([x for x, _, _ in ends]).reshape(len(ends), d)
    while waiting:
        first = waiting[0]
        near = np.abs(places[waiting] - places[first]).max(axis=1) <= _NEAR * size
        here = [i for i, close in zip(waiting, near, strict=True) if close]
        waiting = [i for i, close in zip(waiting, near, strict=True) if not close]
        turns = [float(ends[i][1] @ ends[first][1]) for i in here]
        if len(here) == 1 or len({ends[i][2] for i in here}) > 1 or min(turns) < np.cos(_TURN):
            found.append(places[first])
            mixed.append(len({kinds[ends[i][2]] for i in here}) > 1)
    for name, holds in parts:
        for patches in pieces[name]:
            if patches.dimension == 1:
                for place in _changes(patches, holds):
                    # the next condition begins where the last one ends
                    if not any(np.abs(place - other).max() <= _NEAR * size for other in found):
                        found.append(place)
                        mixed.append(True)
    points = np.array(found).reshape(len(found), d)
    return Corners(points, np.pi / angles_at(region, points) * np.where(mixed, 0.5, 1.0))


def angles_at(region: Region, corners: Array) -> Array:
    """(z,) the angle inside of a region of the plane at each of (z, 2) corners, by looking around them."""
    if not len(corners):
        return np.zeros(0)
    turn = 2 * np.pi * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS
    around = _CLOSE * region.size * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points = (corners[:, None] + around).reshape(-1, 2)
    inside = (region.depth(torch.from_numpy(points)) > 0).numpy().reshape(len(corners), _DIRECTIONS)
    return 2 * np.pi * np.maximum(inside.mean(axis=1), 1 / _DIRECTIONS)


def _changes(patches: Patches, holds: Holds) -> list[Array]:
    """Where along curves a condition begins or ends to hold."""
    found = []
    for k in range(patches.count):

        def at(shares: Array, k: int = k) -> Array:
            return patches.place(np.full(len(shares), k), shares[:, None]).points

        shares = np.linspace(0.0, 1.0, _SAMPLES)
        mask = holds(at(shares))
        for i in np.flatnonzero(mask[1:] != mask[:-1]):
            low, high = shares[i], shares[i + 1]
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if holds(at(np.array([middle])))[0] == mask[i] else (low, middle)
            found.append(at(np.array([high]))[0])
    return found
