"""The shape of a problem for the classical solvers: which state is advanced, what is periodic, what holds where.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import scipy
import torch

from pinnlab.declaration.conditions import Initial, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.stencils import Array
from pinnlab.domains.columns import columns_of

_BY_TIME = 100
"""Derivatives by space that one by time is worth, when equations are given to unknowns."""


@dataclass(frozen=True)
class Structure:
    """The shape of a problem's equations.

    Attributes:
        time_order: {unknown: highest order in time}.
        constant: {(equation number, unknown, derivative): coefficient} of terms that are linear with constant
            coefficients wherever the derivative appears.
        varying: derivatives that appear in any other way.
        varying_in: the same with the number of the equation.
        elliptic: {(equation number, unknown, derivative): coefficient} of equations without time derivatives, which
            determine the ``static`` unknowns.
    """

    time_order: dict[str, int]
    constant: dict[tuple[int, str, Key], float]
    varying: frozenset[tuple[str, Key]]
    varying_in: frozenset[tuple[int, str, Key]]
    elliptic: dict[tuple[int, str, Key], float] = field(default_factory=dict)

    @property
    def static(self) -> tuple[str, ...]:
        """Unknowns that follow from the others at every instant, such as a stream function from its vorticity."""
        return tuple(u for u, p in self.time_order.items() if p == 0) if self.elliptic else ()

    @property
    def components(self) -> tuple[tuple[str, int], ...]:
        """The state: each unknown with its time derivatives below the highest, as (unknown, order)."""
        kept = {u: p for u, p in self.time_order.items() if u not in self.static}
        return tuple((u, k) for u, p in kept.items() for k in range(max(p, 1)))


def matched(problem: Problem, structure: Structure, fixed: Mapping[str, int] = MappingProxyType({})) -> tuple[str, ...]:
    """Of each equation the unknown whose rows it takes: the one whose highest derivative it holds, by time first.

    Args:
        problem: what is solved.
        structure: of its equations.
        fixed: {unknown: number of the equation that takes its rows}, where that is known.
    """
    unknowns, clock = list(problem.unknowns), problem.domain.time
    score = np.zeros((len(unknowns), len(unknowns)))
    for i, u, key in (*structure.constant, *structure.varying_in):
        order = key.count(clock) if clock is not None else 0
        if structure.time_order[u] in (0, order):
            worth = 1 + len(key) + (_BY_TIME if order else 0)
            score[i, unknowns.index(u)] = max(score[i, unknowns.index(u)], worth)
    for u, i in fixed.items():
        score[i, unknowns.index(u)] += 10 * score.max()
    rows, columns = scipy.optimize.linear_sum_assignment(-score)
    return tuple(unknowns[j] for _, j in sorted(zip(rows, columns, strict=True)))


def periodic_unknowns(problem: Problem, coordinate: str) -> set[str]:
    """Unknowns that are periodic in a coordinate."""
    found = [c for c in problem.conditions if isinstance(c, Periodic) and c.on == coordinate]
    return {u for c in found for u in (c.unknowns or problem.unknowns)}


def initial_targets(problem: Problem) -> list[tuple[str, Key, object, tuple[str, ...]]]:
    """(unknown, derivative, value, the value's arguments) of all initial conditions."""
    context = problem.context()
    return [t for c in problem.conditions if isinstance(c, Initial) for t in c.targets(context)]


def initial_values(problem: Problem, points: Mapping[str, Array]) -> dict[tuple[str, int], Array]:
    """{(unknown, order in time): (n,)} of the initial conditions at n points of space, each coordinate (n,)."""
    start = problem.domain.time_interval[0]
    count = len(next(iter(points.values()))) if points else 1
    columns = {
        name: torch.full((count,), start, dtype=torch.float64)
        if name == problem.domain.clock
        else torch.from_numpy(points[name].copy())
        for name in problem.domain.coordinates
    }
    scope = Scope({}, columns_of(problem.domain, columns), problem.parameter_values())
    found = {}
    for unknown, key, value, names in initial_targets(problem):
        with torch.no_grad():
            found[unknown, len(key)] = scope.value(value, names, f"Initial({unknown}=...)").numpy().copy()
    return found


def start_function(problem: Problem) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """The initial state as a function of points in space, for ``Interpolant.start``."""

    def start(points: Mapping[str, Array]) -> dict[str, Array]:
        return {u: values for (u, order), values in initial_values(problem, points).items() if order == 0}

    return start


def check_square(problem: Problem) -> None:
    """Raise ValueError where there are more or fewer equations than unknowns."""
    if len(problem.residual_names) != len(problem.unknowns):
        raise ValueError(
            f"reference_solution: {len(problem.residual_names)} equations for {len(problem.unknowns)} unknowns "
            f"({', '.join(problem.unknowns)}); give as many equations as unknowns."
        )
