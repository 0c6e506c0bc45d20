from __future__ import annotations

import math

from pinnlab.algebra.largest import largest


def test_nan_does_not_hide() -> None:
    assert largest([0.1, 2.0]) == 2.0 and largest([], default=3.0) == 3.0 and math.isnan(largest([]))
    assert math.isnan(largest([0.1, math.nan])) and math.isnan(largest([math.nan, 0.1])), "max([0.1, nan]) is 0.1"
