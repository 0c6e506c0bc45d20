"""Huber's loss: residuals of the size of the noise count by their squares, larger ones by their modulus only.

Source: Huber, Ann. Math. Stat. 35 (1964); the scale is that of his second proposal, the covariance that of Huber, Robust
Statistics (1981), section 7.6.

Letters: n residuals r, divided by the noise; c the size from which on they count by their modulus.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray
CORNER = 1.345
"""c: where all residuals are normal, the estimate has 95 % of the efficiency of least squares."""
_STEPS, _SETTLED = 100, 1e-6
_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median modulus."""


def root(r: Array) -> Array:
    """(n,) signed roots of twice the loss, whose squares a fit lowers: r where |r| < c, else sqrt(2 c |r| - c^2)."""
    size = np.abs(r)
    return np.where(size <= CORNER, r, np.sign(r) * np.sqrt(np.maximum(2 * CORNER * size - CORNER**2, 0.0)))


def root_slope(r: Array) -> Array:
    """(n,) the derivative of ``root``."""
    size = np.maximum(np.abs(r), CORNER)
    return np.where(np.abs(r) <= CORNER, 1.0, CORNER / np.sqrt(2 * CORNER * size - CORNER**2))


def clipped(r: Array) -> Array:
    """(n,) psi, the derivative of the loss: residuals, cut off at c."""
    return np.clip(r, -CORNER, CORNER)


def normal_square() -> float:
    """The mean of psi^2 over normal residuals: 0.7102."""
    inside, density = math.erf(CORNER / math.sqrt(2)), math.exp(-(CORNER**2) / 2) / math.sqrt(2 * math.pi)
    return float(inside - 2 * CORNER * density + CORNER**2 * (1 - inside))


def scale(left: Array, parameters: float) -> float:
    """The noise by Huber's second proposal: the sum of psi^2 is what it is for normal noise with n - p degrees of freedom.

    Args:
        left: (n,) residuals that are not divided by it.
        parameters: p, of the fit.
    """
    wanted = max(len(left) - parameters, 1.0) * normal_square()
    found = _NORMAL * float(np.median(np.abs(left)))
    for _ in range(_STEPS):
        if found <= 0:
            return 0.0
        factor = float(np.sqrt((clipped(left / found) ** 2).sum() / wanted))
        found *= factor
        if abs(factor - 1) < _SETTLED:
            break
    return found


def information(r: Array, parameters: float) -> tuple[float, float]:
    """(a, b): the mean of psi', and that of psi^2 with a correction for few residuals.

    Where a J^T J is the curvature of the loss, b J^T J is the covariance of its gradient: the parameters' covariance is
    (b / a^2) (J^T J)^-1.

    Args:
        r: (n,).
        parameters: p.
    """
    n, inside = len(r), float((np.abs(r) <= CORNER).mean())
    a = max(inside, 1 / n)
    correction = 1 + parameters / n * (1 - a) / a
    return a, float((clipped(r) ** 2).sum()) / max(n - parameters, 1.0) * correction**2
