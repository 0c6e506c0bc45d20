"""Which patches fill a region, or a cross-section of it, and which cover a piece of its boundary.

Letters: n points, d coordinates, k dimensions of a cube, K patches.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import singledispatch

import numpy as np
import torch

from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.meshes import Mesh
from pinnlab.domains.naming import numbered
from pinnlab.domains.patches import Affine, Array, BallPatch, Kept, Patches, ProductPatches, Simplices
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Product, Region
from pinnlab.domains.strips import exposed_stretches, outward_sign, strips

Axes = Mapping[str, float | Sequence[float]]
"""Of boxes: {coordinate: where it stands still, or positions at which integrands may be less smooth and cells end}."""


@singledispatch
def interior_patches(region: Region, axes: Axes) -> list[Patches]:
    """Patches that fill a region, or its cross-section where coordinates stand still.

    Raises:
        TypeError: a kind of region without a quadrature.
    """
    raise TypeError(f"there is no quadrature over {region!r}.")


@singledispatch
def boundary_patches(region: Region, piece: str, axes: Axes) -> list[Patches]:
    """Patches that cover a boundary piece, with outward normals.

    Raises:
        TypeError: a kind of region without a quadrature.
    """
    raise TypeError(f"there is no quadrature over the boundary of {region!r}.")


@interior_patches.register
def _(region: Box, axes: Axes) -> list[Patches]:
    return [_boxes([_edges(region, name, axes) for name in region.coordinates])]


@boundary_patches.register
def _(region: Box, piece: str, axes: Axes) -> list[Patches]:
    index, position, sign = region.face(piece)
    edges = [_edges(region, name, axes) for name in region.coordinates]
    edges[index] = np.array([position])
    normal = np.zeros(len(edges))
    normal[index] = sign
    return [_boxes(edges, normal)]


def _edges(region: Box, name: str, axes: Axes) -> Array:
    lower, upper = region.bounds[name]
    cuts = axes.get(name, ())
    if isinstance(cuts, float | int):
        return np.array([float(cuts)])
    near = 1e-12 * (upper - lower)
    inside = sorted({c for c in cuts if lower + near < c < upper - near})
    return np.array([lower, *inside, upper])


def _boxes(edges: Sequence[Array], normal: Array | None = None) -> Affine:
    """The cells of a tensor grid; a single edge fixes its coordinate."""
    lower = [e[:1] if len(e) == 1 else e[:-1] for e in edges]
    width = [np.zeros(1) if len(e) == 1 else np.diff(e) for e in edges]
    origins, widths = (np.stack([g.ravel() for g in np.meshgrid(*m, indexing="ij")], axis=1) for m in (lower, width))
    free = [i for i, e in enumerate(edges) if len(e) > 1]
    sides = widths[:, free, None] * np.eye(len(edges))[free]
    return Affine(origins, sides, None if normal is None else np.broadcast_to(normal, origins.shape))


@interior_patches.register
def _(region: Ball, axes: Axes) -> list[Patches]:
    return [BallPatch(np.array(list(region.center.values())), region.radius, surface=False)]


@boundary_patches.register
def _(region: Ball, piece: str, axes: Axes) -> list[Patches]:
    return [BallPatch(np.array(list(region.center.values())), region.radius, surface=True)]


@interior_patches.register(Polygon)
@interior_patches.register(Mesh)
def _(region: Polygon | Mesh, axes: Axes) -> list[Patches]:
    return [Simplices(region.simplices.numpy())]


@boundary_patches.register(Polygon)
@boundary_patches.register(Mesh)
def _(region: Polygon | Mesh, piece: str, axes: Axes) -> list[Patches]:
    corners, normals = region.sides[piece]
    return [Simplices(corners.numpy(), normals.numpy())]


@interior_patches.register
def _(region: Product, axes: Axes) -> list[Patches]:
    return _products([interior_patches(factor, axes) for factor in region.factors])


@boundary_patches.register
def _(region: Product, piece: str, axes: Axes) -> list[Patches]:
    number, own = numbered([(factor.pieces(None), factor.named_pieces) for factor in region.factors])[1][piece]
    parts = [interior_patches(factor, axes) for factor in region.factors]
    parts[number] = boundary_patches(region.factors[number], own, axes)
    return _products(parts)


def _products(parts: Sequence[Sequence[Patches]]) -> list[Patches]:
    return [ProductPatches(factors) for factors in itertools.product(*parts)]


@interior_patches.register
def _(region: Combination, axes: Axes) -> list[Patches]:
    if len(region.coordinates) == 2:
        return [strips(region)]
    inside = lambda points, _: (region.depth(torch.from_numpy(points)) > 0).numpy()  # noqa: E731
    return [Kept(part, inside) for part in interior_patches(Box(**region.bounds), axes)]


@boundary_patches.register
def _(region: Combination, piece: str, axes: Axes) -> list[Patches]:
    number, own = region.owners[piece]
    whole = boundary_patches(region.leaves[number], own, axes)
    if len(region.coordinates) == 2:
        return [exposed_stretches(region, number, part) for part in whole]

    return [Kept(part, lambda points, normals: outward_sign(region, points, np.asarray(normals))) for part in whole]
