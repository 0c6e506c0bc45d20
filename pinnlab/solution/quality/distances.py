"""How far a solution is from what it should be: what all estimates of its error share.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.solution.measures import sizes_of
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.solution.sizes import Size, rms
from pinnlab.training.result import Solved

_ROUNDING = 4.0
"""Rounding of a solution, in units of its number format's own."""


class NoEstimateError(ValueError):
    """There is no estimate, and why."""


def made_of(
    solution: Solved,
    points: Tensor,
    truth: Tensor,
    doubt: dict[str, float],
    method: str,
    seconds: float,
    problem: Problem,
    errors: dict[str, float] | None = None,
) -> ErrorEstimate:
    """The estimate from what the solution should be, or from errors that are known already.

    Args:
        solution: of a single instance.
        points: (n, d), spread evenly.
        truth: (n, m) values that it should have there.
        doubt: {unknown: how far these may be off, root mean square}.
        method, seconds: as in the estimate.
        problem: that of the solution, with the coefficients found.
        errors: {unknown: root mean square}; None for those at the points.

    Raises:
        NoEstimateError: the errors are not finite.
    """
    if errors is None:
        off = values_on(solution, points) - truth
        errors = {u: rms(off[:, j]) for j, u in enumerate(problem.unknowns)}
    if not all(math.isfinite(e) for e in errors.values()):
        raise NoEstimateError(f"the error by {method} is not finite")
    natural = sizes_of(problem, solution.models)
    sizes = {u: Size.of(truth[:, j], natural[u].natural) for j, u in enumerate(problem.unknowns)}
    eps = _ROUNDING * torch.finfo(solution.models[0].parameters[0].dtype).eps
    return ErrorEstimate.of(errors, doubt, sizes, eps, method, seconds)


def values_on(solution: Solved, points: Tensor) -> Tensor:
    """(n, m) values at (n, d) points, float64."""
    return solution.function(points.to(solution.models[0].parameters[0])).detach().to("cpu", torch.float64)


def with_coefficients(solution: Solved) -> Problem:
    """The problem with the coefficients found."""
    problem = solution.problem
    sought = problem.unknown_parameters or problem.unknown_functions
    return problem.at(**solution.coefficients) if sought else problem
