"""What a problem is given, checked: equations, conditions, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pinnlab.declaration.conditions import AnyCondition, Data, Integral, Periodic
from pinnlab.declaration.dry_run import Equation
from pinnlab.declaration.functions import StateFunction, checked_closure, given_function
from pinnlab.declaration.materials import Piecewise
from pinnlab.declaration.parameters import Family, Parameter, Unknown, check_parameter, check_solvable
from pinnlab.declaration.random_fields import RandomField
from pinnlab.declaration.unknown_functions import UnknownFunction, checked_function
from pinnlab.domains import Region


def checked_parameters(
    parameters: Mapping[str, Parameter],
    domain: Region,
    conditions: Sequence[AnyCondition],
    unknowns: Sequence[str] = (),
) -> dict[str, Parameter]:
    """The parameters, checked; random fields and functions know the domain's coordinates.

    Args:
        parameters: by name.
        domain, conditions: of the problem.
        unknowns: of the problem, which functions that are to be found may depend on.

    Raises:
        TypeError, ValueError: no mapping, a value of another kind, or a family together with a coefficient to be found.
    """
    if not isinstance(parameters, Mapping):
        raise TypeError(f"parameters={parameters!r}: give a dictionary, such as {{'nu': 0.01}}.")
    periodic = tuple(c.on for c in conditions if isinstance(c, Periodic))
    checked: dict[str, Parameter] = {}
    for name, given in parameters.items():
        value = given.declared if isinstance(given, UnknownFunction) else given
        if isinstance(value, RandomField):
            checked[name] = value.over(domain, periodic)
        elif isinstance(value, Piecewise):
            checked[name] = value.over(f"parameters[{name!r}]", domain)
        elif isinstance(value, StateFunction):
            checked[name] = checked_closure(name, value, (*domain.coordinates, *unknowns))
        elif callable(value):
            checked[name] = given_function(f"parameters[{name!r}]", value, domain, domain.coordinates)
        else:
            checked[name] = check_parameter(name, value)
    check_solvable(checked)
    for name, value in checked.items():
        if isinstance(value, Unknown) and value.of is not None:
            checked[name] = checked_function(name, value, domain.coordinates, unknowns)
    return checked


def checked_functions(equations: Equation | Sequence[Equation]) -> tuple[Equation, ...]:
    """The equations; ValueError where there is none."""
    if not callable(equations) and (isinstance(equations, str | Mapping) or not isinstance(equations, Sequence)):
        raise TypeError(f"equations={equations!r}: give a function, or a list of functions.")
    functions = (equations,) if callable(equations) else tuple(equations)
    if not functions:
        raise ValueError("equations is empty; give at least one function that returns a residual.")
    return functions


def checked_conditions(conditions: AnyCondition | Sequence[AnyCondition]) -> tuple[AnyCondition, ...]:
    """The conditions; TypeError where one is none."""
    if not isinstance(conditions, AnyCondition) and not isinstance(conditions, Sequence):
        raise TypeError(f"conditions={conditions!r}: give a list of Initial(...), Dirichlet(...) and the like.")
    given = (conditions,) if isinstance(conditions, AnyCondition) else tuple(conditions)
    for condition in given:
        if not isinstance(condition, AnyCondition):
            raise TypeError(f"conditions holds {condition!r}; give Initial(...), Dirichlet(...) and the like.")
    return given


def parameter_remarks(
    parameters: Mapping[str, Parameter], conditions: Sequence[AnyCondition]
) -> tuple[list[str], list[str]]:
    """What a check says of parameters: notes, and what is missing."""
    notes, missing = [], []
    decided = any(isinstance(c, Data | Integral) for c in conditions)
    for name, value in parameters.items():
        if isinstance(value, Family):
            notes.append(f"parameter {name} is a family {value}: solve a member with problem.at({name}=...)")
        if isinstance(value, Unknown | UnknownFunction) and not decided:
            missing.append(
                f"parameter {name} is to be found, but there are no data: add Data(points=..., u=...), or an integral "
                "that decides it, Integral(..., equals=...)"
            )
    return notes, missing
