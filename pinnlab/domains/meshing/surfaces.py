"""The boundary of a region in space as smooth surfaces, and the edges and corners where they meet.

Letters: n points, s surfaces.

A mesh needs the surfaces beyond the points that can be drawn on them: to move along them, and to find where they meet.
All are planes, spheres and cylinders, given by their distance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np
import torch

from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.naming import numbered
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Product, Region
from pinnlab.domains.sampling import unit_points

Array = np.ndarray
_CLOSE = 1e-8
"""Relative to the region's size: points that are no closer are different ones."""
_BESIDE = 1e-5
"""How far off a surface one looks to see what is on its two sides, relative to the region's size."""
_TANGENT = 1e-3
"""Sine of the angle below which two surfaces count as touching and not as crossing."""
_STEPS, _PROBES = 30, 256


@dataclass(frozen=True, eq=False)
class Surface:
    """Where the distance from a point in some coordinates has one value: a sphere, a cylinder; or a plane.

    Attributes:
        piece: name of the boundary piece; empty where the region does not show it.
        owner: a region of which it is a part of the boundary.
        columns: numbers of the coordinates that count.
        centre: (len(columns),) the middle; of a plane a point on it.
        radius: infinite for a plane.
        normal: (len(columns),) of a plane.
        part: of a surface inside, the region on its one side, whose piece it is; None for the boundary.
    """

    piece: str
    owner: Region
    columns: tuple[int, ...]
    centre: Array
    radius: float = math.inf
    normal: Array | None = None
    part: Region | None = None

    def coincides(self, other: Surface) -> bool:
        """Whether it is the same surface, perhaps of another region."""
        if self.columns != other.columns or (self.normal is None) != (other.normal is None):
            return False
        gap, size = other.centre - self.centre, 1e-9 * self.owner.size
        if self.normal is None or other.normal is None:
            return bool(np.linalg.norm(gap) < size and abs(self.radius - other.radius) < size)
        return bool(abs(gap @ self.normal) < size and abs(self.normal @ other.normal) > 1 - 1e-12)

    def distance(self, points: Array) -> Array:
        """(n,) signed distances of points (n, d)."""
        gap = points[:, self.columns] - self.centre
        return np.linalg.norm(gap, axis=1) - self.radius if self.normal is None else gap @ self.normal

    def normals(self, points: Array) -> Array:
        """(n, d) unit normals, along which the distance grows."""
        found = np.zeros_like(points)
        if self.normal is not None:
            found[:, self.columns] = self.normal
        else:
            gap = points[:, self.columns] - self.centre
            found[:, self.columns] = gap / np.maximum(np.linalg.norm(gap, axis=1, keepdims=True), 1e-300)
        return found

    def samples(self, region: Region, count: int, seed: int = 0) -> Array:
        """(n, d) points spread over it, of ``count`` on its piece: those of the region's boundary, or inside.

        Args:
            region: whose boundary it belongs to, or in which it lies.
            count: at most.
            seed: of the points.
        """
        unit = unit_points("sobol", count, len(region.coordinates), np.random.default_rng(seed))
        owner = region if self.part is None else self.part
        points = owner.boundary(self.piece, unit).points.numpy()
        points = points[np.abs(self.distance(points)) < _CLOSE * owner.size]
        if self.part is not None:
            points = points[region.depth(torch.from_numpy(points)).numpy() > _CLOSE * region.size]
        return points

    def holds(self, region: Region, points: Array, lengths: Array) -> Array:
        """(n,) whether points (n, d) are closer to it than lengths (n,), where it lies inside of a region."""
        near = np.abs(self.distance(points)) < lengths
        if self.part is None or not near.any():
            return near & (self.part is not None)
        foot = torch.from_numpy(projected(points[near], [self]))
        near[near] = np.abs(self.part.depth(foot).numpy()) < 1e-7 * region.size
        return near


def twins(found: Sequence[Surface]) -> Array:
    """(s, s) booleans: which surfaces coincide."""
    return np.array([[a.coincides(b) for b in found] for a in found])


def surfaces(region: Region) -> list[Surface]:
    """The surfaces that bound a region; those that a set operation hides have no name.

    Raises:
        TypeError: a region of a kind whose boundary is not known as surfaces.
    """
    return _surfaces(region)


