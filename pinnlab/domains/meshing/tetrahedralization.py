"""Tetrahedra over any region in space, fine where its boundary is curved or narrow.

Letters: n points, v nodes, k tetrahedra, b triangles on the boundary, s surfaces.

Corners come first, then points along edges, on surfaces, and inside those of a body-centred lattice, as far apart as edges
are to be long. Delaunay's tetrahedra of all of them are kept where their middle is in the region; points move to the
middle of what surrounds them a few times, and flat tetrahedra are mended one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
import torch

from pinnlab.domains.meshes import Mesh
from pinnlab.domains.meshing.scattering import marked, scattered, spacing_of, with_twins
from pinnlab.domains.meshing.spacing import Spacing, apart
from pinnlab.domains.meshing.surfaces import (
    Array,
    Features,
    Surface,
    features,
    inner_surfaces,
    parts_of,
    projected,
    surfaces,
)
from pinnlab.domains.meshing.tetrahedra import EDGES, Tetrahedra, outer_faces, qualities, turned
from pinnlab.domains.regions import Region

_SMOOTHINGS = 8
_MENDINGS = 8
_FLAT = 0.15
"""Quality below which a tetrahedron is mended."""
_LEAST = 0.01
"""Quality below which a mesh is not used."""
_TRIES = 24
_SHARES = (1.0, 0.75, 0.5)
"""Of the wanted size, that are tried until a mesh keeps to the boundary."""


def tetrahedralize(
    region: Region,
    size: float,
    parts: Sequence[Region] = (),
    share: float = 1.0,
    graded: Sequence[tuple[Array, float]] = (),
) -> Tetrahedra:
    """Tetrahedra of about one size over a region in space.

    Args:
        region: of three coordinates, without time; a mesh keeps its own tetrahedra, refined until they are no larger.
        size: length of edges, at most.
        parts: regions of the same coordinates, on whose boundaries tetrahedra are to have faces; a mesh has its own.
        share: of all lengths, by which edges are shorter still, everywhere.
        graded: (points (n, 3), length of edges there, at most); a mesh has its own.

    Raises:
        TypeError: a region whose boundary is not known as surfaces.
        ValueError: no mesh keeps to the boundary.
    """
    if isinstance(region, Mesh):
        return _of_mesh(region, share * size)
    found = [*surfaces(region), *inner_surfaces(region, parts)]
    marks = features(region, found)
    for less in _SHARES:
        lengths = spacing_of(region, found, marks, less * size, [(at, less * length) for at, length in graded])
        mesh = _filled(region, found, marks, lengths.scaled(share))
        if mesh is not None:
            return mesh
    raise ValueError(
        f"no tetrahedra with edges of {size:g} keep to the boundary of {region!r}; it is too narrow somewhere, or surfaces "
        "touch there."
    )


def _filled(region: Region, found: Sequence[Surface], marks: Features, sizes: Spacing) -> Tetrahedra | None:
    """Tetrahedra; None where they do not keep to the boundary, or are flat."""
    lines = np.concatenate([np.empty((0, 3)), *marks.edges.values()])
    nodes, on = scattered(region, found, marks, sizes)
    for _ in range(_MENDINGS):
        nodes, elements = _relaxed(region, found, lines, nodes, on, sizes)
        faces, owners, loose = _boundary(region, found, nodes, on, elements)
        cut = _cut_through(found, nodes, on, elements)
        if not len(loose) and not len(cut):
            inner, inner_owners = _inner_faces(found, nodes, on, elements)
            faces, owners = np.concatenate([faces, inner]), np.concatenate([owners, inner_owners])
            nodes = _mended(found, nodes, on, elements)
            names = tuple(s.piece if s.part is None else "" for s in found)
            mesh = Tetrahedra(nodes, elements, faces, owners, tuple(found), names)
            return _compact(mesh) if qualities(nodes[elements]).min() > _LEAST else None
        inside = [i for i, s in enumerate(found) if s.part is not None]
        outer = [i for i, s in enumerate(found) if s.part is None and s.piece]
        one, two = _between(found, marks, nodes, loose, outer), _between(found, marks, nodes, cut, inside)
        more, on_more = (np.concatenate(each) for each in zip(one, two, strict=True))
        nodes, on = np.concatenate([nodes, more]), with_twins(found, np.concatenate([on, on_more]))
    return None


def _of_mesh(region: Mesh, size: float) -> Tetrahedra:
    nodes, elements = region.nodes.numpy(), region.elements.numpy()
    number = {tuple(node): i for i, node in enumerate(nodes.tolist())}
    faces, owners = [], []
    for i, facets in enumerate(region.facets.values()):
        corners = facets.reshape(-1, 3).tolist()
        faces.append(np.array([number[tuple(corner)] for corner in corners]).reshape(-1, 3))
        owners.append(np.full(len(facets), i))
    names = tuple(region.facets)
    found = Tetrahedra(
        nodes, turned(nodes, elements), np.concatenate(faces), np.concatenate(owners), (None,) * len(names), names
    )
    while np.median(_longest(found)) > 1.5 * size:
        found = found.refined()
    return found


def _longest(mesh: Tetrahedra) -> Array:
    edges, mine = mesh.edges
    lengths = np.linalg.norm(mesh.nodes[edges[:, 0]] - mesh.nodes[edges[:, 1]], axis=1)
    return lengths[mine].max(axis=1)


def _relaxed(
    region: Region, found: Sequence[Surface], lines: Array, nodes: Array, on: Array, sizes: Spacing
) -> tuple[Array, Array]:
    """Nodes moved to the middle of what surrounds them, and their tetrahedra."""
    kinds, groups = np.unique(on, axis=0, return_inverse=True)
    count, edges = on.sum(axis=1), scipy.spatial.cKDTree(lines)
    inside = np.array([s.part is not None for s in found])
    inner_only = (count > 0) & ~on[:, ~inside].any(axis=1)
    for step in range(_SMOOTHINGS + 1):
        elements = _delaunay(region, found, nodes, on, sizes)
        if step == _SMOOTHINGS:
            break
        corners = nodes[elements]
        volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
        target, weight = _spread(len(nodes), elements, corners.mean(axis=1), volumes)
        faces, _ = outer_faces(elements)
        ends = nodes[faces]
        areas = np.linalg.norm(np.cross(ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 0]), axis=1)
        flat, flat_weight = _spread(len(nodes), faces, ends.mean(axis=1), areas)
        moved = nodes.copy()
        inner = (count == 0) & (weight > 0)
        moved[inner] = target[inner]
        for group, kind in enumerate(kinds):
            mine = (groups.reshape(-1) == group) & (flat_weight > 0)
            own = _distinct([found[i] for i in np.flatnonzero(kind).tolist()])
            if len(own) == 1 and mine.any() and own[0].part is None:
                moved[mine] = projected(flat[mine], own)
        sound = np.isfinite(moved).all(axis=1)
        moved[~sound] = nodes[~sound]
        depth, lengths = region.depth(torch.from_numpy(moved)).numpy(), sizes(nodes)
        for surface in found:
            if surface.part is not None:
                sound &= (count > 0) | ~surface.holds(region, moved, 0.4 * lengths)
                sound &= (count > 0) | (
                    (surface.part.depth(torch.from_numpy(moved)).numpy() > 0) == _within(surface, nodes)
                )
        sound &= np.where((count == 0) | inner_only, depth > 0.4 * lengths, np.abs(depth) < 1e-7 * region.size)
        # edges are found again as long as nothing comes into the balls over them
        sound &= (edges.query(moved)[0] > 0.6 * lengths) if len(lines) else True
        nodes = np.where(sound[:, None], moved, nodes)
    return nodes, elements


def _spread(count: int, cells: Array, middles: Array, weights: Array) -> tuple[Array, Array]:
    """(v, 3) mean of the middles of cells around each node, and the sum of their weights."""
    total = np.stack(
        [np.bincount(cells.ravel(), np.repeat(weights * m, cells.shape[1]), minlength=count) for m in middles.T], axis=1
    )
    weight = np.bincount(cells.ravel(), np.repeat(weights, cells.shape[1]), minlength=count)
    return total / np.maximum(weight, 1e-300)[:, None], weight


def _delaunay(region: Region, found: Sequence[Surface], nodes: Array, on: Array, sizes: Spacing) -> Array:
    """Delaunay's tetrahedra whose middle lies in the region; those that lie in a surface are none."""
    # many points on one plane or sphere cost the algorithm a hundred times as long
    shift = 1e-4 * sizes(nodes)[:, None] * np.random.default_rng(0).uniform(-1, 1, nodes.shape)
    for i, surface in enumerate(found):
        if surface.part is not None:
            # what is flat inside stays flat, or tetrahedra without volume would lie in it
            normals = surface.normals(nodes)
            shift -= on[:, i, None] * normals * (normals * shift).sum(axis=1, keepdims=True)
    moved = nodes + shift
    elements = turned(nodes, scipy.spatial.Delaunay(moved).simplices)
    middles = torch.from_numpy(nodes[elements].mean(axis=1))
    elements = elements[region.depth(middles).numpy() > 0]
    flat = np.array([s.normal is not None and s.part is None for s in found])
    together = on[elements].all(axis=1)
    elements = elements[~(together & flat).any(axis=1)]
    while True:
        _, owner = outer_faces(elements)
        outer = np.bincount(owner, minlength=len(elements))
        sliver = (qualities(nodes[elements]) < _FLAT) & (outer >= 2) & on[elements].all(axis=1).any(axis=1)
        if not sliver.any():
            return elements
        elements = elements[~sliver]


