"""Newton's method for steady systems of equations on a grid.

Letters: N = size of the system.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy

from pinnlab.derivatives.stencils import Array
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cost import TooLargeError, look_ahead
from pinnlab.reference.refinement import HopelessError

_DENSE = 450
_ITERATIONS = 60
_STALLED = 4
"""Full steps in a row of which none is half as long as the shortest before."""


_PATIENCE = 15
"""Iterations for one step of a continuation."""
_SHARE, _LEAST = 0.25, 0.005
"""Of the non-linear part, that is added in the first step of a continuation, and in the shortest one."""


class SteadySystem(Protocol):
    """R(U) = 0, for states and rates of any shape; rates vanish."""

    size: int
    deadline: Deadline

    @property
    def is_full(self) -> bool:
        """Whether the Jacobian has no sparsity worth keeping."""
        ...

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (1, N) for one state."""
        ...

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, Any]:
        """(dR/dU, dR/dU')."""
        ...


@dataclass(frozen=True)
class Linear:
    """How the linearized equations are solved, and when that is enough.

    Attributes:
        solver: a matrix (N, N) -> the solver of its systems.
        enough: residual at which to stop, relative to that of the first guess.
    """

    solver: Callable[[scipy.sparse.csr_array], Callable[[Array], Array]]
    enough: float


def newton(
    system: SteadySystem, guesses: list[Array], iterations: int = _ITERATIONS, linear: Linear | None = None
) -> tuple[Array, int]:
    """A root from the first guess that leads to one, and the number of iterations.

    Args:
        system: what is solved.
        guesses: of the shape of the state.
        iterations: from each guess, at most.
        linear: in place of scaled factorizations and steps down to rounding.

    Raises:
        ValueError: no guess converges, or the linearized equations are singular.
    """
    failure: ValueError | None = None
    for guess in guesses:
        try:
            return _newton(system, guess, iterations, linear)
        except ValueError as error:
            failure = failure or error
    assert failure is not None
    raise failure


class _Eased:
    """A system between its linearization at rest and itself: s R(U) + (1 - s) (R(0) + R'(0) U)."""

    def __init__(self, system: SteadySystem, rest: Array):
        self.system, self.share, self.size, self.is_full = system, 0.0, system.size, system.is_full
        self.deadline, nothing = system.deadline, np.zeros_like(rest)
        self._constant = system.residual(nothing[None], nothing[None], np.zeros(1))[0]
        self._linear, _ = system.jacobians(nothing, nothing, 0.0)

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """(1, N)."""
        easy = self._constant + self._linear @ states.reshape(-1)
        return self.share * self.system.residual(states, rates, times) + (1 - self.share) * easy

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, Any]:
        """(N, N) by the state."""
        own, _ = self.system.jacobians(state, rate, t)
        return scipy.sparse.csr_array(self.share * own + (1 - self.share) * self._linear), None


def newton_by_steps(system: SteadySystem, like: Array, linear: Linear | None = None) -> tuple[Array, int]:
    """A root reached from that of the equations linearized at rest, whose non-linear part grows step by step.

    For flows that is continuation in the coefficient of the convective term, from creeping flow on.

    Args:
        system: which is defined where all unknowns are zero.
        like: of the shape of the state.
        linear: as in ``newton``.

    Raises:
        ValueError: no step is short enough.
    """
    eased, state, count = _Eased(system, like), np.zeros_like(like), 0
    state, _ = _newton(eased, state, linear=linear)
    done, step = 0.0, _SHARE
    while done < 1.0:
        eased.share = min(1.0, done + step)
        try:
            state, more = _newton(eased, state, _PATIENCE, linear)
        except ValueError:
            step /= 4
            if step < _LEAST:
                raise
            continue
        done, step, count = eased.share, 2 * step, count + more
    return state, count


