"""A trained solution next to a classical one of the same equations."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from pinnlab.declaration.arguments import with_arguments
from pinnlab.declaration.complex_unknowns import real_unknowns
from pinnlab.declaration.conditions import Integral
from pinnlab.declaration.parameters.kinds import Unknown
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import relative_errors
from pinnlab.machine.deadline import Deadline
from pinnlab.reference import Reference, reference_solution
from pinnlab.training.result import Solved
from pinnlab.typeset import card, paragraph, table

_SOLVING = 0.7
"""Part of the time that the classical solver gets; the rest is for evaluating both solutions."""

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Comparison:
    """What ``solution.compare()`` returns; ``print`` it, or ``plot`` it.

    Attributes:
        solution: the network's.
        classical: the classical solver's, callable by coordinates too.
        errors: {unknown: relative L2 difference between the two}.
        network_seconds: of the whole solve.
        classical_seconds: time of the classical solver, its error estimate included.
        classical_error_estimate: {unknown: relative L2 error that the classical solver estimates for itself}; of a complex
            unknown, one for each of its parts.
    """

    solution: Solved = field(repr=False)
    classical: Reference = field(repr=False)
    errors: dict[str, float]
    network_seconds: float
    classical_seconds: float
    classical_error_estimate: dict[str, float]

    @property
    def problem(self) -> Problem:
        """What both have solved."""
        return self.solution.problem

    def plot(self) -> Figure:
        """The solution, the classical one and their difference, side by side."""
        # matplotlib takes a second to import; who draws nothing does not wait for it
        from pinnlab.pictures.figures import plot_comparison

        return plot_comparison(self)

    def _estimate(self, unknown: str) -> float | None:
        """The classical solver's error of an unknown, the larger one of the parts of a complex one; None if not known."""
        parts = real_unknowns((unknown,), self.problem.complex_unknowns)
        found = [self.classical_error_estimate[u] for u in parts if u in self.classical_error_estimate]
        return max(found) if len(found) == len(parts) else None

    def _rows(self) -> list[tuple[str, ...]]:
        """Names of the columns, and a row for each solver."""
        unknowns = tuple(self.errors)
        solver = type(self.solution.solver).__name__ if self.solution.solver is not None else "solution"
        estimate = [_number(self._estimate(u)) for u in unknowns]
        return [
            ("", *(f"error of {u}" for u in unknowns), "seconds", "error against"),
            (solver, *map(_number, self.errors.values()), f"{self.network_seconds:.2f}", "the classical solution"),
            ("classical", *estimate, f"{self.classical_seconds:.2f}", "its own coarser solution"),
        ]

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join([r[0].ljust(widths[0]), *_right(r[1:-1], widths[1:-1]), r[-1]]).rstrip() for r in rows]
        return "\n".join([*lines, f"classical: {self.classical.method}"])

    def _repr_html_(self) -> str:
        """What notebooks show."""
        head, *rows = self._rows()
        parts = [table([[*map(escape, row)] for row in rows], head), paragraph(f"classical: {self.classical.method}")]
        return card(f"{self.problem.name}: two solutions", parts)


def compare(
    solution: Solved,
    resolution: int | None = None,
    max_seconds: float = 60.0,
    tolerance: float = 1e-8,
    method: str | None = None,
) -> Comparison:
    """Solve the same problem classically and measure how far apart the two solutions are.

    Coefficients that the network has found are handed to the classical solver as numbers.

    Args:
        solution: a trained solution.
        resolution: nodes per space axis of the classical solver; it chooses if None.
        max_seconds: of the whole. The classical solver gets most of it, and starts no refinement that would end later;
            where it takes long to evaluate the solution, the difference is that at fewer points.
        tolerance: relative error that the classical solver aims for.
        method: of the classical solver; it chooses if None.

    Raises:
        ValueError: the classical solver cannot solve this problem, or not in time.
    """
    problem = solution.problem
    known = _known(solution)
    if not max_seconds > 0:
        raise ValueError(f"compare(max_seconds={max_seconds!r}): must be positive.")
    whole = Deadline.after(max_seconds)
    classical = reference_solution(
        known, resolution, tolerance=tolerance, max_seconds=_SOLVING * max_seconds, method=method
    )
    like = solution.models[0].parameters[0]
    difference = relative_errors(lambda points: solution.function(points.to(like)), classical, problem, deadline=whole)
    return Comparison(
        solution, classical, difference, solution.seconds, classical.seconds, dict(classical.error_estimate)
    )


def _known(solution: Solved) -> Problem:
    """The problem with the coefficients found, as numbers; beside an integral, as what the classical solver starts from."""
    problem = solution.problem
    if problem.unknown_functions:
        return problem.at(**solution.coefficients)
    if not problem.unknown_parameters:
        return problem
    if problem.domain.has_time or not any(isinstance(c, Integral) for c in problem.conditions):
        return problem.at(**solution.coefficients)

    def signed(**coordinates: Any) -> Any:
        return solution(**coordinates)

    starts = {name: Unknown(value) for name, value in solution.coefficients.items()}
    # of two solutions of opposite sign the classical solver takes the one like its reference
    reference = with_arguments(signed, problem.domain.coordinates)
    return problem.replace(parameters={**problem.parameters, **starts}, reference=reference)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2e}"


def _right(cells: tuple[str, ...], widths: list[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
