"""A condition of any kind on inner variables: its terms are evaluated in outer ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from pinnlab.declaration.conditions.base import AnyCondition
from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction
from pinnlab.declaration.terms import Context, Draw, Part, Scope, Term
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import outer_field
from pinnlab.domains import Site


class ConvertedCondition(AnyCondition):
    """A condition that does not know of other variables.

    Args:
        given: the condition on outer variables.
        change: of variables.
        context: of the problem in outer variables.
        functions: {parameter: function of outer coordinates}.
        weight: of the mean square in the loss; None keeps that of the condition.
    """

    def __init__(
        self,
        given: AnyCondition,
        change: ChangeOfVariables,
        context: Context,
        functions: dict[str, Any],
        weight: float | None = None,
    ):
        super().__init__(given.exact, given.weight if weight is None else weight, given.values)
        self.given, self.change, self.context, self.functions = given, change, context, functions
        self.on = given.on

    def __repr__(self) -> str:
        return repr(self.given)

    def terms(self, context: Context) -> list[Term]:
        return [self._converted(term, self.weight / self.given.weight) for term in self.given.terms(self.context)]

    def _converted(self, term: Term, factor: float) -> Term:
        part = None if term.part is None else Part(self._drawn(term.part.draw), self._held(term.part.holds))
        return replace(
            term, draw=self._drawn(term.draw), evaluate=self._evaluated(term), weight=term.weight * factor, part=part
        )

    def _drawn(self, draw: Draw) -> Draw:
        names = self.context.region.coordinates

        def inner(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
            return tuple(Site(self.change.inner_points(s.points, names), s.normals) for s in draw(unit, n))

        return inner

    def _held(self, holds: Callable[[Mapping[str, Tensor]], Tensor]) -> Callable[[Mapping[str, Tensor]], Tensor]:
        return lambda columns: holds({name: self.change.coordinate(name).outer(x) for name, x in columns.items()})

    def _evaluated(self, term: Term) -> Callable[[tuple[Scope, ...]], dict[str, Tensor]]:
        return lambda scopes: term.evaluate(tuple(map(self._outer, scopes)))

    def _outer(self, scope: Scope) -> Scope:
        """The scope in outer variables."""
        change = self.change
        fields = {u: outer_field(f, change, change.unknown(u)) for u, f in scope.fields.items()}
        moved = {name: change.coordinate(name).outer(x) for name, x in scope.coordinates.items()}
        parameters = {
            name: self.functions.get(name, value)
            if isinstance(value, FunctionParameter | StateFunction)
            else change.parameter(name).outer(value)
            for name, value in scope.parameters.items()
        }
        return Scope(fields, scope.coordinates.replaced(**moved), parameters, scope.normals, scope.watch)
