"""Parameters that are functions of coordinates, families and coefficients to be found, on inner variables.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from pinnlab.declaration.parameters.functions import FunctionParameter, GaussianFunction, GivenFunction, StateFunction
from pinnlab.declaration.parameters.kinds import Unknown
from pinnlab.declaration.parameters.materials import Part, PiecewiseFunction
from pinnlab.declaration.parameters.random_fields import RandomField
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import ChangedFunction, outer_field
from pinnlab.derivatives.fields import Field
from pinnlab.domains.affine import UNCHANGED, Affine
from pinnlab.domains.mapping import mapped


@dataclasses.dataclass(frozen=True, eq=False)
class ChangedParameter(FunctionParameter):
    """A function parameter of any kind, of inner coordinates.

    Args:
        given: of outer coordinates.
        names: of the coordinates, in the domain's order.
        change: of variables.
        on, columns: as in ``FunctionParameter``.
    """

    given: FunctionParameter
    names: tuple[str, ...]
    change: ChangeOfVariables
    on: tuple[str, ...]
    columns: tuple[int, ...]

    def at(self, points: Tensor) -> Tensor:
        names = self.names[: points.shape[1]]
        return self.given.at(self.change.outer_points(points, names))


@dataclasses.dataclass(frozen=True, eq=False)
class ChangedClosure(StateFunction):
    """A function of unknowns, of inner ones.

    Args:
        given: of outer unknowns.
        change: of variables.
        on: as in ``StateFunction``.
    """

    given: StateFunction
    change: ChangeOfVariables
    on: tuple[str, ...]

    def field(self, arguments: Mapping[str, Field]) -> Field:
        units = {**self.change.coordinates, **self.change.unknowns}
        outer = {n: outer_field(f, self.change, units.get(n, UNCHANGED)) for n, f in arguments.items()}
        return outer_field(self.given.field(outer), self.change.inverse)


def changed_parameter(name: str, value: Any, names: Sequence[str], change: ChangeOfVariables) -> Any:
    """A parameter of a problem, or of a member of a family, on inner variables.

    Args:
        name: of the parameter.
        value: on outer variables.
        names: of the coordinates, in the domain's order.
        change: of variables.
    """
    if isinstance(value, GivenFunction):
        return GivenFunction(ChangedFunction(value.given, value.on, change), value.on, value.columns)
    if isinstance(value, GaussianFunction) and all(change.coordinate(c).scale > 0 for c in value.on):
        maps = [change.coordinate(c) for c in value.on]
        lower = tuple(m.inner(x) for m, x in zip(maps, value.lower, strict=True))
        return dataclasses.replace(
            value, lower=lower, periods=tuple(p / m.scale for m, p in zip(maps, value.periods, strict=True))
        )
    if isinstance(value, PiecewiseFunction):
        return _changed_piecewise(value, change)
    if isinstance(value, FunctionParameter):
        return ChangedParameter(value, tuple(names), change, value.on, value.columns)
    if isinstance(value, StateFunction):
        return ChangedClosure(value, change, value.on)
    if isinstance(value, RandomField):
        return dataclasses.replace(value, length_scale=_lengths(value, change), region=None)
    if isinstance(value, Unknown):
        return _changed_unknown(value, change.parameter(name))
    if callable(value):
        return ChangedFunction(value, tuple(names), change)
    return value


def _changed_unknown(value: Unknown, unit: Affine) -> Unknown:
    """Its first guess, bounds and prior in inner units."""
    bounds = None if value.bounds is None else tuple(unit.inner(bound) for bound in value.bounds)
    prior = None if value.prior is None else (unit.inner(value.prior[0]), value.prior[1] / unit.scale)
    return Unknown(unit.inner(value.start), bounds, prior, value.of)


def _changed_piecewise(value: PiecewiseFunction, change: ChangeOfVariables) -> PiecewiseFunction:
    """Its regions and functions on inner coordinates, and its jumps in inner units; fluxes stay in the user's."""

    def inner(given: FunctionParameter | float) -> FunctionParameter | float:
        return given if isinstance(given, float) else changed_parameter("", given, value.on, change)

    def jump(name: str, given: Any) -> Any:
        own = Affine(0.0, change.unknown(name).scale)
        if not callable(given):
            return own.inner(float(given))
        return ChangedFunction(given, tuple(inspect.signature(given).parameters), change, own)

    maps = change.coordinates
    parts = tuple(Part(mapped(p.region, maps), mapped(p.reach, maps), inner(p.value)) for p in value.parts)
    jumps = {name: jump(name, given) for name, given in value.jump.items()}
    return dataclasses.replace(value, parts=parts, otherwise=inner(value.otherwise), jump=jumps)


def _lengths(field: RandomField, change: ChangeOfVariables) -> float | Mapping[str, float] | None:
    """Length scales; along periodic coordinates they count in units of the period already."""
    given = field.length_scale
    if given is None:
        return None
    each = dict(given) if isinstance(given, Mapping) else dict.fromkeys(field.on, given)
    return {
        c: x if field.periodic is True or (isinstance(field.periodic, tuple) and c in field.periodic)
        else x / abs(change.coordinate(c).scale)
        for c, x in each.items()
    }  # fmt: skip
