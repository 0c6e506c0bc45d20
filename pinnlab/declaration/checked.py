"""What a problem is given, checked: equations, conditions, parameters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pinnlab.declaration.arguments import ANY, arguments_of
from pinnlab.declaration.conditions import (
    AnyCondition,
    AtAnInstant,
    Condition,
    Data,
    Integral,
    Periodic,
    PrescribedCondition,
)
from pinnlab.declaration.dry_run import Equation
from pinnlab.declaration.parameters.functions import StateFunction, checked_closure, given_function
from pinnlab.declaration.parameters.kinds import Looked, Parameter, Unknown, check_parameter, check_solvable
from pinnlab.declaration.parameters.materials import Piecewise
from pinnlab.declaration.parameters.random_fields import RandomField
from pinnlab.declaration.parameters.unknown_functions import UnknownFunction, checked_function
from pinnlab.domains import Region

_OURS = (AtAnInstant, PrescribedCondition, Condition, Data, Integral, Periodic)
_EQUATIONS = "give a function that returns what must vanish, such as lambda u: u.t - u.xx, or a list of functions"


def checked_parameters(
    parameters: Mapping[str, Parameter],
    domain: Region,
    conditions: Sequence[AnyCondition],
    unknowns: Sequence[str] = (),
) -> Looked:
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
    checked = Looked()
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
        raise TypeError(f"equations={equations!r}: {_EQUATIONS}.")
    functions = (equations,) if callable(equations) else tuple(equations)
    if odd := [each for each in functions if not callable(each)]:
        raise TypeError(f"equations holds {odd[0]!r}: {_EQUATIONS}.")
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


def warn_unused(
    given: Mapping[str, Any],
    conditions: Sequence[AnyCondition],
    functions: Sequence[Any],
    reference: Any,
) -> None:
    """Warn of parameters that no function has as an argument, unless a condition of the user's own may use them.

    Args:
        given: parameters as they were given.
        conditions: of the problem.
        functions: equations and velocities; others than functions are skipped.
        reference: of the problem, or None.
    """
    if isinstance(given, Looked) or not all(isinstance(condition, _OURS) for condition in conditions):
        return
    used = set(arguments_in([*functions, *map(vars, conditions), *given.values()]))
    unused = [name for name in given if name not in used | set(arguments_in(reference))]
    if unused and ANY not in used:
        warnings.warn(
            f"parameters={{{unused[0]!r}: ...}} changes nothing: no equation or condition has an argument {unused[0]!r}; "
            f"take it as one, such as lambda u, {unused[0]}: ..., or leave it out.",
            stacklevel=4,
        )


def arguments_in(given: Any) -> Iterator[str]:
    """Names of arguments of a function, or of the functions in a list or a dictionary; ``ANY`` where it takes all."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, list | tuple):
        for each in given:
            yield from arguments_in(each)
    if isinstance(given, Piecewise):
        yield from arguments_in(given.jump)
    elif callable(given):
        yield from arguments_of(given)
