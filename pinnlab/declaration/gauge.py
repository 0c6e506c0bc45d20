"""Free constants: an unknown that equations and conditions leave open up to a constant is fixed at one point."""

from __future__ import annotations

from typing import Any

import numpy as np

from pinnlab.declaration.conditions import Data
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import evaluate
from pinnlab.declaration.terms import Term
from pinnlab.domains.sampling import unit_points


def free_constants(problem: Problem) -> tuple[tuple[str, ...], ...]:
    """Unknowns of a steady problem that are known up to a constant, in groups that share one; none of families."""
    if problem.domain.has_time or problem.families or problem.unknown_parameters or problem.unknown_functions:
        return ()
    return problem.count().constants


def fixing_values(problem: Problem) -> list[tuple[Data, Term]]:
    """Values of unknowns at points that fix free constants, one each; none where there are other data too."""
    data = [c for c in problem.conditions if isinstance(c, Data)]
    if not data or any(c.of_fields for c in data):
        return []
    groups = free_constants(problem.replace(conditions=[c for c in problem.conditions if not isinstance(c, Data)]))
    found = [(c, term) for c in data for term in c.terms(problem.context())]
    return found if len(found) == len(groups) and all(term.fixed == 1 for _, term in found) else []


def said_of(group: tuple[str, ...]) -> str:
    """That a group of unknowns shares a free constant, and what fixes it."""
    return (
        f"{' and '.join(group)} {'is' if len(group) == 1 else 'are'} known up to a constant; fix it, such as by a "
        f"Dirichlet value of {group[0]} on one side, by its mean, Integral(lambda {group[0]}: {group[0]}, equals=0.0), or "
        "by Data at one point"
    )


def with_gauge(problem: Problem) -> tuple[Problem, tuple[str, ...]]:
    """The problem with its free constants fixed, and notes that say how.

    A steady unknown that is known up to a constant, such as a pressure, gets a value at the innermost of some points: that
    of the problem's reference, else zero. Other problems, and families, come back as they are.
    """
    domain = problem.domain
    groups = free_constants(problem)
    if not groups:
        return problem, ()
    inside = domain.interior(
        unit_points("sobol", 64, len(domain.coordinates), np.random.default_rng(0)).double()
    ).points
    point = inside[[int(domain.depth(inside).argmax())]]
    values = {u: 0.0 for u in problem.unknowns}
    if problem.reference is not None:
        values = dict(zip(problem.unknowns, evaluate(problem.reference, problem, point)[0].tolist(), strict=True))
    place = {name: column.numpy() for name, column in domain.columns(point).items()}
    where = ", ".join(f"{name}={float(x[0]):.3g}" for name, x in place.items())
    # one of a group pins it: they share the constant
    pinned: list[dict[str, Any]] = [{group[0]: [values[group[0]]]} for group in groups]
    notes = tuple(
        f"{' and '.join(group)} {'is' if len(group) == 1 else 'are'} known up to a constant: {group[0]} is set to "
        f"{values[group[0]]:.3g} at {where}; a Dirichlet value or Data at one point would fix it otherwise"
        for group in groups
    )
    return problem.replace(conditions=[*problem.conditions, *(Data(place, **pin) for pin in pinned)]), notes
