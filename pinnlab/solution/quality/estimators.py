"""Single estimates of a solution's error without a reference, each by its own kind of referee."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnlab.algebra.largest import largest
from pinnlab.declaration.conditions import Data, Periodic
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import affordable, evaluate, two_sided_grid
from pinnlab.domains import Box
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.finite_elements.symbol import pressures_of
from pinnlab.reference.finite_elements.unbounded import Aside
from pinnlab.reference.solve import in_cube, on_grid
from pinnlab.solution.comparison import Comparison, compare
from pinnlab.solution.measures import Misfit
from pinnlab.solution.quality.direct_features import annihilates, solve_directly
from pinnlab.solution.quality.distances import NoEstimateError, made_of, values_on, with_coefficients
from pinnlab.solution.quality.error_equation import ROUNDING, solve_error_equation
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.solution.quality.error_features import FEATURES, estimate_on_features
from pinnlab.solution.quality.inner_view import InnerView
from pinnlab.solution.quality.smoothness import impossible, jump_inside
from pinnlab.solution.sizes import rms
from pinnlab.training.result import Solved

_SOLVING = 0.9
"""Part of the time in which the error equation is solved; in the rest its solution is evaluated."""
_RESOLVED = 0.2
"""Doubt, as a part of the error, up to which global functions resolve it; with more they may be off by factors."""
_INSIDE = 1e-9
"""Depth, relative to the domain, from which on a point lies inside."""
_CLOSELY, _ROUGHLY, _ON_ELEMENTS = 1e-8, 1e-6, 1e-3
"""Tolerances of a classical solution, the others where data clash: on boxes, and elsewhere."""
_VAGUE = 1e-3
"""Doubt of a second solution, or distance to one whose own error is not known, from which on it says nothing."""
_FIXED_BY_DATA = "data fix what equations and conditions leave open, and the estimate knows of no data"


class KinkError(NoEstimateError):
    """The error equation does not see a kink of the solution.

    Args:
        why: in words.
        impossible: the kink in words, where no solution of the equations has it; else empty.
    """

    def __init__(self, why: str, impossible: str):
        super().__init__(why)
        self.impossible = impossible


def _grid(solution: Solved, deadline: Deadline) -> Tensor:
    """Points of the error grid (n, d), as many as there is time for; where data clash, only those inside.

    Where a pressure is unbounded, those count that are outside of discs around such places.
    """
    points, domain = two_sided_grid(solution.problem), solution.problem.domain
    if _clash_in_plane(solution.problem):
        points = points[domain.depth(points) > _INSIDE * domain.size]
        if (aside := _aside(solution.problem)) is not None:
            points = points[torch.from_numpy(aside.counts(points.numpy()))]
    return affordable(points, lambda at: values_on(solution, at), deadline)


def _aside(problem: Problem) -> Aside | None:
    """Where a pressure is unbounded and does not count."""
    return Aside.of(problem.forward, pressures_of(problem.forward))


def _clash_in_plane(problem: Problem) -> bool:
    found = [clash for clash in problem.forward.clashes.found if not clash.inside]
    return bool(found) and len(problem.domain.space) > 1


def of_comparison(comparison: Comparison, deadline: Deadline | None = None) -> ErrorEstimate:
    """The distance to the classical solution, which is in doubt by the classical solver's own error.

    Where there was time for one grid only, that error is not known. Then the two solutions vouch for each other: methods
    that have nothing in common agree closely where both are right, and the doubt is the distance itself.

    Args:
        comparison: of a solution with the classical one.
        deadline: where it is close, fewer points are compared.

    Raises:
        NoEstimateError: the distance is not finite, or not small where there was one grid only.
    """
    if not all(math.isfinite(e) for e in comparison.errors.values()):
        raise NoEstimateError("the distance to the classical solution is not finite")
    known, own = with_coefficients(comparison.solution), comparison.classical_error_estimate
    points = _grid(comparison.solution, deadline or Deadline())
    truth = evaluate(comparison.classical, known, points)
    seconds, method = comparison.classical_seconds, "the classical solution"
    sure = all(math.isfinite(own.get(u, math.nan)) for u in known.unknowns)
    if sure:
        doubt = {u: own[u] * rms(truth[:, j]) for j, u in enumerate(known.unknowns)}
    else:
        off = values_on(comparison.solution, points) - truth
        doubt = {u: rms(off[:, j]) for j, u in enumerate(known.unknowns)}
        method += " on one grid"
    if _clash_in_plane(known):
        aside = _aside(known)
        where = (
            "the boundary and the start"
            if aside is None
            else f"the boundary and where {aside.names} grows without bound"
        )
        method += f", away from {where}, where data clash"
    estimate = made_of(comparison.solution, points, truth, doubt, method, seconds, known)
    if not sure and not largest(j.doubt for j in estimate.judged) < _VAGUE:
        raise NoEstimateError(
            "the classical solver could not estimate its own error, and does not agree with the solution"
        )
    return estimate


def by_classical(solution: Solved, max_seconds: float, method: str | None = None) -> ErrorEstimate:
    """Solve the problem classically as well, by one method or the one that fits best.

    Raises:
        NoEstimateError: that is not possible.
        NotUniqueError: the problem is known to have no solution or many.
    """
    clashes = [clash for clash in solution.problem.clashes.found if not clash.inside]
    known = with_coefficients(solution).forward
    # triangles are graded where steady data clash, and grids are not
    unresolved = not solution.problem.clashes.resolved and (solution.problem.domain.has_time or on_grid(known))
    if clashes and len(solution.problem.domain.space) > 1 and unresolved:
        raise NoEstimateError(f"no classical solution resolves, in the plane, that {clashes[0]}")
    try:
        whole = Deadline.after(max_seconds)
        # where data clash, what is left of the layers is not smooth in time, and takes many steps to resolve
        clashing, box = _clash_in_plane(solution.problem), isinstance(solution.problem.domain, Box)
        tolerance = (_ROUGHLY if box else _ON_ELEMENTS) if clashing else _CLOSELY
        if (
            method is None
            and in_cube(known)
            and (smooth := _in_cube(solution, whole.share(0.5), tolerance)) is not None
        ):
            return smooth
        seconds = _SOLVING * max(whole.left, 1e-3)
        return of_comparison(compare(solution, max_seconds=seconds, tolerance=tolerance, method=method), whole)
    except (NoEstimateError, NotUniqueError):
        raise
    except (ValueError, NotImplementedError) as error:
        raise NoEstimateError(f"no classical solution: {error}") from error


def _in_cube(solution: Solved, deadline: Deadline, tolerance: float) -> ErrorEstimate | None:
    """The distance to the solution on a grid of polynomials in three dimensions; None where it is not resolved."""
    try:
        found = compare(solution, max_seconds=max(deadline.left, 1e-3), tolerance=tolerance, method="grid")
        estimate = of_comparison(found, deadline)
    except (NoEstimateError, ValueError, NotImplementedError):
        return None
    return estimate if largest(j.doubt for j in estimate.judged) < _VAGUE else None


def by_equation(solution: Solved, misfits: Sequence[Misfit], max_seconds: float) -> ErrorEstimate:
    """Solve the error equation.

    Args:
        solution: of a single instance.
        misfits: what is known of it.
        max_seconds: in all.

    Raises:
        NoEstimateError: that is not possible.
        NotUniqueError: the problem is known to have no solution or many.
    """
    began, known = time.perf_counter(), _checked(solution, misfits)
    problem = solution.problem
    if len(solution.models) > 1 and not isinstance(known.domain, Box):
        raise NoEstimateError("the error equation takes time windows on boxes only")
    if clashes := [clash for clash in problem.clashes.found if not clash.inside]:
        raise NoEstimateError(f"the error equation has nodes where {clashes[0]}")
    try:
        whole = Deadline.after(max_seconds)
        inner = InnerView(known, solution.models)
        found = solve_error_equation(inner.problem, inner.models, _SOLVING * max_seconds)
    except NotUniqueError as error:
        if _has_data(known):
            raise NoEstimateError(_FIXED_BY_DATA) from error
        raise
    except TimeoutError as error:
        raise NoEstimateError(f"the error equation was not solved within {max_seconds:.0f} s: {error}") from error
    except ValueError as error:
        raise NoEstimateError(f"the error equation could not be solved: {error}") from error
    points = _grid(solution, whole)
    e = inner.outer_error(found)(points)
    doubt = {u: found.accuracy[u] * rms(e[:, j]) for j, u in enumerate(known.unknowns)}
    seconds = time.perf_counter() - began
    estimate = made_of(solution, points, values_on(solution, points) + e, doubt, "the error equation", seconds, known)
    worst = estimate.worst
    if not 2 * worst.doubt <= worst.error and not (isinstance(known.domain, Box) and worst.upper < _VAGUE):
        raise NoEstimateError("grids or elements for which there is time do not resolve the error equation")
    uneven = [
        m for m in misfits if m.kind == "periodic" and m.relative > 0.1 * largest(j.upper for j in estimate.judged)
    ]
    if uneven and any(isinstance(c, Periodic) for c in problem.conditions):
        raise NoEstimateError(
            f"the solution is not periodic ({uneven[0].name} by {uneven[0].relative:.0e}), which the error equation "
            "takes it to be"
        )
    return estimate


def by_features(solution: Solved, misfits: Sequence[Misfit], max_seconds: float) -> ErrorEstimate:
    """Solve the error equation on global functions, which need no box; where that fails, the problem itself.

    Args: as for ``by_equation``.

    Raises:
        NoEstimateError: that is not possible.
        NotUniqueError: the problem is known to have no solution or many.
    """
    began, known = time.perf_counter(), _known(solution).replace(reference=None)
    basis = "random features" if len(known.domain.coordinates) <= FEATURES else "polynomials"
    points, inner = _grid(solution, Deadline.after(max_seconds).share(0.5)), InnerView(known, solution.models)
    try:
        data = _leaves_open(known, inner, max_seconds)
        if not any(model.joints for model in solution.models) and len(solution.models) == 1:
            _checked(solution, misfits, data)
            error, off = estimate_on_features(inner.problem, inner.models, max_seconds, data=data)
            error, off = inner.outer_error(error), inner.outer_sizes(off)
            truth, seconds = values_on(solution, points) + error(points), time.perf_counter() - began
            estimate = made_of(solution, points, truth, off, f"the error equation on {basis}", seconds, known)
            if largest(j.doubt for j in estimate.judged) < _RESOLVED * largest(j.error for j in estimate.judged):
                return estimate
        left = max_seconds - (time.perf_counter() - began)
        found, off = solve_directly(inner.problem, inner.values(lambda at: values_on(solution, at)), left, data=data)
        direct, off = inner.outer_values(found), inner.outer_sizes(off)
    except TimeoutError as late:
        raise NoEstimateError(f"{basis} were not solved for within {max_seconds:.0f} s") from late
    except (NotUniqueError, NoEstimateError):
        raise
    except ValueError as failure:
        raise NoEstimateError(
            f"neither the error equation nor the problem was solved on {basis}: {failure}"
        ) from failure
    seconds = time.perf_counter() - began
    estimate = made_of(solution, points, direct(points), off, f"a solution on {basis}", seconds, known)
    if not largest(j.doubt for j in estimate.judged) < _VAGUE:
        raise NoEstimateError(f"{basis} resolve neither the error nor the solution: two sets of them disagree")
    return estimate


def _leaves_open(known: Problem, inner: InnerView, max_seconds: float) -> bool:
    """Whether equations and conditions leave something open that data fix.

    Raises:
        NoEstimateError: data do not fix it either.
        NotUniqueError: there are no data.
    """
    data, models = _has_data(known), list(inner.models)
    if (known.domain.has_time and not data) or not annihilates(inner.problem, models, max_seconds):
        return False
    if not data:
        raise NotUniqueError("equations and conditions do not change if a smooth function is added.")
    if annihilates(inner.problem, models, max_seconds, data=True):
        raise NoEstimateError("equations, conditions and data do not change if a smooth function is added")
    return True


def _has_data(problem: Problem) -> bool:
    return any(isinstance(c, Data) for c in problem.conditions)


def _known(solution: Solved) -> Problem:
    """The same, if the error equation and global functions can be right for it.

    Raises:
        NoEstimateError: a flux jumps.
    """
    problem = solution.problem
    if problem.joints.across:
        first = next(jump for jump in problem.jumps if jump.flux)
        raise NoEstimateError(f"{first}: of the estimators only the classical solution makes the flux continuous there")
    if (lost := problem.lost_flux("an estimate of the error")) is not None:
        raise NoEstimateError(lost)
    return with_coefficients(solution)


def _checked(solution: Solved, misfits: Sequence[Misfit], data: bool = False) -> Problem:
    """The problem with the coefficients found, if the error equation, ``data`` included, makes sense for this solution."""
    if any(model.joints for model in solution.models):
        raise NoEstimateError(
            "the solution is put together of subdomains or experts: what its derivatives jump by where they meet is a "
            "part of the error that the residual inside does not see"
        )
    inner = InnerView(solution.problem, solution.models)
    kink = jump_inside(inner.problem, inner.models)
    if kink is not None:
        told = solution.problem.change.told(str(kink))
        raise KinkError(
            f"{told}, which the residual to its left and right does not see",
            told if impossible(inner.problem, inner.models[0], kink) else "",
        )
    if largest(m.relative for m in misfits if data or m.kind != "data") < ROUNDING:
        raise NoEstimateError("the residual is rounding, and no error can be computed from it")
    return _known(solution).replace(reference=None)
