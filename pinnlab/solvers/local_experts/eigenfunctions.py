"""A start that is not zero, where zero solves everything but an integral: an eigenfunction.

Letters: K cells, m unknowns, N basis functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnlab.algebra.eigenfunctions import APART, inverse_iteration, multiple
from pinnlab.solvers.local_experts.rows import Array, Numbers
from pinnlab.solvers.local_experts.system import Linear, SlabSystem


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
    zero, shifted = np.zeros_like(bump), dict(numbers)
    name = next(iter(numbers), None)
    wanted = next((rows for rows in system.integrals if np.any(rows.residuals(zero, numbers))), None)
    if wanted is None or name is None or not _solves_all(system, zero, numbers):
        return None
    for _ in range(2):
        linear = [group.linearized(zero, shifted) for group in system.groups]
        try:
            factor = system.factorize([parts for _, parts in linear])
            break
        except np.linalg.LinAlgError:
            shifted[name] += APART * (abs(shifted[name]) or 1.0)
    else:
        return None

    def by_number(phi: Array) -> Linear:
        """The derivative of the rows by the first number at phi, in place of residuals."""
        found = [group.linearized(phi, shifted)[1][0].numbers for group in system.groups]
        return [
            (np.zeros_like(residuals) if by is None else by[..., 0], parts)
            for by, (residuals, parts) in zip(found, linear, strict=True)
        ]

    def advance(phi: Array) -> Array:
        return system.spread(factor.solve(system.gathered(system.gradient(by_number(phi)))), phi.shape)

    phi = inverse_iteration(advance, bump)
    if phi is None:
        return None
    image = np.concatenate([group.residuals(phi, shifted).ravel() for group in system.groups])
    slope = np.concatenate([residuals.ravel() for residuals, _ in by_number(phi)])
    shifted[name] -= float(image @ slope) / float(slope @ slope)
    found = multiple(lambda c: float(np.mean(wanted.residuals(c * phi, shifted))))
    return None if found is None else Start(found[0] * phi, shifted, found[1])


def _solves_all(system: SlabSystem, zero: Array, numbers: Numbers) -> bool:
    """Whether zero solves all equations and conditions but integrals, whatever the numbers."""
    found = [group.linearized(zero, numbers) for group in system.groups]
    return not any(np.any(residuals) or np.any(parts[0].numbers) for residuals, parts in found)
