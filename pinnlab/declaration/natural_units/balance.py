"""Sizes of unknowns that their equations ask for: the terms of an equation must balance.

An equation is a sum of terms, coefficient times derivative. With an unknown of size S and a coordinate of length L, the
term a u_xx is a S / L^2 large, and the largest of an equation's terms must be balanced by another one. Where all but one
unknown are known, or a source is, that tells the size of the unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_NOTHING = 1e-9
"""Variation next to the size that is none: it would be lost in rounding, or is rounding itself. Speech is 2e-7 of the air's
pressure."""
EPS = 2.0**-52
"""Relative rounding of numbers in double precision."""
_ROUNDING = 64 * EPS
"""Variation next to the size that comes of rounding."""
_COMPARABLE = 0.1
"""Share of the largest term from which on another one can balance it."""


@dataclass(frozen=True)
class Row:
    """What an equation is made of.

    Attributes:
        pulls: {unknown: sizes of its terms where the unknown has the size one}.
        source: size of what is left where all unknowns are at rest.
    """

    pulls: Mapping[str, Sequence[float]]
    source: float = 0.0

    def largest(self, sizes: Mapping[str, float]) -> float:
        """The size of the largest term, or of the source."""
        return max(
            [self.source, *(sizes.get(u, 0.0) * p for u, pulls in self.pulls.items() for p in pulls)], default=0.0
        )


def balanced(rows: Sequence[Row], known: Mapping[str, float]) -> dict[str, float]:
    """{unknown: size}, the known ones among them; those of which nothing is told are missing.

    An unknown gets the size with which its largest term balances the largest of the terms that are known. Equations in
    which a single known term has nothing else to balance it come first; where there are none, it is the size from which on
    the unknown would matter. Of several equations the one that asks for most decides.

    Args:
        rows: the equations.
        known: {unknown: its size}; zeros tell nothing.
    """
    sizes = {u: size for u, size in known.items() if size > 0}
    unknowns = dict.fromkeys(u for row in rows for u in row.pulls)
    for _ in unknowns:
        found: dict[str, float] = {}
        for unknown in unknowns:
            if unknown in sizes:
                continue
            asked = [(_asked(row, unknown, sizes)) for row in rows if max(row.pulls.get(unknown, ()), default=0.0) > 0]
            asked = [(forced, size) for forced, size in asked if size > 0]
            best = [size for forced, size in asked if forced] or [size for _, size in asked]
            if best:
                found[unknown] = max(best)
        if not found:
            break
        sizes |= found
    return sizes


def _asked(row: Row, unknown: str, sizes: Mapping[str, float]) -> tuple[bool, float]:
    """Whether an equation forces a size on an unknown, and the size."""
    others = [sizes[u] * p for u, pulls in row.pulls.items() if u != unknown and u in sizes for p in pulls]
    terms = [t for t in (row.source, *others) if t > 0]
    most = max(terms, default=0.0)
    forced = sum(t >= _COMPARABLE * most for t in terms) == 1
    return forced, most / max(row.pulls[unknown])


def driven(row: Row, unknown: str) -> float:
    """The size of an unknown that balances an equation's source; 0 where the source is none."""
    most = max(row.pulls.get(unknown, ()), default=0.0)
    return row.source / most if most > 0 else 0.0


def between(old: float, new: float) -> float:
    """The geometric mean of two guesses, with which iterations of non-linear terms go on; ``new`` where one is zero."""
    return math.sqrt(old * new) if old > 0 and new > 0 else new


def rounded(size: float) -> float:
    """The power of two next to a size in proportion: numbers are divided by it without rounding."""
    return 2.0 ** round(math.log2(size))


class Told(NamedTuple):
    """What is known of an unknown before it is solved for.

    Attributes:
        lowest, highest: of what is prescribed, or of a path that was followed.
        variation: by which it is expected to vary at least.
    """

    lowest: float = 0.0
    highest: float = 0.0
    variation: float = 0.0

    @property
    def middle(self) -> float:
        """From where it varies."""
        return (self.lowest + self.highest) / 2

    @property
    def steps(self) -> float:
        """By how much it varies up and down."""
        return max((self.highest - self.lowest) / 2, self.variation)

    @property
    def is_lost(self) -> bool:
        """Whether it varies, and by so little beside its offset that most digits of what varies are lost."""
        return _ROUNDING * abs(self.middle) < self.steps <= _NOTHING * abs(self.middle)

    @property
    def scale(self) -> tuple[float, float]:
        """(offset, scale): see ``offset_and_scale``."""
        return offset_and_scale(self.lowest, self.highest, self.variation)


def offset_and_scale(lowest: float, highest: float, variation: float, share: float = 0.25) -> tuple[float, float]:
    """From where an unknown is best counted, and in which steps.

    Args:
        lowest, highest: of what is prescribed.
        variation: by which it is expected to vary at least.
        share: of the variation in the size below which the middle is taken out.
    """
    middle, half = (lowest + highest) / 2, (highest - lowest) / 2
    steps = max(half, variation)
    if _NOTHING * abs(middle) < steps < share * abs(middle):
        return middle, steps
    return 0.0, max(abs(lowest), abs(highest), steps)
