"""Which solver suits a problem, and why."""

from __future__ import annotations

from pinnlab.conditions import Initial
from pinnlab.domains import TIME, Box
from pinnlab.linalg import limited_threads
from pinnlab.problem import Problem
from pinnlab.solvers.base import Settings, Solver
from pinnlab.solvers.hard_constraint import HardConstraintMoE
from pinnlab.solvers.pinn import PINN

DEFAULT_SECONDS = 60.0
"""Budget of a solve that names neither a solver nor a budget."""


def choose(problem: Problem, settings: Settings) -> tuple[Solver, str]:
    """A solver for a problem, with the reason in a sentence."""
    if problem.families:
        names = ", ".join(problem.families)
        return (
            HardConstraintMoE(),
            f"a family over {names}: experts over trained basis functions, for all members at once",
        )
    if problem.unknown_parameters:
        return PINN(), f"{', '.join(problem.unknown_parameters)} to be found from data: one network, trained"
    domain = problem.domain
    few = len(domain.space) <= (1 if domain.has_time else 2)
    starts = not domain.has_time or any(isinstance(c, Initial) for c in problem.conditions)
    why = "no initial state to start from" if few else "many dimensions"
    if not isinstance(domain, Box):
        why = "the domain is no box"
    if isinstance(domain, Box) and few and starts:
        experts = HardConstraintMoE(features="tanh")
        try:
            with limited_threads(settings.threads):
                experts.plan(problem, settings)
        except ValueError:
            why = "data too rough for local experts"
        else:
            return experts, "a smooth single instance: many small random networks, solved for and not trained"
    if domain.coordinates == (TIME,):
        lower, upper = domain.bounds[TIME]
        windows = min(64, max(2, round(2 * (upper - lower)))) if upper - lower > 2 else 1
        return PINN(windows=windows), f"{why}: one network in each of {windows} time windows, trained"
    return PINN(), f"{why}: one small network and second-order optimization"
