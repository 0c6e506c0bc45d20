"""Poisson's equation on the unit square with zero sides and a source g(x) g(y): spectral elements, solved directly.

Letters: n nodes per axis, k elements per axis.

Where g does not vanish at a corner the solution behaves as r^2 log r there, and no polynomial or sine series on the whole
square converges fast. So elements of the tensor grid shrink geometrically towards the sides; the rest is smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from pinnlab.problems._pieces import differentiation_matrix, gauss_lobatto, pieces
from pinnlab.reference.base import Interpolant

_HALF = (0.0, 0.002, 0.015, 0.06, 0.15, 0.25, 0.35, 0.5)
_EDGES = (*_HALF, *(1 - e for e in reversed(_HALF[:-1])))
_DEGREE = 22


@cache
def _line(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (n,), quadrature weights (n,), eigenvalues (n - 2,) and eigenvectors (n - 2, n - 2) of -d^2/dx^2 on (0, 1).

    Eigenvectors are orthonormal, of the symmetric matrix in values times the root of the weights.
    """
    x, w = gauss_lobatto(degree)
    d = differentiation_matrix(x)
    n = degree * (len(_EDGES) - 1) + 1
    points, weights, stiffness = pieces(_EDGES, degree).points, np.zeros(n), np.zeros((n, n))
    for k, (lower, upper) in enumerate(zip(_EDGES, _EDGES[1:], strict=False)):
        here, h = slice(k * degree, (k + 1) * degree + 1), (upper - lower) / 2
        weights[here] += h * w
        stiffness[here, here] += (d.T * w) @ d / h
    root = np.sqrt(weights[1:-1])
    values, vectors = np.linalg.eigh(stiffness[1:-1, 1:-1] / root / root[:, None])
    return points, weights, values, vectors


def poisson_square(g: Callable[[np.ndarray], np.ndarray], degree: int = _DEGREE) -> Interpolant:
    """The u with u_xx + u_yy = g(x) g(y) on the unit square and u = 0 on its sides.

    By separation: in the eigenvectors of both axes the operator is diagonal (Lynch, Rice & Thomas 1964, Numer. Math. 6).

    Args:
        g: a smooth function of one coordinate, (n,) to (n,).
        degree: of the polynomials in each of the 14 elements per axis.
    """
    points, weights, values, vectors = _line(degree)
    root = np.sqrt(weights[1:-1])
    load = vectors.T @ (root * g(points)[1:-1])
    inside = vectors @ (-np.outer(load, load) / (values[:, None] + values)) @ vectors.T
    u = np.zeros((len(points), len(points)))
    u[1:-1, 1:-1] = inside / root / root[:, None]
    axes = {name: pieces(_EDGES, degree) for name in "xy"}
    return Interpolant(axes, {"x": (0.0, 1.0), "y": (0.0, 1.0)}, {"u": u})
