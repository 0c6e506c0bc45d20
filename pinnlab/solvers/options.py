"""Options of a solver: which were given, and checks that name one as it was typed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from pinnlab.machine.numbers import finite, positive

MOST_PARTS = 100_000
"""Into which a coordinate is cut: more than any memory holds experts for."""


def given(options: Any) -> tuple[str, ...]:
    """Names of a dataclass' fields that are not at their defaults, in order."""
    found = []
    for f in fields(options):
        default = f.default if f.default_factory is MISSING else f.default_factory()
        if getattr(options, f.name) != default:
            found.append(f.name)
    return tuple(found)


def check_choice(owner: str, known: Collection[str], **values: str) -> None:
    """Raise ValueError for a word that is none of the known ones."""
    for name, value in values.items():
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{owner}({name}={value!r}): choose one of {', '.join(map(repr, known))}.")


def check_mappings(owner: str, **options: object) -> None:
    """Raise TypeError for an option that is neither None nor a dictionary {coordinate: ...}."""
    for name, value in options.items():
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{owner}({name}={value!r}): give a dictionary with names of coordinates, or leave it out.")


def check_shares(owner: str, experts: Any, condition_weight: float) -> None:
    """Raise TypeError or ValueError for experts that are not {coordinate: parts or positions}, or for a bad weight."""
    if experts is not None and not isinstance(experts, Mapping):
        raise TypeError(f"{owner}(experts={experts!r}): give a dictionary such as {{'x': 4}}.")
    for name, parts in (experts or {}).items():
        numbers = [finite(p) for p in parts] if isinstance(parts, Sequence) and not isinstance(parts, str) else []
        if isinstance(parts, bool | str) or not isinstance(parts, int | Sequence) or None in numbers:
            raise TypeError(
                f"{owner}(experts={{{name!r}: {parts!r}}}): give a number of equal parts, or a tuple of positions."
            )
        if isinstance(parts, int) and parts > MOST_PARTS:
            raise ValueError(f"{owner}(experts={{{name!r}: {parts}}}): {MOST_PARTS} parts at most.")
    if not positive(condition_weight):
        raise ValueError(f"{owner}(condition_weight={condition_weight!r}): must be positive.")


def strangers(owner: str, coordinates: Collection[str], **options: Mapping[str, Any] | None) -> Iterator[str]:
    """A sentence for each name in a dictionary {coordinate: ...} that is no coordinate of the problem."""
    for option, entries in options.items():
        for name in entries or {}:
            if name not in coordinates:
                yield (
                    f"{owner}({option}={dict(entries or {})!r}): {name!r} is none of the coordinates "
                    f"{', '.join(coordinates)}."
                )
