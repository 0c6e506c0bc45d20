"""Intervals cut into pieces with polynomials of high degree on each: a table of a solution that no single polynomial holds.

Letters: k pieces.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnlab.derivatives.axes import NodeAxis


def gauss_lobatto(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (degree + 1,) of Gauss-Lobatto-Legendre quadrature on [-1, 1].

    The nodes are -1, 1 and the extrema of the Legendre polynomial P of the degree; weights are 2 / (d (d + 1) P(x)^2).
    """
    legendre = np.polynomial.Legendre.basis(degree)
    x = np.concatenate([[-1.0], np.sort(legendre.deriv().roots().real), [1.0]])
    # roots of a companion matrix lose digits, which one step of Newton's method gives back
    x[1:-1] -= legendre.deriv()(x[1:-1]) / legendre.deriv(2)(x[1:-1])
    return x, 2 / (degree * (degree + 1) * legendre(x) ** 2)


def differentiation_matrix(x: np.ndarray) -> np.ndarray:
    """(n, n): values at nodes to the derivative of their polynomial there, by barycentric weights."""
    gaps = x[:, None] - x + np.eye(len(x))
    weights = 1 / gaps.prod(axis=1)
    matrix = weights / weights[:, None] / gaps
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


def pieces(edges: Sequence[float], degree: int) -> NodeAxis:
    """The axis with Gauss-Lobatto nodes in each of the k pieces between (k + 1) edges; neighbours share a node."""
    x, _ = gauss_lobatto(degree)
    nodes = [np.array(edges[:1])]
    for lower, upper in zip(edges, edges[1:], strict=False):
        nodes += [lower + (upper - lower) * (x[1:-1] + 1) / 2, np.array([upper])]
    return NodeAxis(np.concatenate(nodes), degree + 1, degree)
