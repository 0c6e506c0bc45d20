"""The transport velocity of a problem: dx/dt of its characteristics, the curves along which the unknowns are carried.

Letters: n points.

In u_t + c u_x = ... it is c, the factor of u.x. There is one component per coordinate of space: a number, or a function of
unknowns, coordinates and parameters by name with values (n,). Lagrangian solvers move their points with it, and the choice
of a solver asks how far and how fast it carries. A velocity that is the same everywhere need not be declared: the equations
tell it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.components import usual_velocity, velocity_components
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import trace
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points

Array = np.ndarray[Any, Any]
_TRIED = 10_000
"""Points at which factors are read: a velocity that differs in a thin layer is not one for all."""
_BETWEEN = 64
_SAME = 1e-9


def velocities(problem: Problem) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """{coordinate of space: (number or function, names of the function's arguments)}.

    Raises:
        TypeError: a component is neither a number nor a function.
        ValueError: the problem has no velocity, or not one per coordinate of space; an argument's name is unknown.
    """
    space = problem.domain.space
    velocity = problem.velocity if problem.velocity is not None else read_off(problem)
    if velocity is None:
        raise ValueError(
            f"LagrangianPINN needs the velocity dx/dt of the characteristics, the factor of u.x in the equation, which is "
            f"not the same everywhere. Add it to the problem: problem.replace({usual_velocity(space)}), a number or a "
            "function of unknowns, coordinates and parameters by name."
        )
    return velocity_components(velocity, space, problem.bindable)


def read_off(problem: Problem) -> tuple[float, ...] | None:
    """The velocity v, one number per coordinate of space, with which A (u_t + v . grad u) + ... = 0 carries all unknowns.

    None where the factors of the first derivatives, at made-up fields in many points, tell none that is the same
    everywhere, where nothing is carried, and where coefficients are not known yet.
    """
    domain, clock = problem.domain, problem.domain.time
    keys = {key for words in problem.derivatives.values() for key in words}
    if clock is None or not domain.space or any(clock in key and len(key) > 1 for key in keys):
        return None
    if problem.families or problem.unknown_parameters or problem.unknown_functions:
        return None
    if any(jump.position is None or jump.prescribed for jump in problem.jumps):
        return None
    sites, equations, values = (_places(problem),), problem.equation_term(), problem.parameter_values()
    found: list[tuple[float, ...]] = []
    for positive in (True, False):
        traced = trace(equations, domain.columns, problem.unknowns, values, sites, positive)
        linear = linearize(list(traced.residuals.values()), traced.jets[0])
        by_time, *by_place = (_factors(linear, problem.unknowns, (name,)) for name in (clock, *domain.space))
        speeds = [_multiple(of, by_time) for of in by_place]
        if any(speed is None for speed in speeds):
            return None
        found.append(tuple(speed for speed in speeds if speed is not None))
    same = np.allclose(found[0], found[1], rtol=_SAME, atol=0.0)
    return found[0] if same and any(found[0]) else None


def _places(problem: Problem) -> Site:
    """Points all over the domain, and some between every two jumps that are next to each other."""
    domain = problem.domain
    unit = unit_points("sobol", _TRIED, len(domain.coordinates), np.random.default_rng(0)).double()
    points = domain.interior(unit).points
    found = [points]
    for axis, name in enumerate(domain.coordinates):
        jumps = [jump for jump in problem.jumps if jump.coordinate == name and not jump.imposed]
        ends = sorted({jump.position for jump in jumps if jump.position is not None})
        for lower, upper in itertools.pairwise(ends):
            between = points[:_BETWEEN].clone()
            between[:, axis] = (lower + upper) / 2
            found.append(between)
    return Site(torch.cat(found))


def _factors(linear: Coefficients, unknowns: Sequence[str], key: Key) -> Array:
    """(equations, unknowns, n) the factors of one derivative at n points."""
    n = max((len(factor) for row in linear for factor in row.values()), default=0)
    rows = [[row.get((unknown, key), torch.zeros(n)).double() for unknown in unknowns] for row in linear]
    return torch.stack([torch.stack(row) for row in rows]).numpy()


def _multiple(of: Array, base: Array) -> float | None:
    """The v with ``of = v base``, both arrays of one shape; None without."""
    size = float(np.sum(base * base))
    if not size > 0:
        return None
    v = float(np.sum(of * base)) / size
    return v if bool(np.all(abs(of - v * base) <= _SAME * (abs(of).max() + abs(v * base).max()))) else None


def velocity_uses(problem: Problem, wanted: tuple[str, ...]) -> bool:
    """Whether the velocity depends on any of these unknowns, coordinates or parameters."""
    return any(set(names) & set(wanted) for _, names in velocities(problem).values())
