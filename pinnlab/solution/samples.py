"""Draws of the numbers that were found, from the distribution that data leave of them.

Letters: n draws, p numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.inverse.posterior import Posterior, chains
from pinnlab.inverse.responses import UnsolvedError
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.machine.threads import one_thread
from pinnlab.solution.fitted_numbers import march_around
from pinnlab.training.result import Solved
from pinnlab.training.uncertainty import Uncertainty

Array = np.ndarray
_LEAST = 50.0
"""Independent draws without which nothing is said of an interval."""
_AT_BOUND = 1.0
"""Deviation, of a free variable, with which a number at its bound is begun."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Draws of numbers, as probable as data make them.

    Attributes:
        values: {name: (n,)}, draw by draw.
        effective: how many independent draws they are worth: neighbours in a chain are alike.
        accepted: share of the proposals that were taken.
        solves: how often the problem was solved.
    """

    values: Mapping[str, Array]
    effective: float
    accepted: float
    solves: int

    def intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """{name: (low, high)} between which the number lies with a probability of ``level``, as much below as above.

        Raises:
            ValueError: a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"intervals({level!r}): give a probability between 0 and 1, such as 0.95.")
        shares = (1 - level) / 2, (1 + level) / 2
        ends = {name: np.quantile(draws, shares) for name, draws in self.values.items()}
        return {name: (float(low), float(high)) for name, (low, high) in ends.items()}

    @property
    def correlation(self) -> Array:
        """(p, p) of the numbers, in their order."""
        return np.atleast_2d(np.corrcoef(np.stack([*self.values.values()])))

    def __str__(self) -> str:
        count = len(next(iter(self.values.values())))
        lines = [
            f"{name}: {draws.mean():.6g} +- {draws.std():.2g}, 95 % between {low:.6g} and {high:.6g}"
            for (name, draws), (low, high) in zip(self.values.items(), self.intervals().values(), strict=True)
        ]
        told = f"{count} draws, worth {self.effective:.0f} independent ones; {self.solves} solutions"
        return "\n".join([*lines, f"{told}, {100 * self.accepted:.0f} % of the proposals taken"])


def asked_samples(solution: Any, draws: int, max_seconds: float, seed: int) -> Samples:
    """As ``samples``, of what a solution has found.

    Raises:
        ValueError: functions were found, or nothing; a number of draws, or of seconds, that makes no sense.
    """
    if solution.models[-1].functions:
        raise ValueError(
            f"sample() is about numbers, and {next(iter(solution.models[-1].functions))} is a function; its band is "
            "intervals(0.95, ...)."
        )
    if not solution.coefficients:
        raise ValueError("sample(): no numbers were to be found; see pl.Unknown and pl.Data.")
    if not (isinstance(draws, int) and draws >= _LEAST):
        raise ValueError(f"sample({draws!r}): give a whole number of independent draws, {_LEAST:.0f} at least.")
    if not (isinstance(max_seconds, int | float) and max_seconds > 0):
        raise ValueError(f"sample(max_seconds={max_seconds!r}): give a positive number of seconds.")
    return samples(solution, solution.sure, draws, max_seconds, seed)


def samples(solution: Solved, sure: Uncertainty, draws: int, max_seconds: float, seed: int) -> Samples:
    """Draws of the numbers of a solution.

    Args:
        solution: with numbers that were found from data.
        sure: how sure they are, by a fit.
        draws: independent ones that are wanted.
        max_seconds: after which there may be fewer.
        seed: of the draws.

    Raises:
        ValueError: data do not tell a number, or there was time for too few draws.
        ImportError: emcee is not installed.
    """
    if len(sure.covariance.blind):
        raise ValueError(
            f"sample(): {'; '.join(sure.remarks)}. Where data tell nothing there is nothing to draw from; give a prior, "
            "pl.Unknown(..., prior=(mean, sd)), or find fewer numbers."
        )
    matrix = np.array(sure.covariance.matrix)
    held = [i for i, name in enumerate(sure.names) if name in sure.held]
    matrix[held, held] = _AT_BOUND**2
    if not np.isfinite(matrix).all():
        raise ValueError(
            "sample(): there are no more measurements than numbers, so that the noise cannot be averaged over; give it, "
            "pl.Data(..., sd=)."
        )
    change = solution.problem.change
    guesses = {name: change.parameter(name).inner(value) for name, value in sure.values.items()}
    march, deadline = march_around(solution, guesses), Deadline.after(max_seconds)
    responses, few = march.responses, f"sample(max_seconds={max_seconds:g}): there was time for"
    try:
        with one_thread():
            here = responses.at(responses.start, deadline)
            march.noise.estimate(here.left, len(here.at))
            density = Posterior(responses, march.noise, deadline)
            found = chains(density, responses.start, matrix, float(draws), seed)
    except UnsolvedError as error:
        raise ValueError(f"sample(): {error}") from error
    except TimeIsUpError as error:
        raise ValueError(f"{few} no draws; give more seconds.") from error
    if found.effective < _LEAST:
        raise ValueError(
            f"{few} draws that are worth {found.effective:.0f} independent ones, which say nothing of an interval; give "
            "more seconds."
        )
    flat = found.draws.reshape(-1, len(sure.names))
    values = {
        name: np.array([free.number(float(z)) for z in flat[:, i]])
        for i, (name, free) in enumerate(zip(sure.names, sure.frees, strict=True))
    }
    return Samples(values, found.effective, found.accepted, responses.solves)
