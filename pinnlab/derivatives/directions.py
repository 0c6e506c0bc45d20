"""Directions: unit vectors along which fields are differentiated, such as the outward normal of a boundary.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor


class Direction:
    """A unit vector at n points: ``n.x`` is a component, ``u.d(n)`` the derivative along it.

    In ``u.d(n, n)`` the second derivative is that along the same straight line: how a curved boundary turns is no part of
    it.

    Args:
        components: {coordinate: (n,)}.
        along: the coordinates whose components may be other than zero.
    """

    __slots__ = ("_along", "_components")

    def __init__(self, components: Mapping[str, Tensor], along: Sequence[str]):
        self._components, self._along = dict(components), tuple(along)

    def __getattr__(self, name: str) -> Tensor:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._components:
            raise ValueError(
                f"n.{name}: the outward normal n has the components {', '.join('n.' + c for c in self._components)}; the "
                "derivative of an unknown u along it is u.d(n)."
            )
        return self._components[name]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._components.values())

    def __len__(self) -> int:
        return len(self._components)

    def __repr__(self) -> str:
        return f"Direction({', '.join(self._components)})"

    @property
    def parts(self) -> list[tuple[str, Tensor]]:
        """(coordinate, component (n,)) of those that may be other than zero."""
        return [(name, self._components[name]) for name in self._along]


def resolved(derive: Callable[..., Any], names: Sequence[str | Direction]) -> Any:
    """A derivative along directions as the sum of those by coordinates.

    Args:
        derive: the derivative by coordinates and directions.
        names: at least one of them a direction.
    """
    place = next(i for i, name in enumerate(names) if isinstance(name, Direction))
    direction = names[place]
    assert isinstance(direction, Direction)
    first, *others = (
        component * derive(*names[:place], name, *names[place + 1 :]) for name, component in direction.parts
    )
    return sum(others, first)
