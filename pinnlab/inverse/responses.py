"""What a solution says of measurements, and how that depends on the numbers in its problem.

Letters: n measurements of a quantity, p numbers, r priors, c derivatives, m unknowns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from pinnlab.declaration.parameters.bounded import Free
from pinnlab.declaration.parameters.kinds import Unknown
from pinnlab.declaration.problem import Problem
from pinnlab.inverse.measured import Jet, measured, misfits
from pinnlab.inverse.members import Members
from pinnlab.machine.deadline import Deadline
from pinnlab.training.part import Part

Array = np.ndarray
_STEP = 1e-4
"""Of a free variable, for central differences: their error is its square, that of rounding its inverse."""


class UnsolvedError(ValueError):
    """There is no solution for some numbers."""


class State(Protocol):
    """A solution of a problem without anything to be found."""

    @property
    def resolved(self) -> bool:
        """Whether it is as accurate as it was to be."""
        ...

    @property
    def work(self) -> float:
        """How many cells, or the like, it took."""
        ...

    @property
    def jet(self) -> Jet:
        """Its derivatives (c, n, m)."""
        ...

    def field(self) -> Callable[[Tensor], Tensor]:
        """Its values (n, m) at points (n, d)."""
        ...

    def parts(self, numbers: Mapping[str, float]) -> list[Part]:
        """Its parts, which name the numbers that were found."""
        ...

    def neighbours(self, problems: Sequence[Problem], deadline: Deadline) -> list[Jet]:
        """The solutions of problems with slightly other numbers, whose differences have more than four digits.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        ...


Solve = Callable[[Problem, Deadline, float, Any], State]
"""Solves a problem without anything to be found: UnsolvedError where it would take more work than this, or cannot be
solved; TimeIsUpError after the deadline. The last argument is a state of its own for similar numbers, or None."""
_SIMILAR = 1.05
"""Difference of free variables up to which numbers are similar, a factor of e of what is positive: one step of a fit."""
_PATIENCE = 20.0
"""How many times as much work as before a solution may take: numbers that make no sense take forever."""
_LEAST = 3000.0
"""Work that is always worth while."""


@dataclass(frozen=True, eq=False)
class Response:
    """A solution for some numbers.

    Attributes:
        at: (p,) free variables.
        numbers: {name: value}.
        problem: for these.
        state: the solution.
        left: misfits (n,) of every measured quantity.
    """

    at: Array
    numbers: dict[str, float]
    problem: Problem
    state: State
    left: list[Array]


class Responses:
    """Solutions of one problem for any numbers.

    Args:
        problem: with numbers to be found, and data.
        solve: solves it without either.
        guesses: {name: first guess} in place of the problem's.

    Attributes:
        frees: the p numbers as functions of free variables.
        start: (p,) free variables of the first guesses.
        groups: the measured quantities.
        sizes: root mean square of each.
        solves: how many solutions there were.
    """

    def __init__(self, problem: Problem, solve: Solve, guesses: Mapping[str, float]):
        self.problem, self.names, self._solve = problem, problem.unknown_parameters, solve
        self.unknowns = tuple(u for u in problem.parameters.values() if isinstance(u, Unknown))
        self.frees = tuple(Free.of(u, _scale(u)) for u in self.unknowns)
        firsts = [float(guesses.get(n, u.start)) for n, u in zip(self.names, self.unknowns, strict=True)]
        self.start = np.array([f.free(value) for f, value in zip(self.frees, firsts, strict=True)])
        self.groups, self._members = measured(problem), Members(problem)
        nothing = self._left(lambda x, i: x.new_zeros(len(i), len(x), len(problem.unknowns)), self._named(self.start))
        self.sizes = [float(np.sqrt(np.nanmean(values**2))) for values in nothing]
        self.solves, self._least = 0, math.inf
        self._last: Response | None = None

    def at(self, z: Array, deadline: Deadline) -> Response:
        """The solution for free variables (p,).

        Raises:
            UnsolvedError: there is none.
            TimeIsUpError: the deadline has passed.
        """
        numbers = self._named(z)
        self.solves += 1
        last = self._last
        near = last.state if last is not None and self._similar(last.at, z) else None
        problem = self._members.at(numbers)
        state = self._solve(problem, deadline, max(_LEAST, _PATIENCE * self._least), near)
        self._least = min(self._least, state.work)
        self._last = Response(np.array(z), numbers, problem, state, self._left(state.jet, numbers))
        return self._last

    def _similar(self, one: Array, other: Array) -> bool:
        # a factor of e has this share, as it has a logarithm of one
        shares = np.maximum(1.0, math.expm1(1.0) * np.minimum(np.abs(one), np.abs(other)))
        apart = np.abs(one - other) / np.where([free.plain for free in self.frees], shares, 1.0)
        return bool((apart < _SIMILAR).all())

    def jacobian(self, response: Response, deadline: Deadline, which: Sequence[int] | None = None) -> list[Array]:
        """(n, p) per measured quantity: the derivatives of its misfits by the free variables, or by some of them.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        named = self._beside(response, which)
        jets = self._neighbours(response, named, deadline)
        left = [self._left(jet, numbers) for jet, numbers in zip(jets, named, strict=True)]
        return [
            np.stack([(a[k] - b[k]) / (2 * _STEP) for a, b in zip(left[::2], left[1::2], strict=True)], axis=1)
            for k in range(len(self.groups))
        ]

    def slopes(self, response: Response, points: Tensor, deadline: Deadline) -> Array:
        """(p, n, m) the derivatives of the unknowns at points (n, d) by the free variables.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        jets = self._neighbours(response, self._beside(response), deadline)
        values = [jet(points, ((),))[0].detach().numpy() for jet in jets]
        return np.stack([(a - b) / (2 * _STEP) for a, b in zip(values[::2], values[1::2], strict=True)])

    def _neighbours(self, response: Response, named: Sequence[Mapping[str, float]], deadline: Deadline) -> list[Jet]:
        """The solutions for numbers next to those of a response."""
        problems = [self._members.beside(response.problem, numbers) for numbers in named]
        return response.state.neighbours(problems, deadline)

    def _beside(self, response: Response, which: Sequence[int] | None = None) -> list[dict[str, float]]:
        """Numbers a step ahead and behind, free variable by free variable; of all, or some."""
        units = np.eye(len(response.at))[slice(None) if which is None else list(which)]
        points = [response.at + sign * _STEP * unit for unit in units for sign in (1.0, -1.0)]
        return [self._named(point) for point in points]

    def priors(self, z: Array) -> tuple[Array, Array]:
        """(r,) how many deviations numbers are off their priors, and (r, p) the derivatives of that."""
        values, rows = [], []
        for i, (free, unknown) in enumerate(zip(self.frees, self.unknowns, strict=True)):
            if unknown.prior is not None:
                mean, sd = unknown.prior
                values.append((free.number(float(z[i])) - mean) / sd)
                rows.append(free.slope(float(z[i])) / sd * np.eye(len(z))[i])
        return np.array(values), np.array(rows).reshape(len(values), len(z))

    def _named(self, z: Array) -> dict[str, float]:
        return {n: f.number(float(value)) for n, f, value in zip(self.names, self.frees, z, strict=True)}

    def _left(self, jet: Jet, numbers: dict[str, float]) -> list[Array]:
        return misfits(self.problem, self.groups, jet, numbers)


def _scale(unknown: Unknown) -> float:
    """A number's unit: its first guess, next to a bound where there is one."""
    bound = next((b for b in unknown.bounds or () if np.isfinite(b)), 0.0)
    return abs(float(unknown.start) - bound) or 1.0
