"""One slab: the problems of space of its stages, factorized, and the simplified Newton iteration around them.

Letters: s stages, g decoupled problems of space, r residuals, n points, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.cut_cells.rows import Parts
from pinnlab.solvers.cut_cells.system import CellSystem, Solver
from pinnlab.solvers.local_experts.system import Pace
from pinnlab.solvers.plane_march.cells import Judges, SpaceCells
from pinnlab.solvers.plane_march.radau import Radau
from pinnlab.solvers.plane_march.rows import StageRows

Array = np.ndarray
_COMPLEX = 4.0
"""Multiplications of real numbers in one of complex ones."""
_MOST = 12
"""Steps of Newton's method in one slab."""
_SLOW = 0.5
"""Share of a step that the next one may have, for the iteration to be worth going on with."""
_SURE = 0.1
"""Share of what steps may be, up to which what is left after one is expected to be, where it is the last."""
_FADES = 0.8
"""Power of the share that steps had in the last slab, which counts in the next one until it has its own."""


@dataclass(frozen=True, eq=False)
class Stages:
    """What Newton's method found.

    Attributes:
        levels: k arrays (s, K, m, N): values at the stages, and derivatives by time.
        converged: whether steps became small.
        contraction: the largest share that a step had of the one before; that expected where there was only one.
        turns: steps.
    """

    levels: list[Array]
    converged: bool
    contraction: float
    turns: int


class SlabSolver:
    """The linearized problems of space of slabs of one length, factorized; slabs with about the same coefficients share it.

    Args:
        system: the cells' least squares.
        groups: rows at stages, those of the system in its order.
        collocation: in time.
        slab: length.
        at: k arrays (K, m, N), values and derivatives by time at which the rows are linearized.
        instant: the time of it.
        pace: of factorizations.
        deadline: of them.

    Attributes:
        share: that the last step had of the one before in the last slab; one where that is not known.
        least, spent: the fewest turns that a slab took, and by how many more others did.

    Raises:
        SingularError: the normal equations cannot be factorized.
        TimeIsUpError: a factorization would end too late.
    """

    def __init__(
        self,
        system: CellSystem,
        groups: Sequence[StageRows],
        collocation: Radau,
        slab: float,
        at: Sequence[Array],
        instant: float,
        pace: Pace,
        deadline: Deadline,
    ):
        self.system, self.groups, self.collocation, self.slab = system, groups, collocation, slab
        self.at, self.instant = at, instant
        self.share, self.least, self.spent = 1.0, _MOST, 0
        self._judges: Judges | None = None
        slopes = [group.slopes(at, instant) for group in groups]
        self._solvers: list[tuple[Solver, list[list[Parts]], list[Array]]] = []
        work = seconds = 0.0
        for g, rate in enumerate(collocation.rates):
            real = bool(collocation.real[g])
            own = system.cost.work * (1.0 if real else _COMPLEX)
            deadline.require(pace.seconds(own), "the next factorization")
            found = [
                g.at_rate(each, (rate.real if real else rate) / slab) for g, each in zip(groups, slopes, strict=True)
            ]
            began = time.perf_counter()
            self._solvers.append(
                (system.factorized([p for p, _ in found]), [p for p, _ in found], [w for _, w in found])
            )
            work, seconds = work + own, seconds + time.perf_counter() - began
        pace.learn(work, seconds)

    def solve(
        self, starts: Sequence[Array], guess: Array, begin: float, tolerance: float, sizes: Array, deadline: Deadline
    ) -> Stages:
        """The stages of a slab.

        Newton's method ends where a step is small, or what is left after it is expected to be: the sum of the steps that
        would follow, each the same share of the one before (Hairer & Wanner 1996, section IV.8).

        Args:
            starts: (K, m, N) value, first derivative and so on at its start.
            guess: (s, K, m, N) of the values at the stages.
            begin: its start.
            tolerance: of a step, as root mean square in a cell, relative to the sizes.
            sizes: (m,) of the unknowns.
            deadline: raise TimeIsUpError after it.
        """
        times = begin + self.slab * self.collocation.nodes
        stages, before, worst = guess, np.inf, 0.0
        self.share **= _FADES
        for turn in range(1, _MOST + 1):
            deadline.check()
            levels = self.collocation.derivatives(starts, stages, self.slab)
            step, size = self._step([group.residuals(levels, times) for group in self.groups], sizes)
            if not np.isfinite(size):
                break
            stages = stages - step
            if before < np.inf:
                self.share = size / before if before > 0 else 0.0
                worst = max(worst, self.share) if size > tolerance else worst
            share = self.share
            left = size * share / (1 - share) if share < 1 else np.inf
            if min(size, left / _SURE) <= tolerance or (before < np.inf and share > _SLOW and size <= 30 * tolerance):
                found = self.collocation.derivatives(starts, stages, self.slab)
                return Stages(found, True, worst if before < np.inf else share, turn)
            if share > _SLOW and before < np.inf:
                break
            before = size
        return Stages(self.collocation.derivatives(starts, stages, self.slab), False, max(worst, 1.0), turn)

    def judges(self, cells: SpaceCells) -> Judges:
        """Factors of the rows that no solve has seen, linearized where those of the solve are."""
        if self._judges is None:
            self._judges = cells.judges(self.at, self.instant, 1 / self.slab)
        return self._judges

    def _step(self, residuals: Sequence[Array], sizes: Array) -> tuple[Array, float]:
        """(s, K, m, N) to be subtracted, and its largest root mean square in a cell, relative to sizes (m,)."""
        found = np.zeros((self.collocation.stages, sum(self.system.sizes.values())))
        for g, (solver, linear, weights) in enumerate(self._solvers):
            into = self.collocation.into[g]
            into = into.real if self.collocation.real[g] else into
            mine = [np.tensordot(into, each, axes=(0, 1)) * w for each, w in zip(residuals, weights, strict=True)]
            solved = solver(self.system.mixed_gradient(mine, linear))
            found += np.multiply.outer(self.collocation.out[:, g], solved).real
        return np.stack([self.system.spread(each) for each in found]), self.system.largest_mean(found, sizes)
