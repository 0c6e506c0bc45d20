"""Quadratic elements on triangles with curved sides: their functions at quadrature points.

Letters: d coordinates, k elements, q quadrature points of each, i functions of an element, v nodes, b sides on a piece.

Shape functions, quadrature and the curved map are scikit-fem's (T. Gustafsson, G. McBain, JOSS 5, 2020).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from pinnlab.domains.meshing.triangulation import Triangulation

Array = np.ndarray
_ORDER = 6
"""Polynomials up to this degree are integrated exactly on straight elements."""
_ON_SIDES = 4
"""Points of Gauss and Legendre on each side."""
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
_RIM = 1e-6
"""How far beside a node it is asked what holds there, relative to an element."""
_FITTED = 3
"""Degree of the polynomials by which coefficients are differentiated inside an element."""


@dataclass(frozen=True, eq=False)
class Points:
    """Quadrature points of elements or of sides, and the functions there.

    Attributes:
        at: (d, k, q) positions.
        weights: (k, q) of the quadrature, the map's determinant included.
        nodes: (i, k) node numbers of each element.
        values: (i, k, q) of the element's functions.
        gradients: (d, i, k, q).
        normals: (d, k, q) outward; None inside.
        derivative: of values (..., k, q) at the points, element by element, (d, ..., k, q); None on sides.
    """

    at: Array
    weights: Array
    nodes: Array
    values: Array
    gradients: Array
    normals: Array | None = None
    derivative: Callable[[Array], Array] | None = None

    def value(self, u: Array) -> Array:
        """(k, q) of a function with values u (v,) at the nodes."""
        return np.einsum("ik,ikq->kq", u[self.nodes], self.values)

    def gradient(self, u: Array) -> Array:
        """(d, k, q)."""
        return np.einsum("ik,dikq->dkq", u[self.nodes], self.gradients)

    def slope(self, values: Array) -> Array:
        """(d, ..., k, q) derivatives of values (..., k, q), of points inside."""
        assert self.derivative is not None
        return self.derivative(values)

    def belong(self, nodes: Array, positions: Array, holds: Callable[[Array], Array]) -> Array:
        """(n,) which nodes are on a part of the sides, its rim included.

        Args:
            nodes: numbers of some.
            positions: (d, v) of all.
            holds: points (d, i, k) -> (i k,) whether they are on that part; asked a little beside the nodes of each side.
        """
        middles = self.at.mean(axis=2)[:, None]
        mine = holds(positions[:, self.nodes] + _RIM * (middles - positions[:, self.nodes]))
        return np.bincount(self.nodes.ravel(), mine, minlength=positions.shape[1])[nodes] > 0

    def normals_at(self, nodes: Array, count: int) -> Array:
        """(d, n) unit normals at nodes of the sides, of ``count`` in all, averaged over the sides that meet there."""
        assert self.normals is not None
        total = np.zeros((len(self.normals), count))
        for a, normal in enumerate(self.normals):
            shares = np.einsum("ikq,kq->ik", np.abs(self.values), self.weights * normal)
            total[a] = np.bincount(self.nodes.ravel(), shares.ravel(), minlength=count)
        found = total[:, nodes]
        return found / np.linalg.norm(found, axis=0)


class Space(Protocol):
    """Functions on elements of two or three dimensions."""

    @property
    def nodes(self) -> Array:
        """(d, v) positions."""
        ...

    @property
    def count(self) -> int:
        """V."""
        ...

    @property
    def corners(self) -> Array:
        """(k, d + 1, d) of the elements."""
        ...

    @property
    def element_nodes(self) -> Array:
        """(i, k) node numbers of each element."""
        ...

    @property
    def corner_shares(self) -> Array:
        """(i, d + 1) shares of an element's corners in the places of its nodes."""
        ...

    @property
    def inside(self) -> Points:
        """Of all elements."""
        ...

    @property
    def parts(self) -> Iterable[Points]:
        """The same, as many elements at a time as memory is for."""
        ...

    def shapes(self, local: Array) -> tuple[Array, Array]:
        """(p, i) functions at reference coordinates (p, d), and (p, i, d) their derivatives."""
        ...

    def on(self, piece: str) -> Points:
        """Of the sides on a piece of the boundary."""
        ...

    def nodes_on(self, piece: str) -> Array:
        """Numbers of the nodes on a piece of the boundary."""
        ...

    def normals_at(self, piece: str) -> Array:
        """(d, n) unit normals at the nodes on a piece."""
        ...


