"""Tetrahedra that fill a region in space, and their refinement, in which curved boundaries stay curved.

Letters: v nodes, k tetrahedra, b triangles on the boundary, e edges, s surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnlab.domains.meshing.surfaces import Array, Surface, projected

EDGES = ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3))
"""Edges of a tetrahedron by numbers of its corners, in the order of scikit-fem."""
_FACES = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))
_RINGS = (((0, 5), (2, 1, 4, 3)), ((2, 4), (0, 1, 5, 3)), ((3, 1), (0, 4, 5, 2)))
"""Of the octahedron that is left when corners are cut off: a diagonal, and the four middles of edges around it."""
_FAR = 0.3
"""How far the middle of an edge may move to be on the boundary, relative to the edge."""


@dataclass(frozen=True, eq=False)
class Tetrahedra:
    """A mesh of a region in space.

    Attributes:
        nodes: (v, 3).
        elements: (k, 4) node numbers.
        faces: (b, 3) node numbers of the triangles on the boundary, and on surfaces inside that tetrahedra follow.
        owners: (b,) number of the surface that a triangle lies on.
        surfaces: the surfaces; None for one that is as flat as its triangles.
        names: (s,) of the boundary pieces that they are; those inside belong to none, and their names are empty.
        parent: the mesh whose tetrahedra were cut into eight; its nodes come first, then the middles of its edges.
    """

    nodes: Array
    elements: Array
    faces: Array
    owners: Array
    surfaces: tuple[Surface | None, ...]
    names: tuple[str, ...]
    parent: Tetrahedra | None = None

    @property
    def pieces(self) -> dict[str, Array]:
        """{boundary piece: numbers of its triangles}."""
        names = np.array(self.names)[self.owners]
        return {str(name): np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist()) if name}

    @cached_property
    def edges(self) -> tuple[Array, Array]:
        """(e, 2) node numbers, and (k, 6) which of them an element has, in the order ``EDGES``."""
        keys = self._keys(self.elements[:, EDGES].reshape(-1, 2))
        distinct, which = np.unique(keys, return_inverse=True)
        return np.stack(np.divmod(distinct, len(self.nodes)), axis=1), which.reshape(-1, 6)

    def numbers(self, pairs: Array) -> Array:
        """(n,) numbers of edges by their nodes (n, 2)."""
        return np.searchsorted(self._keys(self.edges[0]), self._keys(pairs))

    def _keys(self, pairs: Array) -> Array:
        return pairs.min(axis=1).astype(np.int64) * len(self.nodes) + pairs.max(axis=1)

    @cached_property
    def middles(self) -> Array:
        """(e, 3) the middles of all edges; of those on the boundary, moved onto it."""
        edges, _ = self.edges
        ends = self.nodes[edges]
        found = ends.mean(axis=1)
        sides = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [0, 2]]])
        mine, owners = self.numbers(sides), np.tile(self.owners, 3)
        low, high = np.full(len(edges), len(self.surfaces)), np.full(len(edges), -1)
        np.minimum.at(low, mine, owners)
        np.maximum.at(high, mine, owners)
        bent = np.flatnonzero(high >= 0)
        lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        for one, other in np.unique(np.stack([low[bent], high[bent]], axis=1), axis=0).tolist():
            both = (self.surfaces[one], self.surfaces[other])
            same = one == other or (both[0] is not None and both[1] is not None and both[0].coincides(both[1]))
            onto = [surface for surface in (both[:1] if same else both) if surface is not None]
            which = bent[(low[bent] == one) & (high[bent] == other)]
            if onto:
                moved = projected(found[which], onto)
                near = np.linalg.norm(moved - found[which], axis=1) < _FAR * lengths[which]
                found[which[near]] = moved[near]
        return found

    def refined(self) -> Tetrahedra:
        """Each tetrahedron cut into eight."""
        first = len(self.nodes)
        nodes = np.concatenate([self.nodes, self.middles])
        m = first + self.edges[1].T
        corners = self.elements.T
        ends = np.array(EDGES)
        parts = [np.stack([corners[c], *(m[e] for e in range(6) if c in ends[e])], axis=1) for c in range(4)]
        lengths = np.stack([np.linalg.norm(nodes[m[a]] - nodes[m[b]], axis=1) for (a, b), _ in _RINGS])
        shortest = lengths.argmin(axis=0)
        for number, ((a, b), ring) in enumerate(_RINGS):
            mine = shortest == number
            for i in range(4):
                parts.append(np.stack([m[a], m[b], m[ring[i]], m[ring[(i + 1) % 4]]], axis=1)[mine])
        p, q, r = (first + self.numbers(self.faces[:, pair]) for pair in ([1, 2], [0, 2], [0, 1]))
        a, b, c = self.faces.T
        faces = [np.stack(each, axis=1) for each in ((a, r, q), (r, b, p), (q, p, c), (p, q, r))]
        elements = turned(nodes, np.concatenate(parts))
        owners = np.tile(self.owners, 4)
        return Tetrahedra(nodes, elements, np.concatenate(faces), owners, self.surfaces, self.names, self)


def signed_volumes(corners: Array) -> Array:
    """(k,) of tetrahedra (k, 4, 3), negative for those that are turned inside out."""
    return np.linalg.det(corners[..., 1:, :] - corners[..., :1, :]) / 6


def turned(nodes: Array, elements: Array) -> Array:
    """The elements (k, 4) with positive volumes."""
    found = elements.copy()
    wrong = signed_volumes(nodes[elements]) < 0
    found[wrong] = found[wrong][:, [0, 1, 3, 2]]
    return found


def qualities(corners: Array) -> Array:
    """(..., ) of tetrahedra (..., 4, 3): 1 for equal sides, 0 without volume, negative for those inside out.

    Volume over the cube of the root mean square of the edges (V. Parthasarathy et al., Finite Elem. Anal. Des. 15, 1994).
    """
    a, b = np.array(EDGES).T
    edges = corners[..., a, :] - corners[..., b, :]
    return 6 * np.sqrt(2.0) * signed_volumes(corners) / ((edges**2).sum(axis=-1).mean(axis=-1)) ** 1.5


def outer_faces(elements: Array) -> tuple[Array, Array]:
    """(b, 3) node numbers of the faces that one element has alone, and (b,) that element."""
    faces = elements[:, _FACES].reshape(-1, 3)
    order = np.sort(faces, axis=1)
    count = int(elements.max()) + 1
    keys = (
        (order[:, 0].astype(object) * count + order[:, 1]) * count + order[:, 2]
        if count > 2_000_000
        else ((order[:, 0].astype(np.int64) * count + order[:, 1]) * count + order[:, 2])
    )
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    alone = np.sort(first[counts == 1])
    return faces[alone], alone // 4
