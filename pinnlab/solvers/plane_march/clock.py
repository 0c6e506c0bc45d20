"""Where a march is in time, and how long its next slab is: halves of halves of the interval.

So few lengths, and few factorizations, occur, and where slabs have been halved they can be doubled again. Where something
is switched in time a leg of the march ends: slabs are halves of halves of legs, and each leg begins as the first one does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_FINEST = 40
"""Halvings of the interval by which times are told."""
_SHORTEST = 24
"""Halvings up to which a slab is shortened."""
_AT_START = 10
"""Halvings of the first slab, up to which what jumps at the start is followed: the first slabs smooth it."""
_BRIEF = 5
"""Halvings of the interval from which on slabs may be off by more, so that each adds as much to the mean over time."""
_WORTH = 16.0
"""Slabs to come, from which on longer ones are worth a factorization of their own."""
_PATIENCE, _LONGEST_WAIT = 4, 32
"""Slabs after one that had to be shortened, before longer ones are tried again; twice as many each time, up to as many as
make what trying costs small."""
_LEAST = 2
"""Halvings of a leg that make its first slab, at least."""


class SlabClock:
    """Where a march is, and the length of its next slab.

    Args:
        interval: of time.
        first: halvings of it that make the first slab; that of later legs is no longer, nor longer than a quarter of them.
        stops: increasing times inside at which legs end.

    Attributes:
        leg: number of the present leg.
        position: where the next slab begins, in units of the finest halving of the leg.
        halvings: of the leg that make the next slab.
        waiting, patience: slabs before longer ones are tried, and after the next one that is shortened.
    """

    def __init__(self, interval: tuple[float, float], first: int, stops: Sequence[float] = ()):
        self.interval, self._first, self._ends = interval, first, (interval[0], *stops, interval[1])
        self.leg = 0
        self._begin()

    def _begin(self) -> None:
        self.first = max(_LEAST, math.ceil(self._first + math.log2(self._part)))
        self.position, self.halvings, self.waiting, self.patience = 0, self.first, 0, _PATIENCE

    @property
    def _bounds(self) -> tuple[float, float]:
        """Of the leg."""
        return self._ends[self.leg], self._ends[self.leg + 1]

    @property
    def _part(self) -> float:
        """Share of time that the leg has."""
        (start, end), (lower, upper) = self.interval, self._bounds
        return (upper - lower) / (end - start)

    @property
    def _behind(self) -> float:
        """How much of the leg is behind, 0 to 1."""
        return self.position / (1 << _FINEST)

    @property
    def since(self) -> float:
        """How much of the time was behind when the leg began."""
        start, end = self.interval
        return (self._bounds[0] - start) / (end - start)

    @property
    def begins(self) -> bool:
        """Whether the next slab is the first of a leg."""
        return self.position == 0

    @property
    def done(self) -> bool:
        """Whether the end is reached."""
        return self.position >= 1 << _FINEST

    @property
    def share(self) -> float:
        """How much of the time is behind, 0 to 1."""
        return self.since + self._part * self._behind

    @property
    def depth(self) -> float:
        """Halvings of the whole interval that make a slab as long as the next one."""
        return self.halvings - math.log2(self._part)

    @property
    def now(self) -> float:
        """Where the next slab begins."""
        lower, upper = self._bounds
        return lower + (upper - lower) * self._behind

    @property
    def slab(self) -> float:
        """Length of the next slab."""
        return self.length(self.halvings)

    @property
    def interval_ahead(self) -> tuple[float, float]:
        """Of the next slab."""
        return self.now, self.now + self.slab

    def length(self, halvings: int) -> float:
        """Of a slab of so many halvings of the leg."""
        lower, upper = self._bounds
        return (upper - lower) * 0.5**halvings

    @property
    def brief(self) -> float:
        """How much more a slab of the present length may be off by than one of a usual length: at the start, where things
        change fast, errors are short-lived.
        """
        return max(1.0, math.sqrt(2.0 ** (self.depth - _BRIEF)))

    @property
    def may_shorten(self) -> bool:
        """Whether the next slab may be shorter: what jumps at the start is smoothed by the first slabs."""
        return self.halvings < (_SHORTEST if self.position else min(_SHORTEST, self.first + _AT_START))

    @property
    def shortest(self) -> bool:
        """Whether the next slab is as short as any may be."""
        return self.halvings >= _SHORTEST

    def shorten(self) -> None:
        """Take half the length, and try longer ones only after some slabs."""
        if self.position:
            self.waiting, self.patience = self.patience, min(2 * self.patience, _LONGEST_WAIT)
        self.halvings += 1

    def advance(self) -> None:
        """The slab is behind."""
        self.position += 1 << (_FINEST - self.halvings)
        self.waiting -= 1
        if self.done and self.leg + 2 < len(self._ends):
            self.leg += 1
            self._begin()

    def may_lengthen(self, factorized: bool) -> bool:
        """Whether a slab of twice the length may come next, and is worth its factorization.

        Args:
            factorized: whether there is one already.
        """
        aligned = self.position % (1 << (_FINEST - self.halvings + 1)) == 0
        worth = factorized or (1 - self._behind) * 2.0**self.halvings > _WORTH
        return aligned and worth and self.waiting <= 0 and self.halvings > 0 and not self.done

    def lengthen(self) -> None:
        """Take twice the length."""
        self.halvings -= 1

    def state(self) -> list[int]:
        """Plain data."""
        return [self.position, self.halvings, self.waiting, self.patience, self.leg]

    def restore(self, state: list[int]) -> None:
        """Go on from a state."""
        self.leg = state[4] if len(state) > 4 else 0  # files of version 0.1 know of one
        self._begin()
        self.position, self.halvings, self.waiting, self.patience = state[:4]
