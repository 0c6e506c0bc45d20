"""What a least-squares fit knows of its parameters: covariance, directions that data do not tell, quantiles.

Letters: N residuals, divided by the noise, p parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

Array = np.ndarray
BLIND = 1e-6
"""Singular value, next to the largest, of columns of length one, below which a direction leaves no trace in the data."""
_MOST_UNITS, _CERTAIN = 24, 4.0
"""Half deviations over which a profile is followed, and the signed root of the deviance at which it ends."""
_INVOLVED = 0.05
"""Share of the largest component of a direction from which on a parameter takes part in it."""


@dataclass(frozen=True, eq=False)
class Covariance:
    """What is known of parameters.

    Attributes:
        matrix: (p, p) within the directions that data tell.
        blind: (k, p) unit vectors that they do not.
    """

    matrix: Array
    blind: Array

    @property
    def deviations(self) -> Array:
        """(p,) standard deviations; infinite for those that take part in a direction which data do not tell."""
        found = np.sqrt(np.diag(self.matrix))
        for direction in self.blind:
            found = np.where(involved(direction), np.inf, found)
        return found


def covariance(jacobian: Array, blind: float = BLIND, least: float = 0.0) -> Covariance:
    """(J^T J)^-1 of a Jacobian (N, p) of residuals that are divided by their noise (Seber & Wild 1989, section 2.1).

    Columns are scaled to length one first, so that the units of parameters do not matter.

    Args:
        jacobian: (N, p).
        blind: relative singular value below which a direction is one that data do not tell.
        least: length of a column up to which its parameter moves nothing, and is a direction of its own.
    """
    p = jacobian.shape[1]
    lengths = np.linalg.norm(jacobian, axis=0)
    dead = lengths <= least
    scale = np.where(dead, 1.0, lengths)
    unit = np.where(dead, 0.0, jacobian / scale)
    _, values, rows = np.linalg.svd(unit, full_matrices=True)
    values = np.concatenate([values, np.zeros(max(0, p - len(values)))])[:p]
    told = values > blind * max(float(values.max(initial=0.0)), 1e-300)
    inner = rows[:p][told].T / values[told]
    matrix = (inner @ inner.T) / np.outer(scale, scale)
    left = rows[:p][~told] / scale
    return Covariance(matrix, left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-300))


def profile_in_box(rows: Array, left: Array, box: Array, i: int, unit: float) -> tuple[Array, Array]:
    """Steps of one parameter of a linear fit, and the signed roots of what the best of the others within bounds is worse.

    Args:
        rows: (N, p) derivatives of residuals.
        left: (N,) residuals of the best fit within the bounds.
        box: (p, 2) the least and the largest step of each parameter; the bounds of parameter i do not count.
        i: number of the parameter.
        unit: its standard deviation where nothing is bounded.
    """
    others = [j for j in range(rows.shape[1]) if j != i]
    least, known = float(left @ left), {0.0: 0.0}
    # at a bound the others may stand as they are
    low, high = np.minimum(box[others, 0], -1e-300), np.maximum(box[others, 1], 1e-300)
    scale = np.maximum(np.linalg.norm(rows[:, others], axis=0), 1e-300)
    for sign in (-1.0, 1.0):
        for k in range(1, _MOST_UNITS + 1):
            step = sign * 0.5 * k * unit
            moved = left + rows[:, i] * step
            fit = scipy.optimize.lsq_linear(rows[:, others] / scale, -moved, (low * scale, high * scale), method="bvls")
            known[step] = sign * math.sqrt(max(2 * float(fit.cost) - least, 0.0))
            if abs(known[step]) > _CERTAIN:
                break
    steps = np.array(sorted(known))
    return steps, np.array([known[step] for step in steps])


def involved(direction: Array) -> Array:
    """(p,) mask of the parameters that take part in a direction (p,)."""
    return np.abs(direction) > _INVOLVED * np.abs(direction).max()


def quantile(level: float, freedom: float = math.inf) -> float:
    """Half the width of a two-sided interval, in standard deviations: Student's t, or normal for infinite freedom."""
    if math.isinf(freedom):
        return float(scipy.special.ndtri(0.5 + level / 2))
    return float(scipy.special.stdtrit(max(freedom, 1.0), 0.5 + level / 2))


def lag_correlation(residuals: Array) -> float:
    """The correlation of neighbours in a series (N,), about zero for independent ones, with a deviation of 1 / sqrt(N)."""
    square = float((residuals**2).sum())
    return float((residuals[1:] * residuals[:-1]).sum()) / square if square > 0 else 0.0


def too_large(square: float, freedom: float, chance: float = 1e-3) -> bool:
    """Whether a sum of squares of residuals, divided by their noise, is larger than noise makes it but by this chance."""
    return freedom > 0 and float(scipy.special.chdtrc(freedom, square)) < chance
