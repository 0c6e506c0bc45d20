"""Names of coordinates, unknowns and parameters: which of them can be used in equations and conditions."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterable, Mapping, Sequence

from pinnlab.declaration.conditions import Condition, Data, Dirichlet, Final, Initial, Neumann, Periodic, Robin
from pinnlab.derivatives.fields import FIELD_NAMES

OPTIONS = frozenset(
    name
    for kind in (Initial, Final, Dirichlet, Neumann, Robin, Periodic, Condition, Data)
    for name, p in inspect.signature(kind).parameters.items()
    if p.kind not in (p.VAR_KEYWORD, p.POSITIONAL_ONLY)
)
"""Arguments of conditions, which cannot name an unknown."""


def check_names(title: object, coordinates: Sequence[str], unknowns: Sequence[str], parameters: Iterable[str]) -> None:
    """Raise for a name that an equation or a condition cannot use, or that stands for two things, with the reason.

    Args:
        title: what the problem is called.
        coordinates, unknowns, parameters: what equations take by name.

    Raises:
        TypeError: the title is no text.
        ValueError: another name cannot be used.
    """
    groups = {"coordinate": coordinates, "unknown": unknowns, "parameter": tuple(parameters)}
    for kind, names in groups.items():
        for name in names:
            if why := _obstacle(kind, name):
                raise ValueError(f"the {kind} {name!r} cannot be called so: {why}; choose another name.")
    if word := ambiguous([str(name) for name in coordinates]):
        name, first, second = word[0], *(f"u.d({', '.join(map(repr, row))})" for row in word[1:])
        raise ValueError(
            f"coordinates {', '.join(map(repr, coordinates))}: the derivative u.{name} may be read as {first} or as "
            f"{second}; give them names that do not run into one another, such as {_apart(coordinates)}."
        )
    _check_distinct({"an unknown": unknowns, "a coordinate": coordinates, "a parameter": groups["parameter"]})
    if not isinstance(title, str):
        raise TypeError(f"name={title!r}: give a text, which figures and tables show.")


def _check_distinct(groups: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError where a name stands in two of {what it is: names}."""
    seen: dict[str, str] = {}
    for kind, names in groups.items():
        for name in names:
            if name in seen:
                raise ValueError(f"{name!r} is both {seen[name]} and {kind}; give them different names.")
            seen[name] = kind


def _obstacle(kind: str, name: object) -> str:
    """Why a name cannot be used; "" where it can."""
    if not isinstance(name, str) or not name.isidentifier():
        return "arguments of equations are bound by name, and this is no name of Python's"
    if keyword.iskeyword(name):
        return "it is a keyword of Python, and no argument of a function can have it"
    if name.startswith("_") or name == "self":
        return "names with a leading underscore, and self, have a meaning of their own in Python"
    if kind == "coordinate" and name in FIELD_NAMES:
        return f"u.{name} would be an attribute or a function of a field, not a derivative"
    if kind == "unknown" and name in OPTIONS:
        return f"conditions have an argument of this name, as in Dirichlet({name}=...)"
    return ""


def ambiguous(names: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """The shortest word that is two different rows of names, with both: ("xx", ("xx",), ("x", "x")); None without one.

    Sardinas & Patterson's test of unique decodability (1953): what one row is ahead of the other is followed until both
    end at the same place, or nothing new is left.
    """
    waiting: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        ((a,), (b,)) for a in names for b in names if a != b and a.startswith(b)
    ]
    seen = set()
    while waiting:
        longer, shorter = waiting.pop(0)
        ahead = "".join(longer)[len("".join(shorter)) :]
        if not ahead:
            return "".join(longer), longer, shorter
        if ahead in seen:
            continue
        seen.add(ahead)
        for name in names:
            if ahead.startswith(name):
                waiting.append((longer, (*shorter, name)))
            elif name.startswith(ahead):
                waiting.append(((*shorter, name), longer))
    return None


def _apart(names: Sequence[object]) -> str:
    return ", ".join(("x", "y", "z", "p", "q", "r", "s", "w")[: len(names)])
