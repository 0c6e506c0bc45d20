"""Interface conditions of the user's own, where subdomains are solved in inner variables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import outer_field
from pinnlab.derivatives.fields import Field
from pinnlab.solvers.multidomain.interfaces import Face, InterfaceCondition


@dataclass(frozen=True, eq=False)
class OuterCondition:
    """A user's ``f(first, second, face)``, called with outer variables where the inner ones are given.

    Args:
        given: the function.
        change: of variables.
    """

    given: Callable[..., Any]
    change: ChangeOfVariables

    @property
    def __name__(self) -> str:
        return getattr(self.given, "__name__", "condition")

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.given)

    def __call__(self, first: Field, second: Field, *face: Face) -> Any:
        """The residuals, in units of the unknown."""
        own = self.change.unknown(first.name)
        sides = (outer_field(side, self.change, own) for side in (first, second))
        found = self.given(*sides, *map(self._outer, face))
        return [r / own.scale for r in found] if isinstance(found, list | tuple) else found / own.scale

    def _outer(self, face: Face) -> Face:
        columns = {name: self.change.coordinate(name).outer(x) for name, x in face.points.items()}
        return replace(face, points=columns, width=abs(self.change.coordinate(face.normal).scale) * face.width)


def in_inner_variables(given: Any, change: ChangeOfVariables) -> Any:
    """What a user may write as interface conditions, with functions of the user's own on inner variables."""
    if isinstance(given, Mapping):
        return {in_inner_variables(item, change): weight for item, weight in given.items()}
    if isinstance(given, list | tuple):
        return tuple(in_inner_variables(item, change) for item in given)
    if isinstance(given, InterfaceCondition) or not callable(given):
        return given
    return OuterCondition(given, change)
