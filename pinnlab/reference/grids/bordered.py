"""Steady problems with integrals: a few rows that touch all nodes, and as many unknown numbers.

Letters: c unknowns, N = size of the grid's system, p numbers to be found, k free constants, R = p + k integrals.

An integral that fixes a free constant has no number of its own; the grid's equations have then one condition too many,
which hold only if sources and slopes balance. A constant source is added to them as the last unknown: it is what the
balance lacks, zero but for the grid's error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import torch

from pinnlab.algebra.eigenfunctions import APART, inverse_iteration, multiple
from pinnlab.declaration.conditions import Integral
from pinnlab.declaration.gauge import free_constants
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import evaluate
from pinnlab.derivatives.stencils import Array
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.base import Interpolant
from pinnlab.reference.grids.integrals import GridIntegral
from pinnlab.reference.grids.newton import newton
from pinnlab.reference.grids.structure import Structure
from pinnlab.reference.grids.system import GridSystem, build_axes, describe
from pinnlab.reference.refinement import Attempt, Budget, Estimate, Ladder, refine

Numbers = Mapping[str, float]
_STEP = 1e-4
"""Relative step of the difference by which rows are differentiated by a number; most are linear in it."""
_UNBALANCED = 1e-3
_AS_LARGE = 0.9
_START_NODES = {1: 96, 2: 26}
"""Per number of dimensions, nodes per axis of a start that others refine."""


def integrals_of(problem: Problem) -> list[Integral]:
    """The integrals among a problem's conditions."""
    return [c for c in problem.conditions if isinstance(c, Integral)]


class BorderedSystem:
    """The grid's rows and those of integrals, for states (N + p + k,): values, numbers, missing sources.

    Args:
        system: the grid's.
        problem: with integrals.

    Raises:
        ValueError: there are more or fewer integrals than numbers and free constants.
    """

    def __init__(self, system: GridSystem, problem: Problem):
        self.grid, self.deadline, self.is_full = system, system.deadline, system.is_full
        self.names = problem.unknown_parameters
        self.integrals = [GridIntegral(problem, c, system.axes) for c in integrals_of(problem)]
        without = [c for c in problem.conditions if not isinstance(c, Integral)]
        fixed = {name: problem.parameter_values()[name].item() for name in self.names}
        loose = free_constants(problem.replace(conditions=without, parameters={**problem.parameters, **fixed}))
        # a number may stand for a source that balances the rest
        self.free = max(0, len(loose) - max(0, len(self.names) + len(loose) - len(self.integrals)))
        if len(self.integrals) != len(self.names) + self.free:
            raise ValueError(
                f"reference_solution: {len(self.integrals)} integrals beside {len(self.names)} unknown coefficients; the "
                "built-in solver takes one for each, and one for each free constant."
            )
        # numbers have any units, and Newton's method compares its steps with the whole state
        self.units = np.array([abs(fixed[name]) or 1.0 for name in self.names])
        self.source = np.where(system.free, 1.0, 0.0)
        self.size = system.size + len(self.integrals)

    def split(self, flat: Array) -> tuple[Array, dict[str, float], Array]:
        """State (c, *shape), numbers, missing sources (k,)."""
        n, p = self.grid.size, len(self.names)
        state = flat[:n].reshape(len(self.grid.components), *self.grid.shape)
        return state, dict(zip(self.names, (self.units * flat[n : n + p]).tolist(), strict=True)), flat[n + p :]

    def joined(self, state: Array, numbers: Numbers) -> Array:
        """The inverse of ``split``, without missing sources."""
        given = np.array([numbers[n] for n in self.names]) / self.units
        return np.concatenate([state.ravel(), given, np.zeros(self.free)])

    def rows(self, state: Array, numbers: Numbers) -> Array:
        """(N,) the grid's own rows."""
        return self.grid.at(numbers).residual(state[None], np.zeros_like(state)[None], np.zeros(1))[0]

    def by_number(self, state: Array, numbers: Numbers, name: str) -> Array:
        """(N,) derivatives of the grid's rows by a number."""
        step = _STEP * (abs(numbers[name]) or 1.0)
        above, below = ({**numbers, name: numbers[name] + sign * step} for sign in (1.0, -1.0))
        return (self.rows(state, above) - self.rows(state, below)) / (2 * step)

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """(1, N + R), as of a grid's system, at one state (1, N + p + k)."""
        state, numbers, sources = self.split(states[0])
        values = [integral.value(state, numbers) for integral in self.integrals]
        return np.concatenate([self.rows(state, numbers) + self.source * sources.sum(), values])[None]

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, None]:
        """(N + R, N + p + k), as of a grid's system."""
        values, numbers, _ = self.split(state)
        matrix, _ = self.grid.at(numbers).jacobians(values, np.zeros_like(values), t)
        units = zip(self.names, self.units, strict=True)
        beside = [unit * self.by_number(values, numbers, name) for name, unit in units] + [self.source] * self.free
        rows = np.stack([integral.linearized(values, numbers)[1] for integral in self.integrals])
        corner = np.zeros((len(self.integrals), len(beside)))
        for i, integral in enumerate(self.integrals):
            for j, name in enumerate(self.names):
                step = _STEP * (abs(numbers[name]) or 1.0)
                above, below = ({**numbers, name: numbers[name] + sign * step} for sign in (1.0, -1.0))
                slope = (integral.value(values, above) - integral.value(values, below)) / (2 * step)
                corner[i, j] = self.units[j] * slope
        found = scipy.sparse.block_array([[matrix, np.stack(beside, axis=1)], [rows, corner]], format="csr")
        return scipy.sparse.csr_array(found), None

    def check_balance(self, flat: Array) -> None:
        """Raise ValueError where the source that is missing is no error of the grid."""
        state, numbers, sources = self.split(flat)
        given = np.abs(self.rows(np.zeros_like(state), numbers)).max()
        if len(sources) and np.abs(sources).max() > _UNBALANCED * max(given, np.abs(state).max()):
            raise ValueError(
                f"reference_solution: no function solves all equations and conditions: sources and slopes do not balance, a "
                f"source of {sources.sum():.2g} is missing."
            )


