"""Anderson's acceleration of fixed-point iterations.

An iteration ``x <- x - f(x)`` converges as slowly as ``f`` differs from Newton's step. The combination of the last points
whose ``f``, were it linear, would be least, is better by about as much as GMRES is better than Richardson's iteration.

Source: Walker & Ni, Anderson acceleration for fixed-point iterations, SIAM J. Numer. Anal. 49 (2011).
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
_DEPENDENT = 1e-8
"""Singular value, next to the largest, below which differences of steps count as dependent."""


class Anderson:
    """Steps of an iteration, each improved by those before.

    Args:
        memory: number of differences that are kept.
        weights: (n,) by which components of steps are measured.
    """

    def __init__(self, memory: int, weights: Array):
        self.memory, self.weights = memory, weights
        self._last: tuple[Array, Array] | None = None
        self._changes: list[tuple[Array, Array]] = []

    def __call__(self, step: Array) -> Array:
        """What to subtract from x where the iteration itself would subtract ``step``, both of shape (..., n)."""
        taken = step
        if self._last is not None:
            before, moved = self._last
            self._changes = [*self._changes, (step - before, -moved - (step - before))][-self.memory :]
            slopes = np.stack([(change * self.weights).ravel() for change, _ in self._changes], axis=1)
            shares = np.linalg.lstsq(slopes, (step * self.weights).ravel(), rcond=_DEPENDENT)[0]
            taken = step + sum(share * both for share, (_, both) in zip(shares, self._changes, strict=True))
        self._last = step, taken
        return taken
