"""Places on a boundary of the plane at which solutions are likely to be singular: corners, and changes of conditions.

Letters: n points, z corners, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnlab.domains import Region
from pinnlab.domains.patches import Patches, Placed
from pinnlab.solvers.cut_cells.leading import LeadingPart, Side

Array = np.ndarray
_TURN = 0.2
"""Angle up to which two sides that meet are one smooth side, as those of a fine mesh are."""
_NEAR = 1e-9
"""Distance between places that are the same, relative to the region."""
_BESIDE = 1e-4
"""Share of a curve at which one looks how it begins, and what holds there."""
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
        powers: (z,) a, where solutions are like r^a, or harmonic functions where that is not known.
        inner: (z,) whether they lie inside, where materials meet; none if None.
        clashing: (z,) whether what is prescribed on their sides goes with no smooth function; none if None.
    """

    points: Array
    powers: Array
    inner: Array | None = None
    clashing: Array | None = None

    @property
    def sources(self) -> Array:
        """(z,) whether a misfit at the corner may act as a source: no value or flux is prescribed there."""
        return np.zeros(len(self.points), dtype=bool) if self.inner is None else self.inner


def corners_of(
    region: Region,
    pieces: Mapping[str, Sequence[Patches]],
    kinds: Mapping[str, object],
    parts: Sequence[tuple[str, Holds]],
    leading: LeadingPart,
) -> Corners:
    """The corners of a region of the plane; a surface in space has edges, and none are found.

    Args:
        region: whose they are.
        pieces: {boundary piece: patches that cover it}.
        kinds: {boundary piece: what kinds of conditions it has}; where they change harmonic functions have half the power.
        parts: pieces, and conditions that hold on parts of them.
        leading: tells powers below those of harmonic functions, where it can.
    """
    size, d = region.size, len(region.coordinates)
    ends: list[tuple[Array, Side]] = []
    for name, sets in pieces.items():
        for patches in sets:
            if patches.dimension == 1:
                for side in (0.0, 1.0):
                    placed, beside = (
                        patches.place(np.arange(patches.count), np.full((patches.count, 1), share))
                        for share in (side, side + (1 - 2 * side) * _BESIDE)
                    )
                    three = zip(placed.points, beside.points, np.asarray(placed.normals), strict=True)
                    ends += [(x, Side(name, near, n)) for x, near, n in three]
    found: list[tuple[Array, list[Side], bool]] = []
    waiting = list(range(len(ends)))
    places = np.array([x for x, _ in ends]).reshape(len(ends), d)
    while waiting:
        first = waiting[0]
        near = np.abs(places[waiting] - places[first]).max(axis=1) <= _NEAR * size
        here = [ends[i][1] for i, close in zip(waiting, near, strict=True) if close]
        waiting = [i for i, close in zip(waiting, near, strict=True) if not close]
        turn = min(float(side.normal @ here[0].normal) for side in here)
        if len(here) == 1 or len({side.piece for side in here}) > 1 or turn < np.cos(_TURN):
            found.append((places[first], here, len({kinds[side.piece] for side in here}) > 1))
    for name, holds in parts:
        for patches in pieces[name]:
            if patches.dimension == 1:
                for place, *sides in _changes(patches, holds):
                    # the next condition begins where the last one ends
                    if not any(np.abs(place - other).max() <= _NEAR * size for other, _, _ in found):
                        found.append((place, [Side(name, *side) for side in sides], True))
    points = np.array([place for place, _, _ in found]).reshape(len(found), d)
    powers = np.pi / angles_at(region, points) * np.where([mixed for _, _, mixed in found], 0.5, 1.0)
    least = [leading.power(place, sides) for place, sides, _ in found]
    clashing = [leading.clashes(place, sides) for place, sides, _ in found]
    return Corners(
        points, np.minimum(powers, np.array(least).reshape(len(found))), None, np.array(clashing, dtype=bool)
    )


def angles_at(region: Region, corners: Array) -> Array:
    """(z,) the angle inside of a region of the plane at each of (z, 2) corners, by looking around them."""
    if not len(corners):
        return np.zeros(0)
    turn = 2 * np.pi * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS
    around = _CLOSE * region.size * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points = (corners[:, None] + around).reshape(-1, 2)
    inside = (region.depth(torch.from_numpy(points)) > 0).numpy().reshape(len(corners), _DIRECTIONS)
    return 2 * np.pi * np.maximum(inside.mean(axis=1), 1 / _DIRECTIONS)


def _changes(patches: Patches, holds: Holds) -> list[tuple[Array, tuple[Array, Array], tuple[Array, Array]]]:
    """Where along curves a condition begins or ends to hold; with a point beside it and the normal, on either side."""
    found = []
    for k in range(patches.count):

        def at(*shares: float, k: int = k) -> Placed:
            return patches.place(np.full(len(shares), k), np.array(shares)[:, None])

        shares = np.linspace(0.0, 1.0, _SAMPLES)
        mask = holds(at(*shares).points)
        for i in np.flatnonzero(mask[1:] != mask[:-1]):
            low, high = shares[i], shares[i + 1]
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if holds(at(middle).points)[0] == mask[i] else (low, middle)
            placed = at(high, max(high - _BESIDE, 0.0), min(high + _BESIDE, 1.0))
            (place, *beside), normal = placed.points, np.asarray(placed.normals)[0]
            found.append((place, (beside[0], normal), (beside[1], normal)))
    return found
