"""How large a solution's error is, without a reference: which estimates are made, in which order, and what they show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.declaration.gauge import free_constants, said_of
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.reference.cuts import is_curved
from pinnlab.reference.solve import on_grid
from pinnlab.solution.measures import Misfit
from pinnlab.solution.quality.carried import by_characteristics, by_leapfrog
from pinnlab.solution.quality.distances import NoEstimateError, with_coefficients
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.solution.quality.estimators import (
    KinkError,
    by_classical,
    by_equation,
    by_features,
)
from pinnlab.solution.quality.own_errors import by_experts
from pinnlab.training.result import Solved

_NAMES = {
    "characteristics": "characteristics",
    "leapfrog": "leapfrog",
    "equation": "the error equation",
    "classical": "a classical solution",
    "features": "random features",
    "experts": "what the experts have told of their own error",
}
KINDS = ("auto", *_NAMES)
_SHOWN = 0.03
"""Part of an error that some misfit has at least, if the error is one."""


@dataclass(frozen=True)
class Estimation:
    """What came of estimating an error.

    Attributes:
        estimate: None where there is none.
        reasons: why there is no estimate, or none of the kind that comes first.
        second: an estimate of another kind, made where the first one finds the solution wrong.
        not_unique: why the problem has no solution or many; empty if it is not known to.
        shown: whether misfits need not show an error, as they see nothing of fluxes that jump along a curve.
        impossible: a kink of the solution that none of the equations' solutions has, in words; empty if none is known.
    """

    estimate: ErrorEstimate | None = None
    reasons: tuple[str, ...] = ()
    second: ErrorEstimate | None = None
    not_unique: str = ""
    shown: bool = False
    impossible: str = ""


def shown_by(misfits: Sequence[Misfit], error: float) -> bool:
    """Whether the misfit of some equation or condition is of a size that goes with an error (relative, at most 1)."""
    return any(m.relative >= _SHOWN * min(error, 1.0) for m in misfits if m.kind != "data")


def estimate_error(
    solution: Solved,
    misfits: Sequence[Misfit],
    how: str,
    max_seconds: float,
    wrong: float = 0.1,
    began: float | None = None,
) -> Estimation:
    """The estimate, and why there is none, or none of the kind that comes first.

    Args:
        solution: of a single instance.
        misfits: what is known of it.
        how: one of ``KINDS``; ``"auto"`` tries them in the order of ``_order``, and a second one where the first finds
            an error of which the misfits show nothing.
        max_seconds: in all.
        wrong: the error from which on a solution is wrong.
        began: since when, on the clock of ``time.perf_counter``; None for now.
    """
    try:
        solution.problem.check_unique()
    except NotUniqueError as error:
        return Estimation(not_unique=str(error))
    for group in free_constants(solution.problem):
        return Estimation(not_unique=f"{said_of(group)}.")
    began = time.perf_counter() if began is None else began
    reasons: list[str] = []
    first: ErrorEstimate | None = None
    impossible = ""
    # along curves, what residuals do not see has no misfit of its own
    shown = is_curved(solution.problem) and any(j.flux and j.position is None for j in solution.problem.jumps)
    kinds = _order(solution) if how == "auto" else (how,)
    for kind in kinds:
        left = max_seconds - (time.perf_counter() - began)
        if left <= 0 and kind != "experts":
            reasons.append(f"no time was left for {_NAMES[kind]} in max_seconds={max_seconds:g}")
            continue
        try:
            if kind == "characteristics":
                found = by_characteristics(solution, left if how == kind else 0.5 * left)
            elif kind == "leapfrog":
                found = by_leapfrog(solution, left if how == kind else 0.5 * left)
            elif kind == "equation":
                found = by_equation(solution, misfits, left if how == kind else 0.6 * left)
            elif kind == "classical":
                found = by_classical(solution, left)
            elif kind == "experts":
                found = by_experts(solution)
            else:
                found = by_features(solution, misfits, left)
        except NotUniqueError as error:
            return Estimation(first, tuple(reasons), not_unique=str(error))
        except NoEstimateError as error:
            impossible = error.impossible if isinstance(error, KinkError) else impossible
            if str(error) not in reasons and first is None:
                reasons.append(str(error))
            continue
        if first is not None:
            return Estimation(first, tuple(reasons), found, impossible=impossible)
        first = found
        if kind == "classical" and found.least > wrong and (other := _second_referee(solution, began + max_seconds)):
            return Estimation(first, tuple(reasons), other, impossible=impossible)
        if not found.least > wrong or shown or shown_by(misfits, found.least):
            break
    return Estimation(first, tuple(reasons), shown=shown, impossible=impossible)


def tightened(estimation: Estimation, solution: Solved, tolerance: float) -> Estimation:
    """A referee's bound that says neither good nor wrong gives way to what experts have told of themselves.

    Only if that is a smaller bound, and the referee does not say that the error is above the tolerance.

    Args:
        estimation: by a referee.
        solution: of a single instance.
        tolerance: the error up to which a solution is good.
    """
    bound = estimation.estimate
    vague = bound is not None and not (bound.certain or bound.is_good(tolerance) or bound.least > tolerance)
    if bound is None or not vague or estimation.second is not None:
        return estimation
    try:
        own = by_experts(solution)
    except NoEstimateError:
        return estimation
    if not own.upper < bound.upper:
        return estimation
    told = f"{bound.method} gives no more than a bound of the relative L2 error: {bound.each}"
    return replace(estimation, estimate=own, reasons=(*estimation.reasons, told))


def _order(solution: Solved) -> tuple[str, ...]:
    """The kinds of estimates, those first that cost least for what they tell; a solver's own word comes last."""
    own = ("experts",) if solution.models[0].own_errors else ()
    return *_referees(solution.problem), *own


def _referees(problem: Problem) -> tuple[str, ...]:
    """The kinds of estimates that any solution can have, in the order in which they are tried."""
    space, box, moving = problem.domain.space, isinstance(problem.domain, Box), problem.domain.has_time
    if (moving and not box) or (box and len(space) > 2 and not moving):
        # in boxes of space grids of polynomials are quick where they suffice, and networks with many sides built in slow to
        # differentiate; so is any network at the points of all elements and all instants
        return "classical", "equation", "features"
    first_order = all(len(key) <= 1 for keys in problem.derivatives.values() for key in keys)
    carried = ("characteristics",) if box and moving and space and first_order else ()
    # kinks that travel are what polynomials on grids resolve least
    kinked = ("leapfrog",) if problem.forward.clashes.waves else ()
    return *carried, *kinked, "equation", "classical", "features"


def _second_referee(solution: Solved, until: float) -> ErrorEstimate | None:
    """The distance to finite elements, where a grid in the plane has found a solution wrong; None where there is none."""
    problem = with_coefficients(solution).forward
    if len(problem.domain.space) != 2 or not on_grid(problem):
        return None
    try:
        return by_classical(solution, max(until - time.perf_counter(), 1e-3), "elements")
    except (NoEstimateError, NotUniqueError):
        return None
