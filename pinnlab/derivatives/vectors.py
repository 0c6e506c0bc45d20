"""Vectors of fields: one component for each coordinate of space.

Letters: d coordinates of space.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol


class Vector:
    """Components along the coordinates of space, such as a gradient: ``g.x``, ``g[0]``, ``x, y = g``.

    Vectors add by components, also to tuples of d components; a field or number multiplies or divides each component.
    The product of two vectors is ``pl.dot(a, b)``.

    Args:
        names: of the d coordinates of space.
        components: d fields or numbers.
    """

    __slots__ = ("components", "names")
    __array_ufunc__ = None  # a number of NumPy times a vector is the vector's business

    def __init__(self, names: Sequence[str], components: Sequence[Any]):
        self.names, self.components = tuple(names), tuple(components)

    def __getattr__(self, name: str) -> Any:
        if name in Vector.__slots__ or name not in self.names:
            raise AttributeError(f"a vector has no {name!r}; its components are {', '.join(self.names)}.")
        return self.components[self.names.index(name)]

    def __getitem__(self, index: int) -> Any:
        return self.components[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.components)

    def __len__(self) -> int:
        return len(self.components)

    def __repr__(self) -> str:
        return f"Vector({', '.join(f'{n}={c!r}' for n, c in zip(self.names, self.components, strict=True))})"

    def _along(self, function: Callable[[Any, Any], Any], other: Any) -> Vector:
        """A sum or difference with d other components."""
        if not isinstance(other, Vector | tuple | list) or len(other) != len(self):
            raise TypeError(
                f"a vector with components {', '.join(self.names)} adds to one of as many components, not to a "
                f"{type(other).__name__}; write (u, v) + pl.grad(p), or add to a component, pl.grad(p).{self.names[0]}."
            )
        return Vector(self.names, [function(a, b) for a, b in zip(self, other, strict=True)])

    def _scaled(self, function: Callable[[Any], Any], factor: Any) -> Vector:
        """Each component times or over something that is no vector."""
        if isinstance(factor, Vector | tuple | list):
            raise TypeError(
                "the product of two vectors is pl.dot(a, b); by components, write (a[0] * b[0], a[1] * b[1])."
            )
        return Vector(self.names, [function(c) for c in self])

    def __add__(self, other: Any) -> Vector:
        return self._along(operator.add, other)

    def __radd__(self, other: Any) -> Vector:
        return self._along(lambda a, b: b + a, other)

    def __sub__(self, other: Any) -> Vector:
        return self._along(operator.sub, other)

    def __rsub__(self, other: Any) -> Vector:
        return self._along(lambda a, b: b - a, other)

    def __mul__(self, factor: Any) -> Vector:
        return self._scaled(lambda c: c * factor, factor)

    def __rmul__(self, factor: Any) -> Vector:
        return self._scaled(lambda c: factor * c, factor)

    def __truediv__(self, factor: Any) -> Vector:
        return self._scaled(lambda c: c / factor, factor)

    def __neg__(self) -> Vector:
        return Vector(self.names, [-c for c in self])


class Components(Protocol):
    """What has components in an order: a vector, a tuple, the normal of a boundary."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
