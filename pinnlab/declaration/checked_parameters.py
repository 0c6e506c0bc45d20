"""The parameters that a problem is given, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pinnlab.declaration.conditions import AnyCondition, Periodic
from pinnlab.declaration.functions import given_function
from pinnlab.declaration.parameters import Parameter, check_parameter, check_solvable
from pinnlab.declaration.random_fields import RandomField
from pinnlab.domains import Region


def checked_parameters(
    parameters: Mapping[str, Parameter], domain: Region, conditions: Sequence[AnyCondition]
) -> dict[str, Parameter]:
    """The parameters, checked; random fields and functions know the domain's coordinates.

    Raises:
        TypeError, ValueError: no mapping, a value of another kind, or a family together with a coefficient to be found.
    """
    if not isinstance(parameters, Mapping):
        raise TypeError(f"parameters={parameters!r}: give a dictionary, such as {{'nu': 0.01}}.")
    periodic = tuple(c.on for c in conditions if isinstance(c, Periodic))
    checked: dict[str, Parameter] = {}
    for name, value in parameters.items():
        if isinstance(value, RandomField):
            checked[name] = value.over(domain, periodic)
        elif callable(value):
            checked[name] = given_function(f"parameters[{name!r}]", value, domain, domain.coordinates)
        else:
            checked[name] = check_parameter(name, value)
    check_solvable(checked)
    return checked
