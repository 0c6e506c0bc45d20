"""Systems in time that are linear with constant coefficients: two matrices stand for equations that are evaluated anew.

Letters: s stages, c components, N = size of the state, flattened.

Of R(U, U', t) = A U + M U' + r(t) a step takes products with matrices, and Newton's first iteration is exact. What is linear
is found by looking: the Jacobians at the start and at made-up states, at a time that is no number, are the same. What
depends on time by arithmetic is no number then, and what depends on it by cases is known as a jump.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy

from pinnlab.derivatives.stencils import Array
from pinnlab.reference.collocation import ImplicitSystem, Trajectory, tableau

_SAME = 1e-10
"""Relative difference of rows that is none."""
_SIZES = (1.0, 100.0)
"""Of made-up states, next to the start."""
_CHECKED = 16
"""Instants of a solution at which the equations themselves are evaluated, afterwards."""
_KEPT = 1e-7
"""By how much the equations themselves may differ there, next to their largest terms."""


class Affine:
    """A system as two matrices.

    Args:
        system: that is linear.
        by_state, by_rate: A and M (N, N).
        rest: r (N,), or None where it depends on time.
    """

    def __init__(
        self,
        system: ImplicitSystem,
        by_state: scipy.sparse.csr_array,
        by_rate: scipy.sparse.csr_array,
        rest: Array | None,
    ):
        self.system, self.by_state, self.by_rate, self.rest = system, by_state, by_rate, rest
        self.counted, self.is_full = system.counted.copy(), system.is_full

    @classmethod
    def of(cls, system: ImplicitSystem, state: Array, start: float) -> Affine | None:
        """A system that jumps at no time, if it is linear with constant coefficients; else None.

        Args:
            system: see above.
            state: (c, *shape) at the start.
            start: time.
        """
        nothing, rng = np.zeros_like(state), np.random.default_rng(0)
        size = max(float(np.abs(state).max()), 1.0)
        try:
            with np.errstate(all="ignore"):
                known = system.jacobians(state, nothing, start)
                for factor in _SIZES:
                    made_up = rng.normal(scale=factor * size, size=(2, *state.shape))
                    if not all(map(_same, known, system.jacobians(made_up[0], made_up[1], np.nan))):
                        return None
                rest = system.residual(nothing[None], nothing[None], np.array([np.nan]))[0]
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):  # a time that is no number may be refused
            return None
        return cls(system, *known, rest if np.isfinite(rest).all() else None)

    @property
    def components(self) -> Sequence[object]:
        """C of them."""
        return self.system.components

    @property
    def axes(self) -> Mapping[str, object]:
        """One per dimension of the state's shape."""
        return self.system.axes

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (s, N) for states and rates (s, c, *shape) at s times."""
        rest = self.rest
        if rest is None:
            nothing = np.zeros_like(states)
            rest = self.system.residual(nothing, nothing, times)
        flat = [each.reshape(len(times), -1).T for each in (states, rates)]
        return np.asarray((self.by_state @ flat[0] + self.by_rate @ flat[1]).T + rest)

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(A, M)."""
        return self.by_state, self.by_rate

    def holds(self, found: Trajectory) -> bool:
        """Whether the system's own equations hold at some instants of what was found, as well as these do."""
        method, s = tableau(found.stages), found.stages
        for step in np.unique(np.linspace(0, found.steps - 1, _CHECKED).astype(int)):
            part = slice(step * s, (step + 1) * s + 1)
            times, table = found.times[part], found.states[part]
            rates = np.tensordot(method.rates, table, 1) / (times[-1] - times[0])
            middle = slice(s // 2, s // 2 + 1)
            at = table[1:][middle], rates[middle], times[1:][middle]
            parts = abs(self.by_state) @ np.abs(at[0].ravel()) + abs(self.by_rate) @ np.abs(at[1].ravel())
            own = self.system.residual(*at)
            if not float(np.abs(own - self.residual(*at)).max()) <= _KEPT * float(parts.max()):
                return False
        return True


def _same(one: scipy.sparse.csr_array, other: scipy.sparse.csr_array) -> bool:
    """Whether two matrices are equal, row by row and up to rounding; what is no number is equal to nothing."""
    gap, size = (abs(each).max(axis=1).toarray().ravel() for each in (one - other, one))
    return bool((gap <= _SAME * size).all())
