"""Smooth curves in the plane through given points.

Letters: n points.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

Array = np.ndarray
_SAMPLES = 16
"""Samples of a curve between two of the points that it goes through."""
_PARALLEL = 1e-6
"""Sine of the angle up to which two curves have one direction."""


@dataclass(frozen=True, eq=False)
class Spline:
    """A cubic spline, or a part of one.

    Attributes:
        piece: name of the boundary piece.
        spline: from a parameter that grows about as the length does to (2,) points.
        first, last: the parameters of its ends.
    """

    piece: str
    spline: scipy.interpolate.CubicSpline
    first: float
    last: float

    @classmethod
    def through(cls, points: Array, piece: str = "") -> Spline:
        """Through (n, 2) points, n > 2; smooth where the last one is the first."""
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        closed = bool((points[0] == points[-1]).all())
        spline = scipy.interpolate.CubicSpline(along, points, bc_type="periodic" if closed else "not-a-knot")
        return cls(piece, spline, 0.0, float(along[-1]))

    def at(self, share: Array) -> Array:
        """(n, 2) points at shares (n,) of the way; beyond its ends it goes on as it was going."""
        return self._derived(share, 0)

    def normals(self, share: Array) -> Array:
        """(n, 2) unit normals, all on one side."""
        along = self._derived(share, 1)
        return np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)

    def share(self, points: Array) -> Array:
        """(n,) shares of the nearest points, 0 and 1 included."""
        shares, samples = self._sampled
        which = scipy.spatial.cKDTree(samples).query(points)[1]
        found, width = shares[which].copy(), self.last - self.first
        for _ in range(5):
            gap, along, bend = self.at(found) - points, self._derived(found, 1), self._derived(found, 2)
            slope = (along * along).sum(axis=1) + (gap * bend).sum(axis=1)
            step = (gap * along).sum(axis=1) / np.where(slope > 0, slope, np.inf) / width
            found = np.clip(found - step, 0.0, 1.0)
        return found

    def part(self, first: float, last: float) -> Spline:
        """From one share of the way to another."""
        width = self.last - self.first
        return Spline(self.piece, self.spline, self.first + first * width, self.first + last * width)

    def named(self, piece: str) -> Spline:
        """The same curve on another piece."""
        return Spline(piece, self.spline, self.first, self.last)

    @cached_property
    def length(self) -> float:
        """Its length."""
        return float(np.linalg.norm(np.diff(self._sampled[1], axis=0), axis=1).sum())

    @cached_property
    def radius(self) -> float:
        """The smallest radius of curvature."""
        shares = self._sampled[0]
        along, bend = self._derived(shares, 1), self._derived(shares, 2)
        turn = np.abs(along[:, 0] * bend[:, 1] - along[:, 1] * bend[:, 0]).max()
        return float(np.linalg.norm(along, axis=1).min() ** 3 / turn) if turn > 0 else math.inf

    def roots(self, function: Callable[[Array], Array]) -> Array:
        """(n, 2) points of the curve at which a function of (n, 2) points changes its sign."""
        shares, samples = self._sampled
        values = function(samples)
        change = np.flatnonzero(values[1:] * values[:-1] < 0)
        found = [
            scipy.optimize.brentq(
                lambda s: float(function(self.at(np.array([s])))[0]), shares[i], shares[i + 1], xtol=1e-15
            )
            for i in change
        ]
        return self.at(np.concatenate([np.array(found), shares[values == 0]]))

    def crossings(self, other: Spline) -> Array:
        """(n, 2) points at which it crosses another."""
        (one, p), (two, q) = self._sampled, other._sampled
        u, v = np.diff(p, axis=0)[:, None], np.diff(q, axis=0)[None]
        gap = q[None, :-1] - p[:-1, None]
        turn = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
        # parts that go on in one another do not cross
        turn[np.abs(turn) <= _PARALLEL * np.linalg.norm(u, axis=2) * np.linalg.norm(v, axis=2)] = np.nan
        s = (gap[..., 0] * v[..., 1] - gap[..., 1] * v[..., 0]) / turn
        r = (gap[..., 0] * u[..., 1] - gap[..., 1] * u[..., 0]) / turn
        i, j = np.nonzero((s >= 0) & (s <= 1) & (r >= 0) & (r <= 1))
        at = np.stack([one[i] + s[i, j] * (one[i + 1] - one[i]), two[j] + r[i, j] * (two[j + 1] - two[j])], axis=1)
        width = np.array([self.last - self.first, other.last - other.first])
        for _ in range(6):
            away = self.at(at[:, 0]) - other.at(at[:, 1])
            p, q = self._derived(at[:, 0], 1) * width[0], other._derived(at[:, 1], 1) * width[1]
            turn = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
            steps = [away[:, 0] * q[:, 1] - away[:, 1] * q[:, 0], away[:, 0] * p[:, 1] - away[:, 1] * p[:, 0]]
            at = np.clip(at - np.stack(steps, axis=1) / np.where(turn == 0, np.inf, turn)[:, None], 0.0, 1.0)
        return self.at(at[:, 0])

    def _derived(self, share: Array, order: int) -> Array:
        parameter = self.first + np.asarray(share) * (self.last - self.first)
        return np.asarray(self.spline(parameter, order))

    @cached_property
    def _sampled(self) -> tuple[Array, Array]:
        """Shares (n,), and the points (n, 2) there."""
        knots = self.spline.x
        inside = int(((knots > self.first) & (knots < self.last)).sum())
        shares = np.linspace(0.0, 1.0, _SAMPLES * (inside + 1) + 1)
        return shares, self.at(shares)
