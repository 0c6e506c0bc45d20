"""Rows of an experiment that are one call of ``pl.solve``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pinnlab.algebra.largest import largest
from pinnlab.api import solve
from pinnlab.bench.papers.experiment import Measured, Setting
from pinnlab.declaration.conditions import Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import compute_reference
from pinnlab.training.plans import Solver


def trained(
    problem: Callable[[str], Problem],
    solver: Callable[[str], Solver | None],
    error: Callable[[Any], float] | None = None,
) -> Callable[[Setting], Measured]:
    """A row that is one call of ``pl.solve``.

    Args:
        problem: makes the problem for one of ``SIZES``.
        solver: makes the solver for one of ``SIZES``; None leaves the choice to ``solve``.
        error: of the solution; its largest relative L2 error of an unknown if None.
    """

    def make(setting: Setting) -> Measured:
        made = problem(setting.size)
        compute_reference(made)
        solution = solve(
            made,
            solver(setting.size),
            max_seconds=setting.seconds,
            seed=setting.seed,
            device=setting.device,
            checkpoint=setting.checkpoint,
            progress=setting.progress,
        )
        found = largest(solution.error().values()) if error is None else error(solution)
        return Measured(found, solution.seconds, solution.status.name)

    return make


def softened(problem: Problem) -> Problem:
    """The problem with all conditions but periods in the loss, as authors have them who do not build them in."""
    kept = [c if isinstance(c, Periodic) else c.kept_soft() for c in problem.conditions]
    return problem.replace(conditions=kept)
