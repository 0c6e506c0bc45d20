"""A start at which numbers have their first guesses, for steady problems whose integrals are not linear.

Letters: K cells, m unknowns, N basis functions.

The length of a line does not change with a small deflection of a straight one, so that from zero the first step is chance,
its sign included: a chain would hang upwards. The state that belongs to the first guess of the numbers has a length that
changes with them, and is what the first guess means.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.rows import Array, Numbers
from pinnlab.solvers.local_experts.system import Pace, SlabSystem

_MOST = 40


def state_of_guesses(
    system: SlabSystem, start: Array, bump: Array, numbers: Numbers, tolerance: float, pace: Pace, deadline: Deadline
) -> list[Array]:
    """The solution (K, m, N) of everything but integrals for the first guesses of numbers; none where it is not needed.

    Args:
        system: of a steady problem, at the first guesses.
        start: (K, m, N) from which Gauss-Newton starts.
        bump: (K, m, N) coefficients of any function.
        numbers: first guesses.
        tolerance: of a step.
        pace, deadline: see ``SlabSystem.solve``.
    """
    if not numbers or all(_is_linear(system, i, start, start + bump, numbers) for i in range(len(system.integrals))):
        return []
    alone = copy(system)
    alone.integrals = ()
    found = alone.solve(start, tolerance, _MOST, pace, deadline)
    return [found.coefficients] if found.converged else []


def _is_linear(system: SlabSystem, i: int, some: Array, other: Array, numbers: Numbers) -> bool:
    """Whether an integral has the same derivatives by coefficients at two places."""
    here, there = (system.integrals[i].linearized(at, numbers).jacobian for at in (some, other))
    return bool(np.allclose(here, there, rtol=1e-9, atol=1e-9 * float(np.abs(there).max())))
