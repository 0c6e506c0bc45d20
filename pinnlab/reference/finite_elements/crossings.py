"""Points of the plane around which materials meet: triangles there, cut into infinitely many layers.

Letters: m triangles around a point, s parts of each side of their ring, n nodes of a ring, c unknowns, d coordinates.

Where good conductors touch at a point, a solution varies as a small power of the distance from it, down to distances that no
mesh reaches: with the power 0.02 a hundredth of the way still has nine tenths of the change. Around the point coefficients
depend on the direction only, so that the equations' leading part looks the same at every scale. Triangles around it are cut
by rings, each a constant times smaller than the one around it; the matrix of the layer between two rings is the same for
all, and two stacks of k layers make one of 2 k by the elimination of the ring between them. Twenty such steps are a million
layers (R. W. Thatcher, Numer. Math. 25 (1976) 163, refines so without end).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from pinnlab.reference.finite_elements.space import Array, shapes

_PARTS = 4
"""Of each side of a ring."""
_RATIO = 0.7
"""Of a ring to the one around it."""
_DOUBLINGS = 20
_MIDDLES = np.array([[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]])
"""Of a triangle's sides: three points that integrate polynomials of degree two."""
_STILL = 1e-4
"""Beside one, the factors from ring to ring that are those of constants."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What lies between two rings, each matrix (c n, c n): fluxes out of a ring from values on one.

    Attributes:
        outer, inward: out of the outer ring, from values on the outer and on the inner one.
        outward, inner: out of the inner ring, from values on the outer and on the inner one.
    """

    outer: Array
    inward: Array
    outward: Array
    inner: Array

    def doubled(self) -> Layer:
        """Two of them, one inside the other, without the ring between."""
        left, right = np.hsplit(np.linalg.solve(self.inner + self.outer, np.hstack([self.outward, self.inward])), 2)
        return Layer(
            self.outer - self.inward @ left,
            -self.inward @ right,
            -self.outward @ left,
            self.inner - self.outward @ right,
        )

    def closed(self) -> Array:
        """(c n, c n) of the outer ring, with nothing inside the inner one."""
        return self.outer - self.inward @ np.linalg.solve(self.inner, self.outward)


def layer(ring: Array, tensors: Array) -> Layer:
    """The outermost layer inside a ring, on quadratic triangles; nodes are those of ``parted``.

    Args:
        ring: (m, 2) corners, counter-clockwise, from the point.
        tensors: (m, c, c, d, d) of the triangles between the point and a side of the ring: of each equation the derivatives
            of its fluxes by slopes, less than zero where they flow downhill in an equation div F = 0.
    """
    corners = _parted(ring)
    count, tensors = len(corners), np.repeat(tensors, _PARTS, axis=0)
    at, following = np.arange(count), np.roll(np.arange(count), -1)
    inner, spokes, across = 2 * count, 4 * count, 5 * count
    # triangles with a side on the outer ring, and those with one on the inner ring; middles are of sides 01, 12, 02
    first = [2 * at, 2 * following, inner + 2 * at, 2 * at + 1, across + at, spokes + at]
    second = [
        2 * following, inner + 2 * following, inner + 2 * at,
        spokes + following, inner + 2 * at + 1, across + at,
    ]  # fmt: skip
    small = _RATIO * corners
    positions = [(corners, corners[following], small), (corners[following], small[following], small)]
    whole = np.zeros((tensors.shape[1], 6 * count) * 2)
    for nodes, three in zip((first, second), positions, strict=True):
        _add(whole, np.stack(nodes), np.stack(three, axis=1), tensors)
    kept = _condensed(whole, 4 * count)
    n = len(kept) // 2
    # components first: those of the outer ring, then those of the inner one
    order = np.arange(2 * n).reshape(tensors.shape[1], 2, -1)
    one, two = order[:, 0].ravel(), order[:, 1].ravel()
    return Layer(*(kept[np.ix_(a, b)] for a in (one, two) for b in (one, two)))


