"""Collocation in time at Radau's nodes, and how it falls apart into problems of space.

Letters: s stages, g decoupled problems of space.

On a slab of length h a function is a polynomial of degree s in time, told by its values at the slab's start and at s nodes
c_i h, the last of which is the slab's end. Its derivative at the nodes is (D u + d u_0) / h. With D = S L S^-1, a linear
problem whose coefficients stand still is s problems in which d/dt is a complex number l / h; half of them are conjugate to
the others.

Source: Hairer & Wanner, Solving Ordinary Differential Equations II (1996), sections IV.5 and IV.8: Radau IIA, of order
2 s - 1 at the ends of slabs, stiffly accurate; equations without time derivatives may be among the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.polynomial import legendre

Array = np.ndarray
_FALLS = 0.05, 1.0
"""Least and largest share that a coefficient has of the one before."""
_REAL = 1e-9
"""Imaginary part up to which a rate is real."""


def radau_nodes(stages: int) -> Array:
    """(s,) zeros of P_s - P_(s-1) on [0, 1]; the last one is 1."""
    zeros = legendre.legroots([0.0] * (stages - 1) + [-1.0, 1.0])
    found = (np.sort(zeros.real) + 1) / 2
    found[-1] = 1.0
    return found


def derivative_matrix(nodes: Array) -> Array:
    """(n, n) from values of a polynomial at n nodes to those of its derivative there."""
    apart = nodes[:, None] - nodes
    np.fill_diagonal(apart, 1.0)
    weights = apart.prod(axis=1)
    found = weights[:, None] / weights / apart
    np.fill_diagonal(found, 0.0)
    np.fill_diagonal(found, -found.sum(axis=1))
    return found


class Radau:
    """Collocation of s stages.

    Args:
        stages: s, at least 2.

    Attributes:
        nodes: (s,) in (0, 1].
        rates: (g,) the numbers l that stand for d/dt on a slab of length one, one of each conjugate pair.
        real: (g,) which of them are real numbers.
        at_start: (s,) from values at the nodes to that of their polynomial at the slab's start.
        into: (g, s) from stages to the decoupled problems.
        out: (s, g) back: the real part of what they give, times this.
    """

    def __init__(self, stages: int):
        self.stages, self.nodes = stages, radau_nodes(stages)
        every = derivative_matrix(np.concatenate([[0.0], self.nodes]))
        self.matrix, self.from_start = every[1:, 1:], every[1:, 0]
        rates, vectors = np.linalg.eig(self.matrix)
        kept = np.flatnonzero(rates.imag > -1e-9)
        twice = np.where(rates.imag[kept] > 1e-9, 2.0, 1.0)
        self.rates, self.into, self.out = rates[kept], np.linalg.inv(vectors)[kept], vectors[:, kept] * twice
        self.real = np.abs(self.rates.imag) < _REAL
        self.at_start = time_rows(np.zeros(1), stages - 1, 0)[0] @ np.linalg.inv(
            legendre.legvander(2 * self.nodes - 1, stages - 1)
        )
        # from values at the start and at the nodes to Legendre coefficients over the slab
        self._fit = np.linalg.inv(legendre.legvander(2 * np.concatenate([[0.0], self.nodes]) - 1, stages))

    def derivatives(self, starts: Sequence[Array], stages: Array, slab: float) -> list[Array]:
        """Values (s, ...) at the nodes, and derivatives by time of as many orders as there are start values.

        Args:
            starts: (...) value, first derivative and so on at the slab's start.
            stages: (s, ...) values at the nodes.
            slab: its length.
        """
        found = [stages]
        for start in starts:
            outer = self.from_start.reshape(-1, *[1] * start.ndim) * start
            found.append((np.tensordot(self.matrix, found[-1], axes=1) + outer) / slab)
        return found

    def coefficients(self, start: Array, stages: Array) -> Array:
        """(s + 1, ...) Legendre coefficients over the slab of a polynomial, from its values at the start and the nodes."""
        return np.tensordot(self._fit, np.concatenate([start[None], stages]), axes=1)

    def continued(self, coefficients: Array, ratio: float) -> Array:
        """(s, ...) values of a slab's polynomial at the nodes of the next one, which is ``ratio`` times as long."""
        return np.tensordot(time_rows(1 + ratio * self.nodes, self.stages, 0), coefficients, axes=1)


def time_rows(shares: Array, degree: int, order: int) -> Array:
    """(n, degree + 1) derivatives of Legendre polynomials over a slab of length one, at (n,) shares of it."""
    matrix: Array = np.eye(degree + 1)
    for _ in range(min(order, degree + 1)):
        matrix = 2 * legendre.legder(matrix, axis=0) if len(matrix) > 1 else np.zeros((1, degree + 1))
    return legendre.legvander(2 * np.asarray(shares) - 1, len(matrix) - 1) @ matrix


def next_coefficient(last: Array, before: Array) -> Array:
    """(m,) the Legendre coefficient that follows the last two, about: as much smaller as the last one is, at least a bit.

    Args:
        last: (m,) sizes of the last one.
        before: (m,) of the one before.
    """
    falls = np.clip(last / np.where(before > 0, before, 1.0), *_FALLS)
    return np.asarray(last * falls)
