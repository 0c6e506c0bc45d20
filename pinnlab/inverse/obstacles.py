"""Which problems have numbers that can be fitted around a solver of everything else."""

from __future__ import annotations

from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.problem import Problem


def is_fitted(problem: Problem) -> bool:
    """Whether numbers are to be found from data; those beside integrals of a steady problem are found with its solution."""
    beside = any(isinstance(c, Integral) for c in problem.conditions) and not problem.domain.has_time
    return bool(problem.unknown_parameters) and not beside


def obstacle_to_fit(problem: Problem, owner: str) -> str | None:
    """Why numbers cannot be fitted around a solver of everything else, in a clause; None where they can.

    Args:
        problem: with numbers to be found.
        owner: who would solve it.
    """
    names = ", ".join(problem.unknown_parameters)
    if problem.unknown_functions:
        return f"{owner} finds unknown numbers, and {problem.unknown_functions[0]!r} is a function"
    if not any(isinstance(c, Data) for c in problem.conditions):
        return (
            f"{owner} finds the unknown parameters {problem.unknown_parameters} from Data, or beside an Integral of a "
            "steady problem only, and there are neither here"
        )
    posed = problem.guessed
    report = posed.check()
    if report.missing:
        return (
            f"{owner} solves for the state anew for every guess of {names}, and without the data that state is not fixed: "
            f"{report.missing[0]}"
        )
    # how many conditions a system takes that has more equations than unknowns is not known
    if report.excess and posed.count().equations <= len(posed.unknowns):
        return (
            f"{owner} solves for the state anew for every guess of {names}, and there are more conditions than that takes: "
            f"{report.excess[0]}; give what was measured as Data"
        )
    return None
