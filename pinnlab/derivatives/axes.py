"""Axes of grids: where the nodes are, how to differentiate and how to interpolate along one of them.

Letters: n nodes, w nodes of a stencil, p points asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import scipy

from pinnlab.derivatives.stencils import (
    Array,
    barycentric_weights,
    derivative_weights,
    slope_weights,
    window_starts,
)

_REFINE = 2
_FOURIER_STENCIL = 26


class Axis(ABC):
    """One axis of a grid.

    Attributes:
        points: (n,) nodes, increasing.
        periodic: whether the upper end is the lower end again (and is not a node).
    """

    points: Array
    periodic = False

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.points)

    @abstractmethod
    def stencil(self, at: Array, order: int = 0) -> tuple[Array, Array]:
        """Nodes (p, w) of the refined axis and their weights (p, w) for interpolation at (p,) points.

        Args:
            at: (p,).
            order: of the derivative of what is interpolated.
        """

    def refine(self, values: Array, dim: int) -> Array:
        """Values on the finer nodes that ``stencil`` refers to."""
        return values


class NodeAxis(Axis):
    """Any increasing nodes with local polynomial interpolation.

    Args:
        points: (n,) nodes.
        width: nodes of a stencil, odd or even.
        stride: None centres the stencil at the point; else the nodes form pieces of ``stride`` intervals that share
            their end nodes, and interpolation never looks beyond a piece (the dense output of a one-step method).
    """

    def __init__(self, points: Array, width: int, stride: int | None = None):
        self.points, self.stride = np.asarray(points, dtype=float), stride
        self.width = min(width, len(self.points)) if stride is None else stride + 1

    def stencil(self, at: Array, order: int = 0) -> tuple[Array, Array]:
        n = self.size
        left = np.clip(np.searchsorted(self.points, at, side="right") - 1, 0, n - 2)
        if self.stride is None:
            start = window_starts(n, self.width, left)
        else:
            start = left // self.stride * self.stride
        offsets = np.arange(self.width)
        # weights of a stencil are found once, not once per point
        distinct, which = np.unique(start, return_inverse=True)
        bary = barycentric_weights(self.points[distinct[:, None] + offsets])
        index = start[:, None] + offsets
        return index, slope_weights(self.points[index], at, order, bary[which.reshape(-1)])


class DifferentiableAxis(Axis):
    """An axis of space."""

    scheme: str

    @abstractmethod
    def matrix(self, order: int) -> Array | scipy.sparse.csr_array:
        """(n, n) differentiation matrix, dense or sparse."""


class PolynomialAxis(NodeAxis, DifferentiableAxis):
    """Nodes clustered at the ends: Chebyshev-Lobatto, or high-order finite differences on milder clustering.

    With ``width`` nodes per stencil less than n, nodes are x = asin(a cos theta) / asin(a) (Kosloff & Tal-Ezer 1993)
    with ``a`` such that only about ``width`` nodes at each end are clustered: that is what keeps one-sided stencils of
    high order stable (Hermanns & Hernandez 2008), and inside the nodes are uniform.

    Args:
        lower, upper: the interval.
        n: number of nodes.
        width: nodes of a differentiation stencil; None means all of them, a full Chebyshev matrix.
    """

    def __init__(self, lower: float, upper: float, n: int, width: int | None = None):
        theta = np.pi * np.arange(n) / (n - 1)
        self.stencil_width = n if width is None else min(n, width)
        full = self.stencil_width == n
        if full:
            unit = np.sin(np.pi * np.arange(1 - n, n, 2) / (2 * (n - 1)))
            self.scheme = f"Chebyshev {n} nodes"
        else:
            a = np.cos(np.pi * self.stencil_width / n / 2)
            unit = -np.arcsin(a * np.cos(theta)) / np.arcsin(a)
            self.scheme = f"finite differences of order {self.stencil_width - 1}, {n} nodes"
        points = (lower + upper) / 2 + (upper - lower) / 2 * unit
        points[0], points[-1] = lower, upper
        super().__init__(points, n if full else self.stencil_width + 5)
        self._matrices: dict[int, Array | scipy.sparse.csr_array] = {}

    def matrix(self, order: int) -> Array | scipy.sparse.csr_array:
        if order not in self._matrices:
            n, w = self.size, self.stencil_width
            rows = np.arange(n)
            start = window_starts(n, w, rows)
            index = start[:, None] + np.arange(w)
            weights = derivative_weights(self.points[index], rows - start, order)
            if w == n:
                self._matrices[order] = weights
            else:
                pointers = np.arange(n + 1) * w
                self._matrices[order] = scipy.sparse.csr_array((weights.ravel(), index.ravel(), pointers), shape=(n, n))
        return self._matrices[order]


class FourierAxis(DifferentiableAxis):
    """n equidistant nodes of a periodic interval; n even.

    Args:
        lower, upper: the period.
        n: number of nodes.
    """

    periodic = True

    def __init__(self, lower: float, upper: float, n: int):
        self.lower, self.length = lower, upper - lower
        self.points = lower + self.length * np.arange(n) / n
        self.scheme = f"Fourier {n} modes"
        self._matrices: dict[int, Array] = {}

    def wavenumbers(self, real: bool) -> Array:
        """Angular wavenumbers of ``fft`` (n,) or ``rfft`` (n // 2 + 1,) coefficients."""
        n = self.size
        frequencies = np.fft.rfftfreq(n, 1 / n) if real else np.fft.fftfreq(n, 1 / n)
        return 2 * np.pi / self.length * frequencies

    def matrix(self, order: int) -> Array:
        if order not in self._matrices:
            symbol = (1j * self.wavenumbers(real=True)) ** order
            if order % 2:
                symbol[-1] = 0.0  # the highest mode's odd derivatives vanish at every node
            spectrum = np.fft.rfft(np.eye(self.size), axis=0) * symbol[:, None]
            self._matrices[order] = np.fft.irfft(spectrum, n=self.size, axis=0)
        return self._matrices[order]

    def refine(self, values: Array, dim: int) -> Array:
        spectrum = np.fft.rfft(values, axis=dim)
        last = [slice(None)] * values.ndim
        last[dim] = slice(-1, None)
        spectrum[tuple(last)] *= 0.5  # the highest mode is two modes of the finer grid
        return np.fft.irfft(spectrum, n=_REFINE * self.size, axis=dim) * _REFINE

    def stencil(self, at: Array, order: int = 0) -> tuple[Array, Array]:
        # local interpolation on the refined grid: its error, about sin(pi / 4)^26 of the highest mode's share, is
        # below the truncation error of the series
        n = _REFINE * self.size
        width = min(_FOURIER_STENCIL, n)
        scaled = (at - self.lower) / self.length % 1.0 * n
        start = np.floor(scaled).astype(int) - (width - 1) // 2
        offsets = np.arange(width)
        nodes = np.broadcast_to(offsets.astype(float), (len(at), width))
        weights = slope_weights(nodes, scaled - start, order) * (n / self.length) ** order
        return (start[:, None] + offsets) % n, weights


def apply_along(matrix: Array | scipy.sparse.csr_array, values: Array, dim: int) -> Array:
    """Multiply a matrix (q, n) along one dimension, of size n, of an array."""
    moved = np.moveaxis(values, dim, 0)
    product = matrix @ moved.reshape(moved.shape[0], -1)
    return np.moveaxis(product.reshape(product.shape[0], *moved.shape[1:]), 0, dim)
