"""How large a solution's error is, without a reference: by the error equation, or next to the classical solution."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.algebra.largest import largest
from pinnlab.declaration.conditions import Data, Periodic
from pinnlab.declaration.counting import NotUniqueError
from pinnlab.declaration.gauge import free_constants, said_of
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import affordable, evaluate, two_sided_grid
from pinnlab.domains import Box
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cuts import is_curved
from pinnlab.reference.finite_elements.symbol import pressures_of
from pinnlab.reference.finite_elements.unbounded import Aside
from pinnlab.reference.solve import on_grid
from pinnlab.solution.comparison import Comparison, compare
from pinnlab.solution.direct_features import annihilates, solve_directly
from pinnlab.solution.error_equation import ROUNDING, solve_error_equation
from pinnlab.solution.error_estimate import ErrorEstimate
from pinnlab.solution.error_features import FEATURES, estimate_on_features
from pinnlab.solution.inner_view import InnerView
from pinnlab.solution.measures import Misfit, sizes_of
from pinnlab.solution.sizes import Size, rms
from pinnlab.solution.smoothness import jump_inside
from pinnlab.training.result import Solved

_NAMES = {"equation": "the error equation", "classical": "a classical solution", "features": "random features"}
_SOLVING = 0.9
"""Part of the time in which the error equation is solved; in the rest its solution is evaluated."""
KINDS = ("auto", "equation", "classical", "features")
_ROUNDING = 4.0
"""Rounding of a solution, in units of its number format's own."""
_RESOLVED = 0.2
"""Doubt, as a part of the error, up to which global functions resolve it; with more they may be off by factors."""
_INSIDE = 1e-9
"""Depth, relative to the domain, from which on a point lies inside."""
_CLOSELY, _ROUGHLY, _ON_ELEMENTS = 1e-8, 1e-6, 1e-3
"""Tolerances of a classical solution, the others where data clash: on boxes, and elsewhere."""
_VAGUE = 1e-3
"""Doubt of a second solution from which on it says nothing of the first."""
_FIXED_BY_DATA = "data fix what equations and conditions leave open, and the estimate knows of no data"
_SHOWN = 0.03
"""Part of an error that some misfit has at least, if the error is one."""


class NoEstimateError(ValueError):
    """There is no estimate, and why."""


@dataclass(frozen=True)
class Estimation:
    """What came of estimating an error.

    Attributes:
        estimate: None where there is none.
        reasons: why there is no estimate, or none of the kind that comes first.
        second: an estimate of another kind, made where the first one finds the solution wrong.
        not_unique: why the problem has no solution or many; empty if it is not known to.
        shown: whether misfits need not show an error, as they see nothing of fluxes that jump along a curve.
    """

    estimate: ErrorEstimate | None = None
    reasons: tuple[str, ...] = ()
    second: ErrorEstimate | None = None
    not_unique: str = ""
    shown: bool = False


def made_of(
    solution: Solved,
    points: Tensor,
    truth: Tensor,
    doubt: dict[str, float],
    method: str,
    seconds: float,
    problem: Problem,
) -> ErrorEstimate:
    """The estimate from what the solution should be.

    Args:
        solution: of a single instance.
        points: (n, d), spread evenly.
        truth: (n, m) values that it should have there.
        doubt: {unknown: how far these may be off, root mean square}.
        method, seconds: as in the estimate.
        problem: that of the solution, with the coefficients found.

    Raises:
        NoEstimateError: the errors are not finite.
    """
    off = _on(solution, points) - truth
    errors = {u: rms(off[:, j]) for j, u in enumerate(problem.unknowns)}
    if not all(math.isfinite(e) for e in errors.values()):
        raise NoEstimateError(f"the error by {method} is not finite")
    natural = sizes_of(problem, solution.models)
    sizes = {u: Size.of(truth[:, j], natural[u].natural) for j, u in enumerate(problem.unknowns)}
    eps = _ROUNDING * torch.finfo(solution.models[0].parameters[0].dtype).eps
    return ErrorEstimate.of(errors, doubt, sizes, eps, method, seconds)


