"""How large a solution's error is, without a reference: by the error equation, or next to the classical solution."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pinnlab.declaration.conditions import Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import error_grid
from pinnlab.domains import Box
from pinnlab.solution.comparison import Comparison, compare
from pinnlab.solution.error_equation import ROUNDING, solve_error_equation
from pinnlab.solution.error_features import estimate_on_features
from pinnlab.solution.measures import Misfit
from pinnlab.training.result import Solved

KINDS = ("auto", "equation", "classical", "features")


class NoEstimateError(ValueError):
    """There is no estimate, and why."""


@dataclass(frozen=True)
class ErrorEstimate:
    """An estimate of a solution's error.

    Attributes:
        errors: {unknown: relative L2}.
        doubt: {unknown: by how much that may be off, in the same unit}.
        method: what it comes from, in words.
        seconds: what it took.
    """

    errors: dict[str, float]
    doubt: dict[str, float]
    method: str
    seconds: float

    @property
    def largest(self) -> float:
        """The largest of the estimated errors."""
        return max(self.errors.values())

    @property
    def upper(self) -> float:
        """What the largest error may be at most, the doubt included."""
        return max(e + self.doubt[u] for u, e in self.errors.items())

    @property
    def lower(self) -> float:
        """What the largest error is at least, the doubt included."""
        return max(e - self.doubt[u] for u, e in self.errors.items())

    @property
    def certain(self) -> bool:
        """Whether the estimate is known within a factor of two; else ``upper`` is a bound and no more."""
        return 2 * self.lower >= self.largest and self.upper <= 2 * self.largest


def of_comparison(comparison: Comparison) -> ErrorEstimate:
    """The distance to the classical solution, which is in doubt by the classical solver's own error.

    Raises:
        NoEstimateError: the classical solver does not say how accurate it is.
    """
    own = comparison.classical_error_estimate
    doubt = {u: own.get(u, math.nan) for u in comparison.errors}
    if not all(math.isfinite(d) for d in doubt.values()):
        raise NoEstimateError("the classical solver could not estimate its own error")
    if not all(math.isfinite(e) for e in comparison.errors.values()):
        raise NoEstimateError("the distance to the classical solution is not finite")
    return ErrorEstimate(comparison.errors, doubt, "the classical solution", comparison.classical_seconds)


def by_classical(solution: Solved, max_seconds: float) -> ErrorEstimate:
    """Solve the problem classically as well.

    Raises:
        NoEstimateError: that is not possible.
    """
    try:
        return of_comparison(compare(solution, max_seconds=max_seconds))
    except NoEstimateError:
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
    """
    began, known = time.perf_counter(), _checked(solution, misfits)
    problem = solution.problem
    if not isinstance(known.domain, Box):
        raise NoEstimateError("the error equation is solved on boxes only")
    try:
        found = solve_error_equation(known, solution.models, max_seconds)
    except TimeoutError as error:
        raise NoEstimateError(f"the error equation was not solved within {max_seconds:.0f} s: {error}") from error
    except ValueError as error:
        raise NoEstimateError(f"the error equation could not be solved: {error}") from error
    points = error_grid(problem.domain).to(solution.models[0].parameters[0])
    relative = found.relative(solution.function, points).tolist()
    if not all(math.isfinite(r) for r in relative):
        raise NoEstimateError("the error that the error equation gives is not finite")
    values = dict(zip(problem.unknowns, relative, strict=True))
    uneven = [m for m in misfits if m.kind == "periodic" and m.relative > 0.1 * max(relative)]
    if uneven and any(isinstance(c, Periodic) for c in problem.conditions):
        raise NoEstimateError(
            f"the solution is not periodic ({uneven[0].name} by {uneven[0].relative:.0e}), which the error equation "
            "takes it to be"
        )
    doubt = {u: values[u] * found.accuracy[u] for u in values}
    return ErrorEstimate(values, doubt, "the error equation", time.perf_counter() - began)


def by_features(solution: Solved, misfits: Sequence[Misfit], max_seconds: float) -> ErrorEstimate:
    """Solve the error equation on random features, which need no box.

    Args: as for ``by_equation``.

    Raises:
        NoEstimateError: that is not possible.
    """
    began, known = time.perf_counter(), _checked(solution, misfits)
    try:
        values, doubt = estimate_on_features(known, solution.models, solution.function, max_seconds)
    except TimeoutError as error:
        raise NoEstimateError(f"random features were not solved for within {max_seconds:.0f} s") from error
    except ValueError as error:
        raise NoEstimateError(f"the error equation could not be solved on random features: {error}") from error
    names = known.unknowns
    if not max(doubt) < 0.5 * max(values):
        raise NoEstimateError(
            "random features do not resolve the error: two sets of them disagree, or leave much of the residual"
        )
    each = dict(zip(names, values, strict=True)), dict(zip(names, doubt, strict=True))
    return ErrorEstimate(*each, "the error equation on random features", time.perf_counter() - began)


def _checked(solution: Solved, misfits: Sequence[Misfit]) -> Problem:
    """The problem with the coefficients found, if the error equation makes sense for this solution."""
    problem = solution.problem
    if any(model.joints for model in solution.models):
        raise NoEstimateError(
            "the solution is put together of subdomains or experts: what its derivatives jump by where they meet is a "
            "part of the error that the residual inside does not see"
        )
    if max(m.relative for m in misfits if m.kind != "data") < ROUNDING:
        raise NoEstimateError("the residual is rounding, and no error can be computed from it")
    known = problem.at(**solution.coefficients) if problem.unknown_parameters else problem
    return known.replace(reference=None)


def estimate_error(
    solution: Solved, misfits: Sequence[Misfit], how: str, max_seconds: float
) -> tuple[ErrorEstimate | None, tuple[str, ...]]:
    """The estimate, and why there is none, or none of the kind that comes first.

    Args:
        solution: of a single instance.
        misfits: what is known of it.
        how: one of ``KINDS``; ``"auto"`` tries the error equation, the classical solution, and random features, in
            this order.
        max_seconds: in all, about.

    Raises:
        NotUniqueError: the problem certainly has more than one solution, which no estimate can overrule.
    """
    solution.problem.check_unique()
    began = time.perf_counter()
    reasons: list[str] = []
    kinds = ("equation", "classical", "features") if how == "auto" else (how,)
    for kind in kinds:
        left = max(1.0, max_seconds - (time.perf_counter() - began))
        try:
            if kind == "equation":
                return by_equation(solution, misfits, left if how == kind else 0.6 * left), tuple(reasons)
            if kind == "classical":
                return by_classical(solution, left), tuple(reasons)
            return by_features(solution, misfits, left), tuple(reasons)
        except NoEstimateError as error:
            if str(error) not in reasons:
                reasons.append(str(error))
    return None, tuple(reasons)
