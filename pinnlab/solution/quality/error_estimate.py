"""An estimate of a solution's error, in the units by which errors are judged.

An error of 1 K in a temperature around 293 K is 0.3 % of its size, and says nothing: what counts is how much of the
variation it is. An unknown that vanishes has no size at all; its error is absolute, and is judged by the size with which
the unknown would matter in the equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pinnlab.algebra.largest import largest
from pinnlab.solution.sizes import Size

_UNIT = Size(1.0, 1.0)
_ALIKE = 0.9
"""Share of the variation in the size from which on the two are not told apart in words."""
_OFFSET = 0.3
"""Share of the variation in the size below which an unknown has an offset."""
_SMALL = 1e-3
"""Next to its natural size, the size of an unknown that may be none."""
_HIDDEN_SMALL, _HIDDEN = 1e-2, 1e-4
"""Shares of the tolerance for an unknown whose doubt hides its variation: next to its natural size, and to an offset."""


@dataclass(frozen=True)
class Judged:
    """The error of one unknown in the unit by which it is judged.

    Attributes:
        unknown: its name.
        error, doubt: in that unit.
        unit: ``"variation"``, ``"size"``, or ``"natural"`` for an unknown that vanishes.
        share: of the tolerance up to which it is good: less than one where the doubt hides the variation.
        blame: what ``lower`` is multiplied by to say that a solution is wrong: 0 where a large error does not say so.
        rounding: below which an error is none, in that unit.
    """

    unknown: str
    error: float
    doubt: float
    unit: str = "size"
    share: float = 1.0
    blame: float = 1.0
    rounding: float = 0.0

    @property
    def upper(self) -> float:
        """What the error may be at most."""
        return self.error + self.doubt

    @property
    def lower(self) -> float:
        """What the error is at least."""
        return self.error - self.doubt


def judged(unknown: str, error: float, doubt: float, size: Size, rounding: float) -> Judged:
    """An error in the unit by which it is judged.

    Args:
        unknown: its name.
        error, doubt: root mean squares, in the unknown's own unit.
        size: of the unknown.
        rounding: of its numbers, in its own unit.
    """
    unit, kind, share = size.unit, "variation" if size.varies else "size" if size.constant else "natural", 1.0
    blame = 1.0 if unit > 0 else 0.0
    if size.varies and size.variation > _OFFSET * size.rms:
        # no offset to speak of: what is wrong is wrong by its size as well
        blame = size.variation / size.rms
    if size.varies and size.variation <= 2 * doubt:
        # whether there is a variation at all cannot be told
        small = size.rms <= max(_SMALL * size.natural, 2 * doubt)
        unit, kind, share = (size.natural, "natural", _HIDDEN_SMALL) if small else (size.rms, "size", _HIDDEN)
        blame = 0.0
    if unit == 0:
        unit, share, blame = 1.0, 0.0, 0.0  # with nothing to compare it with, only no error at all is good
    return Judged(unknown, error / unit, doubt / unit, kind, share, blame, rounding / unit)


@dataclass(frozen=True)
class ErrorEstimate:
    """An estimate of a solution's error.

    Attributes:
        errors: {unknown: L2 error, relative to the unknown's root mean square}; of an unknown that vanishes, as far as
            can be told, the root mean square of the error itself.
        doubt: {unknown: by how much that may be off, in the same unit}.
        method: what it comes from, in words.
        seconds: what it took.
        judged: the same in the units by which they are judged; relative to the size where not given.
        sizes: {unknown: how large it is}; none where it is not known.
    """

    errors: dict[str, float]
    doubt: dict[str, float]
    method: str
    seconds: float
    judged: tuple[Judged, ...] = ()
    sizes: dict[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.judged:
            object.__setattr__(self, "judged", tuple(Judged(u, e, self.doubt[u]) for u, e in self.errors.items()))

    @classmethod
    def of(
        cls, errors: dict[str, float], doubt: dict[str, float], sizes: dict[str, Size], eps: float, method: str,
        seconds: float,
    ) -> ErrorEstimate:  # fmt: skip
        """An estimate from root mean squares in the unknowns' own units; none is said to be below rounding.

        Args:
            errors, doubt: {unknown: in its own unit}.
            sizes: {unknown: how large it is}.
            eps: relative rounding of the numbers.
            method, seconds: as in the estimate.
        """
        found, own, off = [], {}, {}
        for unknown, size in sizes.items():
            rounding = eps * max(size.rms, size.natural)
            error, unsure = max(errors[unknown], rounding), max(doubt[unknown], rounding)
            mine = judged(unknown, error, unsure, size, rounding)
            unit = 1.0 if mine.unit == "natural" else size.rms
            found.append(mine)
            own[unknown], off[unknown] = error / unit, unsure / unit
        return cls(own, off, method, seconds, tuple(found), sizes)

    @property
    def of_variation(self) -> dict[str, float]:
        """{unknown: L2 error, relative to the unknown's variation around its mean}, of those that are known to vary."""
        return {j.unknown: j.error for j in self.judged if j.unit == "variation"}

    def _relative(self, j: Judged) -> tuple[float, float]:
        """An error and its doubt, relative to the size, or to the natural size."""
        if j.unit == "natural":
            return j.error, j.doubt
        return self.errors[j.unknown], self.doubt[j.unknown]

    @property
    def largest(self) -> float:
        """The largest of the estimated errors relative to the size."""
        return largest(self._relative(j)[0] for j in self.judged)

    @property
    def upper(self) -> float:
        """What the largest error may be at most, the doubt included."""
        return largest(sum(self._relative(j)) for j in self.judged)

    @property
    def lower(self) -> float:
        """What the largest error is at least, the doubt included."""
        return largest(e - d for e, d in map(self._relative, self.judged))

    @property
    def certain(self) -> bool:
        """Whether the estimate is known within a factor of two; else ``upper`` is a bound and no more."""
        return 2 * self.lower >= self.largest and self.upper <= 2 * self.largest

    @property
    def worst(self) -> Judged:
        """The unknown with the largest error in the unit by which it is judged, next to what it may be."""
        return max(self.judged, key=lambda j: math.inf if math.isnan(j.upper) else j.upper / (j.share or _HIDDEN))

    @property
    def least(self) -> float:
        """What the largest error is at least that says that the solution is wrong."""
        return largest(j.lower * j.blame for j in self.judged)

    def is_good(self, tolerance: float) -> bool:
        """Whether every error, its doubt included, is within the tolerance."""
        return all(j.upper <= j.share * tolerance for j in self.judged)

    @property
    def sentence(self) -> str:
        """The largest error in words: of what, and what it is relative to."""
        worst = self.worst
        sure = worst.error >= 2 * worst.doubt or worst.doubt == 0
        most, value, digits = ("", worst.error, ".1e") if sure else ("at most ", worst.upper, ".0e")
        if worst.rounding > 0 and worst.upper <= 2 * worst.rounding:
            return f"relative error at rounding ({worst.rounding:.0e})"
        size = self.sizes.get(worst.unknown, _UNIT)
        if worst.unit == "natural":
            own = value * (size.natural or 1.0)
            scale = f", {value:{digits}} of the size with which it would matter" if size.natural > 0 else ""
            return f"error of {worst.unknown}, which vanishes, {most}{own:{digits}} absolute{scale}"
        if worst.unit == "variation" and size.variation < _ALIKE * size.rms:
            own = value * size.variation / size.rms
            return f"error of {worst.unknown} {most}{value:{digits}} of its variation, {own:.0e} of its size"
        return f"relative error {most}{value:{digits}}"

    @property
    def each(self) -> str:
        """All errors in words, each with its doubt."""
        parts = []
        for j in self.judged:
            size = self.sizes.get(j.unknown, _UNIT)
            if j.unit == "natural":
                parts.append(f"{j.unknown} {self.errors[j.unknown]:.1e} +- {self.doubt[j.unknown]:.0e} absolute")
            elif j.unit == "variation" and size.variation < _ALIKE * size.rms:
                own = f"{self.errors[j.unknown]:.1e} of its size"
                parts.append(f"{j.unknown} {j.error:.1e} +- {j.doubt:.0e} of its variation ({own})")
            else:
                parts.append(f"{j.unknown} {j.error:.1e} +- {j.doubt:.0e}")
        return ", ".join(parts)
