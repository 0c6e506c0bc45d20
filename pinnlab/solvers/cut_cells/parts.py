"""Parts of a region between which coefficients or sources jump: which one a point is in, and the surfaces between them.

Letters: n points, d coordinates, k points on surfaces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.discontinuities.fluxes import Jump
from pinnlab.domains import Box, Region, from_data
from pinnlab.domains.coverings import boundary_patches
from pinnlab.domains.meshing.surface_nodes import surface_nodes

Array = np.ndarray
HAIR = 4e-9
"""How far beside a surface the coefficients of one side are taken, relative to the region: more than rounding moves it."""
ALONG = 1e-9
"""Component of a normal up to which it is zero."""
_ACROSS = 1e-6
"""Distance from a jump at which its two sides are looked at, relative to the region."""
_CLOSER = 1e-3
"""That distance at most, relative to the nodes' spacing."""


@dataclass(frozen=True, eq=False)
class Materials:
    """Parts of a region.

    Args:
        names: of the d coordinates.
        layers: of each, regions of some of the coordinates; the first one that holds a point counts. Two points are in the
            same part where all layers say so.
    """

    names: tuple[str, ...]
    layers: tuple[tuple[Region, ...], ...] = ()

    @property
    def count(self) -> int:
        """Number of parts, those that are empty included."""
        return int(np.prod([len(layer) + 1 for layer in self.layers], dtype=int))

    def at(self, points: Array) -> Array:
        """(n,) numbers of the parts of points (n, d)."""
        found = np.zeros(len(points), dtype=int)
        for number, layer in enumerate(self.layers):
            found = found * (len(layer) + 1) + self._in_layer(number, points)
        return found

    def surface(
        self, region: Region, spacing: Callable[[Array], Array], along: int, seed: int | None
    ) -> tuple[Array, Array]:
        """Nodes (k, d) on the surfaces between parts inside a region, and unit normals (k, d), of either direction.

        Args:
            region: whose parts these are.
            spacing: (n, d) points to (n,) lengths, in each of which there are about ``along`` nodes.
            along: nodes.
            seed: of random nodes; Gauss's where it is None.
        """
        d = len(self.names)
        points, normals = [np.zeros((0, d))], [np.zeros((0, d))]
        for number, layer in enumerate(self.layers):
            for part, given in enumerate(layer):
                at, away = self._around(_completed(given, region), spacing, along, seed)
                # next to corners nodes are close
                step = np.minimum(_ACROSS * region.size, _CLOSER * spacing(at))
                kept = region.depth(torch.from_numpy(at)).numpy() > 1e-3 * step
                at, away, step = at[kept], away[kept], step[kept]
                mine = self._first_to_differ(number, part, at, away, step[:, None])
                points.append(at[mine])
                normals.append(away[mine])
        return np.concatenate(points), np.concatenate(normals)

    def _around(
        self, part: Region, spacing: Callable[[Array], Array], along: int, seed: int | None
    ) -> tuple[Array, Array]:
        """Nodes and normals on the boundary of a part, which may name its coordinates in any order."""
        order = [part.coordinates.index(name) for name in self.names]
        patches = [each for piece in part.pieces(None) for each in boundary_patches(part, piece, {})]
        found = surface_nodes(patches, lambda at: spacing(at[:, order]), along, seed)
        return found.points[:, order], np.asarray(found.normals)[:, order]

    def divides(self, jump: Jump, region: Region) -> bool:
        """Whether a jump lies between two parts."""
        at = np.array(jump.points)
        step = np.zeros(at.shape[1])
        step[region.coordinates.index(jump.coordinate)] = _ACROSS * region.size
        return bool((self.at(at - step) != self.at(at + step)).all())

    def _in_layer(self, number: int, points: Array) -> Array:
        layer = self.layers[number]
        found, free = np.full(len(points), len(layer)), np.ones(len(points), dtype=bool)
        for part, region in enumerate(layer):
            columns = [self.names.index(name) for name in region.coordinates]
            mine = free.copy()
            # cells next to a corner may be smaller than the rounding up to which regions are closed
            mine[free] = region.depth(torch.from_numpy(points[free][:, columns])).numpy() >= 0
            found[mine] = part
            free &= ~mine
        return found

    def _first_to_differ(self, number: int, part: int, points: Array, normals: Array, step: Array) -> Array:
        """(n,) whether nodes on a part's surface are counted there: each node of all surfaces is, once."""
        sides = points - step * normals, points + step * normals
        kept = np.ones(len(points), dtype=bool)
        for earlier in range(number):
            kept &= np.equal(*(self._in_layer(earlier, side) for side in sides))
        one, two = (self._in_layer(number, side) for side in sides)
        return kept & (one != two) & (np.minimum(one, two) == part)

    def to_data(self) -> list[list[dict[str, Any]]]:
        """Plain data."""
        return [[region.to_data() for region in layer] for layer in self.layers]

    @classmethod
    def from_data(cls, names: Sequence[str], data: Sequence[Sequence[Mapping[str, Any]]]) -> Materials:
        """The inverse of ``to_data``."""
        return cls(tuple(names), tuple(tuple(from_data(dict(region)) for region in layer) for layer in data))


def directed(normals: Array) -> Array:
    """(n, d) normals, turned so that their first component that is not zero is positive."""
    if not len(normals):
        return normals
    first = (np.abs(normals) > ALONG).argmax(axis=1)
    return normals * np.sign(normals[np.arange(len(normals)), first])[:, None]


def _completed(part: Region, whole: Region) -> Region:
    """A region of some coordinates as one of all of them; of a box what lies within the bounds."""
    if isinstance(part, Box):
        own = part.bounds
        clipped = {
            n: (max(a, own[n][0]), min(b, own[n][1])) if n in own else (a, b) for n, (a, b) in whole.bounds.items()
        }
        return Box.of(clipped, None)
    missing = {name: ends for name, ends in whole.bounds.items() if name not in part.coordinates}
    return part * Box.of(missing, None) if missing else part
