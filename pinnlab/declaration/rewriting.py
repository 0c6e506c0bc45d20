"""A declaration on other variables: domain, equations, conditions, parameters and velocity, rewritten one by one.

What comes out are the arguments of an ordinary problem. Its equations call the user's functions with fields in the user's
units, and are divided by sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.changed_functions import ChangedFunction
from pinnlab.declaration.changed_parameters import changed_parameter
from pinnlab.declaration.components import velocity_components
from pinnlab.declaration.conditions import AnyCondition, Context
from pinnlab.declaration.conditions.converted import ConvertedCondition
from pinnlab.declaration.dry_run import Equation, bound_label, dry_points, parameter_values
from pinnlab.declaration.functions import FunctionParameter
from pinnlab.declaration.parameters import Parameter
from pinnlab.declaration.terms import Scope
from pinnlab.declaration.variables import ChangeOfVariables
from pinnlab.domains.affine import Affine
from pinnlab.domains.mapping import mapped

_POINTS = 64
"""Of the interior, at which the size of what a condition prescribes is looked at."""


def rewritten(
    change: ChangeOfVariables,
    context: Context,
    equations: Sequence[Equation],
    conditions: Sequence[AnyCondition],
    parameters: Mapping[str, Parameter],
    velocity: Any = None,
    weights: Mapping[int, float] | None = None,
) -> dict[str, Any]:
    """The arguments ``domain``, ``equations``, ``conditions``, ``parameters`` and ``velocity`` of the rewritten problem.

    Args:
        change: of variables.
        context: of the problem.
        equations, conditions, parameters, velocity: of the problem, as it holds them.
        weights: {number of a condition: its weight}, for those that are not rewritten themselves.
    """
    domain, bindable = context.region, (*context.unknowns, *context.bindable)
    names = domain.coordinates
    functions = {name: value for name, value in parameters.items() if isinstance(value, FunctionParameter)}
    size = _size(context, parameters)
    inner: list[AnyCondition] = []
    for number, condition in enumerate(conditions):
        found = condition.in_variables(change, context, size)
        weight = (weights or {}).get(number)
        inner += [ConvertedCondition(condition, change, context, functions, weight)] if found is None else found
    return {
        "domain": mapped(domain, change.coordinates),
        "equations": [
            ChangedFunction(f, argument_names(f, bindable, "an equation"), change, label=bound_label(f, i))
            for i, f in enumerate(equations)
        ],
        "conditions": inner,
        "parameters": {name: changed_parameter(name, value, names, change) for name, value in parameters.items()},
        "velocity": None if velocity is None else _velocity(velocity, change, context, bindable),
    }


def _velocity(given: Any, change: ChangeOfVariables, context: Context, bindable: Sequence[str]) -> list[Any]:
    """dx/dt of inner variables, one component per coordinate of space."""
    found = []
    for name, (part, names) in velocity_components(given, context.region.space, bindable).items():
        unit = Affine(0.0, change.along((context.region.clock,)) / change.along((name,)))
        found.append(ChangedFunction(part, names, change, unit) if callable(part) else unit.inner(float(part)))
    return found


def _size(context: Context, parameters: Mapping[str, Parameter]) -> Callable[[Any], float]:
    """The largest modulus of a number or function of coordinates and parameters in the domain."""
    columns = context.region.columns(
        context.region.interior(dry_points(len(context.region.coordinates))(_POINTS)).points
    )

    def size(value: Any) -> float:
        names = context.names(value, "a condition")
        with torch.no_grad():
            found = Scope({}, columns, parameter_values(parameters)).value(value, names, "a condition")
        return float(found.abs().nan_to_num(0.0, 0.0, 0.0).max())

    return size
