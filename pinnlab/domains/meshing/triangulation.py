"""Triangles over any region of the plane, fine where its boundary is curved or narrow, and finer still at given points.

Letters: v nodes, k triangles, b edges on the boundary, n points.

The boundary is cut into pieces as long as the triangles there are to be; inside, points of a quadtree of that density
take their places; Delaunay's triangulation of all of them, with points inside moved to the middle of their neighbours
a few times, has angles that elements like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import torch

from pinnlab.domains.meshes import Mesh
from pinnlab.domains.meshing.outlines import Array, Curve, divided, outline
from pinnlab.domains.meshing.spacing import Spacing
from pinnlab.domains.regions import Region

_BEND = 0.4
"""Length of edges on an arc, in radii."""
_SMOOTHINGS = 8
_ROUNDS = 12
"""Of cutting edges of the boundary that the triangulation does not have."""


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Triangles that fill a region of the plane.

    Attributes:
        nodes: (v, 2).
        elements: (k, 3) node numbers, counter-clockwise.
        edges: (b, 2) node numbers of the edges on the boundary, and on curves inside that triangles follow.
        curves: (b,) number of the curve that an edge lies on.
        outline: the curves; those inside belong to no piece, and their names are empty.
    """

    nodes: Array
    elements: Array
    edges: Array
    curves: Array
    outline: tuple[Curve, ...]

    @property
    def pieces(self) -> dict[str, Array]:
        """{boundary piece: (b,) node numbers (b, 2) of its edges}."""
        names = np.array([curve.piece for curve in self.outline])[self.curves]
        return {str(name): self.edges[names == name] for name in dict.fromkeys(names.tolist()) if name}

    def middles(self) -> Array:
        """(b, 2) the points of the true curves in the middle of their edges."""
        return self._on_boundary(self.nodes[self.edges].mean(axis=1))

    def refined(self) -> Triangulation:
        """Each triangle cut into four; new nodes of the boundary lie on it."""
        sides = np.sort(
            np.concatenate([self.elements[:, [1, 2]], self.elements[:, [2, 0]], self.elements[:, [0, 1]]]), 1
        )
        pairs, which = np.unique(sides, axis=0, return_inverse=True)
        middles = self.nodes[pairs].mean(axis=1)
        number = len(self.nodes) + which.reshape(3, -1)
        keys = {(int(a), int(b)): i for i, (a, b) in enumerate(pairs.tolist())}
        mine = np.array([keys[min(a, b), max(a, b)] for a, b in self.edges.tolist()], dtype=int)
        middles[mine] = self.middles()
        a, b, c = self.elements.T
        p, q, r = number
        parts = [(a, r, q), (r, b, p), (q, p, c), (p, q, r)]
        elements = np.concatenate([np.stack(part, axis=1) for part in parts])
        half = mine + len(self.nodes)
        edges = np.concatenate([np.stack([self.edges[:, 0], half], 1), np.stack([half, self.edges[:, 1]], 1)])
        nodes = np.concatenate([self.nodes, middles])
        return Triangulation(nodes, elements, edges, np.tile(self.curves, 2), self.outline)

    def _on_boundary(self, points: Array) -> Array:
        found = points.copy()
        for i in np.unique(self.curves):
            mine = self.curves == i
            found[mine] = self.outline[i].at(self.outline[i].share(points[mine]))
        return found


@dataclass(frozen=True, eq=False)
class Copied:
    """A part of the boundary that is another one, moved.

    Attributes:
        of, piece: names of the pieces.
        shift: (2,) from the one to the other.
    """

    of: str
    piece: str
    shift: Array


def triangulate(
    region: Region,
    size: float,
    graded: Sequence[tuple[Array, float]] = (),
    copied: Sequence[Copied] = (),
    inner: Sequence[Curve] = (),
    share: float = 1.0,
) -> Triangulation:
    """Triangles of about one size over a region of the plane.

    Args:
        region: of the plane; a mesh keeps its own triangles, refined until they are no larger.
        size: length of edges, at most.
        graded: (point (2,), length of edges there).
        copied: pieces of the boundary that get the nodes of others, as periodic sides need them.
        inner: curves that triangles are to follow, as far as they lie inside; a mesh has its own edges.
        share: of all these lengths, by which edges are shorter still, everywhere.

    Raises:
        TypeError: the region is none of the plane.
        ValueError: no triangulation keeps to the boundary, or a piece is no copy of the other.
    """
    if isinstance(region, Mesh):
        return _of_mesh(region, share * size)
    outer, inside = divided(region, inner)
    curves = [*outer, *inside]
    ends = _joined(curves, 1e-9 * region.size)
    sizes = _sizes(curves, size, graded)
    for each in copied:
        moved = [sizes.points, sizes.points + each.shift, sizes.points - each.shift]
        sizes = Spacing(size, np.concatenate(moved), np.tile(sizes.sizes, 3))
    sizes = sizes.scaled(share)
    pairs = [pair for each in copied for pair in _pairs(curves, each, 1e-9 * region.size)]
    shares = _alike([_shares(curve, sizes) for curve in curves], pairs)
    free = _tree_points(region, sizes)
    for _ in range(_ROUNDS):
        nodes, edges, owners = _boundary(curves, shares, ends)
        found, missing = _triangles(region, nodes, _apart(free, nodes, edges, sizes), edges)
        if not missing.any():
            return Triangulation(found[0], found[1], edges, owners, tuple(curves))
        shares = _alike([_halved(s, missing[owners == i]) for i, s in enumerate(shares)], pairs)
    raise ValueError(
        f"no triangulation with edges of {size:g} keeps to the boundary of {region!r}; it is too narrow somewhere."
    )


