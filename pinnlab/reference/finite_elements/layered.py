"""Equations in weak form on triangles, of which those around crossings of materials are cut into infinitely many layers.

Letters: d coordinates, k elements, q quadrature points of each, v nodes, m triangles around a point, c unknowns, N = c v.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy

from pinnlab.reference.finite_elements.assembly import Parts
from pinnlab.reference.finite_elements.crossings import inside, plain
from pinnlab.reference.finite_elements.space import Array, ElementSpace, Points
from pinnlab.reference.finite_elements.system import ElementSystem

_SIDES = np.array([[1, 2, 4], [2, 0, 5], [0, 1, 3]])
"""Of a quadratic triangle's nodes: ends and middle of the side across from each corner."""
_SAME = 1e-12
"""Relative change of coefficients that is none."""


@dataclass(frozen=True, eq=False)
class Star:
    """The triangles around a point.

    Attributes:
        elements: (m,) their numbers, counter-clockwise.
        ring: (2 m,) nodes at corners and middles of the sides across from the point, in turn.
        corners: (m, 2) of the ring, from the point.
    """

    elements: Array
    ring: Array
    corners: Array


def star(space: ElementSpace, point: Array) -> Star | None:
    """That of the node at a point (2,); None where the point is on the boundary, or no corner of a triangle."""
    nodes = space.element_nodes
    middle = int(np.argmin(np.linalg.norm(space.nodes - point[:, None], axis=0)))
    local, around = np.nonzero(nodes[:3] == middle)
    away = (space.nodes - space.nodes[:, [middle]]).T
    sides = {}
    for corner, element in zip(local, around, strict=True):
        first, last, between = nodes[_SIDES[corner], element].tolist()
        if np.linalg.det(away[[first, last]]) < 0:
            first, last = last, first
        sides[first] = element, first, last, between
    turn, at = [], next(iter(sides), None)
    while at in sides:
        turn.append(sides.pop(at))
        at = turn[-1][2]
    if sides or not turn or at != turn[0][1]:
        return None
    ring = np.array([[first, between] for _, first, _, between in turn]).ravel()
    return Star(np.array([element for element, *_ in turn]), ring, away[ring[::2]])


class LayeredElements(ElementSystem):
    """The system on elements, with what layers around crossings change.

    Args:
        crossings: points (2,) at which materials cross.
        args, options: those of ``ElementSystem``.
    """

    def __init__(self, crossings: Sequence[Array], *args: Any, **options: Any):
        super().__init__(*args, **options)
        assert isinstance(self.space, ElementSpace)
        found = (star(self.space, point) for point in crossings)
        self._stars = [each for each in found if each is not None]
        self._known: tuple[list[Array], scipy.sparse.csr_array] | None = None

    def _residual(self, state: Array, rate: Array, t: float) -> Array:
        total = super()._residual(state, rate, t)
        if self._known is None:
            self._known = self._layers(state, rate, t)
        total[self.free] += (self._known[1] @ state.ravel())[self.free]
        return total

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU'), each (N, N), with coefficients around crossings as they are."""
        by_state, by_rate = super().jacobians(state, rate, t)
        self._known = self._layers(state, rate, t)
        free = scipy.sparse.diags_array(self.free.astype(float))
        return scipy.sparse.csr_array(by_state + free @ self._known[1]), by_rate

    def _layers(self, state: Array, rate: Array, t: float) -> tuple[list[Array], scipy.sparse.csr_array]:
        """The tensors of all stars, and the matrix (N, N) that is added because of their layers."""
        tensors = [self._tensors(state, rate, t, each.elements) for each in self._stars]
        known = self._known
        if known is not None and all(np.allclose(a, b, rtol=_SAME) for a, b in zip(tensors, known[0], strict=True)):
            return known
        parts, unknowns = Parts(self.size), self.problem.unknowns
        columns = [self.source(u, ())[0][0] * self.space.count for u in unknowns]
        for each, tensor in zip(self._stars, tensors, strict=True):
            moved = [i for i in range(len(unknowns)) if tensor[:, i].any() or tensor[:, :, i].any()]
            tensor = tensor[:, moved][:, :, moved]
            change = inside(each.corners, tensor) - plain(each.corners, tensor)
            rows = np.concatenate([self.block(unknowns[i]) + each.ring for i in moved])
            at = np.concatenate([columns[i] + each.ring for i in moved])
            parts.add(False, np.repeat(rows, len(at)), np.tile(at, len(rows)), change.ravel())
        return tensors, parts.sum(False)

    def _tensors(self, state: Array, rate: Array, t: float, elements: Array) -> Array:
        """(m, c, c, d, d) of each unknown's equation the mean derivatives of its fluxes by slopes, in some elements."""
        points = _some(self.space.inside, elements)
        found = self.at(state, rate, points, t).tensors(self.rows, self.problem.unknowns, self.names)
        whole = found.reshape(*found.shape[:-1], *points.weights.shape)
        return np.moveaxis((whole * points.weights).sum(axis=-1) / points.weights.sum(axis=-1), -1, 0)


def _some(points: Points, elements: Array) -> Points:
    """Those in some elements."""
    return replace(
        points,
        at=points.at[:, elements],
        weights=points.weights[elements],
        nodes=points.nodes[:, elements],
        values=points.values[:, elements],
        gradients=points.gradients[:, :, elements],
        derivative=None,
    )
