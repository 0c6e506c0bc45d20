"""How sure the numbers of a trained solution are: the fit of the same data around a solver of the equations.

A network meets equations and data only about, and its parameters are many; what data tell of a few numbers does not depend
on it. So the equations are solved for the numbers that training found, and the numbers fitted from there: by local experts,
or by the classical solver.

Letters: n points, c derivatives, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.inverse.fitted import FittedMarch
from pinnlab.inverse.measured import Jet
from pinnlab.inverse.obstacles import obstacle_to_fit
from pinnlab.inverse.responses import UnsolvedError
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.threads import one_thread
from pinnlab.reference.solve import reference_solution
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.training.part import Part
from pinnlab.training.plans import NothingSolvedError
from pinnlab.training.result import Solved
from pinnlab.training.uncertainty import Uncertainty

_ACCURACY = 1e-6
"""Of a classical solution."""
_OFF = 0.5
"""Standard deviations between what training found and the best fit from which on that is told."""


class ClassicalState:
    """A classical solution, as what numbers are fitted around; see ``pinnlab.inverse.responses.State``."""

    resolved, work = True, 1.0

    def __init__(self, problem: Problem, deadline: Deadline, most: float, near: object = None):
        try:
            seconds = max(deadline.left, 1e-3)
            self._found = reference_solution(problem, tolerance=_ACCURACY, max_seconds=seconds)
        except ValueError as error:
            deadline.check()
            raise UnsolvedError(str(error)) from error

    @property
    def jet(self) -> Jet:
        """Derivatives (c, n, m) at points (n, d)."""
        return self._found.interpolant.jet

    def field(self) -> Callable[[Tensor], Tensor]:
        """Values (n, m) at points (n, d)."""
        return lambda points: self.jet(points, ((),))[0]

    def parts(self, numbers: Mapping[str, float]) -> list[Part]:
        """None: a classical solution is no part."""
        return []

    def neighbours(self, problems: Sequence[Problem], deadline: Deadline) -> list[Jet]:
        """The solutions of problems with slightly other numbers, on the same grid."""
        resolution = self._found.resolution or None
        found: list[Jet] = []
        for problem in problems:
            deadline.check()
            seconds = max(deadline.left, 1e-3)
            other = reference_solution(problem, resolution, estimate_error=resolution is None, max_seconds=seconds)
            found.append(other.interpolant.jet)
        return found


def march_around(solution: Solved, guesses: Mapping[str, float]) -> FittedMarch:
    """The fit of the same data around local experts, or the classical solver, from guesses in natural units.

    Raises:
        ValueError: neither takes the problem.
    """
    problem, experts = solution.problem, LocalExperts()
    natural = problem.natural
    if (why := obstacle_to_fit(natural, "the fit of numbers")) is not None:
        raise ValueError(f"intervals(): {problem.change.told(why)}.")
    if experts.obstacle(natural) is not None:
        return FittedMarch(natural, ClassicalState, _ACCURACY, guesses)
    return experts.fitted(natural, 0, guesses)


def fitted_numbers(solution: Solved, max_seconds: float = 60.0) -> Uncertainty:
    """How sure the numbers of a solution are.

    Args:
        solution: of a problem with numbers to be found.
        max_seconds: of the fit.

    Raises:
        ValueError: neither local experts nor the classical solver take the problem, or not in this time.
    """
    change, names = solution.problem.change, solution.problem.unknown_parameters
    guesses = {name: change.parameter(name).inner(solution.coefficients[name]) for name in names}
    deadline = Deadline.after(max_seconds)
    try:
        march = march_around(solution, guesses)
        with one_thread():
            while march.uncertainty is None:
                step = march.advance(deadline)
                if step.stopped is not None and march.uncertainty is None:
                    raise ValueError(f"intervals(): {max_seconds:.3g} s were too few to fit {', '.join(names)} again.")
    except (NothingSolvedError, UnsolvedError) as error:
        raise ValueError(f"intervals(): {error}") from error
    found = march.uncertainty
    deviations, notes = found.covariance.deviations, []
    for i, name in enumerate(names):
        off = abs(found.frees[i].free(guesses[name]) - float(found.best[i]))
        if name not in found.held and _OFF * deviations[i] < off < np.inf:
            best = change.parameter(name).outer(found.values[name])
            notes.append(
                f"{name} = {solution.coefficients[name]:.6g} of the solution is {off / deviations[i]:.2g} standard "
                f"deviations off the best fit {best:.6g}, about which its interval is; train longer"
            )
    factors = {name: change.parameter(name).scale for name in names}
    return replace(found, notes=(*found.notes, *notes)).scaled(factors)
