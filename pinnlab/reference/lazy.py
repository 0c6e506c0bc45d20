"""A classical reference that is computed when it is first asked for."""

from __future__ import annotations

import inspect
from typing import Any

from pinnlab.problem import Problem
from pinnlab.reference import Reference, reference_solution


class ClassicalReference:
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
        # a problem binds its reference's arguments by name
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = (*self._problem.domain.coordinates, *self._problem.families)
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])

    @property
    def solution(self) -> Reference:
        """The classical solution of a problem that is no family."""
        return self.member()

    def member(self, **parameters: Any) -> Reference:
        """The classical solution of one member of a family.

        Raises:
            ValueError: as ``problem.at`` and ``reference_solution``.
        """
        key = tuple(sorted(parameters.items(), key=lambda item: item[0]))
        if key not in self._known:
            self._known[key] = reference_solution(self._problem.at(**parameters), **self._options)
        return self._known[key]

    def __call__(self, **given: Any) -> dict[str, Any]:
        """Evaluate at coordinates given by name, like a solution; of a family, at its parameters too."""
        parameters = {name: given.pop(name) for name in self._problem.families if name in given}
        return self.member(**parameters)(**given)
