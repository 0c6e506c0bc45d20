"""Coordinates by name, and which of them is time.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from torch import Tensor


class Coordinates(tuple[str, ...]):
    """Names of coordinates in the domain's order: a tuple that knows which of them is time.

    Args:
        names: in the domain's order.
        time: the one that is time; None without one.

    Attributes:
        time: as given.
        space: the others, in their order.
    """

    time: str | None
    space: tuple[str, ...]

    def __new__(cls, names: Iterable[str], time: str | None) -> Coordinates:
        found = super().__new__(cls, names)
        found.time, found.space = time, tuple(name for name in found if name != time)
        return found


class Columns(dict[str, Tensor]):
    """Coordinates of n points, {name: (n,)}, in the domain's order.

    Args:
        names: of all of them.
        columns: {name: (n,)}.
    """

    def __init__(self, names: Coordinates, columns: Mapping[str, Tensor]):
        super().__init__((name, columns[name]) for name in names)
        self.names = names

    def replaced(self, **columns: Tensor) -> Columns:
        """The same with other values of some coordinates."""
        return Columns(self.names, {**self, **columns})


class Named(Protocol):
    """What names coordinates: a region."""

    @property
    def coordinates(self) -> tuple[str, ...]: ...
    @property
    def space(self) -> tuple[str, ...]: ...


def coordinates_of(region: Named) -> Coordinates:
    """The names of a region's coordinates, which know what is time."""
    time = next((name for name in region.coordinates if name not in region.space), None)
    return Coordinates(region.coordinates, time)


def columns_of(region: Named, columns: Mapping[str, Tensor]) -> Columns:
    """Coordinates {name: (n,)} as columns in a region's order, which know what is time."""
    return Columns(coordinates_of(region), columns)


def space_of(coordinates: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The coordinates other than time.

    Args:
        coordinates: names that know what is time.
        what: is asked for, as messages call it.

    Raises:
        TypeError: the names do not know what is time.
        ValueError: time is all there is.
    """
    names = _knowing(coordinates, what)
    if not names.space:
        raise ValueError(f"{what}: the problem has no coordinates of space; write derivatives such as u.{names[0]}.")
    return names.space


def time_of(coordinates: tuple[str, ...]) -> str | None:
    """The coordinate that is time, None without one; TypeError where the names do not know."""
    return _knowing(coordinates, "the derivative by time").time


def _knowing(coordinates: tuple[str, ...], what: str) -> Coordinates:
    if not isinstance(coordinates, Coordinates):
        raise TypeError(f"{what}: which of the coordinates {', '.join(coordinates)} is time is not known here.")
    return coordinates