def _grid(solution: Solved, deadline: Deadline) -> Tensor:
    """Points of the error grid (n, d), as many as there is time for; where data clash, only those inside.

    Where a pressure is unbounded, those count that are outside of discs around such places.
    """
    points, domain = two_sided_grid(solution.problem), solution.problem.domain
    if _clash_in_plane(solution.problem):
        points = points[domain.depth(points) > _INSIDE * domain.size]
        if (aside := _aside(solution.problem)) is not None:
            points = points[torch.from_numpy(aside.counts(points.numpy()))]
    return affordable(points, lambda at: _on(solution, at), deadline)


def _aside(problem: Problem) -> Aside | None:
    """Where a pressure is unbounded and does not count."""
    return Aside.of(problem.forward, pressures_of(problem.forward))


def _clash_in_plane(problem: Problem) -> bool:
    found = [clash for clash in problem.forward.clashes.found if not clash.inside]
    return bool(found) and len(problem.domain.space) > 1


def _on(solution: Solved, points: Tensor) -> Tensor:
    """(n, m) values at (n, d) points, float64."""
    return solution.function(points.to(solution.models[0].parameters[0])).detach().to("cpu", torch.float64)


def of_comparison(comparison: Comparison, deadline: Deadline | None = None) -> ErrorEstimate:
    """The distance to the classical solution, which is in doubt by the classical solver's own error.

    Args:
        comparison: of a solution with the classical one.
        deadline: where it is close, fewer points are compared.

    Raises:
        NoEstimateError: the classical solver does not say how accurate it is.
    """
    own = comparison.classical_error_estimate
    if not all(math.isfinite(own.get(u, math.nan)) for u in comparison.problem.unknowns):
        raise NoEstimateError("the classical solver could not estimate its own error")
    if not all(math.isfinite(e) for e in comparison.errors.values()):
        raise NoEstimateError("the distance to the classical solution is not finite")
    known = _with_coefficients(comparison.solution)
    points = _grid(comparison.solution, deadline or Deadline())
    truth = evaluate(comparison.classical, known, points)
    doubt = {u: own[u] * rms(truth[:, j]) for j, u in enumerate(known.unknowns)}
    seconds, method = comparison.classical_seconds, "the classical solution"
    if _clash_in_plane(known):
        aside = _aside(known)
        where = (
            "the boundary and the start"
            if aside is None
            else f"the boundary and where {aside.names} grows without bound"
        )
        method += f", away from {where}, where data clash"
    return made_of(comparison.solution, points, truth, doubt, method, seconds, known)


def by_classical(solution: Solved, max_seconds: float, method: str | None = None) -> ErrorEstimate:
    """Solve the problem classically as well, by one method or the one that fits best.

    Raises:
        NoEstimateError: that is not possible.
        NotUniqueError: the problem is known to have no solution or many.
    """
    clashes = [clash for clash in solution.problem.clashes.found if not clash.inside]
    known = _with_coefficients(solution).forward
    # triangles are graded where steady data clash, and grids are not
    unresolved = not solution.problem.clashes.resolved and (solution.problem.domain.has_time or on_grid(known))
    if clashes and len(solution.problem.domain.space) > 1 and unresolved:
        raise NoEstimateError(f"no classical solution resolves, in the plane, that {clashes[0]}")
    try:
        whole = Deadline.after(max_seconds)
        # where data clash, what is left of the layers is not smooth in time, and takes many steps to resolve
        clashing, box = _clash_in_plane(solution.problem), isinstance(solution.problem.domain, Box)
        tolerance = (_ROUGHLY if box else _ON_ELEMENTS) if clashing else _CLOSELY
        found = compare(solution, max_seconds=_SOLVING * max_seconds, tolerance=tolerance, method=method)
        return of_comparison(found, whole)
    except (NoEstimateError, NotUniqueError):
        raise
    except (ValueError, NotImplementedError) as error:
        raise NoEstimateError(f"no classical solution: {error}") from error


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
    if not isinstance(known.domain, Box):
        raise NoEstimateError("the error equation is solved on boxes only")
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
    estimate = made_of(solution, points, _on(solution, points) + e, doubt, "the error equation", seconds, known)
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
        if not any(model.joints for model in solution.models) and len(solution.models) == 1:
            if not known.domain.has_time and annihilates(inner.problem, list(inner.models), max_seconds):
                if _has_data(known):
                    raise NoEstimateError(_FIXED_BY_DATA)
                raise NotUniqueError("equations and conditions do not change if a smooth function is added.")
            _checked(solution, misfits)
            error, off = estimate_on_features(inner.problem, inner.models, max_seconds)
            error, off = inner.outer_error(error), inner.outer_sizes(off)
            truth, seconds = _on(solution, points) + error(points), time.perf_counter() - began
            estimate = made_of(solution, points, truth, off, f"the error equation on {basis}", seconds, known)
            if largest(j.doubt for j in estimate.judged) < _RESOLVED * largest(j.error for j in estimate.judged):
                return estimate
        left = max_seconds - (time.perf_counter() - began)
        found, off = solve_directly(inner.problem, inner.values(lambda at: _on(solution, at)), left)
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