def _of_mesh(region: Mesh, size: float) -> Triangulation:
    nodes, elements = region.nodes.numpy(), region.elements.numpy().copy()
    a, b, c = (nodes[elements[:, i]] for i in range(3))
    turned = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) < 0
    elements[turned] = elements[turned][:, [0, 2, 1]]
    curves = outline(region)
    numbers = {tuple(node): i for i, node in enumerate(nodes.tolist())}
    ends = [(numbers[tuple(c.at(np.array([0.0]))[0])], numbers[tuple(c.at(np.array([1.0]))[0])]) for c in curves]
    found = Triangulation(nodes, elements, np.array(ends), np.arange(len(curves)), tuple(curves))
    while _longest(found) > 1.5 * size:
        found = found.refined()
    return found


def _longest(mesh: Triangulation) -> float:
    """The usual length of the longest edges."""
    corners = mesh.nodes[mesh.elements]
    return float(np.median(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)))


def _joined(curves: Sequence[Curve], close: float) -> Array:
    """(c, 2) numbers of the corners at which curves begin and end."""
    points = np.concatenate([curve.at(np.array([0.0, 1.0])) for curve in curves])
    near = scipy.spatial.cKDTree(points).query_ball_point(points, close)
    first = np.array([min(group) for group in near])
    return np.unique(first, return_inverse=True)[1].reshape(-1, 2)


def _sizes(curves: Sequence[Curve], size: float, graded: Sequence[tuple[Array, float]]) -> Spacing:
    """Small where arcs bend, and between parts of the boundary that are close to one another but do not meet."""
    points = [np.asarray(point, dtype=float)[None] for point, _ in graded]
    lengths = [np.array([small]) for _, small in graded]
    samples = []
    for curve in curves:
        count = max(3, math.ceil(curve.length / min(size, _BEND * curve.radius)) + 1)
        samples.append(curve.at(np.linspace(0.0, 1.0, count)))
    for i, curve in enumerate(curves):
        mine = np.full(len(samples[i]), min(size, _BEND * curve.radius, curve.length))
        for j in range(len(curves)):
            if j != i and not _touch(samples[i], samples[j]):
                gap = scipy.spatial.cKDTree(samples[j]).query(samples[i])[0]
                mine = np.minimum(mine, np.maximum(gap, 1e-3 * size))
        small = mine < size
        points.append(samples[i][small])
        lengths.append(mine[small])
    return Spacing(size, np.concatenate(points), np.concatenate(lengths))


def _touch(one: Array, other: Array) -> bool:
    ends = np.linalg.norm(one[[0, -1], None] - other[[0, -1]], axis=2)
    return bool(ends.min() < 1e-9 * max(np.ptp(one, axis=0).max(), np.ptp(other, axis=0).max()))


def _shares(curve: Curve, sizes: Spacing) -> Array:
    """Shares of the way, ends included, between which edges have the wanted length."""
    fine = np.linspace(0.0, 1.0, 401)
    density = curve.length / sizes(curve.at(fine))
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(fine))])
    count = max(1, math.ceil(total[-1]))
    return np.interp(np.linspace(0.0, total[-1], count + 1), total, fine)


def _pairs(curves: Sequence[Curve], copied: Copied, close: float) -> list[tuple[int, int, bool]]:
    """Numbers of curves and of their copies, and whether those run the other way."""
    ends = np.array([0.0, 1.0])
    copies = {i: c.at(ends) for i, c in enumerate(curves) if c.piece == copied.piece}
    found = []
    for i, curve in enumerate(curves):
        if curve.piece != copied.of:
            continue
        moved = curve.at(ends) + copied.shift
        for j, at in copies.items():
            gaps = [float(np.abs(other - moved).max()) for other in (at, at[::-1])]
            if min(gaps) < close:
                found.append((i, j, gaps[1] < gaps[0]))
    if len(found) != len(copies) or len({i for i, _, _ in found}) != sum(c.piece == copied.of for c in curves):
        raise ValueError(
            f"the boundary {copied.piece!r} is no copy of {copied.of!r}, moved by {copied.shift.tolist()}."
        )
    return found


def _alike(shares: list[Array], pairs: Sequence[tuple[int, int, bool]]) -> list[Array]:
    """Shares of curves, and of their copies: those of the one that has more."""
    found = list(shares)
    for i, j, turned in pairs:
        back = [np.sort(1 - s) if turned else s for s in (found[i], found[j])]
        if len(found[j]) > len(found[i]):
            found[i] = back[1]
        else:
            found[j] = back[0]
    return found


