"""A declaration on other variables: domain, equations, conditions, parameters and velocity, rewritten one by one.

What comes out are the arguments of an ordinary problem. Its equations call the user's functions with fields in the user's
units, and are divided by sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.components import velocity_components
from pinnlab.declaration.conditions import AnyCondition, Context
from pinnlab.declaration.conditions.converted import ConvertedCondition
from pinnlab.declaration.dry_run import Equation, bound_label
from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction
from pinnlab.declaration.parameters.kinds import Looked, Parameter
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import ChangedFunction
from pinnlab.declaration.variables.changed_parameters import changed_parameter
from pinnlab.domains.affine import Affine
from pinnlab.domains.mapping import mapped


def rewritten(
    change: ChangeOfVariables,
    context: Context,
    equations: Sequence[Equation],
    conditions: Sequence[AnyCondition],
    parameters: Mapping[str, Parameter],
    velocity: Any = None,
    *,
    bindable: Sequence[str] | None = None,
    sizes: Mapping[int, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """The arguments ``domain``, ``equations``, ``conditions``, ``parameters`` and ``velocity`` of the rewritten problem.

    Args:
        change: of variables.
        context: of the problem.
        equations, conditions, parameters, velocity: of the problem, as it holds them.
        bindable: names that arguments of equations may have; None for those that the context tells of.
        sizes: {number of a condition: {name of a misfit: its natural size}}; of others it is one.
    """
    domain, bindable = context.region, bindable or (*context.unknowns, *context.bindable)
    names = domain.coordinates
    functions = {
        name: value for name, value in parameters.items() if isinstance(value, FunctionParameter | StateFunction)
    }
    inner: list[AnyCondition] = []
    for number, condition in enumerate(conditions):
        mine = sizes[number] if sizes is not None else _ones(condition, context)
        found = condition.in_variables(change, context, mine)
        if found is None:
            weight = condition.weight / max(mine.values(), default=1.0) ** 2
            found = [ConvertedCondition(condition, change, context, functions, weight)]
        inner += found
    return {
        "domain": mapped(domain, change.coordinates),
        "equations": [
            ChangedFunction(f, argument_names(f, bindable, "an equation"), change, label=bound_label(f, i))
            for i, f in enumerate(equations)
        ],
        "conditions": inner,
        "parameters": Looked((name, changed_parameter(name, v, names, change)) for name, v in parameters.items()),
        "velocity": None if velocity is None else _velocity(velocity, change, context, bindable),
    }


def _ones(condition: AnyCondition, context: Context) -> dict[str, float]:
    return {name: 1.0 for term in condition.terms(context) for name in term.residuals}


def _velocity(given: Any, change: ChangeOfVariables, context: Context, bindable: Sequence[str]) -> list[Any]:
    """dx/dt of inner variables, one component per coordinate of space."""
    found, region = [], context.region
    clock = (
        () if region.time is None else (region.time,)
    )  # in a steady problem the parameter of characteristics has no unit
    for name, (part, names) in velocity_components(given, region.space, bindable).items():
        unit = Affine(0.0, change.along(clock) / change.along((name,)))
        found.append(ChangedFunction(part, names, change, unit) if callable(part) else unit.inner(float(part)))
    return found
