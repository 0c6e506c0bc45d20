"""Numbers that a user gives: which of them a computation can take."""

from __future__ import annotations

import math
from numbers import Integral, Real


def finite(value: object) -> float | None:
    """A real number as a float; None for all else: truth values, texts, NaN, infinity, integers beyond the floats."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def positive(value: object) -> bool:
    """Whether it is a finite number above zero."""
    number = finite(value)
    return number is not None and number > 0


def whole(value: object, least: int, most: float = math.inf) -> bool:
    """Whether it is a whole number, of Python's or NumPy's, from ``least`` to ``most``."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most
