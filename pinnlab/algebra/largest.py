"""The largest of some numbers, where one that is no number must not hide."""

from __future__ import annotations

import math
from collections.abc import Iterable


def largest(values: Iterable[float], default: float = math.nan) -> float:
    """The largest value; NaN where one of them is NaN.

    ``max`` keeps or drops NaN depending on its place: ``max([0.1, nan])`` is 0.1, ``max([nan, 0.1])`` is NaN.

    Args:
        values: any numbers.
        default: the result where there are none.
    """
    numbers = list(values)
    if any(math.isnan(v) for v in numbers):
        return math.nan
    return max(numbers, default=default)
