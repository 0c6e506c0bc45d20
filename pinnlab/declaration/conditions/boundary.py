"""Conditions on pieces of the boundary: the value, the normal derivative, a linear combination of both."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.conditions.base import Condition, Value
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.domains import Site


class BoundaryCondition(Condition):
    """A condition on boundary pieces: ``on`` is a coordinate, one end ``"x-"``, a tag, or None for all of it."""

    def __init__(self, on: str | None, exact: bool | None, weight: float, values: Mapping[str, Any]):
        super().__init__(exact, weight, values)
        if not values:
            raise TypeError(f"{self.name}() got no values; name an unknown, such as {self.name}(u=0.0).")
        if on is not None and not isinstance(on, str):
            raise TypeError(f"{self.name}(on={on!r}): name a boundary, such as on='x' or on='x-'.")
        self.on = on

    def pieces(self, context: Context) -> tuple[str, ...]:
        """The boundary pieces this condition is about."""
        pieces = context.region.pieces(self.on)
        if not pieces:
            raise ValueError(f"{self!r}: {context.region!r} has no boundary in space; use Initial(...) for an ODE.")
        return pieces

    @abstractmethod
    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        """The misfit as a function of the scope on one piece."""

    def terms(self, context: Context) -> list[Term]:
        terms, region = [], context.region
        for unknown, value in self.values.items():
            context.check_unknown(unknown, self.name)
            for piece in self.pieces(context):
                label = f"{self.name.lower()} {unknown} {piece}"
                misfit = self.residual(unknown, value, context, label)
                across = region.normal_coordinates(piece)

                def draw(unit: Callable[[int], Tensor], n: int, piece: str = piece) -> tuple[Site, ...]:
                    return (region.boundary(piece, unit(n)),)

                def evaluate(
                    scopes: tuple[Scope, ...],
                    label: str = label,
                    misfit: Callable[[Scope], Tensor] = misfit,
                    across: tuple[str, ...] = across,
                ) -> dict[str, Tensor]:
                    (scope,) = scopes
                    normals = {name: scope.normals[name] for name in across}
                    return {label: misfit(dataclasses.replace(scope, normals=normals))}

                terms.append(Term("boundary", (label,), draw, evaluate, self.weight))
        return terms


class Dirichlet(BoundaryCondition):
    """The value on the boundary: ``Dirichlet(u=0.0, on="x")``; without ``on``, on the whole spatial boundary.

    Args:
        on: a coordinate (both ends), one end (``"x-"``, ``"x+"``), a tag of a mesh, or None.
        exact, weight: see the module's text.
        values: one number or function per unknown.
    """

    can_be_exact = True

    def __init__(self, *, on: str | None = None, exact: bool | None = None, weight: float = 1.0, **values: Value):
        super().__init__(on, exact, weight, values)

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = context.names(value, f"Dirichlet({unknown}=...)")
        return lambda scope: scope.fields[unknown].value - scope.value(value, names, label)


def normal_derivative(scope: Scope, unknown: str) -> Tensor:
    """The derivative of an unknown along the outward normal, (n,); ``scope.normals`` names the coordinates it takes."""
    total = torch.zeros_like(scope.like)
    for coordinate, normal in scope.normals.items():
        total = total + normal * scope.fields[unknown].d(coordinate).value
    return total


class Neumann(BoundaryCondition):
    """The outward normal derivative on the boundary: ``Neumann(u=0.0, on="x+")``.

    Args: as for ``Dirichlet``; it cannot be exact.
    """

    def __init__(self, *, on: str | None = None, exact: bool | None = None, weight: float = 1.0, **values: Value):
        super().__init__(on, exact, weight, values)

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = context.names(value, f"Neumann({unknown}=...)")
        return lambda scope: normal_derivative(scope, unknown) - scope.value(value, names, label)


class Robin(BoundaryCondition):
    """a u + b du/dn = g on the boundary: ``Robin(u=(a, b, g), on="x+")``, du/dn along the outward normal.

    Args: as for ``Dirichlet``, each value a triple of numbers or functions; it cannot be exact.
    """

    def __init__(
        self,
        *,
        on: str | None = None,
        exact: bool | None = None,
        weight: float = 1.0,
        **values: tuple[Value, Value, Value],
    ):
        super().__init__(on, exact, weight, values)
        for unknown, value in values.items():
            if not isinstance(value, tuple | list) or len(value) != 3:
                raise TypeError(f"Robin({unknown}={value!r}): give a triple (a, b, g) of a u + b du/dn = g.")

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = [context.names(v, f"Robin({unknown}=...)[{i}]") for i, v in enumerate(value)]

        def misfit(scope: Scope) -> Tensor:
            a, b, g = (scope.value(v, n, label) for v, n in zip(value, names, strict=True))
            return a * scope.fields[unknown].value + b * normal_derivative(scope, unknown) - g

        return misfit