class ElementSpace:
    """Continuous piecewise quadratic functions over a triangulation; their nodes are corners and middles of sides.

    Args:
        mesh: straight triangles; the middles of sides on curves are moved onto them.
    """

    def __init__(self, mesh: Triangulation):
        self.triangulation = mesh
        skfem = importlib.import_module("skfem")  # a first solve may never need it
        straight = skfem.MeshTri(mesh.nodes.T.copy(), mesh.elements.T.copy())
        curved = skfem.MeshTri2.from_mesh(straight)
        numbers = {tuple(side): i for i, side in enumerate(np.sort(straight.facets.T, axis=1).tolist())}
        sides = np.array([numbers[tuple(sorted(edge))] for edge in mesh.edges.tolist()], dtype=int)
        positions = curved.doflocs.copy()
        positions[:, straight.nvertices + sides] = mesh.middles().T
        self.mesh = replace(curved, doflocs=positions)
        names = np.array([curve.piece for curve in mesh.outline])[mesh.curves]
        self.sides: dict[str, Array] = {str(n): sides[names == n] for n in dict.fromkeys(names.tolist()) if n}
        self._basis = skfem.Basis(self.mesh, skfem.ElementTriP2(), intorder=_ORDER)

    @property
    def nodes(self) -> Array:
        """(d, v) positions."""
        return self._basis.doflocs

    @property
    def count(self) -> int:
        """V."""
        return int(self._basis.N)

    @property
    def corner_shares(self) -> Array:
        """(i, d + 1) shares of an element's corners in the places of its nodes."""
        at = np.asarray(self._basis.elem.doflocs)
        return np.concatenate([1 - at.sum(axis=1, keepdims=True), at], axis=1)

    @cached_property
    def inside(self) -> Points:
        """Of all elements."""
        return replace(_points(self._basis), derivative=self.derivative)

    @property
    def parts(self) -> tuple[Points, ...]:
        """The points of all elements, here all at a time."""
        return (self.inside,)

    @property
    def corners(self) -> Array:
        """(k, 3, 2) of the elements."""
        return self.triangulation.nodes[self.triangulation.elements]

    @property
    def element_nodes(self) -> Array:
        """(i, k) node numbers of each element."""
        return np.asarray(self._basis.element_dofs)

    @staticmethod
    def shapes(local: Array) -> tuple[Array, Array]:
        """See ``shapes``."""
        return shapes(local)

    def on(self, piece: str) -> Points:
        """Of the sides on a piece of the boundary."""
        elements = self.mesh.f2t[0, self.sides[piece]]
        corners = self.mesh.t[:, elements]
        ends = self.mesh.facets[:, self.sides[piece]]
        # of the element's corners the one that lies off the side; the two others follow it counter-clockwise
        off = np.argmin((corners[:, None] == ends[None]).any(axis=1), axis=0)
        first, last = _CORNERS[(off + 1) % 3], _CORNERS[(off + 2) % 3]
        share, weights = np.polynomial.legendre.leggauss(_ON_SIDES)
        share, weights = (share + 1) / 2, weights / 2
        local = first[:, None] + share[None, :, None] * (last - first)[:, None]
        values, slopes = shapes(local.reshape(-1, 2))
        nodes = np.asarray(self._basis.element_dofs)[:, elements]
        at = self.nodes[:, nodes]
        k, q = local.shape[:2]
        values, slopes = values.reshape(k, q, -1), slopes.reshape(k, q, -1, 2)
        jacobian = np.einsum("dik,kqir->kqdr", at, slopes)
        along = np.einsum("kqdr,kr->kqd", jacobian, last - first)
        length = np.linalg.norm(along, axis=2)
        turn = np.sign(np.linalg.det(jacobian))
        normals = np.stack([along[..., 1], -along[..., 0]]) / length * turn
        gradients = np.einsum("kqir,kqrd->dikq", slopes, np.linalg.inv(jacobian))
        return Points(
            np.einsum("dik,kqi->dkq", at, values),
            weights * length,
            nodes,
            values.transpose(2, 0, 1),
            gradients,
            normals,
        )

    def nodes_on(self, piece: str) -> Array:
        """Numbers of the nodes on a piece of the boundary."""
        return np.unique(self._basis.get_dofs(self.sides[piece]).flatten())

    def normals_at(self, piece: str) -> Array:
        """(d, n) unit normals at the nodes on a piece, averaged over the sides that meet there."""
        return self.on(piece).normals_at(self.nodes_on(piece), self.count)

    @cached_property
    def _derivative(self) -> tuple[Array, Array]:
        """(d, q, q) derivatives by reference coordinates of values at quadrature points; (d, d, k, q) the inverse map."""
        points = self._basis.X
        powers = [(a, b) for a in range(_FITTED + 1) for b in range(_FITTED + 1 - a)]
        x, y = points
        rows = np.stack([x**a * y**b for a, b in powers], axis=1)
        by_x = np.stack([a * x ** max(a - 1, 0) * y**b for a, b in powers], axis=1)
        by_y = np.stack([b * x**a * y ** max(b - 1, 0) for a, b in powers], axis=1)
        fit = np.linalg.pinv(rows)
        return np.stack([by_x @ fit, by_y @ fit]), self._basis.mapping.invDF(points, None)

    def derivative(self, values: Array) -> Array:
        """(d, ..., k, q) derivatives of values (..., k, q) at the quadrature points, element by element."""
        reference, inverse = self._derivative
        along = np.einsum("rpq,...kq->r...kp", reference, values)
        return np.einsum("rdkq,r...kq->d...kq", inverse, along)


def _points(basis: Any) -> Points:
    functions = [function[0] for function in basis.basis]
    at = np.asarray(basis.global_coordinates())
    shape = at.shape[1:]
    return Points(
        at,
        np.asarray(basis.dx),
        np.asarray(basis.element_dofs),
        np.stack([np.broadcast_to(np.asarray(f), shape) for f in functions]),
        np.stack([np.asarray(f.grad) for f in functions], axis=1),
    )


def shapes(local: Array) -> tuple[Array, Array]:
    """(p, 6) quadratic functions of a triangle at reference coordinates (p, 2), and (p, 6, 2) their derivatives.

    In the order of scikit-fem: three corners, then the middles of sides 01, 12, 02.
    """
    x, y = local.T
    z = 1 - x - y
    values = [z * (2 * z - 1), x * (2 * x - 1), y * (2 * y - 1), 4 * z * x, 4 * x * y, 4 * z * y]
    zero = np.zeros_like(x)
    by_x = [1 - 4 * z, 4 * x - 1, zero, 4 * (z - x), 4 * y, -4 * y]
    by_y = [1 - 4 * z, zero, 4 * y - 1, -4 * x, 4 * x, 4 * (z - y)]
    return np.stack(values, axis=1), np.stack([np.stack(by_x, axis=1), np.stack(by_y, axis=1)], axis=2)
