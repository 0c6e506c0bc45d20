"""The solution of a family: it finds that of any member."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from pinnlab.algebra.least_squares import Minimum, Outcome
from pinnlab.declaration.fixing import check_complete
from pinnlab.declaration.parameters.functions import FunctionParameter, GivenFunction
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.solvers.experts.members import functions
from pinnlab.solvers.experts.model import MemberModel, OperatorModel


class FamilySolution:
    """What ``solution.at`` asks.

    Args:
        model: the trained operator.
    """

    def __init__(self, model: OperatorModel):
        self.model = model

    def member(
        self,
        values: Mapping[str, Any],
        *,
        points: int | None = None,
        steps: int | None = None,
        tolerance: float | None = None,
        domain: Box | None = None,
    ) -> tuple[Problem, MemberModel, tuple[str, ...]]:
        """As in ``training.result.Members``; the remarks are on experts that did not converge."""
        family = self.model.problem
        check_complete(family.families, values)
        if domain is not None:
            family = family.replace(domain=domain)
        problem = family.at(**values)
        place = self.model.place
        search = place.recipe.search
        changes: dict[str, Any] = {} if points is None else {"points": points}
        if steps is not None or tolerance is not None:
            changes["search"] = dataclasses.replace(
                search,
                steps=search.steps if steps is None else steps,
                tolerance=search.tolerance if tolerance is None else tolerance,
            )
        if changes or domain is not None:
            place = place.replace(family, **changes)
        chosen: dict[str, Any] = {name: problem.parameters[name] for name in self.model.problem.families}
        for name in functions(self.model.problem):
            if not isinstance(chosen[name], FunctionParameter):
                chosen[name] = GivenFunction(partial(_constant, chosen[name]), (), ())
        model = self.model.member(chosen, np.random.default_rng(0), place)
        return problem, model, remarks(model.minima)


def _constant(value: float) -> float:
    """A function parameter that a user gives as a number."""
    return value


def remarks(minima: tuple[Minimum, ...]) -> tuple[str, ...]:
    """One sentence for each inner problem that did not converge.

    Raises:
        ValueError: one that has no solution at all.
    """
    found = []
    for number, minimum in enumerate(minima):
        minimum.require("member, expert", Outcome.STEPS_DONE, Outcome.STALLED)
        for position in (~minimum.converged).nonzero():
            outcome = minimum.outcome(*(int(i) for i in position))
            expert = f"expert {int(position[-1])}" if len(position) > 1 else f"group {number} of experts"
            found.append(f"{expert}: {outcome}")
    return tuple(found)
