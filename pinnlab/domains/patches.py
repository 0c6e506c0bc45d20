"""Smooth maps of the unit cube onto parts of a region or of its boundary, with which integrals over it are taken.

Letters: n points, d coordinates, k dimensions of the cube, K patches.

An integral over a region is a sum of integrals over cubes: the integrand at the image of a point times the volume that
the map gives to it there. Boxes, simplices and balls have maps that are exact, so that curved boundaries cost nothing.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Placed:
    """Images of points of the cube.

    Attributes:
        points: (n, d).
        density: (n,) volume, area or length that belongs to a unit of the cube.
        normals: (n, d) outward unit normals on a boundary, else None.
    """

    points: Array
    density: Array
    normals: Array | None = None


class Patches(ABC):
    """K maps of the unit cube [0, 1]^k.

    Attributes:
        count: K.
        dimension: k.
    """

    count: int
    dimension: int

    @abstractmethod
    def place(self, which: Array, unit: Array) -> Placed:
        """The images of (n, k) points, each under the map of number ``which`` (n,)."""


class Affine(Patches):
    """Boxes, segments and single points.

    Args:
        origins: (K, d).
        edges: (K, k, d).
        normals: (K, d) on a boundary.
    """

    def __init__(self, origins: Array, edges: Array, normals: Array | None = None):
        self.origins, self.edges, self.normals = origins, edges, normals
        self.count, self.dimension = edges.shape[:2]
        gram = edges @ edges.transpose(0, 2, 1)
        self.volumes = np.sqrt(np.linalg.det(gram)) if self.dimension else np.ones(self.count)

    def place(self, which: Array, unit: Array) -> Placed:
        points = self.origins[which] + np.einsum("nk,nkd->nd", unit, self.edges[which])
        return Placed(points, self.volumes[which], None if self.normals is None else self.normals[which])


class Simplices(Patches):
    """Segments, triangles and tetrahedra: the cube is squeezed towards a corner (Duffy 1982).

    Args:
        corners: (K, k + 1, d).
        normals: (K, d) on a boundary.
    """

    def __init__(self, corners: Array, normals: Array | None = None):
        self.corners, self.normals = corners, normals
        self.count, self.dimension = corners.shape[0], corners.shape[1] - 1
        edges = corners[:, 1:] - corners[:, :1]
        self.volumes = np.sqrt(np.linalg.det(edges @ edges.transpose(0, 2, 1)))

    def place(self, which: Array, unit: Array) -> Placed:
        k = self.dimension
        points, left = self.corners[which, 0].copy(), np.ones(len(unit))
        density = self.volumes[which].copy()
        for j in range(k):
            # a step from corner j towards corner j + 1, as far as the steps before have gone
            left = left * unit[:, j]
            density *= unit[:, j] ** (k - 1 - j)
            points += left[:, None] * (self.corners[which, j + 1] - self.corners[which, j])
        return Placed(points, density, None if self.normals is None else self.normals[which])


class BallPatch(Patches):
    """A ball in polar coordinates, or the sphere around it.

    Args:
        center: (d,).
        radius: of the ball.
        surface: whether it is the sphere.
    """

    count = 1

    def __init__(self, center: Array, radius: float, surface: bool):
        self.center, self.radius, self.surface = center, radius, surface
        self.dimension = len(center) - surface

    def place(self, which: Array, unit: Array) -> Placed:
        d = len(self.center)
        share = np.ones(len(unit)) if self.surface else unit[:, 0]
        angles = unit[:, 0 if self.surface else 1 :]
        density = self.radius ** (d - self.surface) * share ** (d - 1)
        left, columns = np.ones(len(unit)), []
        for j in range(d - 2):
            angle = math.pi * angles[:, j]
            columns.append(left * np.cos(angle))
            left = left * np.sin(angle)
            density = density * math.pi * np.sin(angle) ** (d - 2 - j)
        turn = 2 * math.pi * angles[:, -1]
        away = np.stack([*columns, left * np.cos(turn), left * np.sin(turn)], axis=1)
        points = self.center + self.radius * share[:, None] * away
        return Placed(points, density * 2 * math.pi, away if self.surface else None)


class ProductPatches(Patches):
    """All combinations of patches of several regions without a common coordinate; normals are those of one of them.

    Args:
        factors: in the order of their coordinates.
    """

    def __init__(self, factors: Sequence[Patches]):
        self.factors = tuple(factors)
        self.shape = tuple(factor.count for factor in factors)
        self.count, self.dimension = math.prod(self.shape), sum(factor.dimension for factor in factors)

    def place(self, which: Array, unit: Array) -> Placed:
        numbers = np.unravel_index(which, self.shape)
        ends = list(itertools.accumulate((factor.dimension for factor in self.factors), initial=0))
        parts = [
            factor.place(number, unit[:, a:b])
            for factor, number, (a, b) in zip(self.factors, numbers, itertools.pairwise(ends), strict=True)
        ]
        normals = None
        if any(part.normals is not None for part in parts):
            blank = [np.zeros_like(part.points) if part.normals is None else part.normals for part in parts]
            normals = np.concatenate(blank, axis=1)
        density = np.prod([part.density for part in parts], axis=0)
        return Placed(np.concatenate([part.points for part in parts], axis=1), density, normals)


class Kept(Patches):
    """Patches of which only a part counts: elsewhere the density is zero, with a jump that takes many points to see.

    Args:
        whole: the patches.
        sign: (points (n, d), normals or None) to (n,): 1 where a point counts, -1 where its normal points inwards besides,
            else 0.
    """

    def __init__(self, whole: Patches, sign: Callable[[Array, Array | None], Array]):
        self.whole, self.sign = whole, sign
        self.count, self.dimension = whole.count, whole.dimension

    def place(self, which: Array, unit: Array) -> Placed:
        found = self.whole.place(which, unit)
        sign = self.sign(found.points, found.normals)
        normals = None if found.normals is None else found.normals * sign[:, None]
        return Placed(found.points, found.density * abs(sign), normals)


class Stretches(Patches):
    """Parts of curves.

    Args:
        whole: patches of one dimension.
        numbers: (K,) which of them.
        ends: (K, 2) from where to where, as shares of the way.
        signs: (K,) by which normals are multiplied.
    """

    dimension = 1

    def __init__(self, whole: Patches, numbers: Array, ends: Array, signs: Array):
        self.whole, self.numbers, self.ends, self.signs, self.count = whole, numbers, ends, signs, len(numbers)

    def place(self, which: Array, unit: Array) -> Placed:
        start, end = self.ends[which].T
        found = self.whole.place(self.numbers[which], (start + (end - start) * unit[:, 0])[:, None])
        normals = None if found.normals is None else found.normals * self.signs[which, None]
        return Placed(found.points, found.density * (end - start), normals)
