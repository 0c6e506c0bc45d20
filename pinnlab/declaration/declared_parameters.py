"""What a problem makes of the parameters that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pinnlab.declaration.conditions import AnyCondition, Periodic
from pinnlab.declaration.functions import given_function
from pinnlab.declaration.materials import Piecewise
from pinnlab.declaration.parameters import Family, Parameter, Unknown, check_parameter
from pinnlab.declaration.random_fields import RandomField
from pinnlab.domains import Region


def checked_parameters(
    parameters: Mapping[str, Parameter], domain: Region, conditions: Sequence[AnyCondition]
) -> dict[str, Parameter]:
    """The parameters, checked; random fields and functions know the domain's coordinates."""
    if not isinstance(parameters, Mapping):
        raise TypeError(f"parameters={parameters!r}: give a dictionary, such as {{'nu': 0.01}}.")
    periodic = tuple(c.on for c in conditions if isinstance(c, Periodic))
    checked: dict[str, Parameter] = {}
    for name, value in parameters.items():
        if isinstance(value, RandomField):
            checked[name] = value.over(domain, periodic)
        elif isinstance(value, Piecewise):
            checked[name] = value.over(f"parameters[{name!r}]", domain)
        elif callable(value):
            checked[name] = given_function(f"parameters[{name!r}]", value, domain, domain.coordinates)
        else:
            checked[name] = check_parameter(name, value)
    return checked


def check_solvable(parameters: Mapping[str, Parameter]) -> None:
    """Raise ValueError for a family together with an unknown coefficient, which no solver finds."""
    families = [name for name, value in parameters.items() if isinstance(value, Family)]
    wanted = [name for name, value in parameters.items() if isinstance(value, Unknown)]
    if families and wanted:
        raise ValueError(
            f"parameters: {families[0]!r} is a family and {wanted[0]!r} is to be found; data belong to one member, so no "
            f"solver finds an unknown coefficient for a whole family: fix {families[0]!r} at a number, or make "
            f"{wanted[0]!r} a number or a family as well."
        )
