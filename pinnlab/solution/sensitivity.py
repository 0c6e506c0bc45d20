"""Which measurement more would tell most of the numbers that were found.

Letters: n places, p numbers, m unknowns.

One more value with noise s, whose derivatives by the free variables are j, turns their covariance C into
C - C j j^T C / (s^2 + j^T C j) (Atkinson, Donev & Tobias, Optimum Experimental Designs, 2007). The derivatives come from
the solver's own linear systems, at the numbers that were found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinnlab.inverse.responses import UnsolvedError
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.machine.threads import one_thread
from pinnlab.solution.fitted_numbers import march_around
from pinnlab.training.result import Solved
from pinnlab.training.uncertainty import Uncertainty

Array = np.ndarray
_SIZES = {1: 201, 2: 31, 3: 13}
_MANY = 7
"""Places along a coordinate where there are more than three."""
_OPEN = 1e3
"""Standard deviation of a free variable, along directions that data do not tell."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """By how much one more measurement, of one unknown at one place, would shrink each interval.

    Attributes:
        places: {coordinate: (n,)}.
        shrinks: {number: {unknown: (n,)}}: the share of the interval's length that it would lose, between 0 and 1.
        sd: {unknown: the noise that the measurement is taken to have}.
    """

    places: Mapping[str, Array]
    shrinks: Mapping[str, Mapping[str, Array]]
    sd: Mapping[str, float]

    def best(self, number: str) -> tuple[str, dict[str, float], float]:
        """What to measure to know a number better: the unknown, the place, and the share that the interval would lose.

        Raises:
            ValueError: no such number was found.
        """
        if number not in self.shrinks:
            raise ValueError(f"best({number!r}): no such number was found; there are {', '.join(self.shrinks)}.")
        mine = self.shrinks[number]
        unknown = max(mine, key=lambda u: float(mine[u].max()))
        i = int(np.argmax(mine[unknown]))
        return unknown, {n: float(x[i]) for n, x in self.places.items()}, float(mine[unknown][i])

    def __str__(self) -> str:
        lines = []
        for number in self.shrinks:
            unknown, place, share = self.best(number)
            at = ", ".join(f"{name} = {value:.4g}" for name, value in place.items())
            lines.append(
                f"{number}: one more value of {unknown} at {at}, with noise {self.sd[unknown]:.2g}, would shrink its "
                f"interval by {100 * share:.2g} %"
            )
        return "\n".join(lines)


def asked_sensitivity(solution: Any, sd: Any, sizes: Mapping[str, int]) -> Sensitivity:
    """As ``sensitivity``, of what a solution has found.

    Raises:
        ValueError: functions were found, or nothing.
    """
    if solution.models[-1].functions:
        raise ValueError(
            f"sensitivity() is about numbers, and {next(iter(solution.models[-1].functions))} is a function; its band, "
            "intervals(0.95, ...), is widest where data tell least."
        )
    if not solution.coefficients:
        raise ValueError("sensitivity(): no numbers were to be found; see pl.Unknown and pl.Data.")
    return sensitivity(solution, solution.sure, sd, sizes)


def sensitivity(
    solution: Solved, sure: Uncertainty, sd: Any, sizes: Mapping[str, int], max_seconds: float = 60.0
) -> Sensitivity:
    """By how much one more value of each unknown would shrink the intervals of the numbers, over a grid of places.

    Args:
        solution: with numbers that were found from data.
        sure: how sure they are.
        sd: noise of the measurement, a number or {unknown: number}; that of the data of the unknown, given or left, if
            None, and unknowns without data are left out.
        sizes: {coordinate: places along it}.
        max_seconds: of the solutions that this takes.

    Raises:
        ValueError, TypeError: sizes of no coordinate; a noise that is not positive, or of no unknown, or of none.
    """
    problem, change = solution.problem, solution.problem.change
    region, unknowns = problem.domain, problem.unknowns
    if strangers := [name for name in sizes if name not in region.coordinates]:
        raise TypeError(
            f"sensitivity({strangers[0]}=...): no coordinate of this problem, which has {', '.join(region.coordinates)}."
        )
    usual = _SIZES.get(len(region.coordinates), _MANY)
    axes = [np.linspace(*region.bounds[n], sizes.get(n, usual)) for n in region.coordinates]
    grid = np.stack([a.reshape(-1) for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    grid = grid[region.contains(torch.from_numpy(grid)).numpy()]
    inner = np.stack([change.coordinate(n).inner(grid[:, i]) for i, n in enumerate(region.coordinates)], axis=1)
    guesses = {name: change.parameter(name).inner(value) for name, value in sure.values.items()}
    march, deadline = march_around(solution, guesses), Deadline.after(max_seconds)
    responses = march.responses
    try:
        with one_thread():
            here = responses.at(responses.start, deadline)
            slopes = responses.slopes(here, torch.from_numpy(inner), deadline)
    except UnsolvedError as error:
        raise ValueError(f"sensitivity(): {error}") from error
    except TimeIsUpError as error:
        raise ValueError(f"sensitivity(): {max_seconds:.3g} s were too few to solve the problem again.") from error
    units = {u: change.unknown(u).scale for u in unknowns}
    noise = march.noise
    noise.estimate(here.left, len(here.at))
    labels = {group.label: deviation for group, deviation in zip(noise.groups, noise.deviations, strict=True)}
    noises = _noises(sd, unknowns, {u: labels[f"data {u}"] * units[u] for u in unknowns if f"data {u}" in labels})
    matrix = np.where(np.isfinite(sure.covariance.matrix), sure.covariance.matrix, _OPEN**2)
    matrix = matrix + _OPEN**2 * sure.covariance.blind.T @ sure.covariance.blind
    found: dict[str, dict[str, Array]] = {name: {} for name in sure.names}
    for j, unknown in enumerate(unknowns):
        if unknown in noises:
            kept = remaining(matrix, slopes[:, :, j].T * units[unknown], noises[unknown])
            for i, name in enumerate(sure.names):
                found[name][unknown] = 1 - kept[:, i]
    places = {name: grid[:, i] for i, name in enumerate(region.coordinates)}
    return Sensitivity(places, found, noises)


def remaining(matrix: Array, slopes: Array, sd: float) -> Array:
    """(n, p) what is left of each parameter's standard deviation after one more measurement.

    Args:
        matrix: (p, p) covariance before it.
        slopes: (n, p) derivatives of n possible measurements by the parameters.
        sd: their noise.
    """
    moved = slopes @ matrix
    total = sd**2 + (moved * slopes).sum(axis=1)
    before = np.diag(matrix)
    return np.sqrt(np.clip(1 - moved**2 / total[:, None] / np.where(before > 0, before, 1.0), 0.0, 1.0))


def _noises(sd: Any, unknowns: tuple[str, ...], known: Mapping[str, float]) -> dict[str, float]:
    """{unknown: noise of one more measurement}."""
    if sd is None:
        if not known:
            raise ValueError(
                "sensitivity(): no unknown was measured by itself; say what noise a value of it has, sd={'u': 0.1}."
            )
        return dict(known)
    given = dict(sd) if isinstance(sd, Mapping) else dict.fromkeys(unknowns, sd)
    for name, value in given.items():
        if name not in unknowns:
            raise ValueError(f"sensitivity(sd=...): {name!r} is no unknown; there are {', '.join(unknowns)}.")
        if not (isinstance(value, int | float) and 0 < float(value) < np.inf):
            raise ValueError(f"sensitivity(sd=...): the noise of {name} is {value!r}; give a positive number.")
    return {name: float(value) for name, value in given.items()}
