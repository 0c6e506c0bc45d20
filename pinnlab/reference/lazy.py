"""References that are computed when they are first asked for.

Letters: p points.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from pinnlab.declaration.arguments import signature_of
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import ComputedReference
from pinnlab.derivatives.stencils import Array
from pinnlab.reference import Reference, reference_solution
from pinnlab.reference.base import at_coordinates

Columns = Callable[[dict[str, Array]], dict[str, Array]]
"""{coordinate: (p,)} -> {unknown: (p,)}, such as an ``Interpolant``."""


def _sorted(parameters: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(parameters.items(), key=lambda item: item[0]))


class ClassicalReference(ComputedReference):
    """``reference_solution(problem, **options)``, run at the first call and kept as long as this object.

    Of a family, every member is solved when it is first asked for; calls then name the parameters as well, which a
    problem does by itself.

    Args:
        problem: the problem; it need not have a reference of its own.
        options: as for ``reference_solution``.
    """

    def __init__(self, problem: Problem, **options: Any):
        self._problem, self._options = problem, options
        self._known: dict[tuple[Any, ...], Reference] = {}

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of((*self._problem.domain.coordinates, *self._problem.families))

    def ready(self, **parameters: Any) -> bool:
        mine = {name: parameters[name] for name in self._problem.families if name in parameters}
        return _sorted(mine) in self._known

    @property
    def solution(self) -> Reference:
        """The classical solution of a problem that is no family."""
        return self.member()

    def member(self, **parameters: Any) -> Reference:
        """The classical solution of one member of a family.

        Raises:
            ValueError: as ``problem.at`` and ``reference_solution``.
        """
        key = _sorted(parameters)
        if key not in self._known:
            self._known[key] = reference_solution(self._problem.at(**parameters), **self._options)
        return self._known[key]

    def __call__(self, **given: Any) -> dict[str, Any]:
        """Evaluate at coordinates given by name, like a solution; of a family, at its parameters too."""
        parameters = {name: given.pop(name) for name in self._problem.families if name in given}
        return self.member(**parameters)(**given)


class MemberReference(ComputedReference):
    """The reference of a family with a solver of its own: ``build`` runs once per member, kept as long as this object.

    Args:
        build: a member's parameters, by name, to its solution: {coordinate: (p,)} -> {unknown: (p,)}.
        coordinates: of the solution, in the problem's order.
    """

    def __init__(self, build: Callable[..., Columns], coordinates: Sequence[str]):
        self._build, self._coordinates = build, tuple(coordinates)
        self._parameters = tuple(inspect.signature(build).parameters)
        self._known: dict[tuple[Any, ...], Columns] = {}

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of((*self._coordinates, *self._parameters))

    def ready(self, **parameters: Any) -> bool:
        return all(n in parameters for n in self._parameters) and self._key(parameters) in self._known

    def member(self, **parameters: Any) -> Columns:
        """The solution of one member."""
        key = self._key(parameters)
        if key not in self._known:
            self._known[key] = self._build(**parameters)
        return self._known[key]

    def _key(self, parameters: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(parameters[name] for name in self._parameters)

    def __call__(self, **given: Any) -> dict[str, Any]:
        """Values at coordinates and parameters given by name; shapes of coordinates broadcast."""
        member = self.member(**{name: given[name] for name in self._parameters})
        return at_coordinates(member, {name: given[name] for name in self._coordinates})
