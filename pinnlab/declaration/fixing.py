"""A problem with some of its parameters fixed: what they may be, and which conditions are left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pinnlab.declaration.arguments import ANY, arguments_of
from pinnlab.declaration.conditions import AnyCondition
from pinnlab.declaration.parameters.kinds import Family, Parameter


def admitted(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of some parameters: members of families as what they are taken for.

    Raises:
        TypeError, ValueError: an unknown parameter, or a value outside its family.
    """
    found = dict(values)
    for name, value in values.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise ValueError(f"at({name}={value!r}): not a parameter of this problem; its parameters are {known}.")
        family = parameters[name]
        if isinstance(family, Family):
            found[name] = family.admit(name, value)
    return found


def check_complete(families: Sequence[str], values: Mapping[str, Any]) -> None:
    """Raise ValueError where a member of a family is asked for without all of its parameters."""
    if missing := [name for name in families if name not in values]:
        given = ", ".join(f"{name}=..." for name in families)
        raise ValueError(f"at({', '.join(values)}): {', '.join(missing)} is missing; write solution.at({given}).")


def still_conditions(
    conditions: Sequence[AnyCondition], fixed: Mapping[str, Any], open_ones: Collection[str]
) -> tuple[AnyCondition, ...]:
    """Conditions without those that were about parameters alone which are fixed now: nothing can meet these any more.

    Args:
        conditions: formulas and measured expressions among others.
        fixed: {parameter: value}.
        open_ones: unknowns, and parameters that are still to be found.
    """

    def decided(condition: AnyCondition) -> bool:
        about = getattr(condition, "residual", None) or getattr(condition, "of", None)
        names = set(arguments_of(about)) if callable(about) else set()
        return bool(names & set(fixed)) and not names & {*open_ones, ANY}

    return tuple(condition for condition in conditions if not decided(condition))