def _halved(shares: Array, missing: Array) -> Array:
    middles = ((shares[1:] + shares[:-1]) / 2)[missing]
    return np.sort(np.concatenate([shares, middles]))


def _boundary(curves: Sequence[Curve], shares: Sequence[Array], ends: Array) -> tuple[Array, Array, Array]:
    """Nodes, edges and the curves of the edges; corners come first."""
    corners = np.empty((ends.max() + 1, 2))
    nodes, edges, owners = [corners], [], []
    count = len(corners)
    for i, (curve, share) in enumerate(zip(curves, shares, strict=True)):
        points = curve.at(share)
        corners[ends[i]] = points[[0, -1]]
        nodes.append(points[1:-1])
        numbers = np.concatenate([[ends[i, 0]], count + np.arange(len(points) - 2), [ends[i, 1]]])
        edges.append(np.stack([numbers[:-1], numbers[1:]], axis=1))
        owners.append(np.full(len(points) - 1, i))
        count += len(points) - 2
    return np.concatenate(nodes), np.concatenate(edges), np.concatenate(owners)


def _tree_points(region: Region, sizes: Spacing) -> Array:
    """Middles of the boxes of a quadtree over the region, as dense as edges are short."""
    lower, upper = (np.array(side) for side in zip(*region.bounds.values(), strict=True))
    count = np.maximum(1, np.ceil((upper - lower) / sizes.largest)).astype(int)
    side = float(((upper - lower) / count).max())
    grid = np.stack(np.meshgrid(*(np.arange(c) + 0.5 for c in count), indexing="ij"), axis=-1).reshape(-1, 2)
    boxes, found = lower + grid * (upper - lower) / count, []
    while len(boxes):
        large = sizes(boxes) < 0.75 * side
        found.append(boxes[~large])
        quarter = side / 4 * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
        boxes, side = (boxes[large][:, None] + quarter).reshape(-1, 2), side / 2
    points = np.concatenate(found)
    # rows of a grid are turned into rows of triangles by a small shift
    points = points + 0.2 * sizes(points)[:, None] * np.random.default_rng(0).uniform(-1, 1, points.shape)
    return points[region.depth(torch.from_numpy(points)).numpy() > 0]


def _apart(points: Array, nodes: Array, edges: Array, sizes: Spacing) -> Array:
    """The points that are not too close to the boundary, nor inside the circle over one of its edges."""
    near, which = scipy.spatial.cKDTree(nodes).query(points)
    points = points[near > 0.6 * sizes(points)]
    middles, lengths = nodes[edges].mean(axis=1), np.linalg.norm(nodes[edges[:, 0]] - nodes[edges[:, 1]], axis=1)
    near, which = scipy.spatial.cKDTree(middles).query(points, k=min(4, len(middles)))
    inside = near.reshape(len(points), -1) < 0.6 * lengths[which].reshape(len(points), -1)
    return points[~inside.any(axis=1)]


def _triangles(region: Region, nodes: Array, inner: Array, edges: Array) -> tuple[tuple[Array, Array], Array]:
    """Nodes and triangles, and which edges of the boundary they lack (b,)."""
    fixed = len(nodes)
    points = np.concatenate([nodes, inner])
    for step in range(_SMOOTHINGS + 1):
        elements = _within(region, points)
        if step == _SMOOTHINGS:
            break
        pairs = np.concatenate([elements[:, [0, 1]], elements[:, [1, 2]], elements[:, [2, 0]]])
        pairs = np.concatenate([pairs, pairs[:, ::-1]])
        total, count = np.zeros_like(points), np.zeros(len(points))
        np.add.at(total, pairs[:, 0], points[pairs[:, 1]])
        np.add.at(count, pairs[:, 0], 1)
        moving = np.flatnonzero(count > 0)
        moving = moving[moving >= fixed]
        points[moving] = total[moving] / count[moving, None]
    used = np.unique(elements)
    kept = np.union1d(np.arange(fixed), used)
    number = np.full(len(points), -1)
    number[kept] = np.arange(len(kept))
    elements = number[elements]
    sides = np.sort(np.concatenate([elements[:, [0, 1]], elements[:, [1, 2]], elements[:, [2, 0]]]), axis=1)
    has = set(map(tuple, sides.tolist()))
    missing = np.array([(min(a, b), max(a, b)) not in has for a, b in edges.tolist()])
    return (points[kept], elements), missing


def _within(region: Region, points: Array) -> Array:
    """Delaunay triangles, counter-clockwise, whose middle lies in the region."""
    elements = scipy.spatial.Delaunay(points).simplices
    a, b, c = (points[elements[:, i]] for i in range(3))
    area = ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / 2
    turned = area < 0
    elements[turned] = elements[turned][:, [0, 2, 1]]
    longest = np.max([((q - p) ** 2).sum(axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    middle = torch.from_numpy(points[elements].mean(axis=1))
    inside = region.depth(middle).numpy() > 0
    return elements[inside & (np.abs(area) > 1e-6 * longest)]
