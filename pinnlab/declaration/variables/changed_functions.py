"""A user's functions of outer variables as functions of inner ones: equations, velocities, values of conditions.

Letters: c derivatives, n points, d coordinates.

The user's function is called as it is, with coordinates, unknowns and coefficients in the user's units, and what it
returns is counted in the inner ones. Derivatives follow by the chain rule: those of a field divide by the coordinates'
scales (``outer_field``).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from torch import Tensor

from pinnlab.declaration.arguments import argument_names, signature_of
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.grid_values import GridValue
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.names import Key, parts_of
from pinnlab.domains.affine import UNCHANGED, Affine
from pinnlab.domains.columns import Coordinates

K = TypeVar("K", bound=Key)
NORMAL = "n"
"""The argument of a formula that is the outward normal, whose components have no units."""


class Names(Protocol):
    """What names the arguments of formulas."""

    @property
    def unknowns(self) -> tuple[str, ...]: ...
    @property
    def bindable(self) -> tuple[str, ...]: ...


def outer_field(field: Field, change: ChangeOfVariables, own: Affine = UNCHANGED) -> Field:
    """A field of inner variables as the user's function sees it: its values and derivatives in outer units.

    Args:
        field: with inner values, differentiated by inner coordinates.
        change: of the coordinates.
        own: of the values.
    """

    def derive(name: str) -> Field:
        # not by ``d``: it is a part of another derivative, and the watch is not told of it
        return outer_field(field.derived(name), change, Affine(0.0, own.scale / change.coordinate(name).scale))

    return Field(lambda: own.outer(field.value), _known(field.coordinates, change), derive, field.name, field.watch)


def outer_grid_value(given: GridValue, change: ChangeOfVariables, own: Affine) -> GridValue:
    """The same for a grid value, whose derivatives are converted one by one: ``outer_field``."""

    def convert(key: Key, inner: Tensor) -> Tensor:
        unit = own.scale / math.prod(change.coordinate(name).scale for name in key)
        return inner * unit if key else own.outer(inner)

    return given.mapped(convert, _known(given.coordinates, change))


def _known(names: K, change: ChangeOfVariables) -> K | Coordinates:
    """The coordinates by which the user's functions differentiate."""
    return names if change.clock is None else Coordinates(names, change.clock)


@dataclass(frozen=True, eq=False)
class ChangedFunction:
    """A user's function, called with outer variables where the inner ones are given.

    Args:
        given: the function.
        names: those of its arguments that are bound.
        change: of variables.
        result: of what it returns.
        label: how a residual without a name is called, of an equation, whose residuals are divided by their sizes.
    """

    given: Callable[..., Any]
    names: tuple[str, ...]
    change: ChangeOfVariables
    result: Affine = UNCHANGED
    label: str = ""

    @property
    def __name__(self) -> str:
        return getattr(self.given, "__name__", "")

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self.names)

    def __call__(self, **bound: Any) -> Any:
        """What it returns for inner variables: fields, or tensors (n,)."""
        found = self.given(**{name: self._outer(name, value) for name, value in bound.items()})
        if isinstance(found, dict):
            return {name: self._inner(value, name) for name, value in found.items()}
        return self._inner(found, self.label)

    def _outer(self, name: str, value: Any) -> Any:
        change = self.change
        # the parts of a complex unknown have one scale
        part = change.unknowns.get(name) or change.unknowns.get(parts_of(name)[0])
        own = change.coordinates.get(name) or part or change.parameter(name)
        if isinstance(value, GridValue):
            return outer_grid_value(value, change, own)
        return outer_field(value, change, own) if isinstance(value, Field) else own.outer(value)

    def _inner(self, value: Any, label: str) -> Any:
        given: Any = value
        if not isinstance(given, Field | Tensor | int | float):
            return value  # whoever checks it says why it is none
        found: Any = value if self.result.is_identity else (value - self.result.offset) / self.result.scale
        sizes = self.change.residuals
        size = sizes.get(label) or sizes.get(parts_of(label)[0], 1.0)
        return found if size == 1 else found / size


@dataclass(frozen=True)
class ChangedKnown:
    """A function whose derivatives are known, of inner variables.

    Args:
        given: the function of outer variables.
        names: of the coordinates, in the domain's order.
        change: of the coordinates.
        result: of its values.
    """

    given: KnownFunction
    names: tuple[str, ...]
    change: ChangeOfVariables
    result: Affine = UNCHANGED

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at inner points (n, d)."""
        jet = self.given.jet(self.change.outer_points(points, self.names), indices)
        inverse = self.change.inverse
        along = [inverse.along(self.names[i] for i in index) for index in indices]
        found = jet * jet.new_tensor(along)[:, None, None]
        rest = jet.new_tensor([0.0 if index else self.result.offset for index in indices])[:, None, None]
        return (found - rest) / self.result.scale


def changed_value(
    given: Any, bindable: Sequence[str], coordinates: Sequence[str], change: ChangeOfVariables, result: Affine
) -> Any:
    """A number or function that a condition prescribes, in inner variables.

    Args:
        given: by the user, in outer ones.
        bindable: names that its arguments may have.
        coordinates: their names, in the domain's order.
        change: of variables.
        result: of the value.
    """
    if isinstance(given, KnownFunction):
        return ChangedKnown(given, tuple(coordinates), change, result)
    if callable(given):
        return ChangedFunction(given, argument_names(given, bindable, "a value"), change, result)
    return result.inner(float(given))


def changed_where(where: Callable[..., Any], coordinates: Sequence[str], change: ChangeOfVariables) -> ChangedFunction:
    """On which part of a side a condition holds, as a function of inner coordinates."""
    return ChangedFunction(where, argument_names(where, coordinates, "where"), change)


def changed_formula(
    given: Callable[..., Any], names: Names, change: ChangeOfVariables, sizes: Mapping[str, float], label: str
) -> ChangedFunction:
    """A formula in fields, and perhaps the outward normal, on inner variables.

    Args:
        given: by the user.
        names: what its arguments may be called.
        change: of variables.
        sizes: {name of a result: what it is divided by}.
        label: the name of a result that has none.
    """
    available = (*names.unknowns, *names.bindable, NORMAL)
    return ChangedFunction(
        given, argument_names(given, available, "a formula"), replace(change, residuals=sizes), label=label
    )
