"""How sure the numbers are that were found from data, as a user asks for it."""

from __future__ import annotations

from pinnlab.training.result import Solved
from pinnlab.training.uncertainty import Uncertainty


def intervals(solution: Solved, level: float = 0.95) -> dict[str, tuple[float, float]]:
    """{name: (low, high)} of the numbers that were found, in the user's units.

    Those of a network are found here, by a fit of the same data around local experts or the classical solver, which takes
    seconds; the first time only.

    Each covers the true number with the probability ``level`` if the model is right and the noise is independent: from
    the covariance by the derivatives of the measurements at the best fit, with the noise that was given (``sd=``) or that
    is left (Seber & Wild, Nonlinear Regression, 1989), and from profiles of the sum of squares where that is no parabola
    (Bates & Watts, Nonlinear Regression Analysis, 1988). What data do not tell is infinite, or goes from bound to bound.

    Args:
        solution: of a problem with numbers to be found.
        level: probability, between 0 and 1.

    Raises:
        ValueError: nothing was found from data, or there is no solver for such a fit; another level.
    """
    if not solution.coefficients:
        raise ValueError(
            "intervals(): no numbers were to be found; they are declared as parameters={'k': pl.Unknown(1.0)}, with "
            "pl.Data(...) that tell them."
        )
    return solution.sure.intervals(level)


def shown(solution: Solved, sure: Uncertainty | None) -> str:
    """A solution in a few lines: what was solved, how it ended, numbers with their intervals where known, remarks."""
    lines = [f"{solution.problem.name}: {', '.join(solution.problem.unknowns)} by {type(solution.solver).__name__}"]
    if solution.solver is None:
        lines = [f"{solution.problem.name}: {', '.join(solution.problem.unknowns)}"]
    lines.append(f"{solution.status} ({solution.seconds:.3g} s)")
    if sure is not None:
        lines += [*sure.told().splitlines(), *(f"note: {remark}" for remark in sure.remarks)]
    else:
        lines += [f"{name} = {value:.6g}" for name, value in solution.coefficients.items()]
    return "\n".join([*lines, *(f"note: {note}" for note in solution.notes)])