def _newton(
    system: SteadySystem, state: Array, iterations: int = _ITERATIONS, linear: Linear | None = None
) -> tuple[Array, int]:
    time, rate, smallest, stalled = np.zeros(1), np.zeros_like(state), np.inf, 0

    def residual(u: Array) -> Array:
        return system.residual(u[None], rate[None], time)[0]

    current = residual(state)
    first = float(np.linalg.norm(current))
    for iteration in range(1, iterations + 1):
        if not np.isfinite(current).all():
            raise ValueError("reference_solution: the equations are not finite at the first guess (0 or 1 everywhere).")
        jacobian, _ = system.jacobians(state, rate, 0.0)
        # rows are scaled: near boundaries high derivatives make some a million times larger than others
        scale = 1 / np.maximum(abs(jacobian).max(axis=1).toarray().reshape(-1), 1e-300)
        if linear is None:
            scaled = scipy.sparse.csr_array(scipy.sparse.diags_array(scale) @ jacobian)
            look_ahead(system.size, system.is_full, system.deadline)
            step = _solve(scaled, -scale * current, system.is_full).reshape(state.shape)
        else:
            step = _by(linear, jacobian, -current).reshape(state.shape)
        size = float(np.abs(step).max() / max(float(np.abs(state + step).max()), 1e-300))
        if not np.isfinite(size):
            raise HopelessError(f"reference_solution: {SINGULAR}")
        length, norm = 1.0, np.linalg.norm(scale * current)
        while size > 1e-6 and length > 1e-3:
            trial = residual(state + length * step)
            if np.isfinite(trial).all() and np.linalg.norm(scale * trial) <= (1 - 0.1 * length) * norm:
                break
            length /= 2
        state = state + length * step
        current = residual(state)
        if linear is not None and length == 1.0 and float(np.linalg.norm(current)) <= linear.enough * first:
            return state, iteration
        # close to the root steps fall quadratically until rounding stops them
        if length == 1.0 and (size < 1e-14 or (size < 1e-9 and size > 0.1 * smallest)):
            return state, iteration
        # high derivatives round to more than that; finer grids, where it grows, tell how much
        stalled = stalled + 1 if length == 1.0 and 0.5 * smallest < size < 1e-6 else 0
        if stalled == _STALLED:
            return state, iteration
        if length == 1.0:
            smallest = min(smallest, size)
    raise ValueError(
        f"reference_solution: Newton's method did not converge in {iterations} iterations (last relative step "
        f"{size:.1e}); the problem may have no solution, several, or a layer that needs a finer resolution=."
    )


SINGULAR = (
    "the linearized equations are singular, so the solution is not unique or does not exist; with "
    "Neumann or periodic conditions only, fix the free constant, such as by a Dirichlet value on one face."
)


def _by(linear: Linear, matrix: scipy.sparse.csr_array, right: Array) -> Array:
    try:
        return linear.solver(matrix)(right)
    except TooLargeError:
        raise
    except (RuntimeError, np.linalg.LinAlgError) as error:
        raise HopelessError(f"reference_solution: {SINGULAR}") from error


def _solve(matrix: scipy.sparse.csr_array, right: Array, full: bool) -> Array:
    # columns are scaled as well: unknowns may have units that differ by orders of magnitude
    unit = 1 / np.maximum(abs(matrix).max(axis=0).toarray().reshape(-1), 1e-300)
    scaled = scipy.sparse.csr_array(matrix @ scipy.sparse.diags_array(unit))
    try:
        if full or matrix.shape[0] <= _DENSE:
            with warnings.catch_warnings():
                # a pivot that is exactly zero; small ones say nothing, as those of fine grids are small
                warnings.simplefilter("error", scipy.linalg.LinAlgWarning)
                factors = scipy.linalg.lu_factor(scaled.toarray())
            return unit * scipy.linalg.lu_solve(factors, right)
        return unit * scipy.sparse.linalg.splu(scipy.sparse.csc_array(scaled)).solve(right)
    except (RuntimeError, ValueError, scipy.linalg.LinAlgError, scipy.linalg.LinAlgWarning) as error:
        raise HopelessError(f"reference_solution: {SINGULAR}") from error
