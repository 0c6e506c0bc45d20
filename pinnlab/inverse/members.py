"""One problem for one set of numbers after the other: what was tried once is not tried anew for each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pinnlab.declaration.parameters.kinds import Looked
from pinnlab.declaration.problem import Problem
from pinnlab.inverse.measured import without_data


def begun(problem: Problem) -> Problem:
    """The problem for the first guess of its numbers, without data; kept with it, for who plans asks for it again."""
    if "_begun" not in vars(problem):
        values = problem.parameter_values()
        first = {name: float(values[name]) for name in problem.unknown_parameters}
        vars(problem)["_begun"] = without_data(problem).at(**first)
    found: Problem = vars(problem)["_begun"]
    return found


class Members:
    """The problems that numbers make of one in which they are to be found.

    Args:
        problem: the one.
    """

    def __init__(self, problem: Problem):
        self._first = begun(problem)

    def at(self, numbers: Mapping[str, float]) -> Problem:
        """The problem for some numbers, without data.

        Args:
            numbers: {name: value} of all numbers that are to be found.
        """
        same = all(self._first.parameters[name] == value for name, value in numbers.items())
        return self._first if same else _with(self._first, numbers)

    def beside(self, problem: Problem, numbers: Mapping[str, float]) -> Problem:
        """The problem for numbers next to those of another one: without jumps where that has none."""
        found = self.at(numbers)
        if not problem.jumps:
            vars(found)["jumps"] = problem.jumps
        return found


def _with(problem: Problem, numbers: Mapping[str, float]) -> Problem:
    """The same problem with other numbers, without the dry run of a new declaration and with nothing that it has found."""
    kept = {*(each.name for each in dataclasses.fields(problem)), "_given_scales"}
    found = object.__new__(Problem)
    vars(found).update({name: value for name, value in vars(problem).items() if name in kept})
    vars(found)["parameters"] = Looked({**problem.parameters, **numbers})
    return found
