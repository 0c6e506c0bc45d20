"""One problem for one set of numbers after the other: what was tried once is not tried anew for each of them."""

from __future__ import annotations

from collections.abc import Mapping

from pinnlab.declaration.problem import Problem


class Members:
    """The problems that numbers make of one in which they are to be found.

    Args:
        problem: the one.
    """

    def __init__(self, problem: Problem):
        self._first = problem.guessed

    def at(self, numbers: Mapping[str, float]) -> Problem:
        """The problem for some numbers, without data.

        Args:
            numbers: {name: value} of all numbers that are to be found.
        """
        same = all(self._first.parameters[name] == value for name, value in numbers.items())
        return self._first if same else self._first.with_numbers(numbers)

    def beside(self, problem: Problem, numbers: Mapping[str, float]) -> Problem:
        """The problem for numbers next to those of another one: without jumps where that has none."""
        return self.at(numbers) if problem.jumps else self._first.with_numbers(numbers, problem.jumps)
