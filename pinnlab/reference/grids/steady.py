"""Steady problems: Newton's method on the collocated equations.

Letters: c unknowns, N = size of the system.
"""

from __future__ import annotations

import numpy as np

from pinnlab.declaration.problem import Problem
from pinnlab.reference.base import Interpolant
from pinnlab.reference.faces import constant_starts
from pinnlab.reference.grids.krylov import Led
from pinnlab.reference.grids.newton import newton
from pinnlab.reference.grids.structure import Structure
from pinnlab.reference.grids.system import GridSystem, build_axes, describe
from pinnlab.reference.refinement import Attempt, Budget, Estimate, Ladder, refine

_LADDERS = {
    1: Ladder(32, 8192, 2.5), 2: Ladder(16, 130, 6.0, ratio=1.5), 3: Ladder(8, 32, 12.0, ratio=1.5),
    4: Ladder(6, 12, 12.0, ratio=1.34),
}  # fmt: skip
"""Resolutions by the number of dimensions."""


def run_steady(problem: Problem, structure: Structure, budget: Budget) -> tuple[Attempt, Estimate]:
    """Double the nodes, each Newton iteration starting from the coarser solution, until the solution stops changing.

    Raises:
        ValueError: no resolution could be solved.
    """
    previous: list[Interpolant] = []

    def solve(n: int, level: int) -> Attempt:
        axes = build_axes(problem, n)
        system = GridSystem(problem, structure, axes, budget.deadline)
        if previous:
            columns = {name: axis.points for name, axis in axes.items()}
            coarse = previous[-1].on_tensor(columns)
            guesses = [np.stack([coarse[u] for u in problem.unknowns])]
        else:
            shape = (len(problem.unknowns), *system.shape)
            alike = [-1, *[1] * len(system.shape)]
            guesses = [np.broadcast_to(np.reshape(start, alike), shape) for start in constant_starts(problem)]
        if len(axes) > 2:
            led = Led(system)
            state, iterations = newton(led, guesses, linear=led.linear)
        else:
            state, iterations = newton(system, guesses)
        found = Interpolant(axes, dict(problem.domain.bounds), dict(zip(problem.unknowns, state, strict=True)))
        previous.append(found)
        return Attempt(found, n, f"Newton's method, {iterations} iterations, collocation ({describe(axes)})")

    return refine(solve, _LADDERS[len(problem.domain.space)], budget)