@dataclass(frozen=True)
class GridStart:
    """An eigenfunction on a grid, of the right size, with its number."""

    interpolant: Interpolant
    numbers: dict[str, float]


def first_guess(system: BorderedSystem, problem: Problem) -> Array | None:
    """Near an eigenfunction whose eigenvalue is nearest to its first guess; None where zero is not another solution."""
    grid, numbers = system.grid, {n: problem.parameter_values()[n].item() for n in system.names}
    zero = np.zeros((len(grid.components), *grid.shape))
    wanted = next((i for i in system.integrals if i.value(zero, numbers) != 0), None)
    if wanted is None or not numbers or np.any(system.rows(zero, numbers)):
        return None
    if any(np.any(system.by_number(zero, numbers, name)) for name in numbers):
        return None
    name = next(iter(numbers))
    # never exactly an eigenvalue
    shifted = {**numbers, name: numbers[name] + 1e-3 * APART * (abs(numbers[name]) or 1.0)}
    matrix, _ = grid.at(shifted).jacobians(zero, zero, 0.0)
    solve = _factorized(matrix, system.is_full)
    phi = inverse_iteration(
        lambda phi: solve(system.by_number(phi, shifted, name)).reshape(zero.shape), _bump(grid, len(zero))
    )
    if phi is None:
        return None
    slope = system.by_number(phi, shifted, name)
    image = matrix @ phi.ravel()
    shifted[name] -= float(image @ slope) / float(slope @ slope)
    found = multiple(lambda c: wanted.value(c * phi, shifted))
    if found is None:
        return None
    state = found[0] * phi
    return system.joined(_turned(state, grid, problem) if found[1] else state, shifted)


def _turned(state: Array, grid: GridSystem, problem: Problem) -> Array:
    """With the sign of the problem's reference, else the one that makes its largest value, the first of them, positive."""
    values = state[0].ravel()
    if problem.reference is not None:
        points = torch.stack([torch.from_numpy(grid.grid[n]) for n in problem.domain.coordinates], dim=1)
        along = float(values @ evaluate(problem.reference, problem, points)[:, 0].numpy())
    else:
        along = float(values[np.flatnonzero(np.abs(values) > _AS_LARGE * np.abs(values).max())[0]])
    return -state if along < 0 else state


