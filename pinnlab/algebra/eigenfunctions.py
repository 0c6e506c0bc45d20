"""Eigenfunctions by inverse iteration, and the multiple of one for which an integral has its value.

From zero Newton's method cannot leave where zero solves everything but a norm: no equation changes with the eigenvalue
there. With the linearized equations A at a first guess of the number, and their derivative B phi by the number at phi,
A phi' = B phi, again and again, leaves the eigenfunction whose eigenvalue is nearest to the guess.

Source: Wielandt 1944; Ipsen, SIAM Review 39 (1997) 254.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
_ITERATIONS = 60
_SETTLED = 1e-6
"""Change of an eigenfunction of size one at which it is good enough to start from."""
_FAINT = 1e-10
"""Next to the value that an integral should have: what it is for a function that it does not see."""
APART = 1e-3
"""Relative shift of a first guess at which the equations are singular already, since it is an eigenvalue."""


def inverse_iteration(advance: Callable[[Array], Array], start: Array) -> Array | None:
    """The function of size one that an iteration settles on; None where it leads nowhere.

    Args:
        advance: phi to the solution phi' of A phi' = B phi.
        start: any function that has a part of all eigenfunctions.
    """
    phi, before = start / np.abs(start).max(), None
    for _ in range(_ITERATIONS):
        phi = advance(phi)
        if not np.isfinite(phi).all() or not np.any(phi):
            return None
        phi = phi / np.abs(phi).max() * np.sign(phi.flat[np.abs(phi).argmax()])
        if before is not None and np.abs(phi - before).max() < _SETTLED:
            break
        before = phi
    return phi


def multiple(off: Callable[[float], float]) -> tuple[float, bool] | None:
    """The multiple of a function for which an integral has its value, and whether the opposite one is as good.

    Args:
        off: multiple -> the integral less its value; the integral grows with a power of the multiple.

    Returns:
        None where it does not.
    """
    value = -off(0.0)
    once, twice = off(1.0) + value, off(2.0) + value
    if abs(once) < _FAINT * abs(value) or once * twice <= 0:
        return None
    power = np.log2(twice / once)
    if not power > 0:
        return None
    # only an odd integral takes the sign of what is integrated
    found = float(np.sign(value / once) * abs(value / once) ** (1 / power))
    return found, abs(off(-found)) < _SETTLED * abs(value)
