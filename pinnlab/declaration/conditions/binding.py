"""A user's formula in unknowns, coordinates and parameters, and the outward normal, bound by name.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names, is_complex
from pinnlab.declaration.calling import explained
from pinnlab.declaration.terms import Context, Scope
from pinnlab.derivatives.complex_fields import real_parts
from pinnlab.derivatives.directions import Direction
from pinnlab.derivatives.fields import as_value
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.names import COMPLEX
from pinnlab.domains.columns import Columns

NORMAL = "n"
"""The argument that is the outward unit normal, unless a coordinate, an unknown or a parameter has this name."""
_TRIED = 3


class BoundFormula:
    """A user's formula in fields as a function of the scope.

    Args:
        given: the user's function.
        context: names that its arguments may have.
        owner: how messages call the condition.
        normal: whether there is a normal for it to see.

    Raises:
        TypeError, ValueError: an argument that cannot be bound.
    """

    def __init__(self, given: Callable[..., Any], context: Context, owner: str, normal: bool = True):
        self.given, self.context, self.owner = given, context, owner
        available = (*context.unknowns, *context.bindable)
        free = NORMAL not in available and normal
        names = argument_names(given, (*available, *((NORMAL,) if free else ())), owner)
        self.sees_normal = free and NORMAL in names
        self.names = tuple(name for name in names if not (self.sees_normal and name == NORMAL))
        self.sees_complex = any(is_complex(name, available) for name in self.names)
        name = getattr(given, "__name__", "")
        self.label = name if name.isidentifier() else "condition"

    def __call__(self, scope: Scope) -> dict[str, Tensor]:
        """{name: (n,)} in a scope; its normals name the coordinates along which they may point.

        Raises:
            TypeError, ValueError: it returns something else than residuals.
        """
        function = partial(self.given, **{NORMAL: self._direction(scope)}) if self.sees_normal else self.given
        result = scope.call(function, self.names)
        named = result if isinstance(result, dict) else {self.label: result}
        if not named or not all(isinstance(name, str) and name for name in named):
            raise TypeError(f"{self.owner} returned {list(named)} as names; return {{'name': residual}}.")
        real = real_parts(named) if self.sees_complex else named
        return {name: self._checked(as_value(value), scope.like) for name, value in real.items()}

    def names_on(self, scope: Callable[[int], Scope | None]) -> tuple[str, ...]:
        """The residuals' names, found by a trial; () where the context has no parameters to try it with.

        Args:
            scope: n -> a scope with made-up fields at n points, or None.

        Raises:
            TypeError, ValueError: as when it is called, and for a residual that no unknown changes.
        """
        made_up = scope(_TRIED)
        if made_up is None:
            return ()
        with explained(self.owner):
            found = self(made_up)
        for name, value in found.items():
            if not value.requires_grad:
                raise ValueError(
                    f"{self.owner}: {name!r} is a constant that no unknown changes; return what must vanish, such as "
                    "u.d(n) + u."
                )
        return tuple(found)

    def _direction(self, scope: Scope) -> Direction:
        zero = torch.zeros_like(scope.like)
        across = [name for name in self.context.region.space if name in scope.normals]
        return Direction({name: scope.normals.get(name, zero) for name in self.context.region.space}, across)

    def _checked(self, value: Any, like: Tensor) -> Tensor:
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            return like.new_full((), float(value)).expand_as(like)
        advice = "return what must vanish, such as u.d(n) + u: one real number per point"
        if not isinstance(value, Tensor):
            raise TypeError(f"{self.owner} returned {type(value).__name__} {value!r}; {advice}.")
        if value.dtype == torch.bool:
            raise TypeError(f"{self.owner} returned a comparison, which is true or false; write left - right.")
        if not value.is_floating_point():
            hint = f"; {COMPLEX}" if value.is_complex() else ""
            raise TypeError(f"{self.owner} returned {value.dtype} numbers; {advice}{hint}.")
        if value.shape not in ((), like.shape):
            raise ValueError(f"{self.owner} returned shape {tuple(value.shape)} for {len(like)} points; {advice}.")
        return value.expand_as(like)


def made_up_scope(context: Context, columns: Columns, normals: Mapping[str, Tensor] | None) -> Scope | None:
    """Fields of made-up numbers at points, each coordinate (n,); None where the context has no parameters."""
    if context.values is None:
        return None
    n = len(next(iter(columns.values())))
    jets = {unknown: made_up_jet(n, j) for j, unknown in enumerate(context.unknowns)}
    return Scope.of_jets(jets, columns, context.values, normals)
