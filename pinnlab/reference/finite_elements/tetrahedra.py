"""Quadratic elements on tetrahedra with curved sides: their functions at quadrature points, part by part.

Letters: d = 3 coordinates, k elements, q quadrature points of each, i = 10 functions of an element, v nodes.

There are too many tetrahedra to keep functions at all their points: a part of the elements is worked out at a time.
Shape functions are scikit-fem's (T. Gustafsson, G. McBain, JOSS 5, 2020).
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from pinnlab.domains.meshing.tetrahedra import EDGES, Tetrahedra
from pinnlab.reference.finite_elements.space import Array, Points

_ON_SIDES = 6
"""Polynomials up to this degree are integrated exactly on straight sides."""
_FITTED = 2
"""Degree of the polynomials by which coefficients are differentiated inside an element."""
_PART, _KEPT = 8192, 32768
"""Elements that are worked out at a time, and of a space that keeps them all."""
_SHRINK = 0.7
"""How much of the way from straight to curved is left to an element that is turned inside out, at a time."""
_CORNERS = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


@cache
def tetrahedral_rule() -> tuple[Array, Array]:
    """(3, 14) points of the reference tetrahedron and (14,) weights, which integrate polynomials of degree 5.

    All points are inside, where materials that meet at sides have one value (N. Walkington, Quadrature on simplices of
    arbitrary dimension, 2000; scikit-fem's rules of this degree have points on edges).
    """
    shares, weights = [], []
    for share, weight in ((0.31088591926330061, 0.11268792571801585), (0.09273525031089123, 0.07349304311636195)):
        for i in range(4):
            shares.append([1 - 3 * share if j == i else share for j in range(4)])
            weights.append(weight / 6)
    share = 0.04550370412564965
    for pair in itertools.combinations(range(4), 2):
        shares.append([0.5 - share if j in pair else share for j in range(4)])
        weights.append(0.04254602077708147 / 6)
    return np.array(shares).T[1:], np.array(weights)


@cache
def _side_rule() -> tuple[Array, Array]:
    """(2, q) points of the reference triangle and (q,) weights."""
    skfem = importlib.import_module("skfem")  # a first solve may never need it
    quadrature = importlib.import_module("skfem.quadrature")
    return quadrature.get_quadrature(skfem.ElementTriP1().refdom, _ON_SIDES)


def tetrahedral_shapes(local: Array) -> tuple[Array, Array]:
    """(p, 10) quadratic functions of a tetrahedron at reference coordinates (p, 3), and (p, 10, 3) their derivatives."""
    element: Any = importlib.import_module("skfem").ElementTetP2()
    found = [element.lbasis(local.T, i) for i in range(10)]
    return np.stack([f for f, _ in found], axis=1), np.stack([g.T for _, g in found], axis=1)


class TetrahedralSpace:
    """Continuous piecewise quadratic functions over tetrahedra; their nodes are corners and middles of edges.

    Args:
        mesh: the tetrahedra; the middles of edges on the boundary are moved onto it.
    """

    shapes = staticmethod(tetrahedral_shapes)

    def __init__(self, mesh: Tetrahedra):
        self.mesh = mesh
        edges, mine = mesh.edges
        self.element_nodes = np.concatenate([mesh.elements.T, len(mesh.nodes) + mine.T])
        straight = mesh.nodes[edges].mean(axis=1)
        middles = mesh.middles.copy()
        points, _ = tetrahedral_rule()
        _, slopes = tetrahedral_shapes(np.concatenate([points.T, _CORNERS]))
        suspects = np.arange(mesh.elements.shape[0])
        for _ in range(12):
            nodes = np.concatenate([mesh.nodes, middles])
            at = nodes[self.element_nodes[:, suspects]]
            determinants = np.linalg.det(np.einsum("ikd,pir->kpdr", at, slopes))
            wrong = suspects[determinants.min(axis=1) < 0.05 * determinants.max(axis=1)]
            if not len(wrong):
                break
            bad = np.unique(mine[wrong])
            middles[bad] = straight[bad] + _SHRINK * (middles[bad] - straight[bad])
            touched = np.isin(mine, bad).any(axis=1)
            suspects = np.flatnonzero(touched)
        self.nodes = np.ascontiguousarray(np.concatenate([mesh.nodes, middles]).T)

    @property
    def count(self) -> int:
        """V."""
        return self.nodes.shape[1]

    @property
    def corner_shares(self) -> Array:
        """(i, d + 1) shares of an element's corners in the places of its nodes."""
        return np.concatenate([np.eye(4), np.eye(4)[EDGES, :].mean(axis=1)])

    @property
    def corners(self) -> Array:
        """(k, 4, 3) of the elements."""
        return self.mesh.nodes[self.mesh.elements]

    @property
    def parts(self) -> Iterable[Points]:
        """The points of all elements, some at a time; few are kept."""
        return self._kept if len(self.mesh.elements) <= _KEPT else self._drawn()

    @cached_property
    def _kept(self) -> list[Points]:
        return list(self._drawn())

    def _drawn(self) -> Iterator[Points]:
        for first in range(0, len(self.mesh.elements), _PART):
            yield self._points(slice(first, first + _PART))

    @property
    def inside(self) -> Points:
        """Of all elements at a time."""
        return self._points(slice(None))

    def _points(self, part: slice) -> Points:
        local, weights = tetrahedral_rule()
        values, slopes = tetrahedral_shapes(local.T)
        nodes = self.element_nodes[:, part]
        at = self.nodes[:, nodes]
        jacobian = np.einsum("dik,qir->kqdr", at, slopes)
        inverse = np.linalg.inv(jacobian)
        shape = (nodes.shape[1], len(weights))
        return Points(
            np.einsum("dik,qi->dkq", at, values),
            np.abs(np.linalg.det(jacobian)) * weights,
            nodes,
            np.broadcast_to(values.T[:, None, :], (10, *shape)),
            np.einsum("qir,kqrd->dikq", slopes, inverse),
            derivative=partial(_derivative, inverse),
        )

    def on(self, piece: str) -> Points:
        """Of the sides on a piece of the boundary."""
        local, weights = _side_rule()
        faces = self.mesh.faces[self.mesh.pieces[piece]]
        element = self._elements_of(faces)
        corners = self.mesh.elements[element]
        # the corners of a side by their numbers in the element
        which = (corners[:, None, :] == faces[:, :, None]).argmax(axis=2)
        ends = _CORNERS[which]
        along = ends[:, 1:] - ends[:, :1]
        at_sides = ends[:, None, 0] + np.einsum("rq,krd->kqd", local, along)
        k, q = at_sides.shape[:2]
        values, slopes = tetrahedral_shapes(at_sides.reshape(-1, 3))
        values, slopes = values.reshape(k, q, 10), slopes.reshape(k, q, 10, 3)
        nodes = self.element_nodes[:, element]
        at = self.nodes[:, nodes]
        jacobian = np.einsum("dik,kqir->kqdr", at, slopes)
        tangents = np.einsum("kqdr,ksr->kqsd", jacobian, along)
        normals = np.cross(tangents[:, :, 0], tangents[:, :, 1])
        areas = np.linalg.norm(normals, axis=2)
        inward = np.einsum("kqdr,kr->kqd", jacobian, _CORNERS[6 - which.sum(axis=1)] - ends[:, 0])
        sign = -np.sign((normals * inward).sum(axis=2))
        return Points(
            np.einsum("dik,kqi->dkq", at, values),
            areas * weights,
            nodes,
            values.transpose(2, 0, 1),
            np.einsum("kqir,kqrd->dikq", slopes, np.linalg.inv(jacobian)),
            (normals * (sign / areas)[..., None]).transpose(2, 0, 1),
        )

    def _elements_of(self, faces: Array) -> Array:
        """(b,) the elements that have faces (b, 3)."""
        elements, count = self.mesh.elements, len(self.mesh.nodes)

        def keys(triples: Array) -> Array:
            a, b, c = np.sort(triples, axis=1).astype(np.int64).T
            return (a * count + b) * count + c

        all_ = np.concatenate([keys(elements[:, list(f)]) for f in itertools.combinations(range(4), 3)])
        order = np.argsort(all_, kind="stable")
        return order[np.searchsorted(all_[order], keys(faces))] % len(elements)

    def nodes_on(self, piece: str) -> Array:
        """Numbers of the nodes on a piece of the boundary."""
        faces = self.mesh.faces[self.mesh.pieces[piece]]
        sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [0, 2]]])
        return np.unique(np.concatenate([faces.ravel(), len(self.mesh.nodes) + self.mesh.numbers(sides)]))

    def normals_at(self, piece: str) -> Array:
        """(d, n) unit normals at the nodes on a piece, averaged over the sides that meet there."""
        return self.on(piece).normals_at(self.nodes_on(piece), self.count)


def _derivative(inverse: Array, values: Array) -> Array:
    """(d, ..., k, q) derivatives of values (..., k, q), element by element, with the inverse maps (k, q, r, d)."""
    along = np.einsum("rpq,...kq->r...kp", _fitted(), values)
    return np.einsum("kqrd,r...kq->d...kq", inverse, along)


@cache
def _fitted() -> Array:
    """(d, q, q) derivatives by reference coordinates of the polynomials through values at quadrature points."""
    x = tetrahedral_rule()[0]
    powers = [p for p in itertools.product(range(_FITTED + 1), repeat=3) if sum(p) <= _FITTED]
    rows = np.stack([np.prod([c**n for c, n in zip(x, p, strict=True)], axis=0) for p in powers], axis=1)
    found = []
    for axis in range(3):
        slopes = []
        for p in powers:
            low = [max(n - (i == axis), 0) for i, n in enumerate(p)]
            slopes.append(p[axis] * np.prod([c**n for c, n in zip(x, low, strict=True)], axis=0))
        found.append(np.stack(slopes, axis=1) @ np.linalg.pinv(rows))
    return np.stack(found)