def inside(ring: Array, tensors: Array) -> Array:
    """(c 2m, c 2m) fluxes out of a ring from values at its corners and middles of sides, with infinitely many layers inside.

    Args:
        ring, tensors: as of ``layer``.
    """
    stack = layer(ring, tensors)
    for _ in range(_DOUBLINGS):
        stack = stack.doubled()
    unknowns, to_parts = tensors.shape[1], _on_parts(len(ring))
    to_parts = np.kron(np.eye(unknowns), to_parts)
    found = to_parts.T @ stack.closed() @ to_parts
    # constants have no fluxes, and nothing comes out of the point; a million layers round
    n = 2 * len(ring)
    still = np.kron(np.eye(unknowns), np.eye(n) - 1 / n)
    return np.asarray(still @ found @ still)


def plain(ring: Array, tensors: Array) -> Array:
    """The same with the triangles as they are."""
    count = len(ring)
    at, following = np.arange(count), np.roll(np.arange(count), -1)
    point, spokes = np.full(count, 3 * count), 2 * count
    nodes = np.stack([point, 2 * at, 2 * following, spokes + at, 2 * at + 1, spokes + following])
    whole = np.zeros((tensors.shape[1], 3 * count + 1) * 2)
    _add(whole, nodes, np.stack([np.zeros_like(ring), ring, ring[following]], axis=1), tensors)
    return _condensed(whole, 2 * count)


def power(ring: Array, tensors: Array) -> float:
    """The smallest power of the distance with which a solution varies about the point; at most one.

    Args:
        ring, tensors: as of ``layer``.
    """
    one = layer(ring, tensors)
    size, nothing = len(one.outer), np.zeros_like(one.outer)
    # from ring to ring a solution falls by a factor z: (z^2 inward + z (outer + inner) + outward) u = 0
    left = np.block([[nothing, np.eye(size)], [-one.outward, -one.outer - one.inner]])
    right = np.block([[np.eye(size), nothing], [nothing, one.inward]])
    factors = scipy.linalg.eigvals(left, right)
    factors = np.abs(factors[np.isfinite(factors)])
    falling = factors[factors < 1 - _STILL]
    return min(1.0, float(np.log(falling.max()) / np.log(_RATIO))) if len(falling) else 1.0


def _parted(ring: Array) -> Array:
    """(m s, 2) corners of a ring whose sides are cut."""
    share = np.arange(_PARTS)[:, None] / _PARTS
    return np.concatenate([(1 - share) * a + share * b for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True)])


def _on_parts(count: int) -> Array:
    """(2 m s, 2 m) values at corners and middles of parts, from those at corners and middles of sides, in turn."""
    x = np.arange(2 * _PARTS) / (2 * _PARTS)
    values = np.stack([(1 - x) * (1 - 2 * x), 4 * x * (1 - x), x * (2 * x - 1)], axis=1)
    found = np.zeros((count, 2 * _PARTS, 2 * count))
    for k in range(count):
        for column, value in zip((2 * k, 2 * k + 1, (2 * k + 2) % (2 * count)), values.T, strict=True):
            found[k, :, column] += value
    return found.reshape(-1, 2 * count)


def _add(whole: Array, nodes: Array, corners: Array, tensors: Array) -> None:
    """Add quadratic triangles to a matrix (c, n, c, n).

    Args:
        whole: see above.
        nodes: (6, k) numbers.
        corners: (k, 3, 2).
        tensors: (k, c, c, d, d).
    """
    sides = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2)
    slopes = np.einsum("qir,krd->kqid", shapes(_MIDDLES)[1], np.linalg.inv(sides))
    weight = np.abs(np.linalg.det(sides)) / 6
    local = np.einsum("k,kqid,kabde,kqje->kaibj", weight, slopes, tensors, slopes, optimize=True)
    for a in range(whole.shape[0]):
        for b in range(whole.shape[0]):
            np.add.at(whole[a, :, b], (nodes.T[:, :, None], nodes.T[:, None, :]), local[:, a, :, b])


def _condensed(whole: Array, kept: int) -> Array:
    """(c kept, c kept) of a matrix (c, n, c, n), without the nodes after the first ones."""
    c, n = whole.shape[:2]
    matrix, mask = whole.reshape(c * n, c * n), np.tile(np.arange(n) < kept, c)
    rest = np.linalg.solve(matrix[np.ix_(~mask, ~mask)], matrix[np.ix_(~mask, mask)])
    return np.asarray(matrix[np.ix_(mask, mask)] - matrix[np.ix_(mask, ~mask)] @ rest)
