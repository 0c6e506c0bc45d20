"""Nodes and cells that cover a region in space, for files and pictures.

Letters: v nodes, d coordinates, k cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import torch

from pinnlab.domains.boxes import Box
from pinnlab.domains.meshes import ELEMENTS, Mesh
from pinnlab.domains.regions import Region
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.simplices import volumes

_KINDS = {1: "line", 2: "quad", 3: "hexahedron"}
_CORNERS = {1: ((0,), (1,)), 2: ((0, 0), (1, 0), (1, 1), (0, 1))}


@dataclass(frozen=True)
class Cover:
    """Cells that cover a region.

    Attributes:
        nodes: (v, d).
        kind: of the cells, as meshio calls it.
        cells: (k, corners) node numbers.
    """

    nodes: np.ndarray
    kind: str
    cells: np.ndarray


def cover(region: Region, sizes: dict[str, int]) -> Cover:
    """A mesh's own elements, a grid over a box, triangles or tetrahedra over any other region of two or three coordinates.

    Args:
        region: without time.
        sizes: {coordinate: points along it}, for regions other than meshes.
    """
    if isinstance(region, Mesh):
        return Cover(region.nodes.numpy(), ELEMENTS[region.nodes.shape[1]], region.elements.numpy())
    axes = [np.linspace(lower, upper, sizes[name]) for name, (lower, upper) in region.bounds.items()]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    if isinstance(region, Box):
        return Cover(nodes, _KINDS[len(axes)], _grid_cells([len(axis) for axis in axes]))
    return _simplices(region, nodes, min(float(axis[1] - axis[0]) for axis in axes))


def refined(mesh: Cover, least: int) -> Cover:
    """Triangles halved along their sides until there are enough of them; they share no nodes any more."""
    corners = mesh.nodes[mesh.cells]
    while len(corners) < least:
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        smaller = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        corners = np.concatenate([np.stack(triangle, axis=1) for triangle in smaller])
    return Cover(corners.reshape(-1, 2), mesh.kind, np.arange(3 * len(corners)).reshape(-1, 3))


def _grid_cells(counts: list[int]) -> np.ndarray:
    """(k, 2^d): node numbers of the cells of a tensor grid."""
    number = np.arange(np.prod(counts)).reshape(counts)
    first = [slice(0, n - 1) for n in counts]
    plane = _CORNERS[min(len(counts), 2)]
    corners = [(*c, z) for z in (0, 1) for c in plane] if len(counts) == 3 else list(plane)
    shifted = [number[tuple(slice(f.start + s, f.stop + s) for f, s in zip(first, c, strict=True))] for c in corners]
    return np.stack([s.reshape(-1) for s in shifted], axis=1)


def _simplices(region: Region, grid: np.ndarray, spacing: float) -> Cover:
    """Delaunay triangles or tetrahedra of grid nodes inside and of points on the boundary."""
    d = grid.shape[1]
    inside = grid[region.depth(torch.from_numpy(grid)).numpy() > 0.4 * spacing]
    edge = _on_boundary(region, spacing)
    # one point per small cell: close ones would make flat elements
    _, kept = np.unique(np.round(edge / (0.5 * spacing)).astype(int), axis=0, return_index=True)
    nodes = np.concatenate([edge[np.sort(kept)], inside])
    # many points on one plane or sphere cost the algorithm a hundred times as long in space
    moved = np.random.default_rng(0).uniform(-1e-3, 1e-3, nodes.shape) * spacing if d == 3 else 0.0
    cells = scipy.spatial.Delaunay(nodes + moved).simplices
    corners = torch.from_numpy(nodes[cells])
    # beyond the boundary, or flat
    sound = region.contains(corners.mean(dim=1)) & (volumes(corners) > 1e-4 * spacing**d)
    used, cells = np.unique(cells[sound.numpy()], return_inverse=True)
    return Cover(nodes[used], ELEMENTS[d], cells.reshape(-1, d + 1))


def _on_boundary(region: Region, spacing: float) -> np.ndarray:
    """Many points on all boundary pieces, the ends of edges first."""
    d = len(region.coordinates)
    size = sum(upper - lower for lower, upper in region.bounds.values())
    count = max(64, int({2: 8, 3: 4}[d] * size / spacing) ** (d - 1))
    if d == 2:
        along = torch.cat([torch.tensor([0.0, 1.0]).double(), torch.linspace(0, 1, count, dtype=torch.float64)])
        unit = along[:, None].expand(-1, 2)
    else:
        unit = unit_points("sobol", count, d, np.random.default_rng(0))
    return np.concatenate([region.boundary(piece, unit).points.numpy() for piece in region.pieces(None)])
