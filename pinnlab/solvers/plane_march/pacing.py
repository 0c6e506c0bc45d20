"""How long the rest of a march will take, and what it can afford.

A march that would not end in time is worth less than one that is somewhat coarser and does. So cells are halved only as far
as the rest of the march still ends then, and the tolerance is loosened where slabs of the present length would be too many.
"""

from __future__ import annotations

import math

from pinnlab.machine.deadline import Deadline

_POWER = 1.5
"""Of the number of experts, with which the time of a slab grows: that of factorizations in the plane."""
_SETTLED = 4
"""Slabs of one length in a row, after which the next ones are expected to have it as well."""
_KNOWN, _BY_FAR = 0.1, 3.0
"""Share of the whole from which on what has been tells what will be, and times as long as is left before that."""
_MEMORY = 0.6
"""Share of the earlier ones in the mean time of a slab."""
_LOOSER = 4.0
"""By how much the tolerance is loosened at once where time is short."""
_CONSTANT, _STAYS, _SERVES = 1e-4, 0.1, 3.0
"""Shares that a step of Newton's method had of the one before, below which a factorization serves all slabs to come, as in
linear problems, or so many at least."""
_RESERVED, _SPARED = 0.1, 0.4
"""Share of the time left that is not planned with, and where cells are to be halved, which stay so."""


def slabs_served(contraction: float) -> float:
    """By how many slabs a factorization is shared, at least.

    Args:
        contraction: the largest share that a step of Newton's method had of the one before.
    """
    if contraction < _CONSTANT:
        return math.inf
    return _SERVES if contraction < _STAYS else 1.0


def seconds_to_plan(deadline: Deadline, contraction: float) -> float:
    """How long a march may be planned to take.

    Slabs of a linear problem are alike. Those of others become shorter as layers form, and the time that is given only
    where work goes well stays in reserve for that.
    """
    return deadline.planned if contraction < _CONSTANT else deadline.left


class Pacing:
    """The seconds of slabs, and the number of those to come.

    Args:
        usual: halvings of the interval of time by which slabs are told that are not short for a while only.

    Attributes:
        since: how much of the time was done when something began that makes slabs short: the march, or what was switched.
    """

    def __init__(self, usual: int):
        self.usual, self.seconds, self.alike, self._last = usual, 0.0, 0, -1.0
        self.since, self._tried = 0.0, 0.0

    def tried(self, seconds: float, factorizing: float = 0.0, contraction: float = 1.0) -> None:
        """An attempt took so long, of which a factorization that serves all slabs to come does not count.

        Args:
            seconds: of the attempt.
            factorizing: seconds of those.
            contraction: as in ``slabs_served``.
        """
        self._tried += seconds - (factorizing if math.isinf(slabs_served(contraction)) else 0.0)

    def added(self, halvings: float) -> None:
        """The last attempt added a slab; those since the one before count with it."""
        self.alike = self.alike + 1 if halvings == self._last else 1
        mine, self._last, self._tried = self._tried, halvings, 0.0
        self.seconds = mine if not self.seconds else _MEMORY * self.seconds + (1 - _MEMORY) * mine

    @property
    def settled(self) -> bool:
        """Whether slabs have had one length for some time."""
        return self.alike >= _SETTLED

    def slabs(self, share: float, halvings: float) -> float:
        """How many are to come, about: short ones for as long again as there have been, and usual ones then.

        Args:
            share: of time that is done.
            halvings: of the interval that make the next slab.
        """
        rest, more = 1 - share, halvings - self.usual
        if more <= 0:
            return rest * 2.0**halvings
        short = min(share - self.since, rest)
        return short * 2.0**halvings + (rest - short) * 2.0**self.usual + 2 * more

    def needs(self, share: float, halvings: float) -> float:
        """Seconds to the end, about."""
        return self.seconds * self.slabs(share, halvings)

    def affords(self, share: float, halvings: float, seconds: float, left: float) -> float:
        """By which factor the number of experts may grow, so that the march still ends in time; at least one.

        Args:
            share: of time that is done.
            halvings: of the interval that make the next slab.
            seconds: of a slab with the present experts.
            left: seconds that are left.
        """
        if math.isinf(left) or not seconds > 0:
            return math.inf
        rest = seconds * max(1.0, self.slabs(share, halvings))
        return max(1.0, max(0.0, (1 - _SPARED) * left) / rest) ** (1 / _POWER)

    def late(self, share: float, halvings: float, left: float) -> bool:
        """Whether slabs as they are now would not reach the end in time: at the start, where little is known, by far."""
        allowed = (1 - _RESERVED) * left if share >= _KNOWN else _BY_FAR * left
        return self.settled and self.needs(share, halvings) > allowed

    def tolerance(self, present: float, loosest: float, share: float, halvings: float, left: float) -> float:
        """The tolerance from here on: a larger one where the march would be late.

        Args:
            present: tolerance.
            loosest: the largest one.
            share, halvings, left: as in ``late``.
        """
        return max(present, min(_LOOSER * present, loosest)) if self.late(share, halvings, left) else present
