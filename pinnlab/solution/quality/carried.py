"""Estimates of a solution's error by what travels: along characteristics, or from node to node of a grid.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import time

import numpy as np

from pinnlab.declaration.backwards import mirror
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.characteristics import follow
from pinnlab.reference.leapfrog import extrapolated
from pinnlab.solution.quality.distances import NoEstimateError, made_of, with_coefficients
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.training.result import Solved

_FOLLOWED = 4096
"""Points to which characteristics are followed, about."""
_TOLERANCE = 1e-8


def by_characteristics(solution: Solved, max_seconds: float) -> ErrorEstimate:
    """The distance to what characteristics carry from the data, kinks and jumps included.

    Args:
        solution: of a single instance.
        max_seconds: in all.

    Raises:
        NoEstimateError: unknowns are not carried along characteristics that do not depend on them, or time was short.
    """
    began, known = time.perf_counter(), with_coefficients(solution)
    # at points that lie on a jump its two sides are both right; those of a sequence lie on none
    unit = unit_points("sobol", _FOLLOWED, len(known.domain.coordinates), np.random.default_rng(0))
    points = known.domain.interior(unit.double()).points
    forward, places = known.forward, points
    if forward is not known and known.domain.time is not None:
        places = mirror(known.domain).inner_points(points, known.domain.coordinates)
    try:
        truth, doubt = follow(forward, places, _TOLERANCE, Deadline.after(max_seconds))
    except TimeoutError as error:
        raise NoEstimateError(f"characteristics were not followed within {max_seconds:.0f} s") from error
    except ValueError as error:
        raise NoEstimateError(f"not by characteristics: {error}") from error
    return made_of(solution, points, truth, doubt, "characteristics", time.perf_counter() - began, known)


def by_leapfrog(solution: Solved, max_seconds: float) -> ErrorEstimate:
    """The distance to waves on grids on whose nodes kinks travel.

    Args:
        solution: of a single instance.
        max_seconds: in all.

    Raises:
        NoEstimateError: it is no problem of waves on a line, or time was short.
    """
    began, known = time.perf_counter(), with_coefficients(solution)
    try:
        found = extrapolated(known, _TOLERANCE, Deadline.after(max_seconds))
    except TimeoutError as error:
        raise NoEstimateError(f"leapfrog was not done within {max_seconds:.0f} s") from error
    except ValueError as error:
        raise NoEstimateError(f"not by leapfrog: {error}") from error
    doubt, seconds = {known.unknowns[0]: found.doubt}, time.perf_counter() - began
    method = f"leapfrog on {found.cells} cells"
    return made_of(solution, found.points, found.values[:, None], doubt, method, seconds, known)