def inner_surfaces(region: Region, parts: Sequence[Region]) -> list[Surface]:
    """The surfaces of other regions as far as they lie inside of a region.

    Args:
        region: in space.
        parts: regions of the same coordinates, which may stand out of it.

    Raises:
        TypeError: as ``surfaces``.
    """
    found: list[Surface] = []
    for part in parts:
        for each in _surfaces(part):
            mine = replace(each, part=part)
            new = bool(each.piece) and not any(mine.coincides(other) and other.part is part for other in found)
            if new and len(mine.samples(region, _PROBES)):
                found.append(mine)
    return found


def labels(region: Region, parts: Sequence[Region], points: Array) -> Array:
    """(n,) 0 outside of a region, inside a number that says in which of the parts points (n, d) are."""
    at = torch.from_numpy(points)
    found = np.ones(len(points), dtype=int)
    for number, part in enumerate(parts):
        found += (part.depth(at).numpy() > 0) * 2 ** (number + 1)
    return np.where(region.depth(at).numpy() > 0, found, 0)


def parts_of(found: Sequence[Surface]) -> list[Region]:
    """The regions whose surfaces are inside."""
    return list({id(s.part): s.part for s in found if s.part is not None}.values())


@singledispatch
def _surfaces(region: Region) -> list[Surface]:
    raise TypeError(f"the boundary of {region!r} is not known as planes, spheres and cylinders.")


@_surfaces.register
def _(region: Box) -> list[Surface]:
    return [
        Surface(name + sign, region, (i,), np.array([end]), normal=np.ones(1))
        for i, (name, ends) in enumerate(region.bounds.items())
        for sign, end in zip("-+", ends, strict=True)
    ]


@_surfaces.register
def _(region: Ball) -> list[Surface]:
    centre = np.array(list(region.center.values()))
    return [Surface(region.name, region, tuple(range(len(centre))), centre, region.radius)]


@_surfaces.register
def _(region: Polygon) -> list[Surface]:
    found = []
    for piece, (ends, normals) in region.sides.items():
        for (start, _), normal in zip(ends.numpy(), normals.numpy(), strict=True):
            found.append(Surface(piece, region, (0, 1), start, normal=normal))
    return found


@_surfaces.register
def _(region: Product) -> list[Surface]:
    _, owners = numbered([(f.pieces(None), f.named_pieces) for f in region.factors])
    names, found, first = {owner: piece for piece, owner in owners.items()}, [], 0
    for i, factor in enumerate(region.factors):
        for each in _surfaces(factor):
            columns = tuple(first + column for column in each.columns)
            found.append(replace(each, piece=names.get((i, each.piece), ""), owner=region, columns=columns))
        first += len(factor.coordinates)
    return found


@_surfaces.register
def _(region: Combination) -> list[Surface]:
    names = {owner: piece for piece, owner in region.owners.items()}
    return [
        replace(each, piece=names.get((i, each.piece), ""))
        for i, leaf in enumerate(region.leaves)
        for each in _surfaces(leaf)
    ]


def projected(points: Array, onto: Sequence[Surface]) -> Array:
    """The nearest points (n, d) of a surface, or of all of several, by Newton's method; NaN where there are none."""
    if not len(points):
        return points
    found, scale = (
        points.copy(),
        float(np.max([np.abs(s.distance(points)) for s in onto])) + float(np.abs(points).max()),
    )
    with np.errstate(all="ignore"):
        for _ in range(_STEPS if len(onto) > 1 else 2):
            gaps = np.stack([s.distance(found) for s in onto], axis=1)
            if np.nanmax(np.abs(gaps), initial=0.0) < 1e-14 * scale:
                break
            slopes = np.stack([s.normals(found) for s in onto], axis=1)
            gram = slopes @ slopes.transpose(0, 2, 1)
            sound = np.isfinite(gram).all(axis=(1, 2)) & (np.abs(np.linalg.det(gram)) > 1e-2 * _TANGENT**2)
            gram[~sound] = np.eye(len(onto))
            step = np.einsum("nsd,ns->nd", slopes, np.linalg.solve(gram, gaps[..., None])[..., 0])
            step[~sound] = np.nan
            found = found - step
        far = ~(np.max([np.abs(s.distance(found)) for s in onto], axis=0) <= 1e-10 * scale)
    found[far] = np.nan
    return found


@dataclass(frozen=True, eq=False)
class Features:
    """Where surfaces meet.

    Attributes:
        corners: (n, d).
        edges: {numbers of two surfaces: (n, d) many points where they meet}.
        reentrant: {the same: whether the region takes more than half of the surroundings there}.
    """

    corners: Array
    edges: dict[tuple[int, int], Array]
    reentrant: dict[tuple[int, int], bool]


