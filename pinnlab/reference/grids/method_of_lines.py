"""Time-dependent problems that are not plainly periodic: collocation in space, Radau IIA in time.

Letters: n nodes per axis.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pinnlab.declaration.discontinuities.one_sided import hair
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import Axis, DifferentiableAxis, NodeAxis
from pinnlab.derivatives.stencils import Array
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.base import Interpolant
from pinnlab.reference.collocation import Integrator, Trajectory
from pinnlab.reference.cuts import stops
from pinnlab.reference.grids.algebraic import settled
from pinnlab.reference.grids.structure import Structure, initial_values, periodic_unknowns
from pinnlab.reference.grids.system import GridSystem, build_axes, describe
from pinnlab.reference.refinement import Attempt, Budget, Estimate, Ladder, refine

_FIRST = (32, 64, 128)
"""Nodes on a line with which to begin: the fewest of these that hold the initial state."""


def advance(
    problem: Problem,
    structure: Structure,
    axes: Mapping[str, DifferentiableAxis],
    tolerance: float,
    deadline: Deadline,
    stages: int = 7,
    floors: Mapping[str, float] | None = None,
) -> Trajectory:
    """Collocate and integrate over the whole time interval; for ``floors`` see ``Budget``.

    Raises:
        TimeIsUpError: the deadline has passed.
        TooLargeError: the matrices do not fit into the memory.
    """
    system = GridSystem(problem, structure, axes, deadline)
    found = initial_values(problem, system.grid)
    nothing = np.zeros(system.points)
    state = np.stack([found.get(component, nothing).reshape(system.shape) for component in structure.components])
    start, stop = problem.domain.time_interval
    # where the initial state contradicts a boundary condition, the condition wins: it holds at every later time
    least = np.array([(floors or {}).get(unknown, 0.0) for unknown, _ in structure.components])

    def met(here: Array, now: float) -> Array:
        return settled(system, system.fit_boundary(here, np.zeros_like(here), now), now)

    past, state = 2 * hair((start, stop)), met(state, start)
    return Integrator(system, tolerance, stages, deadline).run(state, start, stop, least, stops(problem), met, past)


def as_interpolant(
    problem: Problem, structure: Structure, axes: Mapping[str, DifferentiableAxis], found: Trajectory
) -> Interpolant:
    """The trajectory with its collocation polynomials as interpolation in time."""
    coordinates = problem.domain.coordinates
    times = NodeAxis(found.times, 0, stride=found.stages)
    by_name: dict[str, Axis] = {name: times if name == problem.domain.clock else axes[name] for name in coordinates}
    data = {
        unknown: np.moveaxis(found.states[:, row], 0, problem.domain.time_index)
        for row, (unknown, order) in enumerate(structure.components)
        if order == 0
    }
    return Interpolant(by_name, dict(problem.domain.bounds), data, time=problem.domain.time)


def holds_start(problem: Problem, n: int, tolerance: float) -> bool:
    """Whether n nodes on a line hold the initial state: in between, what is interpolated is off by the tolerance at most."""
    ((name, axis),) = build_axes(problem, n).items()
    between = (axis.points[1:] + axis.points[:-1]) / 2
    index, weights = axis.stencil(between)
    truth = initial_values(problem, {name: between})
    for component, values in initial_values(problem, {name: axis.points}).items():
        off = np.abs((weights * values[index]).sum(1) - truth[component]).max()
        if not off <= tolerance * np.abs(values).max():
            return False
    return True


def run_method_of_lines(
    problem: Problem, structure: Structure, budget: Budget, most: int | None = None
) -> tuple[Attempt, Estimate]:
    """Double the nodes, tightening the time step with them, until the solution stops changing."""

    def solve(n: int, level: int) -> Attempt:
        axes = build_axes(problem, n)
        tolerance = max(1e-12, 0.1 * min(budget.tolerance, 1e-3) * 0.4**level)
        found = advance(problem, structure, axes, tolerance, budget.deadline, floors=budget.floors)
        where = f"collocation ({describe(axes)}), " if axes else ""
        method = f"{where}Radau IIA of order {2 * found.stages - 1}, {found.steps} steps at tolerance {tolerance:.0e}"
        return Attempt(as_interpolant(problem, structure, axes, found), n, method)

    dimensions = len(problem.domain.space)
    if dimensions == 0:
        return refine(solve, Ladder(0, 0, 1.5), budget)
    ladder = Ladder(16, 128, 6.0, ratio=1.5)
    if all(periodic_unknowns(problem, name) for name in problem.domain.space):
        ladder = Ladder(32, most or 1024, 7.0)  # full matrices
    elif dimensions == 1:
        # what a grid does not resolve oscillates, and takes many more steps than a finer grid
        first = next((n for n in _FIRST if holds_start(problem, n, budget.tolerance)), _FIRST[0])
        ladder = Ladder(first, 16384, 2.6)
    return refine(solve, ladder, budget)
