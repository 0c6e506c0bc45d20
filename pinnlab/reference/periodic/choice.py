"""Periodic problems by ETDRK4: when it applies, how many steps, how many modes."""

from __future__ import annotations

import math
import time

from pinnlab.algebra.largest import largest
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.fields import Key
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.reference.base import relative_difference
from pinnlab.reference.grids.structure import Structure, periodic_unknowns
from pinnlab.reference.periodic.spectral import solve_periodic
from pinnlab.reference.refinement import Attempt, Budget, Estimate, nothing_in_time

_FIRST_STEPS = 128


def splits(problem: Problem, structure: Structure) -> bool:
    """Whether ETDRK4 applies: periodic in space, and everything stiff is linear with constant coefficients."""
    space = problem.domain.space
    if not space or any(periodic_unknowns(problem, c) != set(problem.unknowns) for c in space):
        return False
    if any(p == 0 and u not in structure.static for u, p in structure.time_order.items()):
        return False
    if any(
        key.count(problem.domain.clock) >= structure.time_order[u]
        for u, key in structure.varying
        if u not in structure.static
    ):
        return False
    rest = max((_space_order(problem, key) for _, key in structure.varying), default=0)
    linear = max((_space_order(problem, key) for _, _, key in structure.constant), default=0)
    return rest <= 1 or rest < linear


def _space_order(problem: Problem, key: Key) -> int:
    return sum(name in problem.domain.space for name in key)


class PeriodicSolver:
    """Doubles modes and steps until neither matters.

    Args:
        problem: one to which ``splits`` applies.
        structure: of its equations.
        dealias: see ``SpectralSystem``.
    """

    def __init__(self, problem: Problem, structure: Structure, dealias: bool = True):
        self.problem, self.structure, self.dealias = problem, structure, dealias
        self.two = len(problem.domain.space) == 2

    def attempt(self, n: int, steps: int, deadline: Deadline) -> Attempt | None:
        """One solution, or None where it failed.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        found = solve_periodic(self.problem, self.structure, n, steps, self.dealias, deadline)
        if found is None:
            return None
        start, stop = self.problem.domain.time_interval
        modes = f"{n} x {n}" if self.two else f"{n}"
        return Attempt(found, n, f"ETDRK4, Fourier {modes} modes, dt {(stop - start) / steps:.3g}")

    def run(self, budget: Budget, patience: int = 0) -> tuple[Attempt, Estimate] | None:
        """The solution and its estimated error, or None where ETDRK4 does not work.

        The step is found at the first resolution, then the modes are doubled, and last the step's share of the error is
        measured where it counts, at the final resolution, by a run with half as many steps.

        Args:
            budget: when to stop.
            patience: give up, with None, where more steps than this would be needed; 0 never does.

        Raises:
            ValueError: not even the coarsest resolution was solved in time.
        """
        n = budget.resolution or (32 if self.two else 128)
        most = n if budget.resolution else (256 if self.two else 8192)
        found = self._find_steps(n, budget, patience)
        if found is None:
            return None
        best, steps = found
        space: Estimate = dict.fromkeys(self.problem.unknowns, 0.0)
        if budget.resolution is not None:
            most = 2 * n if budget.estimate else n
        while best.resolution < most:
            began = time.perf_counter()
            try:
                finer = self.attempt(2 * best.resolution, steps, budget.deadline)
                while finer is None and budget.allows(2 * (time.perf_counter() - began)):
                    steps *= 2  # a finer grid may ask for shorter steps
                    finer = self.attempt(2 * best.resolution, steps, budget.deadline)
            except TimeIsUpError:
                return best, dict.fromkeys(space, math.nan) if budget.estimate else {}
            if finer is None:
                return None
            space, best = relative_difference(best.interpolant, finer.interpolant), finer
            seconds = time.perf_counter() - began
            # the next level takes 2 to 5 times as long, and the final check half of that again
            if largest(space.values()) < budget.tolerance / 2 or not budget.allows(
                (7.5 if self.two else 3.5) * seconds
            ):
                break
        if not budget.estimate:
            return best, {}
        return self._check_steps(best, steps, space, budget)

    def _find_steps(self, n: int, budget: Budget, patience: int) -> tuple[Attempt, int] | None:
        steps, best, target = _FIRST_STEPS, None, budget.tolerance / 4
        while True:
            began = time.perf_counter()
            try:
                finer = self.attempt(n, steps, budget.deadline)
            except TimeIsUpError as late:
                if best is None:
                    raise nothing_in_time(str(late)) from late
                return best, steps // 2
            seconds = time.perf_counter() - began
            needed = 2.0 * steps
            if finer is not None and best is not None:
                error = largest(relative_difference(best.interpolant, finer.interpolant).values()) / 15
                if error < target:
                    return finer, steps
                needed = steps * (error / target) ** 0.25
            if patience and steps >= 4 * _FIRST_STEPS and needed > patience:
                return None
            best = finer
            # the finer grids and the final check have to fit as well
            if not budget.allows(12 * seconds):
                return None if best is None else (best, steps)
            steps *= 2

    def _check_steps(self, best: Attempt, steps: int, space: Estimate, budget: Budget) -> tuple[Attempt, Estimate]:
        n = best.resolution
        began = time.perf_counter()
        try:
            other = self.attempt(n, steps // 2, budget.deadline)
            seconds = time.perf_counter() - began
            if other is None or not self._close(other, best, budget) and budget.allows(5 * seconds):
                finer = self.attempt(n, 2 * steps, budget.deadline)
                if finer is not None:
                    other, best = best, finer
        except TimeIsUpError:
            other = None
        if other is None:
            return best, {u: float("nan") for u in space}
        change = relative_difference(other.interpolant, best.interpolant)
        # order four: halving the step leaves a sixteenth; an eighth is on the safe side
        return best, {u: space[u] + change[u] / 8 for u in space}

    def _close(self, other: Attempt, best: Attempt, budget: Budget) -> bool:
        return largest(relative_difference(other.interpolant, best.interpolant).values()) / 15 < budget.tolerance / 2
