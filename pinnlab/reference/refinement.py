"""Doubling the resolution until the answer stops changing: what every scheme shares, and what time stepping adds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pinnlab.algebra.largest import largest
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.base import Interpolant, relative_difference
from pinnlab.reference.convergence import error_estimate
from pinnlab.reference.cost import TooLargeError

Estimate = dict[str, float]


_FAILURES = 4


class HopelessError(ValueError):
    """A failure that no other resolution would mend."""


@dataclass(frozen=True)
class Attempt:
    """One solution.

    Attributes:
        interpolant: evaluates it.
        resolution: nodes per space axis.
        method: what was used, in words.
        numbers: {name: value} of unknown coefficients that were found.
    """

    interpolant: Interpolant
    resolution: int
    method: str
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """How far to go.

    Attributes:
        tolerance: relative L2 difference between resolutions at which to stop.
        deadline: when to stop.
        resolution: given by the user, or None.
        estimate: whether an estimate of the error is wanted.
        whole: makes the functions of the domain from those that are solved for; None where they are the same.
        power: the highest power of the resolution with which the error can fall; see ``convergence``.
        slow: a power with which a part of it falls.
        floors: {unknown: size, root mean square, of what its solution is added to}: less need not be resolved.
    """

    tolerance: float
    deadline: Deadline
    resolution: int | None
    estimate: bool
    whole: Callable[[Interpolant], Interpolant] | None = None
    power: float = math.inf
    slow: float = math.inf
    floors: Mapping[str, float] = field(default_factory=dict)

    def change(self, coarse: Interpolant, fine: Interpolant) -> Estimate:
        """{unknown: relative L2 difference}."""
        one, two = (i if self.whole is None else self.whole(i) for i in (coarse, fine))
        return relative_difference(one, two, self.floors)

    def allows(self, seconds: float) -> bool:
        """Whether something that takes so long may still be started."""
        return self.deadline.allows(seconds)


@dataclass(frozen=True)
class Ladder:
    """The resolutions to try.

    Attributes:
        first, last: bounds, in nodes per axis; 0 where there is no space and levels differ by time steps only.
        growth: how many times longer the next level takes.
        ratio: between one resolution and the next.
    """

    first: int
    last: int
    growth: float
    ratio: float = 2.0

    def rungs(self, budget: Budget) -> list[int]:
        """The resolutions, even numbers."""
        if budget.resolution is not None:
            return [budget.resolution, 2 * budget.resolution] if budget.estimate else [budget.resolution]
        if self.first == 0:
            return [0] * 4
        found = [self.first]
        while found[-1] * self.ratio <= self.last:
            found.append(2 * round(found[-1] * self.ratio / 2))
        return found


def refine(solve: Callable[[int, int], Attempt], ladder: Ladder, budget: Budget) -> tuple[Attempt, Estimate]:
    """Raise the resolution until the change is below the tolerance.

    Args:
        solve: (resolution, level) -> solution; higher levels step through time more tightly.
        ladder: the resolutions; one given by the user is solved there and at its double instead.
        budget: when to stop.

    Returns:
        The finest solution and its error: its difference to the one before, or more where errors fall slowly.

    Raises:
        ValueError: no resolution could be solved.
    """
    best: Attempt | None = None
    estimate: Estimate = {}
    changes: list[Estimate] = []
    resolutions: list[int] = []
    why = ""
    rungs = ladder.rungs(budget)
    level, failures = -1, 0
    while (level := level + 1) < len(rungs):
        n = rungs[level]
        began = time.perf_counter()
        try:
            attempt = solve(n, level)
        except (TimeoutError, TooLargeError) as error:
            why = str(error)
            break
        except (HopelessError, NotUniqueError):
            raise
        except ValueError:
            failures += 1
            # a coarse grid can blow up where a finer one does not
            if level + 1 == len(rungs) or failures == _FAILURES or not budget.allows(0.0):
                raise
            # far from enough, probably: leave the next one out, unless it is the last
            level += level + 2 < len(rungs) and budget.resolution is None
            continue
        resolutions.append(n)
        if best is not None:
            change = budget.change(best.interpolant, attempt.interpolant)
            if (
                changes
                and largest(change.values()) > largest(changes[-1].values())
                and largest(changes[-1].values()) < 1e-6
            ):
                break  # rounding has taken over: the coarser one is the better one
            changes.append(change)
            estimate, power = error_estimate(changes, resolutions, budget.tolerance, budget.power, budget.slow)
            if math.isfinite(power):
                slow = f"{attempt.method}; the error falls slowly, with power {power:.1f} of the nodes per axis"
                attempt = replace(attempt, method=slow)
        best = attempt
        seconds = time.perf_counter() - began
        if budget.resolution is None and estimate:
            if largest(estimate.values()) < budget.tolerance or not budget.allows(ladder.growth * seconds):
                break
    if best is None:
        raise nothing_in_time(why)
    return best, estimate if budget.estimate else {}


def nothing_in_time(why: str) -> ValueError:
    """What is raised where not even the coarsest resolution was solved."""
    return ValueError(
        f"reference_solution: no resolution was solved in time ({why}); raise max_seconds, or give a lower resolution=."
    )
