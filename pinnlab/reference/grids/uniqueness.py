"""Whether a steady problem's linearized equations are singular: a certificate, which holds on every grid and in any units.

Letters: c unknowns, N = size of the system, b blocks of rows.

A condition number proves nothing: that of a fourth derivative grows with the eighth power of the number of nodes. Here
rows and unknowns are first scaled as smooth functions see them. The smallest singular value is then about one for a
problem that determines its solution, on any grid, and rounding for one that does not. A function that is annihilated
must be one: smooth, and the same on two grids.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import apply_along
from pinnlab.derivatives.stencils import Array
from pinnlab.reference.grids.structure import Structure
from pinnlab.reference.grids.system import GridSystem, build_axes

_NODES = {1: ((14, 20), (30, 40)), 2: ((8, 12), (12, 16)), 3: ((6, 8),), 4: ((4, 5),)}
"""Per number of dimensions, pairs of grids: few nodes, for rounding stays far below one; more, for waves to be seen."""
_ROUNDING = 100 * np.finfo(float).eps
_LARGEST = 1200
_SAME = 1e-3
"""Up to which the function of the coarse grid must be annihilated on the fine one."""


def is_singular(problem: Problem, structure: Structure) -> bool:
    """Whether some function may be added to a solution, to first order: at every state that was tried, on two grids."""
    return any(_is_singular_on(problem, structure, nodes) for nodes in _NODES[len(problem.domain.space)])


def _is_singular_on(problem: Problem, structure: Structure, nodes: tuple[int, int]) -> bool:
    coarse, fine = (GridSystem(problem, structure, build_axes(problem, n)) for n in nodes)
    if fine.size > _LARGEST:
        return False
    tried = 0
    for which in range(2):
        before, after = (_scaled(system, which) for system in (coarse, fine))
        if before is None or after is None:
            continue
        tried += 1
        first, second = _annihilated(*before), _annihilated(*after)
        if first is None or second is None:
            return False
        matrix, units = after
        moved = _moved(first.reshape(-1, *coarse.shape), coarse, fine).reshape(-1) / units
        moved /= np.sqrt((moved**2).mean())
        if np.sqrt(((matrix @ moved) ** 2).mean()) > _SAME:
            return False
    return tried > 0


def smooth(shape: Sequence[int], points: Sequence[Array], seed: int) -> Array:
    """A smooth function of size one on a grid of this shape, the same on every grid.

    Args:
        shape: nodes per axis.
        points: per axis, the nodes, from 0 to 1.
        seed: of its waves.
    """
    rng, total = np.random.default_rng([seed, 31]), np.zeros(tuple(shape))
    for _ in range(3):
        wave = np.full(tuple(shape), rng.normal())
        for dim, x in enumerate(points):
            factor = np.cos(2 * np.pi * (x * rng.integers(0, 2) + rng.random()))
            wave = wave * factor.reshape([-1 if d == dim else 1 for d in range(len(shape))])
        total += wave
    return total / np.sqrt((total**2).mean())


def _unit_points(system: GridSystem) -> list[Array]:
    bounds = system.problem.domain.bounds
    return [(axis.points - bounds[n][0]) / (bounds[n][1] - bounds[n][0]) for n, axis in system.axes.items()]


def _scaled(system: GridSystem, which: int) -> tuple[Array, Array] | None:
    """The Jacobian (N, N), rows and unknowns scaled, and the units (N,) of the unknowns; None where it is not finite.

    Args:
        system: on a grid.
        which: 0 at the state that is zero, 1 at a smooth positive one.
    """
    points, count = _unit_points(system), len(system.components)
    state = np.zeros((count, *system.shape))
    if which:
        state = np.stack([1 + 0.2 * smooth(system.shape, points, 7 + i) for i in range(count)])
    with np.errstate(all="ignore"):
        jacobian, _ = system.jacobians(state, np.zeros_like(state), 0.0)
    matrix = jacobian.toarray()
    if not np.isfinite(matrix).all():
        return None
    rows = _blocks(system)
    sizes = np.zeros((len(rows), count))
    for u in range(count):
        waves = np.zeros((3, count, *system.shape))
        for k in range(3):
            waves[k, u] = smooth(system.shape, points, k)
        image = waves.reshape(3, -1) @ matrix.T
        sizes[:, u] = [np.sqrt((image[:, block] ** 2).mean()) for block in rows]
    # rows and unknowns by turns, until the largest entries of both are one
    of_rows, of_unknowns = np.ones(len(rows)), np.ones(count)
    for _ in range(20):
        largest = (sizes * of_unknowns).max(axis=1)
        of_rows = np.where(largest > 0, 1 / np.where(largest > 0, largest, 1.0), 1.0)
        largest = (sizes * of_rows[:, None]).max(axis=0)
        of_unknowns = np.where(largest > 0, 1 / np.sqrt(np.where(largest > 0, largest, 1.0) / of_unknowns), 1.0)
    scale = np.ones(system.size)
    for block, factor in zip(rows, of_rows, strict=True):
        scale[block] = factor
    units = np.repeat(of_unknowns, system.points)
    return scale[:, None] * matrix * units, units


def _blocks(system: GridSystem) -> list[Array]:
    """Rows (k,) of each equation and of each boundary condition."""
    numbers = np.arange(system.size).reshape(len(system.components), -1)
    equations = [own[system.free[own]] for own in numbers]
    conditions = [face.rows[face.mine] for face in system.faces]
    return [block for block in (*equations, *conditions) if len(block)]


def _annihilated(matrix: Array, units: Array) -> Array | None:
    """(N,) what the matrix annihilates up to rounding, in the unknowns' own units; None where there is nothing."""
    _, values, right = scipy.linalg.svd(matrix)
    if values[-1] > _ROUNDING * values[0]:
        return None
    return right[-1] * units


def _moved(values: Array, coarse: GridSystem, fine: GridSystem) -> Array:
    """Values (c, *shape) on the finer grid."""
    for dim, (name, axis) in enumerate(coarse.axes.items()):
        refined = axis.refine(values, dim + 1)
        index, weights = axis.stencil(fine.axes[name].points)
        entries = (weights.ravel(), (np.repeat(np.arange(len(index)), index.shape[1]), index.ravel()))
        matrix = scipy.sparse.csr_array(entries, shape=(len(index), refined.shape[dim + 1]))
        values = apply_along(matrix, refined, dim + 1)
    return values
