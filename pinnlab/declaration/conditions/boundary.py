"""Conditions on pieces of the boundary: the value, the normal derivative, a linear combination of both."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names, with_arguments
from pinnlab.declaration.conditions.base import AnyCondition, BoundaryCondition, OnPiece, Value
from pinnlab.declaration.conditions.where import Where
from pinnlab.declaration.terms import Context, Scope
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import changed_value
from pinnlab.derivatives.names import split_derivative
from pinnlab.domains.affine import Affine
from pinnlab.machine.calls import explained_call


@explained_call("name the unknown and the side, such as {owner}(u=0.0, on='x-')")
class PrescribedCondition(BoundaryCondition):
    """A condition that prescribes something of each unknown that it names."""

    def __init__(
        self,
        *,
        on: str | None = None,
        where: Where | None = None,
        exact: bool | None = None,
        weight: float = 1.0,
        **values: Value,
    ):
        super().__init__(on, exact, weight, values, where)
        if not values:
            raise TypeError(f"{self.name}() got no values; name an unknown, such as {self.name}(u=0.0).")

    def on_sides(
        self, change: ChangeOfVariables, context: Context, inner: Callable[[str, Any, float], Any]
    ) -> list[AnyCondition]:
        """This condition on inner variables; sides across coordinates of different scales get conditions of their own.

        Args:
            change: of variables.
            context: of the problem in outer variables.
            inner: makes a value from (unknown, the value, outer normal derivative over the inner one).
        """
        sides: dict[float, list[str]] = {}
        for piece in self.pieces(context):
            normal = context.region.normal_coordinates(piece)[0]
            sides.setdefault(change.along((normal,)), []).append(piece)
        found: list[AnyCondition] = []
        for along, pieces in sides.items():
            values = {u: inner(u, v, along) for u, v in self.values.items()}
            for piece in pieces if len(sides) > 1 else pieces[:1]:
                on = piece if len(sides) > 1 else self.on
                found.append(self.on_inner_sides(change, context, values=values, on=on))
        return found

    @abstractmethod
    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        """The misfit as a function of the scope on one piece."""

    def on_pieces(self, context: Context) -> list[OnPiece]:
        found = []
        for unknown, value in self.values.items():
            if unknown not in context.unknowns:
                context.check_unknown(unknown, self.name, instead(unknown, value, context))
            for piece in self.pieces(context):
                label = f"{self.name.lower()} {unknown} {piece}"
                misfit = self.residual(unknown, value, context, label)

                def named(
                    scope: Scope, label: str = label, misfit: Callable[[Scope], Tensor] = misfit
                ) -> dict[str, Tensor]:
                    return {label: misfit(scope)}

                found.append(OnPiece(piece, (label,), named, unknown))
        return found


def instead(name: str, value: Any, context: Context) -> str:
    """What to write instead of a name that is no unknown; "" where that cannot be guessed."""
    region = context.region
    if name in region.coordinates:
        if name == region.time:
            return f"; {name!r} is time: Initial(...) gives the state at its start"
        lower, upper = region.bounds[name]
        side = {lower: f"on='{name}-'", upper: f"on='{name}+'"}.get(value) if isinstance(value, int | float) else None
        return f"; {name!r} is a coordinate: name the side, {side or f'''on='{name}-' or on='{name}+' '''.strip()}"
    stem, _, suffix = name.rpartition("_")
    key = split_derivative(suffix, region.coordinates) if suffix else None
    if stem in context.unknowns and key:
        less = "" if isinstance(value, int | float) and value == 0 else " - value"
        return f"; for a derivative write pl.Condition(lambda {stem}: {stem}.{suffix}{less}, on=...)"
    return ""


class Dirichlet(PrescribedCondition):
    """The value on the boundary: ``Dirichlet(u=0.0, on="x")``; without ``on``, on the whole spatial boundary.

    Args:
        on: a coordinate (both ends), one end (``"x-"``, ``"x+"``), a tag of a mesh, or None.
        where: on which part of it, a function of coordinates such as ``lambda y: y < 0.5`` that returns true or false for
            each point; None for all of it. On a part the value stays in the loss.
        exact, weight: see the module's text.
        values: one number or function per unknown.
    """

    can_be_exact = True

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        names = context.region.coordinates
        values = {
            unknown: changed_value(value, context.bindable, names, change, change.unknown(unknown))
            for unknown, value in self.values.items()
        }
        return [self.on_inner_sides(change, context, values=values)]

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = context.names(value, f"Dirichlet({unknown}=...)")
        return lambda scope: scope.fields[unknown].value - scope.value(value, names, label)


def normal_derivative(scope: Scope, unknown: str) -> Tensor:
    """The derivative of an unknown along the outward normal, (n,); ``scope.normals`` names the coordinates it takes."""
    total = torch.zeros_like(scope.like)
    for coordinate, normal in scope.normals.items():
        total = total + normal * scope.fields[unknown].d(coordinate).value
    return total


class Neumann(PrescribedCondition):
    """The outward normal derivative on the boundary: ``Neumann(u=0.0, on="x+")``.

    Args: as for ``Dirichlet``; it cannot be exact.
    """

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        coordinates = context.region.coordinates

        def inner(unknown: str, value: Any, along: float) -> Any:
            slope = Affine(0.0, change.unknown(unknown).scale * along)
            return changed_value(value, context.bindable, coordinates, change, slope)

        return self.on_sides(change, context, inner)

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = context.names(value, f"Neumann({unknown}=...)")
        return lambda scope: normal_derivative(scope, unknown) - scope.value(value, names, label)


class Robin(PrescribedCondition):
    """a u + b du/dn = g on the boundary: ``Robin(u=(a, b, g), on="x+")``, du/dn along the outward normal.

    Args: as for ``Dirichlet``, each value a triple of numbers or functions; it cannot be exact.
    """

    def __init__(
        self,
        *,
        on: str | None = None,
        where: Where | None = None,
        exact: bool | None = None,
        weight: float = 1.0,
        **values: tuple[Value, Value, Value],
    ):
        triples: dict[str, Any] = values
        super().__init__(on=on, where=where, exact=exact, weight=weight, **triples)
        for unknown, value in values.items():
            if not isinstance(value, tuple | list) or len(value) != 3:
                raise TypeError(f"Robin({unknown}={value!r}): give a triple (a, b, g) of a u + b du/dn = g.")

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        coordinates = context.region.coordinates

        def inner(unknown: str, value: Any, along: float) -> Any:
            own = change.unknown(unknown)
            a, b, g = value
            largest = max(size for name, size in sizes.items() if name.startswith(f"robin {unknown} "))
            at_rest = g if own.offset == 0 else difference(g, a, own.offset, context)
            units = (largest / own.scale, largest / (own.scale * along), largest)
            return tuple(
                changed_value(v, context.bindable, coordinates, change, Affine(0.0, unit))
                for v, unit in zip((a, b, at_rest), units, strict=True)
            )

        return self.on_sides(change, context, inner)

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = [context.names(v, f"Robin({unknown}=...)[{i}]") for i, v in enumerate(value)]

        def misfit(scope: Scope) -> Tensor:
            a, b, g = (scope.value(v, n, label) for v, n in zip(value, names, strict=True))
            return a * scope.fields[unknown].value + b * normal_derivative(scope, unknown) - g

        return misfit


def difference(g: Any, a: Any, offset: float, context: Context) -> Any:
    """The difference g - a * offset of two numbers or functions."""
    names = [argument_names(v, context.bindable, "Robin") if callable(v) else () for v in (g, a)]

    def value(**bound: Any) -> Any:
        given: list[tuple[Any, tuple[str, ...]]] = list(zip((g, a), names, strict=True))
        first, second = (v(**{name: bound[name] for name in mine}) if callable(v) else v for v, mine in given)
        return first - second * offset

    if not any(names):
        return value()
    return with_arguments(value, dict.fromkeys(name for mine in names for name in mine))
