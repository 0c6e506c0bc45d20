"""The error that a solver has worked out itself: the last word where no referee takes the problem.

Local experts on cut cells follow the residuals at points that no solve has seen through their own equations
(``solvers.cut_cells.influence``). It sees what residuals see, and nothing else: of thin layers between points it knows no
more than they do.
"""

from __future__ import annotations

import time

from pinnlab.declaration.conditions import Data
from pinnlab.declaration.gauge import fixing_values
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import two_sided_grid
from pinnlab.solution.quality.distances import NoEstimateError, made_of, values_on, with_coefficients
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.training.result import Solved


def by_experts(solution: Solved) -> ErrorEstimate:
    """What the experts take their error to be at most; half of it is the doubt of the other half.

    Raises:
        NoEstimateError: the solution was not made by experts on cut cells, was found from data, or conditions are missing.
    """
    began = time.perf_counter()
    own = solution.models[0].own_errors
    if not own or len(solution.models) > 1:
        raise NoEstimateError("only steady solutions of local experts on cut cells come with an error of their own")
    known, points = with_coefficients(solution), two_sided_grid(solution.problem)
    if _follows_data(known):
        raise NoEstimateError("what the experts have told of their own error knows nothing of data")
    if missing := known.check().missing:
        raise NoEstimateError(f"experts' residuals tell little of the error where conditions are missing: {missing[0]}")
    half = {unknown: most / 2 for unknown, most in own.items()}
    method = "residuals that were not solved, followed through the experts' equations"
    values = values_on(solution, points)
    return made_of(solution, points, values, half, method, time.perf_counter() - began, known, errors=half)


def _follows_data(problem: Problem) -> bool:
    """Whether there are data that do more than fix free constants."""
    fixing = [data for data, _ in fixing_values(problem)]
    return any(isinstance(c, Data) and c not in fixing for c in problem.conditions)
