"""The transport velocity of a problem: dx/dt of its characteristics, the curves along which the unknowns are carried.

Letters: n points.

In u_t + c u_x = ... it is c, the factor of u.x. There is one component per coordinate of space: a number, or a function of
unknowns, coordinates and parameters by name with values (n,). Lagrangian solvers move their points with it, and the choice
of a solver asks how far and how fast it carries.
"""

from __future__ import annotations

from typing import Any

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.problem import Problem


def velocities(problem: Problem) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """{coordinate of space: (number or function, names of the function's arguments)}.

    Raises:
        TypeError: a component is neither a number nor a function.
        ValueError: the problem has no velocity, or not one per coordinate of space; an argument's name is unknown.
    """
    space = problem.domain.space
    given = problem.velocity
    usual = "velocity=" + ("lambda u: u" if len(space) == 1 else "(lambda x, y: ..., lambda x, y: ...)")
    if given is None:
        raise ValueError(
            f"LagrangianPINN needs the velocity dx/dt of the characteristics: the factor of u.x in the equation. Add it "
            f"to the problem: problem.replace({usual}), a number or a function of unknowns, coordinates and parameters "
            "by name."
        )
    parts = list(given) if isinstance(given, tuple | list) else [given]
    if len(parts) != len(space):
        raise ValueError(
            f"velocity has {len(parts)} component(s), and space has {len(space)} dimension(s) "
            f"({', '.join(space)}); give one per coordinate of space: {usual}."
        )
    found: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for c, value in zip(space, parts, strict=True):
        if not callable(value) and not isinstance(value, int | float):
            raise TypeError(f"velocity along {c!r} is {value!r}; give a number or a function: {usual}.")
        found[c] = (value, argument_names(value, problem.bindable, f"velocity along {c!r}") if callable(value) else ())
    return found


def velocity_uses(problem: Problem, wanted: tuple[str, ...]) -> bool:
    """Whether the velocity depends on any of these unknowns, coordinates or parameters."""
    return any(set(names) & set(wanted) for _, names in velocities(problem).values())
