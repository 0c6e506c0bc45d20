"""A start that is not zero, where zero solves everything but an integral: an eigenfunction, by inverse iteration.

Letters: K cells, m unknowns, N basis functions.

From zero Gauss-Newton cannot leave: no equation changes with the eigenvalue there. At a first guess of the number, the
linearized equations A, and their derivative B phi by the number at phi, give (A) phi' = B phi, again and again, which
leaves the eigenfunction whose eigenvalue is nearest (Wielandt 1944; Ipsen, SIAM Review 39 (1997) 254).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnlab.solvers.local_experts.rows import Array, Numbers
from pinnlab.solvers.local_experts.system import Linear, SlabSystem

_ITERATIONS = 60
_SETTLED = 1e-6
_APART = 1e-3
"""Relative shift of a first guess at which the equations are singular already, since it is an eigenvalue."""
_FAINT = 1e-10
"""Next to the value that an integral should have: what it is for a function that it does not see."""


@dataclass(frozen=True)
class Start:
    """Where Gauss-Newton starts.

    Attributes:
        coefficients: (K, m, N).
        numbers: first guesses.
        either_sign: whether the opposite sign would be as good.
    """

    coefficients: Array
    numbers: Numbers
    either_sign: bool


def nontrivial_start(system: SlabSystem, bump: Array, numbers: Numbers) -> Start | None:
    """A start near the eigenfunction whose eigenvalue is nearest to the first guess; None where zero is no solution.

    Args:
        system: of a steady problem.
        bump: (K, m, N) coefficients of any function that is not even, nor odd, about anything.
        numbers: first guesses.
    """
    zero = np.zeros_like(bump)
    at_zero = [group.linearized(zero, numbers) for group in system.groups]
    if any(np.any(residuals) for residuals, _ in at_zero) or any(
        np.any(_by_first(at_zero, i)) for i in range(len(numbers))
    ):
        return None
    wanted = next((rows for rows in system.integrals if np.any(np.abs(rows.residuals(zero, numbers)) > 0)), None)
    number = next(iter(numbers), None)
    if wanted is None or number is None:
        return None
    shifted = dict(numbers)
    for _ in range(2):
        linear = [group.linearized(zero, shifted) for group in system.groups]
        try:
            factor = system.factorize([parts for _, parts in linear])
            break
        except np.linalg.LinAlgError:
            shifted[number] += _APART * (abs(shifted[number]) or 1.0)
    else:
        return None
    phi, before = bump / np.abs(bump).max(), None
    for _ in range(_ITERATIONS):
        right = _by_number(system, phi, shifted, linear)
        phi = system.spread(factor.solve(system.gathered(system.gradient(right))), phi.shape)
        if not np.isfinite(phi).all() or not np.any(phi):
            return None
        phi = phi / np.abs(phi).max() * np.sign(phi.flat[np.abs(phi).argmax()])
        if before is not None and np.abs(phi - before).max() < _SETTLED:
            break
        before = phi
    image = np.concatenate([residuals.ravel() for residuals in (g.residuals(phi, shifted) for g in system.groups)])
    slope = np.concatenate([residuals.ravel() for residuals, _ in _by_number(system, phi, shifted, linear)])
    shifted[number] -= float(image @ slope) / float(slope @ slope)
    return _scaled(phi, wanted.residuals, shifted)


def _by_first(found: Linear, i: int) -> Array:
    return np.concatenate([parts[0].numbers[..., i].ravel() for _, parts in found if parts[0].numbers is not None])


def _by_number(system: SlabSystem, phi: Array, numbers: Numbers, linear: Linear) -> Linear:
    """The derivative of the rows by the first number at phi, in place of residuals."""
    found = []
    for group, (_, parts) in zip(system.groups, linear, strict=True):
        residuals, at_phi = group.linearized(phi, numbers)
        by = at_phi[0].numbers
        found.append((np.zeros_like(residuals) if by is None else by[..., 0], parts))
    return found


def _scaled(phi: Array, off: Callable[[Array, Numbers], Array], numbers: Numbers) -> Start | None:
    """The multiple of phi for which an integral has its value, if it grows with a power of the multiple."""
    value = -float(np.mean(off(0 * phi, numbers)))
    once, twice = (float(np.mean(off(c * phi, numbers))) + value for c in (1.0, 2.0))
    if abs(once) < _FAINT * abs(value) or once * twice <= 0:
        return None
    power = np.log2(twice / once)
    ratio = value / once
    if not power > 0:
        return None
    # only an odd integral takes the sign of what is integrated
    found = np.sign(ratio) * phi * abs(ratio) ** (1 / power)
    opposite = float(np.mean(off(-found, numbers)))
    return Start(found, numbers, abs(opposite) < _SETTLED * abs(value))
