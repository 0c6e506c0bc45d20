"""How sure the numbers are that were found from data, as a user asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pinnlab.declaration.parameters.found_functions import Found
from pinnlab.training.result import Solved
from pinnlab.training.uncertainty import Uncertainty


def intervals(
    solution: Solved, level: float = 0.95, arguments: Mapping[str, Any] | None = None
) -> dict[str, tuple[Any, Any]]:
    """{name: (low, high)} of the numbers that were found, in the user's units, and of functions, with arrays.

    Those of a network are found here, by a fit of the same data around local experts or the classical solver, which takes
    seconds; the first time only.

    Each covers the true number with the probability ``level`` if the model is right and the noise is independent: from
    the covariance by the derivatives of the measurements at the best fit, with the noise that was given (``sd=``) or that
    is left (Seber & Wild, Nonlinear Regression, 1989), and from profiles of the sum of squares where that is no parabola
    (Bates & Watts, Nonlinear Regression Analysis, 1988). What data do not tell is infinite, or goes from bound to bound.

    The band of a function covers its value at each point, not the whole function, with the probability ``level``: from the
    covariance of its coefficients, with what is open of how smooth it is.

    Args:
        solution: of a problem with numbers or functions to be found.
        level: probability, between 0 and 1.
        arguments: {name: numbers or array} of the functions' arguments, which broadcast; without them a function of one is
            taken at 101 points from end to end, one of several at 21 along each.

    Raises:
        ValueError: nothing was found from data, or there is no solver for such a fit; another level; arguments that no
            function has, or some of those of a function.
    """
    functions, given = solution.models[-1].functions, dict(arguments or {})
    if strangers := set(given) - {name for function in functions.values() for name in function.on}:
        known = ", ".join(f"{name}({', '.join(f.on)})" for name, f in functions.items()) or "numbers only"
        raise ValueError(
            f"intervals({', '.join(sorted(strangers))}=...): no function that was found has such an argument; what "
            f"was found is {known}."
        )
    if functions:
        numbers = {} if solution.uncertainty is None else solution.uncertainty.intervals(level)
        return {**numbers, **{name: _band(name, function, level, given) for name, function in functions.items()}}
    if not solution.coefficients:
        raise ValueError(
            "intervals(): no numbers were to be found; they are declared as parameters={'k': pl.Unknown(1.0)}, with "
            "pl.Data(...) that tell them."
        )
    return solution.sure.intervals(level)


def _band(name: str, function: Found, level: float, given: Mapping[str, Any]) -> tuple[Any, Any]:
    missing = [argument for argument in function.on if argument not in given]
    if missing and len(missing) < len(function.on):
        of = ", ".join(function.on)
        raise ValueError(f"intervals(): {name} is a function of {of}; give {', '.join(missing)} as well.")
    if missing:
        return function.band(level, **places(function))
    return function.band(level, **{argument: given[argument] for argument in function.on})


def places(function: Found) -> dict[str, np.ndarray]:
    """{argument: array} of a grid on the intervals of a function."""
    count = 101 if len(function.on) == 1 else 21
    axes = [np.linspace(low, high, count) for low, high in function.expansion.intervals]
    return dict(zip(function.on, np.meshgrid(*axes, indexing="ij"), strict=True))


def _told(name: str, function: Found) -> str:
    """A function in a line."""
    at = places(function)
    values, (low, high) = function(**at), function.band(0.95, **at)
    return (
        f"{name}({', '.join(function.on)}) between {values.min():.4g} and {values.max():.4g}, known to "
        f"{float(np.median(high - low)) / 2:.2g} (95 %, median over its points)"
    )


def shown(solution: Solved, sure: Uncertainty | None) -> str:
    """A solution in a few lines: what was solved, how it ended, numbers with their intervals where known, remarks."""
    lines = [f"{solution.problem.name}: {', '.join(solution.problem.unknowns)} by {type(solution.solver).__name__}"]
    if solution.solver is None:
        lines = [f"{solution.problem.name}: {', '.join(solution.problem.unknowns)}"]
    lines.append(f"{solution.status} ({solution.seconds:.3g} s)")
    functions = solution.models[-1].functions
    lines += [_told(name, function) for name, function in functions.items()]
    if sure is not None:
        lines += [*sure.told().splitlines(), *(f"note: {remark}" for remark in sure.remarks)]
    else:
        lines += [f"{name} = {value:.6g}" for name, value in solution.coefficients.items() if name not in functions]
    return "\n".join([*lines, *(f"note: {note}" for note in solution.notes)])
