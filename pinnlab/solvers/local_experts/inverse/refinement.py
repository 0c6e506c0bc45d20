"""Whether finer cells, or functions of higher degree, would find anything else: next to what data leave uncertain.

Letters: n measurements, p coefficients of what is sought.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pinnlab.solvers.local_experts.inverse.fit import InverseFit
from pinnlab.solvers.local_experts.inverse.quantities import CONDITION, bands, extrapolated
from pinnlab.solvers.local_experts.inverse.sought import Sought, SoughtFunction, split

Array = np.ndarray
_UNSEEN = 0.1
"""Change, in standard deviations of what is sought, that is small enough."""
_SETTLED = 1e-8
"""The same, relative to what is sought."""


def shift(fit: InverseFit[Any]) -> float:
    """By how many of its standard deviations anything sought may move, at most, once the unknowns have higher degrees.

    That is the length of what changes in the measurements, in units of their noise: a linear estimate answers to a change
    of the data by no more than that.
    """
    assert fit.strength is not None
    variances, high = fit.regularized.variances(fit.strength), min(fit.system.discretization.basis.degrees)
    found = 0.0
    for quantity, variance in zip(fit.place.linear.quantities, variances, strict=True):
        if quantity.label != CONDITION:
            # what is left of the equations is of high degree, and moves the unknowns by the square of that less
            left = max(quantity.truncated * math.sqrt(len(quantity.misfits)), fit.place.linear.residual / high**2)
            found = max(found, left / math.sqrt(variance))
    return found


def resolved(fit: InverseFit[Any]) -> bool:
    """Whether unknowns of higher degrees would change nothing, next to the noise."""
    return shift(fit) <= _UNSEEN


def rich(fit: InverseFit[Any]) -> bool:
    """Whether functions of higher degrees would be no others, next to what data leave uncertain."""
    assert fit.strength is not None
    factor = fit.regularized.posterior(fit.strength).factor
    columns = split(np.arange(len(fit.place.weights)), fit.system.sought)
    for each, mine in zip(fit.system.sought, columns, strict=True):
        # series of functions that jump never end; their degree is as high as it gets
        if isinstance(each, SoughtFunction) and not each.jumps:
            weights, rows = fit.place.weights[mine], each.inner_rows
            parts = bands(weights.reshape(1, *(p + 1 for p in each.degrees)), each.degrees).reshape(-1, 2)
            off, size = extrapolated(*np.linalg.norm(parts, axis=0)), np.abs(weights).max()
            spread = float(np.sqrt((np.linalg.norm(rows @ factor[mine], axis=1) ** 2).mean()))
            if off > max(_UNSEEN * spread, _SETTLED * size):
                return False
    return True


def same(before: Sequence[Sought], there: Array, fit: InverseFit[Any]) -> bool:
    """Whether the functions of two levels are the same, next to what data leave uncertain.

    Args:
        before: what was sought at the level before.
        there: (p,) its coefficients.
        fit: at this level.
    """
    assert fit.strength is not None
    factor = fit.regularized.posterior(fit.strength).factor
    columns = split(np.arange(len(fit.place.weights)), fit.system.sought)
    olds = zip(before, split(there, before), strict=True)
    for new, mine, (old, weights) in zip(fit.system.sought, columns, olds, strict=True):
        own = factor[mine]
        if isinstance(new, SoughtFunction) and isinstance(old, SoughtFunction):
            moved, rows = new.moved(weights, old), new.inner_rows
            off, size = rows @ (moved - fit.place.weights[mine]), np.abs(rows @ fit.place.weights[mine]).max()
            spread = np.linalg.norm(rows @ own, axis=1)
        else:
            off, size = weights - fit.place.weights[mine], float(np.abs(weights).max())
            spread = np.linalg.norm(own, axis=1)
        near = np.sqrt((off**2).mean()) < _UNSEEN * np.sqrt((spread**2).mean())
        if not (near or np.abs(off).max() < _SETTLED * size):
            return False
    return True
