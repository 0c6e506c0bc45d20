"""What parts of a declaration must not be together: families with coefficients to be found, and two things of one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pinnlab.declaration.parameters import Family, Parameter, Unknown


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


def check_distinct(groups: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError where a name stands in two of {what it is: names}."""
    seen: dict[str, str] = {}
    for kind, names in groups.items():
        for name in names:
            if name in seen:
                raise ValueError(f"{name!r} is both {seen[name]} and {kind}; give them different names.")
            seen[name] = kind