def _boundary(
    region: Region, found: Sequence[Surface], nodes: Array, on: Array, elements: Array
) -> tuple[Array, Array, Array]:
    """Faces (b, 3), their surfaces (b,), and those of the faces that lie on no surface."""
    faces, _ = outer_faces(elements)
    shared = on[faces].all(axis=1) & np.array([bool(s.piece) and s.part is None for s in found])
    corners = nodes[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    middles = corners.mean(axis=1)
    fit = np.full(shared.shape, -1.0)
    for i, surface in enumerate(found):
        mine = shared[:, i]
        if mine.any():
            at = projected(middles[mine], [surface])
            # of surfaces that coincide the one whose region has its boundary there
            real = np.abs(surface.owner.depth(torch.from_numpy(at)).numpy()) < 1e-6 * region.size
            fit[mine, i] = np.abs((surface.normals(at) * normals[mine]).sum(axis=1)) + real
    return faces, fit.argmax(axis=1), faces[~shared.any(axis=1)]


def _cut_through(found: Sequence[Surface], nodes: Array, on: Array, elements: Array) -> Array:
    """(n, 2) node numbers of edges that go from one side of a surface inside to the other."""
    cut = [np.empty((0, 2), dtype=int)]
    for part in parts_of(found):
        mine = np.array([s.part is part for s in found])
        side = np.where(part.depth(torch.from_numpy(nodes)).numpy() > 0, 1, -1)
        side[on[:, mine].any(axis=1)] = 0
        pairs = np.unique(np.sort(elements[:, EDGES].reshape(-1, 2), axis=1), axis=0)
        cut.append(pairs[side[pairs].prod(axis=1) < 0])
    return np.concatenate(cut)


def _inner_faces(found: Sequence[Surface], nodes: Array, on: Array, elements: Array) -> tuple[Array, Array]:
    """Faces (b, 3) on surfaces inside, and the surfaces (b,) that they lie on."""
    all_faces, owners = [np.empty((0, 3), dtype=int)], [np.empty(0, dtype=int)]
    for part in parts_of(found):
        within = part.depth(torch.from_numpy(nodes[elements].mean(axis=1))).numpy() > 0
        faces = outer_faces(elements[within])[0] if within.any() else all_faces[0]
        for i, surface in enumerate(found):
            if surface.part is part:
                mine = on[faces, i].all(axis=1)
                all_faces.append(faces[mine])
                owners.append(np.full(int(mine.sum()), i))
    return np.concatenate(all_faces), np.concatenate(owners)


def _within(surface: Surface, points: Array) -> Array:
    """(n,) whether points are in the part that a surface inside bounds."""
    assert surface.part is not None
    return surface.part.depth(torch.from_numpy(points)).numpy() > 0


def _between(
    found: Sequence[Surface], marks: Features, nodes: Array, loose: Array, onto: Sequence[int]
) -> tuple[Array, Array]:
    """New nodes on the edges, or on some surfaces, nearest to faces, or edges, that lie on none.

    Args:
        found: all surfaces.
        marks: where they meet.
        nodes: the nodes.
        loose: (n, 3) or (n, 2) node numbers.
        onto: numbers of the surfaces.
    """
    if not len(loose):
        return np.empty((0, 3)), np.empty((0, len(found)), dtype=bool)
    middles = nodes[loose].mean(axis=1)
    sizes = np.linalg.norm(nodes[loose[:, 0]] - nodes[loose[:, 1]], axis=1)
    places: list[tuple[Array, tuple[int, ...]]] = []
    nearer: list[float] = []
    for pair, points in marks.edges.items():
        if not set(pair) & set(onto):
            continue
        near, which = scipy.spatial.cKDTree(points).query(middles)
        places.append((np.where((near < sizes)[:, None], points[which], np.nan), pair))
        nearer.append(0.5)
    for i in onto:
        places.append((projected(middles, [found[i]]), (i,)))
        nearer.append(1.0)
    gaps = np.stack([w * np.linalg.norm(at - middles, axis=1) for w, (at, _) in zip(nearer, places, strict=True)])
    gaps[~np.isfinite(gaps)] = np.inf
    best = gaps.argmin(axis=0)
    new, on = [np.empty((0, 3))], [np.empty((0, len(found)), dtype=bool)]
    for number, (at, mine) in enumerate(places):
        chosen = at[best == number]
        if len(chosen):
            kept = chosen[apart(chosen, 0.3 * sizes[best == number], nodes)]
            new.append(kept)
            on.append(marked(len(kept), len(found), mine))
    return np.concatenate(new), np.concatenate(on)


def _mended(found: Sequence[Surface], nodes: Array, on: Array, elements: Array) -> Array:
    """Nodes of flat tetrahedra moved to where the flattest of those around them is better."""
    nodes, rng = nodes.copy(), np.random.default_rng(1)
    order = np.argsort(elements.ravel(), kind="stable")
    starts = np.searchsorted(elements.ravel()[order], np.arange(len(nodes) + 1))
    kinds = [tuple(np.flatnonzero(row)) for row in on]
    for _ in range(4):
        flat = np.flatnonzero(qualities(nodes[elements]) < 2 * _FLAT)
        for node in np.unique(elements[flat]).tolist():
            if len(_distinct([found[i] for i in kinds[node]])) > 2:
                continue
            around = elements[order[starts[node] : starts[node + 1]] // 4]
            corners = nodes[around]
            mine = around == node
            worst = float(qualities(corners).min())
            size = float(np.linalg.norm(corners - nodes[node], axis=2).max())
            tries = nodes[node] + size * rng.normal(size=(_TRIES, 3)) * 0.3 * rng.uniform(0, 1, (_TRIES, 1)) ** 2
            if kinds[node]:
                tries = projected(tries, _distinct([found[i] for i in kinds[node]]))
            tries = tries[np.isfinite(tries).all(axis=1)]
            if len(tries):
                moved = np.where(mine[None, :, :, None], tries[:, None, None], corners[None])
                least = qualities(moved).min(axis=1)
                if least.max() > worst:
                    nodes[node] = tries[int(least.argmax())]
    return nodes


def _distinct(given: Sequence[Surface]) -> list[Surface]:
    """Without those that coincide with an earlier one."""
    kept: list[Surface] = []
    for each in given:
        if not any(each.coincides(other) for other in kept):
            kept.append(each)
    return kept


def _compact(mesh: Tetrahedra) -> Tetrahedra:
    used, elements = np.unique(mesh.elements, return_inverse=True)
    number = np.full(len(mesh.nodes), -1)
    number[used] = np.arange(len(used))
    return Tetrahedra(
        mesh.nodes[used], elements.reshape(-1, 4), number[mesh.faces], mesh.owners, mesh.surfaces, mesh.names
    )