def _bump(grid: GridSystem, count: int) -> Array:
    """(c, *shape): smooth functions without any symmetry."""
    bounds = grid.problem.domain.bounds
    total = np.zeros(grid.points)
    for k, (name, x) in enumerate(grid.grid.items()):
        lower, upper = bounds[name]
        total = total + (2.1 + 0.6 * k) * (x - lower) / (upper - lower)
    return np.stack([1.3 + np.cos(total + 0.7 * j) for j in range(count)]).reshape(count, *grid.shape)


def _factorized(matrix: scipy.sparse.csr_array, full: bool) -> Callable[[Array], Array]:
    if full:
        factors = scipy.linalg.lu_factor(matrix.toarray())
        return lambda right: scipy.linalg.lu_solve(factors, right)
    solve: Callable[[Array], Array] = scipy.sparse.linalg.splu(scipy.sparse.csc_array(matrix)).solve
    return solve


def grid_start(problem: Problem, structure: Structure, deadline: Deadline) -> GridStart | None:
    """An eigenfunction that a network may start from; None where the problem has none.

    Raises:
        ValueError: the classical solver cannot solve the problem.
    """
    axes = build_axes(problem, _START_NODES[len(problem.domain.space)])
    system = BorderedSystem(GridSystem(problem, structure, axes, deadline), problem)
    flat = first_guess(system, problem)
    if flat is None:
        return None
    state, numbers, _ = system.split(flat)
    return GridStart(_interpolant(problem, system, state), numbers)


def _interpolant(problem: Problem, system: BorderedSystem, state: Array) -> Interpolant:
    return Interpolant(system.grid.axes, dict(problem.domain.bounds), dict(zip(problem.unknowns, state, strict=True)))


def run_bordered(problem: Problem, structure: Structure, budget: Budget) -> tuple[Attempt, Estimate, dict[str, float]]:
    """As ``run_steady``, with integrals; the last are the numbers that were found.

    Raises:
        ValueError: no resolution could be solved.
    """
    found: list[tuple[Interpolant, dict[str, float]]] = []

    def solve(n: int, level: int) -> Attempt:
        axes = build_axes(problem, n)
        system = BorderedSystem(GridSystem(problem, structure, axes, budget.deadline), problem)
        flat, iterations = newton(system, _guesses(system, problem, found))
        system.check_balance(flat)
        state, numbers, _ = system.split(flat)
        interpolant = _interpolant(problem, system, state)
        found.append((interpolant, numbers))
        return Attempt(interpolant, n, f"Newton's method, {iterations} iterations, collocation ({describe(axes)})")

    ladder = Ladder(32, 2048, 2.5) if len(problem.domain.space) == 1 else Ladder(16, 60, 6.0, ratio=1.5)
    attempt, estimate = refine(solve, ladder, budget)
    numbers = next(numbers for interpolant, numbers in found if interpolant is attempt.interpolant)
    return attempt, estimate, numbers


def _guesses(
    system: BorderedSystem, problem: Problem, found: Sequence[tuple[Interpolant, dict[str, float]]]
) -> list[Array]:
    eigen = first_guess(system, problem)
    if eigen is not None:  # a coarser grid may have found another one
        return [eigen]
    if found:
        coarse, numbers = found[-1]
        values = coarse.on_tensor({name: axis.points for name, axis in system.grid.axes.items()})
        return [system.joined(np.stack([values[u] for u in problem.unknowns]), numbers)]
    start = {n: problem.parameter_values()[n].item() for n in system.names}
    shape = (len(problem.unknowns), *system.grid.shape)
    states = [np.full(shape, value) for value in (0.0, 1.0)]
    return [system.joined(state, start) for state in (*_of_first_guesses(system, states[0], start), *states)]


def _of_first_guesses(system: BorderedSystem, state: Array, numbers: Numbers) -> list[Array]:
    """The state without integrals for the first guesses of numbers, where integrals are not linear: that is what they mean.

    Args:
        system: with integrals.
        state: from which Newton's method starts.
        numbers: first guesses.
    """
    here, there = (
        np.stack([i.linearized(each, numbers)[1] for i in system.integrals])
        for each in (state, state + _bump(system.grid, len(state)))
    )
    if not numbers or system.free or np.allclose(here, there, rtol=1e-9):
        return []
    try:
        flat, _ = newton(system.grid.at(numbers), [state])
    except ValueError:
        return []
    return [flat.reshape(state.shape)]