def _has_data(problem: Problem) -> bool:
    return any(isinstance(c, Data) for c in problem.conditions)


def _with_coefficients(solution: Solved) -> Problem:
    """The problem with the coefficients found."""
    problem = solution.problem
    sought = problem.unknown_parameters or problem.unknown_functions
    return problem.at(**solution.coefficients) if sought else problem


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
    return _with_coefficients(solution)


def _checked(solution: Solved, misfits: Sequence[Misfit]) -> Problem:
    """The problem with the coefficients found, if the error equation makes sense for this solution."""
    if any(model.joints for model in solution.models):
        raise NoEstimateError(
            "the solution is put together of subdomains or experts: what its derivatives jump by where they meet is a "
            "part of the error that the residual inside does not see"
        )
    inner = InnerView(solution.problem, solution.models)
    jump = jump_inside(inner.problem, inner.models)
    if jump:
        raise NoEstimateError(
            f"{solution.problem.change.told(jump)}, which the residual to its left and right does not see"
        )
    if largest(m.relative for m in misfits if m.kind != "data") < ROUNDING:
        raise NoEstimateError("the residual is rounding, and no error can be computed from it")
    return _known(solution).replace(reference=None)


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
        how: one of ``KINDS``; ``"auto"`` tries the error equation, the classical solution, and random features, in
            this order, and a second one where the first finds an error of which the misfits show nothing.
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
    # along curves, what residuals do not see has no misfit of its own
    shown = is_curved(solution.problem) and any(j.flux and j.position is None for j in solution.problem.jumps)
    kinds = ("equation", "classical", "features") if how == "auto" else (how,)
    for kind in kinds:
        left = max_seconds - (time.perf_counter() - began)
        if left <= 0:
            reasons.append(f"no time was left for {_NAMES[kind]} in max_seconds={max_seconds:g}")
            continue
        try:
            if kind == "equation":
                found = by_equation(solution, misfits, left if how == kind else 0.6 * left)
            elif kind == "classical":
                found = by_classical(solution, left)
            else:
                found = by_features(solution, misfits, left)
        except NotUniqueError as error:
            return Estimation(first, tuple(reasons), not_unique=str(error))
        except NoEstimateError as error:
            if str(error) not in reasons and first is None:
                reasons.append(str(error))
            continue
        if first is not None:
            return Estimation(first, tuple(reasons), found)
        first = found
        if kind == "classical" and found.least > wrong and (other := _second_referee(solution, began + max_seconds)):
            return Estimation(first, tuple(reasons), other)
        if not found.least > wrong or shown or shown_by(misfits, found.least):
            break
    return Estimation(first, tuple(reasons), shown=shown)


def _second_referee(solution: Solved, until: float) -> ErrorEstimate | None:
    """The distance to finite elements, where a grid in the plane has found a solution wrong; None where there is none."""
    problem = _with_coefficients(solution).forward
    if len(problem.domain.space) != 2 or not on_grid(problem):
        return None
    try:
        return by_classical(solution, max(until - time.perf_counter(), 1e-3), "elements")
    except (NoEstimateError, NotUniqueError):
        return None
