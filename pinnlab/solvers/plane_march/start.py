"""What a problem says of its first time.

Letters: n points, d coordinates of space, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Initial
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains.columns import Columns, coordinates_of

Array = np.ndarray
Given = Mapping[tuple[str, int], Callable[[Array], Array]]
"""{(unknown, order by time): function (n, d) -> (n,)} of the initial state."""


def orders_in_time(problem: Problem) -> dict[str, int]:
    """{unknown: highest order of derivatives by time in equations and conditions on the boundary}."""
    clock = problem.domain.clock
    found = {u: problem.order_of(u, clock) for u in problem.unknowns}
    like = torch.full((1,), 0.7, dtype=torch.float64)
    names = coordinates_of(problem.domain)
    middle = Columns(names, {n: like * (lower + upper) / 1.4 for n, (lower, upper) in problem.domain.bounds.items()})
    normals = Columns(names, {n: like for n in names})

    def recorded(unknown: str) -> LazyJet:
        def derive(key: Key) -> Tensor:
            found[unknown] = max(found[unknown], key.count(clock))
            return like.clone()

        return LazyJet(derive)

    scope = Scope.of_jets({u: recorded(u) for u in problem.unknowns}, middle, problem.parameter_values(), normals)
    for condition, terms in problem.condition_terms():
        if isinstance(condition, BoundaryCondition):
            for term in terms:
                term.evaluate((scope,))
    return found


def initial_values(problem: Problem) -> Given:
    """The initial state and its derivatives by time, as functions of points (n, d) of space."""
    context, region = problem.context(), problem.domain
    found: dict[tuple[str, int], Callable[[Array], Array]] = {}
    for condition in problem.conditions:
        if isinstance(condition, Initial):
            for unknown, key, value, names in condition.targets(context):

                def given(points: Array, value: Any = value, names: tuple[str, ...] = names) -> Array:
                    at = torch.empty(len(points), len(region.coordinates), dtype=torch.float64)
                    at[:, [i for i in range(at.shape[1]) if i != region.time_index]] = torch.from_numpy(points)
                    at[:, region.time_index] = region.time_interval[0]
                    scope = Scope({}, region.columns(at), problem.parameter_values())
                    return scope.value(value, names, "the initial state").detach().numpy()

                found[unknown, len(key)] = given
    return found


def states(problem: Problem, order: int) -> Callable[[Array], Array]:
    """All unknowns' derivatives of an order by time at the start, (n, d) -> (n, m); zero where nothing is said of them."""
    given = initial_values(problem)

    def values(points: Array) -> Array:
        zero = np.zeros(len(points))
        return np.stack([given[u, order](points) if (u, order) in given else zero for u in problem.unknowns], axis=1)

    return values
