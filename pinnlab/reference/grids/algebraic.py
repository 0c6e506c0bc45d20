"""Unknowns without a time derivative in the state of a grid: they follow from the others at every instant.

Letters: c components, N = size of the state, a entries of it that are algebraic.

Radau's method solves for them with the rest, as their equations are rows whose mass is zero. Only the start is no
solution of these rows yet: initial conditions give nothing of such an unknown (Hairer & Wanner, Solving Ordinary
Differential Equations II, section VI.1).
"""

from __future__ import annotations

import numpy as np
import scipy

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.stencils import Array
from pinnlab.reference.base import Interpolant
from pinnlab.reference.grids.structure import initial_targets, initial_values
from pinnlab.reference.grids.system import GridSystem
from pinnlab.reference.refinement import HopelessError

_NEWTON = 50
_DETERMINED = 1e-13
"""Reciprocal condition number, rows and columns scaled, below which equations determine nothing."""
_COMPARED, _AGREED = 50, 1e-2
"""Points at which a start that is given is compared, and by how much it may be off, relative to its size."""
_CHECKED = 2000
"""Entries up to which a full matrix is made of them."""


def algebraic(system: GridSystem) -> tuple[str, ...]:
    """The unknowns of its state that have no time derivative."""
    return tuple(u for u, _ in system.components if system.structure.time_order[u] == 0)


def settled(system: GridSystem, state: Array, t: float) -> Array:
    """The state (c, *shape) with values of the algebraic unknowns that solve their equations beside all others.

    Args:
        system: of equations and conditions.
        state: (c, *shape) that gives the others, and a first guess.
        t: the instant.

    Raises:
        HopelessError: the others do not determine them.
        ValueError: Newton's method does not converge.
    """
    names = algebraic(system)
    if not names:
        return state
    rows = np.concatenate([np.arange(system.size)[system.block(u, 0)] for u in names])
    flat, rate, smallest = state.reshape(-1).copy(), np.zeros_like(state), np.inf
    for _ in range(_NEWTON):
        here = flat.reshape(state.shape)
        lacking = system.residual(here[None], rate[None], np.array([t]))[0, rows]
        jacobian, _ = system.jacobians(here, rate, t)
        step = _solve(scipy.sparse.csr_array(jacobian[rows][:, rows]), lacking, names)
        flat[rows] -= step
        size = float(np.abs(step).max() / max(float(np.abs(flat[rows]).max()), 1e-300))
        if not np.isfinite(size):
            break
        if size < 1e-14 or 0.1 * smallest < size < 1e-9:
            return flat.reshape(state.shape)
        smallest = min(size, smallest)
    raise ValueError(f"reference_solution: the equations were not solved for {_listed(names)} at the start, t = {t:g}.")


def check_start(problem: Problem, found: Interpolant) -> None:
    """See to it that what is given of algebraic unknowns at the start is what follows from the others.

    Args:
        problem: with or without time.
        found: its solution, without the initial state.

    Raises:
        ValueError: it is not, by more than a hundredth of the unknown's size.
    """
    if not problem.domain.has_time:
        return
    given = {u for u, *_ in initial_targets(problem) if problem.order_of(u, problem.domain.clock) == 0}
    inside = {n: np.linspace(lo, hi, _COMPARED + 2)[1:-1] for n, (lo, hi) in problem.domain.bounds.items()}
    inside[problem.domain.clock] = np.full(_COMPARED, problem.domain.time_interval[0])
    for unknown in sorted(given):
        start = initial_values(problem, {n: x for n, x in inside.items() if n in problem.domain.space})[unknown, 0]
        value = found(inside)[unknown]
        if not np.linalg.norm(start - value) <= _AGREED * np.linalg.norm(value):
            raise ValueError(
                f"reference_solution: the initial value of {unknown!r} contradicts the equations without time derivatives, "
                f"from which it follows; leave {unknown} out of the initial condition."
            )


def _solve(matrix: scipy.sparse.csr_array, right: Array, names: tuple[str, ...]) -> Array:
    """(a,), rows and columns being scaled.

    Raises:
        HopelessError: the matrix is singular.
    """
    rows = 1 / np.maximum(abs(matrix).max(axis=1).toarray().reshape(-1), 1e-300)
    scaled = scipy.sparse.csr_array(scipy.sparse.diags_array(rows) @ matrix)
    columns = 1 / np.maximum(abs(scaled).max(axis=0).toarray().reshape(-1), 1e-300)
    scaled = scipy.sparse.csr_array(scaled @ scipy.sparse.diags_array(columns))
    try:
        if len(right) > _CHECKED:
            return columns * scipy.sparse.linalg.splu(scipy.sparse.csc_array(scaled)).solve(rows * right)
        full = scaled.toarray()
        factors, pivots, info = scipy.linalg.lapack.dgetrf(full)
        share, _ = scipy.linalg.lapack.dgecon(factors, np.linalg.norm(full, 1))
        if info == 0 and share > _DETERMINED:
            return columns * scipy.linalg.lu_solve((factors, pivots), rows * right)
    except RuntimeError:
        pass
    raise HopelessError(
        f"reference_solution: no equation holds a time derivative of {_listed(names)}, and the equations without time "
        f"derivatives do not give {_listed(names)} from the other unknowns at each instant; eliminate {names[0]!r} from "
        f"the equations, add the equation that holds {names[0]}.t, or give conditions that fix what is left open."
    )


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(map(repr, names))
