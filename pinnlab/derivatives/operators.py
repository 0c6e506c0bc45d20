"""Derivatives of expressions: by named coordinates, and gradient, divergence and curl by the coordinates of space.

Letters: d coordinates of space.

Whatever is differentiated goes through ``d`` of a field, so that those who watch an equation see what stands inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, overload, runtime_checkable

from pinnlab.derivatives.directions import Direction
from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.names import Key
from pinnlab.derivatives.vectors import Components, Vector
from pinnlab.domains.columns import space_of


@runtime_checkable
class Differentiable(Protocol):
    """What has derivatives by named coordinates: a field, or a value on a grid in its place."""

    @property
    def coordinates(self) -> Key: ...

    def d(self, *names: str) -> Any: ...


@overload
def diff(expression: Field, *names: str | Direction) -> Field: ...
@overload
def diff(expression: float, *names: str | Direction) -> float: ...
def diff(expression: Field | float, *names: str | Direction) -> Field | float:
    """Differentiate an expression of fields: ``pl.diff(k * u.x, "x")`` is the conservation form of diffusion.

    Args:
        expression: a Field made of unknowns, coordinates and parameters; a plain number has derivative 0.
        names: coordinates, one or more.

    Raises:
        TypeError: no coordinate is named, or the expression is a tensor without derivatives.
    """
    if not names:
        raise TypeError("diff(expression) needs the names of coordinates, such as diff(k * u.x, 'x').")
    if isinstance(expression, int | float):
        return 0.0
    if not isinstance(expression, Field):
        raise TypeError(
            f"diff() got a {type(expression).__name__}, which carries no derivatives; differentiate expressions of "
            "the equation's own arguments (fields), and do not call .value or .detach() on them."
        )
    return expression.d(*names)


def grad(expression: Any) -> Vector:
    """The gradient by the coordinates of space, in their order; time is none of them: ``pl.grad(u).x`` is ``u.x``.

    Args:
        expression: a field, or an expression of fields.

    Returns:
        A ``Vector`` of d fields.

    Raises:
        TypeError: the expression is no field.
        ValueError: the problem has no coordinates of space.
    """
    if not isinstance(expression, Differentiable):
        raise TypeError(
            f"grad() got a {type(expression).__name__}; give one field, or an expression of the equation's own arguments, "
            "such as pl.grad(u)."
        )
    names = space_of(expression.coordinates, "grad()")
    return Vector(names, [expression.d(name) for name in names])


def div(*components: Any) -> Field:
    """The divergence by the coordinates of space, in their order: ``pl.div(k * pl.grad(u))``, ``pl.div(u, v)``.

    Args:
        components: d of them, one after the other or as one vector or tuple: fields, or numbers, which do not change.

    Returns:
        A field.

    Raises:
        TypeError: a component is a tensor without derivatives.
        ValueError: not one component for each coordinate of space.
    """
    parts = _parts(components)
    names = _space("div", parts)
    if len(parts) != len(names):
        raise ValueError(
            f"div() got {len(parts)} component(s), and space has {len(names)} coordinate(s), {', '.join(names)}; give one "
            "component for each, in their order."
        )
    return _sum(_slope("div", part, name) for part, name in zip(parts, names, strict=True))


def curl(*components: Any) -> Any:
    """The curl by the coordinates of space, in their order.

    In the plane, ``pl.curl(u, v)`` is the scalar ``v.x - u.y``, and ``pl.curl(psi)`` of one field is the vector
    ``(psi.y, -psi.x)``, the flow with this stream function. In three dimensions it maps three components to three.

    Args:
        components: two or three fields or numbers, one after the other or as one vector or tuple; in the plane also one.

    Returns:
        A field, or a ``Vector``.

    Raises:
        TypeError: a component is a tensor without derivatives.
        ValueError: another number of components, or another dimension.
    """
    parts = _parts(components)
    names = _space("curl", parts)

    def d(i: int, k: int) -> Any:
        return _slope("curl", parts[i], names[k])

    if len(names) == 2 and len(parts) == 1:
        return Vector(names, [d(0, 1), -d(0, 0)])
    if len(names) == 2 and len(parts) == 2:
        return d(1, 0) - d(0, 1)
    if len(names) == 3 and len(parts) == 3:
        return Vector(names, [d(2, 1) - d(1, 2), d(0, 2) - d(2, 0), d(1, 0) - d(0, 1)])
    raise ValueError(
        f"curl() got {len(parts)} component(s) in a space of {len(names)} coordinate(s), {', '.join(names)}; give two (or "
        "one, a stream function) in the plane, three in three dimensions."
    )


def dot(a: Components, b: Components) -> Field:
    """The scalar product of two vectors: ``pl.dot((u, v), pl.grad(c))`` is transport of c with velocity (u, v).

    Args:
        a, b: d components each: vectors, tuples or lists, or the normal ``n`` of a condition.

    Raises:
        ValueError: other numbers of components.
    """
    if len(a) != len(b) or not len(a):
        raise ValueError(f"dot() got {len(a)} and {len(b)} components; give two vectors of as many components.")
    return _sum(x * y for x, y in zip(a, b, strict=True))


def _sum(terms: Iterable[Any]) -> Any:
    first, *others = terms
    return sum(others, first)


def _parts(components: tuple[Any, ...]) -> Sequence[Any]:
    alone = len(components) == 1 and isinstance(components[0], Vector | tuple | list)
    return components[0] if alone else components


def _space(owner: str, parts: Sequence[Any]) -> Key:
    """The coordinates of space that the first field among the parts knows."""
    for part in parts:
        if isinstance(part, Differentiable):
            return space_of(part.coordinates, f"{owner}()")
    raise TypeError(f"{owner}() got no field; give expressions of the equation's own arguments, such as {owner}(u, v).")


def _slope(owner: str, part: Any, name: str) -> Any:
    """The derivative of one component; numbers have none."""
    if isinstance(part, int | float):
        return 0.0
    if not isinstance(part, Differentiable):
        raise TypeError(
            f"{owner}() got a {type(part).__name__} as a component, which carries no derivatives; give expressions of the "
            "equation's own arguments (fields), and do not call .value or .detach() on them."
        )
    return part.d(name)
