"""Integrals over patches by Gauss's rule, on cells that are halved where that changes the result.

Letters: n points, d coordinates, k dimensions of a cube, K patches, C cells, r integrands.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.domains.patches import Array, Patches

Integrand = Callable[[Array, Array | None], Array]
"""(points (n, d), normals (n, d) or None) to values (n, r)."""
_NODES = {0: 1, 1: 12, 2: 8, 3: 6, 4: 5}
"""Of Gauss's rule along each side of a cell, by dimension, where there are few cells."""
_BATCH = 20_000
"""Points at a time."""


@dataclass(frozen=True)
class Integral:
    """Integrals of r integrands.

    Attributes:
        value: (r,).
        bound: (r,) by how much the last halving of cells has changed them, a bound of their error.
        size: (r,) integrals of the modulus.
        points: how many the integrand was asked for.
    """

    value: Array
    bound: Array
    size: Array
    points: int


def integrate(patches: Sequence[Patches], integrand: Integrand, tolerance: float, most: int = 1_000_000) -> Integral:
    """Integrals over patches, refined until two resolutions agree.

    Args:
        patches: over which.
        integrand: r functions at once.
        tolerance: of ``bound`` relative to ``size``.
        most: points at which the integrand is asked for, about.
    """
    found = [_Adaptive(each, integrand, most // len(patches)) for each in patches]
    while True:
        value, bound, size = (
            np.sum([each.total(name) for each in found], axis=0) for name in ("sums", "errors", "sizes")
        )
        points = sum(each.points for each in found)
        allowed = tolerance * size
        if not (bound > allowed).any() or points >= most:
            return Integral(value, bound, size, points)
        # cells whose share of the error is small are left as they are
        share = allowed / (2 * sum(len(each.cells.which) for each in found))
        for each in found:
            each.refine(share)


@dataclass(frozen=True)
class _Cells:
    """Cells that were integrated over whole and in P = 2^k parts.

    Attributes:
        which: (C,) numbers of their patches.
        lower: (C, k) corners.
        width: (C,) of their sides.
        parts: (C, P, r) integrals over the parts.
        sizes: (C, r) of the modulus.
        errors: (C, r) by how much the sum of the parts differs from the whole.
    """

    which: Array
    lower: Array
    width: Array
    parts: Array
    sizes: Array
    errors: Array

    @property
    def sums(self) -> Array:
        return self.parts.sum(axis=1)

    def picked(self, mask: Array) -> _Cells:
        return _Cells(*(array[mask] for array in vars(self).values()))

    def joined(self, other: _Cells) -> _Cells:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Cells(*(np.concatenate(pair) for pair in pairs))


class _Adaptive:
    """The cells of some patches."""

    def __init__(self, patches: Patches, integrand: Integrand, most: int):
        self.patches, self.integrand, self.points = patches, integrand, 0
        count, k = patches.count, patches.dimension
        order = _NODES.get(k, 4)
        while order > 2 and count * order**k * (1 + 2**k) > most / 2:
            order -= 1
        nodes, weights = np.polynomial.legendre.leggauss(order)
        self.nodes = _tensor((nodes + 1) / 2, k)
        self.weights = _tensor(weights / 2, k).prod(axis=1)
        self.corners = _tensor(np.array([0.0, 0.5]), k)
        which, lower, width = np.arange(count), np.zeros((count, k)), np.ones(count)
        self.cells = self._looked_at(which, lower, width, self._integrals(which, lower, width)[0])

    def total(self, name: str) -> Array:
        """(r,): one of the cells' attributes, summed."""
        return getattr(self.cells, name).sum(axis=0)

    def refine(self, share: Array) -> None:
        """Halve the cells whose error is more than a share (r,)."""
        off: Array = np.any(self.cells.errors > share, axis=1)
        if off.any():
            which, lower, width = self._halves(self.cells.picked(off))
            values = self.cells.parts[off].reshape(len(which), -1)
            self.cells = self.cells.picked(~off).joined(self._looked_at(which, lower, width, values))

    def _looked_at(self, which: Array, lower: Array, width: Array, values: Array) -> _Cells:
        """Cells whose integrals (C, r) are known."""
        blank = np.zeros((len(which), 0))
        smaller = self._halves(_Cells(which, lower, width, blank, blank, blank))
        parts, sizes = (v.reshape(len(which), len(self.corners), -1) for v in self._integrals(*smaller))
        return _Cells(which, lower, width, parts, sizes.sum(axis=1), abs(parts.sum(axis=1) - values))

    def _halves(self, cells: _Cells) -> tuple[Array, Array, Array]:
        count = len(self.corners)
        lower = cells.lower[:, None] + cells.width[:, None, None] * self.corners
        return np.repeat(cells.which, count), np.concatenate(lower), np.repeat(cells.width / 2, count)

    def _integrals(self, which: Array, lower: Array, width: Array) -> tuple[Array, Array]:
        """Integrals (C, r) over cells, and of the modulus."""
        q, found, sizes = len(self.nodes), [], []
        step = max(1, _BATCH // q)
        for first in range(0, len(which), step):
            part = slice(first, first + step)
            unit = np.concatenate(lower[part, None] + width[part, None, None] * self.nodes)
            placed = self.patches.place(np.repeat(which[part], q), unit)
            values = self.integrand(placed.points, placed.normals)
            self.points += len(unit)
            density = placed.density.reshape(-1, q) * self.weights * (width[part] ** lower.shape[1])[:, None]
            # where nothing counts, the integrand need not be defined
            counted = np.where((placed.density == 0)[:, None], 0.0, values).reshape(*density.shape, -1)
            terms = density[:, :, None] * counted
            found.append(terms.sum(axis=1))
            sizes.append(abs(terms).sum(axis=1))
        return np.concatenate(found), np.concatenate(sizes)


def _tensor(values: Array, k: int) -> Array:
    """(len^k, k): all combinations of some values."""
    return np.array(list(itertools.product(values, repeat=k))).reshape(len(values) ** k, k)
