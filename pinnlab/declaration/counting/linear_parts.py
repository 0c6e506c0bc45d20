"""What counting looks at: coefficients of equations and conditions, and as numbers at points.

Letters: n points, d coordinates, p highest order, m unknowns, k rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.derivatives.names import Key

Array = np.ndarray[Any, Any]
Factors = Mapping[str, tuple[complex, complex]]
"""{coordinate: (a, b)}: its derivative becomes a s + b."""

INSIDE = 3
"""Points of the interior that are looked at."""
ON_SIDE = 2
"""Points of each piece of the boundary."""
OWN = "own"
"""The kind of conditions that are none of the built-in ones."""


@dataclass(frozen=True)
class LinearPart:
    """Rows that are linear in an unknown's derivatives, at n points.

    Attributes:
        coefficients: per row {(unknown, derivative): (n,)}.
        points: (n, d).
        weights: (s,) where s consecutive points are one row together, see ``Term.weights``; else None.
    """

    coefficients: tuple[dict[tuple[str, Key], Array], ...]
    points: Array
    weights: Array | None = None

    def summed(self, rows: Array) -> Array:
        """(n / s, ...) rows from (n, ...) at points."""
        if self.weights is None:
            return rows
        return np.tensordot(self.weights, rows.reshape(-1, len(self.weights), *rows.shape[1:]), axes=(0, 1))

    def is_finite(self, n: int) -> bool:
        """Whether all coefficients at one point are numbers."""
        return all(bool(np.isfinite(c[n])) for row in self.coefficients for c in row.values())

    def symbol(self, n: int, unknowns: Sequence[str], factors: Factors) -> Array:
        """(p + 1, k, m): what the rows make of exp(s x) at one point, by powers of s."""
        polynomials = {key: _polynomial(key, factors) for row in self.coefficients for _, key in row}
        size = max((len(p) for p in polynomials.values()), default=1)
        found = np.zeros((size, len(self.coefficients), len(unknowns)), dtype=complex)
        for i, row in enumerate(self.coefficients):
            for (unknown, key), values in row.items():
                powers = polynomials[key]
                found[: len(powers), i, unknowns.index(unknown)] += values[n] * np.array(powers)
        return found


@dataclass(frozen=True)
class ConditionPart:
    """One condition, or its part on one piece of the boundary.

    Attributes:
        kind: ``"initial"``, ``"boundary"``, ``"periodic"``, ``"data"``, ``"integral"``, or ``OWN``.
        where: piece of the boundary, or the coordinate of a periodic condition; empty for others.
        unknowns: those whose coefficients are not zero.
        sites: one part per site; periodic conditions have two.
        stretches: keys of the stretches of the piece on which it holds; None for all.
    """

    kind: str
    where: str
    unknowns: tuple[str, ...]
    sites: tuple[LinearPart, ...]
    stretches: frozenset[str] | None = None

    def holds_on(self, stretch: str | None) -> bool:
        """Whether it holds on a stretch of its piece; None asks for any of them."""
        return stretch is None or self.stretches is None or stretch in self.stretches


@dataclass(frozen=True)
class Stretch:
    """A part of a piece of the boundary on which the same conditions hold.

    Attributes:
        key: its name; that of the piece where it is all of it.
        place: a point on it, in words; empty where it is all of the piece.
    """

    key: str
    place: str = ""


@dataclass(frozen=True)
class Linearized:
    """A declaration's linear parts.

    Attributes:
        equations: at points of the interior, of the start (if there is time) and of all pieces, one part per set of
            made-up fields.
        first: {``"inside"``, ``"start"`` or a stretch of a piece: number of its first point}.
        normals: {stretch: (ON_SIDE, d)}.
        conditions: all of them.
        stretches: {piece of the boundary: what it consists of}.
    """

    equations: tuple[LinearPart, ...]
    first: dict[str, int]
    normals: dict[str, Array]
    conditions: tuple[ConditionPart, ...]
    stretches: dict[str, tuple[Stretch, ...]]


def _polynomial(key: Key, factors: Factors) -> list[complex]:
    """Coefficients, lowest power first, of the product of a s + b over a derivative's coordinates."""
    powers: list[complex] = [1.0]
    for name in key:
        a, b = factors[name]
        raised = [0.0, *(a * c for c in powers)] if a else [0.0] * len(powers)
        powers = [r + b * c for r, c in zip(raised, [*powers, 0.0] if a else powers, strict=True)]
    return powers
