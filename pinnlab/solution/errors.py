"""Errors of the solution of a family, the mean over random members; and which functions that were found have errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pinnlab.declaration.parameters.found_functions import FoundFunction
from pinnlab.declaration.problem import Problem
from pinnlab.reference import reference_solution
from pinnlab.training.result import Solved


def mean_error(
    at: Callable[..., Solved], problem: Problem, reference: Any, relative_to: str, members: int, seed: int
) -> dict[str, float]:
    """{unknown: mean relative L2 error} over random members of a family.

    Args:
        at: solves one member, as ``Solution.at`` does.
        problem: the family; each member is compared with its reference or, without one, with the classical solution.
        reference: None; one reference cannot suit all members.
        relative_to: as in ``Solution.error``.
        members: how many.
        seed: of the draw.

    Raises:
        ValueError: a reference was given.
    """
    if reference is not None:
        raise ValueError(
            "error(reference) of a family: one reference cannot suit all members; leave it out, or take a member: "
            f"solution.at({problem.families[0]}=...).error(reference)."
        )
    rng, found = np.random.default_rng(seed), []
    for _ in range(members):
        member = problem.sample(rng)
        values: dict[str, Any] = {name: member.parameters[name] for name in problem.families}
        mine: Any = at(**values)
        found.append(mine.error(member.reference or reference_solution(member), relative_to=relative_to))
    return {u: float(np.mean([f[u] for f in found])) for u in problem.declared}


def found_fields(solution: Solved) -> dict[str, Callable[..., Any]]:
    """{name: the function of columns of coordinates by name} of functions of coordinates that were found."""

    def of_columns(function: FoundFunction, **columns: Any) -> Any:
        return function(**{name: columns[name] for name in function.on})

    functions = solution.models[-1].functions.items()
    return {name: partial(of_columns, f) for name, f in functions if isinstance(f, FoundFunction)}
