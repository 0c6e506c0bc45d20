"""The components of a transport velocity, as a user writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnlab.declaration.arguments import argument_names
from pinnlab.machine.numbers import finite


def usual_velocity(space: Sequence[str]) -> str:
    """How a velocity in this space is written."""
    return "velocity=" + ("lambda u: u" if len(space) == 1 else "(lambda x, y: ..., lambda x, y: ...)")


def velocity_components(
    given: Any, space: Sequence[str], bindable: Sequence[str]
) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """{coordinate of space: (number or function, names of the function's arguments)}.

    Args:
        given: one component or a sequence of them.
        space: the coordinates of space.
        bindable: names that arguments may have.

    Raises:
        TypeError: a component is neither a number nor a function.
        ValueError: not one per coordinate of space; an argument's name is unknown.
    """
    usual = usual_velocity(space)
    several = isinstance(given, tuple | list)
    parts = list(given) if several else [given]
    if len(parts) != len(space):
        raise ValueError(
            f"velocity has {len(parts)} component(s), and space has {len(space)} dimension(s) "
            f"({', '.join(space)}); give one per coordinate of space: {usual}."
        )
    found: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for c, value in zip(space, parts, strict=True):
        if not callable(value) and finite(value) is None:
            raise TypeError(f"velocity along {c!r} is {value!r}; give a number or a function: {usual}.")
        what = f"velocity along {c!r}" if several else "velocity"
        found[c] = (value, argument_names(value, bindable, what) if callable(value) else ())
    return found
