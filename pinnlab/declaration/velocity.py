"""The transport velocity of a problem: dx/dt of its characteristics, the curves along which the unknowns are carried.

Letters: n points.

In u_t + c u_x = ... it is c, the factor of u.x. There is one component per coordinate of space: a number, or a function of
unknowns, coordinates and parameters by name with values (n,). Lagrangian solvers move their points with it, and the choice
of a solver asks how far and how fast it carries.
"""

from __future__ import annotations

from typing import Any

from pinnlab.declaration.components import usual_velocity, velocity_components
from pinnlab.declaration.problem import Problem


def velocities(problem: Problem) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """{coordinate of space: (number or function, names of the function's arguments)}.

    Raises:
        TypeError: a component is neither a number nor a function.
        ValueError: the problem has no velocity, or not one per coordinate of space; an argument's name is unknown.
    """
    space = problem.domain.space
    if problem.velocity is None:
        raise ValueError(
            f"LagrangianPINN needs the velocity dx/dt of the characteristics: the factor of u.x in the equation. Add it "
            f"to the problem: problem.replace({usual_velocity(space)}), a number or a function of unknowns, coordinates and "
            "parameters by name."
        )
    return velocity_components(problem.velocity, space, problem.bindable)


def velocity_uses(problem: Problem, wanted: tuple[str, ...]) -> bool:
    """Whether the velocity depends on any of these unknowns, coordinates or parameters."""
    return any(set(names) & set(wanted) for _, names in velocities(problem).values())
