"""Local basis functions: what the expert of one cell can represent. All cells share them, scaled to the cell.

Letters: n points, d coordinates, N basis functions.

A basis lives on the reference cell [-1, 1]^d. ``Chebyshev`` products make the method a least-squares spectral-element
method, with nothing neural in it; ``RandomFeatures`` are the hidden layer of a random one-layer tanh network.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy
import torch
from numpy.polynomial import chebyshev, legendre

from pinnlab.derivatives.activations import ACTIVATIONS
from pinnlab.machine.interrupts import load

Array = np.ndarray
_STEEPEST = 0.8
"""Slopes of tanh features on [-1, 1]: gentler ones are polynomials in disguise, steeper ones need more features."""
_HIGHEST = 20
"""Total degree up to which polynomials are raised."""
_ROUNDING = 1e-15
"""Relative singular value below which a combination of features is noise."""


class LocalBasis(ABC):
    """N functions on [-1, 1]^d.

    Attributes:
        degrees: per coordinate, the polynomial degree whose resolution the basis has.
        size: N.
        surplus: nodes per coordinate, relative to those of a polynomial of that degree.
    """

    degrees: tuple[int, ...]
    size: int
    surplus = 1.4

    @property
    def on_face(self) -> int:
        """Independent functions on a flat face across a coordinate, at most."""
        return self.size

    @abstractmethod
    def rows(self, points: Array, orders: Sequence[int]) -> Array:
        """(n, N) derivatives of the functions, of the given order by each coordinate, at (n, d) points."""

    def richer(self) -> LocalBasis | None:
        """One of the same kind with more functions; None where there is none."""
        return None

    def tables(self, points: Array) -> Array:
        """What all derivatives at (n, d) points are made of, for ``rows_from``."""
        return points

    def rows_from(self, tables: Array, orders: Sequence[int]) -> Array:
        """``rows`` at points whose ``tables`` are known."""
        return self.rows(tables, orders)

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """Plain data for ``from_data``."""

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> LocalBasis:
        """The basis that ``to_data`` described."""
        if data["kind"] == "chebyshev":
            return Chebyshev(data["degrees"])
        if data["kind"] == "total degree":
            return TotalDegree(data["dimension"], data["degree"])
        if data["kind"] != "tanh":
            raise ValueError(f"there is no local basis {data['kind']!r} in this version of pinnlab.")
        basis = object.__new__(RandomFeatures)
        basis.degrees = tuple(data["degrees"])
        for name in ("slopes", "shifts", "mixing"):
            setattr(basis, name, data[name].cpu().numpy())
        basis.size = basis.mixing.shape[1]
        return basis

    def tensor_nodes(self, fixed: Mapping[int, float] | None = None, surplus: float | None = None) -> Array:
        """(n, d) Gauss-Legendre nodes of the reference cell, or of the part of it where some coordinates are fixed."""
        axes = [
            np.array([fixed[i]]) if fixed is not None and i in fixed else legendre.leggauss(count)[0]
            for i, count in enumerate(self._counts(surplus or self.surplus))
        ]
        return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)

    def tensor_weights(self, fixed: Mapping[int, float], apart: int | None) -> tuple[Array, Array]:
        """The weights (n,) with which sums over ``tensor_nodes`` are integrals over the reference cell.

        Args:
            fixed: coordinates that are not integrated over, because they are fixed.
            apart: one that is not, because each of its nodes has an integral of its own.

        Returns:
            The weights, and of each node the number (n,) of the integral that it belongs to.
        """
        counts = [1 if i in fixed else count for i, count in enumerate(self._counts(self.surplus))]
        axes = [
            np.ones(count) if i in fixed or i == apart else legendre.leggauss(count)[1]
            for i, count in enumerate(counts)
        ]
        which = np.indices(counts).reshape(len(counts), -1)
        weights = np.prod([w[i] for w, i in zip(axes, which, strict=True)], axis=0)
        return weights, np.zeros(len(weights), dtype=int) if apart is None else which[apart]

    def _counts(self, surplus: float) -> list[int]:
        return [int(np.ceil(surplus * (p + 1))) for p in self.degrees]

    @cached_property
    def _node_inverse(self) -> Array:
        """(N, q) values at ``tensor_nodes`` to coefficients."""
        return np.linalg.pinv(self.rows(self.tensor_nodes(), (0,) * len(self.degrees)), rcond=1e-14)

    def from_nodes(self, values: Array) -> Array:
        """Least-squares coefficients (..., N) of functions with ``values`` (..., q) at ``tensor_nodes``."""
        return values @ self._node_inverse.T

    def fit(self, points: Array, values: Array) -> Array:
        """Least-squares coefficients (N, ...) of functions with ``values`` (n, ...) at (n, d) points."""
        return np.linalg.lstsq(self.rows(points, (0,) * len(self.degrees)), values, rcond=1e-14)[0]


class Chebyshev(LocalBasis):
    """Products of Chebyshev polynomials, every degree up to ``degrees``; row-major, the last coordinate fastest.

    Args:
        degrees: highest degree per coordinate, at least 1.
    """

    def __init__(self, degrees: Sequence[int]):
        self.degrees = tuple(degrees)
        self.shape = tuple(p + 1 for p in self.degrees)
        self.size = int(np.prod(self.shape))

    def rows(self, points: Array, orders: Sequence[int]) -> Array:
        result = np.ones((len(points), 1))
        for axis, (p, order) in enumerate(zip(self.degrees, orders, strict=True)):
            # column j: the coefficients of the derivative of T_j
            matrix = chebyshev.chebder(np.eye(p + 1), order) if order <= p else np.zeros((1, p + 1))
            factor = chebyshev.chebvander(points[:, axis], len(matrix) - 1) @ matrix
            result = (result[:, :, None] * factor[:, None, :]).reshape(len(points), -1)
        return result

    @cached_property
    def _axis_inverses(self) -> list[Array]:
        """(p + 1, nodes) values along a coordinate to coefficients."""
        counts = self._counts(self.surplus)
        pairs = zip(counts, self.degrees, strict=True)
        return [np.linalg.pinv(chebyshev.chebvander(legendre.leggauss(n)[0], p), rcond=1e-14) for n, p in pairs]

    def from_nodes(self, values: Array) -> Array:
        # the inverse of a product is that of its factors, coordinate by coordinate
        found, before = values.reshape(*values.shape[:-1], *self._counts(self.surplus)), values.ndim - 1
        for axis, inverse in enumerate(self._axis_inverses, start=before):
            found = np.moveaxis(np.moveaxis(found, axis, -1) @ inverse.T, -1, axis)
        return found.reshape(*values.shape[:-1], self.size)

    def to_data(self) -> dict[str, Any]:
        return {"kind": "chebyshev", "degrees": list(self.degrees)}


class TotalDegree(LocalBasis):
    """Products of Chebyshev polynomials whose degrees add up to ``degree`` at most, lower sums first.

    A basis of a lower degree is the beginning of one of a higher degree.

    Args:
        dimension: d.
        degree: at least 1.
    """

    def __init__(self, dimension: int, degree: int):
        self.degrees, self.degree = (degree,) * dimension, degree
        every = itertools.product(range(degree + 1), repeat=dimension)
        self.exponents = np.array(sorted((e for e in every if sum(e) <= degree), key=lambda e: (sum(e), e)))
        self.size = len(self.exponents)
        # column j of matrix k: the coefficients of the k-th derivative of T_j
        self._derivatives = [np.eye(degree + 1)]

    @property
    def on_face(self) -> int:
        across = len(self.degrees) - 1
        return math.comb(self.degree + across, across)

    def rows(self, points: Array, orders: Sequence[int]) -> Array:
        return self.rows_from(self.tables(points), orders)

    def richer(self) -> LocalBasis | None:
        return TotalDegree(len(self.degrees), self.degree + 2) if self.degree + 2 <= _HIGHEST else None

    def tables(self, points: Array) -> Array:
        """(degree + 1, d, n) values of the polynomials of one coordinate."""
        x = points.T
        found = np.empty((self.degree + 1, *x.shape))
        found[0], found[1] = 1.0, x
        for k in range(2, self.degree + 1):
            np.multiply(2 * x, found[k - 1], out=found[k])
            found[k] -= found[k - 2]
        return found

    def rows_from(self, tables: Array, orders: Sequence[int]) -> Array:
        while len(self._derivatives) <= max(orders):
            last = np.zeros_like(self._derivatives[0])
            last[:-1] = chebyshev.chebder(self._derivatives[-1], 1)
            self._derivatives.append(last)
        result: Array | None = None
        for axis, order in enumerate(orders):
            own = tables[:, axis]
            factor = self._derivatives[order].T @ own if order else own
            mine = factor[self.exponents[:, axis]]
            result = mine if result is None else np.multiply(result, mine, out=result)
        assert result is not None
        return result.T

    def to_data(self) -> dict[str, Any]:
        return {"kind": "total degree", "dimension": len(self.degrees), "degree": self.degree}


class RandomFeatures(LocalBasis):
    """tanh(a . (s - c)) with random slopes a and quasi-random centres c: a one-layer network that is not trained.

    The functions are orthogonalized on a grid (singular vectors of their values), so that solving for their
    coefficients is well conditioned; combinations that are noise next to the largest are dropped.

    Args:
        degrees: per coordinate, the polynomial degree whose resolution is asked for.
        seed: of slopes and centres.
    """

    surplus = 1.7

    def __init__(self, degrees: Sequence[int], seed: int = 0):
        self.degrees = tuple(degrees)
        d = len(self.degrees)
        count = int(1.6 * np.prod([p + 1 for p in self.degrees]))
        rng = np.random.default_rng(seed)
        share = np.array(self.degrees) / np.mean(self.degrees)
        self.slopes = rng.uniform(-_STEEPEST, _STEEPEST, (count, d)) * share
        load("scipy.stats")
        centres = 1.1 * (2 * scipy.stats.qmc.Halton(d, seed=rng).random(count) - 1)
        self.shifts = -(self.slopes * centres).sum(axis=1)
        self.mixing = np.eye(count)
        grid = self.tensor_nodes(surplus=2.5)
        raw = self.rows(grid, (0,) * d)
        _, sizes, directions = np.linalg.svd(raw, full_matrices=False)
        kept = sizes > _ROUNDING * sizes[0]
        self.mixing = directions[kept].T / sizes[kept] * np.sqrt(len(grid))
        self.size = int(kept.sum())

    def rows(self, points: Array, orders: Sequence[int]) -> Array:
        order = int(sum(orders))
        inner = torch.from_numpy(points @ self.slopes.T + self.shifts)
        outer = ACTIVATIONS["tanh"](inner, order)[order].numpy()
        return (outer * np.prod(self.slopes ** np.asarray(orders), axis=1)) @ self.mixing

    def to_data(self) -> dict[str, Any]:
        # singular vectors are not the same on every machine, so that the seed is not enough
        numbers = {name: torch.from_numpy(getattr(self, name)) for name in ("slopes", "shifts", "mixing")}
        return {"kind": "tanh", "degrees": list(self.degrees), **numbers}


BASES: dict[str, Callable[[Sequence[int], int], LocalBasis]] = {
    "chebyshev": lambda degrees, seed: Chebyshev(degrees),
    "tanh": RandomFeatures,
}
"""Kinds of local bases, made from degrees and a seed."""

NOISE = {"chebyshev": 1.0, "tanh": 10.0}
"""How much larger the error indicators of a basis are than the errors: those of features stop falling earlier."""
