"""Other first guesses of numbers, where a fit may have ended in the wrong minimum.

Letters: N candidates, p numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy

from pinnlab.declaration.parameters.bounded import Free

Array = np.ndarray
_FACTOR = 30.0
"""How far around the first guess numbers without two bounds are looked for."""
_LOGIT = 4.0
"""How far from the middle numbers between two bounds are looked for: to two percent of their range."""
_ALONE, _TOGETHER = 32, 48


def candidates(frees: Sequence[Free], start: Array) -> Array:
    """(N, p) free variables: evenly spaced of one number, a low-discrepancy sequence of several.

    Numbers without bounds keep the sign of their first guess, where they have one.

    Args:
        frees: p numbers as functions of free variables.
        start: (p,) first guesses.
    """
    p = len(frees)
    if p == 1:
        unit = (np.arange(_ALONE)[:, None] + 0.5) / _ALONE
    else:
        unit = scipy.stats.qmc.Halton(p, scramble=False).random(_TOGETHER + 1)[1:]
    columns = [_along(free, float(z), unit[:, i]) for i, (free, z) in enumerate(zip(frees, start, strict=True))]
    return np.stack(columns, axis=1)


def _along(free: Free, start: float, unit: Array) -> Array:
    far = math.log(_FACTOR)
    if not free.plain:
        bounded = math.isfinite(free.low) and math.isfinite(free.high)
        return (2 * unit - 1) * _LOGIT if bounded else start + (2 * unit - 1) * far
    if start == 0:
        return (2 * unit - 1) * _FACTOR / 10
    return start * np.exp((2 * unit - 1) * far)


def promising(squares: Array, points: Array, most: int = 4) -> Array:
    """Numbers of the candidates (k,) from which a fit is worth its time, the best first: minima among their neighbours.

    Args:
        squares: (N,) sums of squares; NaN where there is no solution.
        points: (N, p) of the candidates.
        most: of them.
    """
    values = np.where(np.isfinite(squares), squares, np.inf)
    n, p = points.shape
    scaled = points / np.maximum(np.ptp(points, axis=0), 1e-300)
    apart = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    near = np.argsort(apart, axis=1)[:, 1 : 1 + min(2 * p, n - 1)]
    lowest = [i for i in range(n) if math.isfinite(values[i]) and bool((values[i] <= values[near[i]]).all())]
    return np.array(sorted(lowest, key=lambda i: values[i])[:most], dtype=int)