def features(region: Region, found: Sequence[Surface], count: int = 4096) -> Features:
    """The edges and corners of a region bounded by surfaces.

    Args:
        region: in space.
        found: its surfaces.
        count: points of each of them, near which edges are looked for.

    Raises:
        ValueError: two surfaces touch without crossing.
    """
    size = region.size
    named = [i for i, s in enumerate(found) if s.piece]
    parts = parts_of(found)
    same = twins(found)
    # of surfaces that coincide the first one stands for all
    shown = [i for i in named if not any(same[i, j] for j in named if j < i)]
    points = {i: np.concatenate([found[j].samples(region, count) for j in named if same[i, j]]) for i in shown}
    edges, reentrant = {}, {}
    for i, j in itertools.combinations(shown, 2):
        near = []
        for a, b in ((i, j), (j, i)):
            gaps = np.abs(found[b].distance(points[a]))
            near.append(points[a][gaps < max(0.1 * size, 1.01 * gaps.min(initial=math.inf))])
        meeting = projected(np.concatenate(near), (found[i], found[j]))
        meeting = meeting[np.isfinite(meeting).all(axis=1)]
        around = _around(region, parts, meeting, (found[i], found[j]))
        split = _depends(around).all(axis=1)
        if split.any():
            edges[i, j] = meeting[split]
            reentrant[i, j] = bool((around[split] > 0).sum(axis=1).max() > 2)
        elif _touch(region, found[i], found[j], np.concatenate([points[i], points[j]])):
            raise ValueError(
                f"{found[i].piece!r} and {found[j].piece!r} of {region!r} touch without crossing: no mesh is fine enough "
                "for the gap beside that place. Let them overlap, or leave a distance."
            )
    corners = np.empty((0, len(region.coordinates)))
    for i, j in edges:
        for k in shown:
            if k not in (i, j):
                near_k = edges[i, j][np.abs(found[k].distance(edges[i, j])) < 0.1 * size]
                meeting = projected(near_k, (found[i], found[j], found[k]))
                meeting = meeting[np.isfinite(meeting).all(axis=1)]
                meeting = meeting[_depends(_around(region, parts, meeting, (found[i], found[j], found[k]))).all(axis=1)]
                corners = np.concatenate([corners, meeting])
    _, kept = np.unique(np.round(corners / (1e3 * _CLOSE * size)), axis=0, return_index=True)
    return Features(corners[kept], edges, reentrant)


def _touch(region: Region, one: Surface, other: Surface, points: Array) -> bool:
    """Whether two surfaces meet where they have the same tangent, and the region ends there."""
    near = np.argsort(np.abs(one.distance(points)) + np.abs(other.distance(points)))[:8]
    at = points[near]
    for _ in range(_STEPS):
        at = projected(projected(at, [one]), [other])
    close = np.abs(one.distance(at)) < 1e-4 * region.size
    parallel = np.abs((one.normals(at) * other.normals(at)).sum(axis=1)) > 1 - 1e-4
    edge = np.abs(region.depth(torch.from_numpy(at)).numpy()) < 1e-4 * region.size
    return bool((close & parallel & edge).any())


def _around(region: Region, parts: Sequence[Region], points: Array, meeting: Sequence[Surface]) -> Array:
    """(n, 2^s) labels of points a little on this or that side of each of s surfaces that meet there."""
    slopes = np.stack([s.normals(points) for s in meeting], axis=1)
    ways = np.linalg.pinv(slopes) if len(points) else slopes.transpose(0, 2, 1)
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(meeting))))
    steps = np.einsum("nds,ks->nkd", ways, signs)
    steps *= _BESIDE * region.size / np.maximum(np.linalg.norm(steps, axis=2, keepdims=True), 1e-300)
    at = (points[:, None] + steps).reshape(-1, points.shape[1])
    return labels(region, parts, at).reshape(len(points), len(signs))


def _depends(around: Array) -> Array:
    """(n, s) whether the pattern (n, 2^s) changes with the side of each surface."""
    count = int(math.log2(around.shape[1]))
    cube = around.reshape(len(around), *[2] * count)
    changes = []
    for axis in range(1, count + 1):
        low, high = (cube.take(k, axis=axis) for k in (0, 1))
        changes.append((low != high).any(axis=tuple(range(1, count))))
    return np.stack(changes, axis=1)
