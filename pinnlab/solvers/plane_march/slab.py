"""One slab: the problems of space of its stages, factorized, and the simplified Newton iteration around them.

Letters: s stages, g decoupled problems of space, r residuals, n points, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.algebra.anderson import Anderson
from pinnlab.algebra.substructures import Cost
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
_LEAST_PRICE, _PER_NUMBER = 16.0, 15.0
"""Turns of Newton's method that take as long as a factorization, at least, and multiplications of a factorization for each
number of the factor that take as long as one turn: measured."""
_MOST, _WORTH = 12, 0.5
"""Steps of Newton's method in one slab, at least, and as a share of those that take as long as a factorization: a slab that
is given up needs another one."""
_REMEMBERED = 8
"""Differences of steps in a slab that Anderson's acceleration combines."""
_SLOW = 0.5
"""Share that a step has of the one before where rounding keeps it from becoming smaller."""
_EASY, _FEW = 0.2, 6
"""Share that a step had of the one before, and number of steps, up to which slabs may become longer."""
_STEP, _LOOSEST, _LEAST = 0.01, 0.1, 1e-13
"""Share of a march's tolerance that the last step may have, the largest tolerance that counts, and the smallest step."""
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

    @property
    def easy(self) -> bool:
        """Whether a slab of twice the length would hardly take twice as many steps."""
        return self.contraction < _EASY or self.turns <= _FEW


def step_tolerance(tolerance: float) -> float:
    """Size of the last step of Newton's method in a slab of a march with a tolerance, which may be infinite."""
    return max(_STEP * min(tolerance, _LOOSEST), _LEAST)


def price_in_turns(cost: Cost) -> float:
    """How many turns of Newton's method take about as long as a factorization."""
    return max(_LEAST_PRICE, cost.work / cost.entries / _PER_NUMBER)


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
        price: of the factorization, in turns of Newton's method.
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
        self.price = price_in_turns(system.cost)
        self._most = max(_MOST, int(_WORTH * self.price))
        self.share, self.least, self.spent = 1.0, self._most, 0
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
            began = deadline.now()
            self._solvers.append(
                (system.factorized([p for p, _ in found]), [p for p, _ in found], [w for _, w in found])
            )
            work, seconds = work + own, seconds + deadline.now() - began
        pace.learn(work, seconds)

    def solve(
        self, starts: Sequence[Array], guess: Array, begin: float, tolerance: float, sizes: Array, deadline: Deadline
    ) -> Stages:
        """The stages of a slab.

        The simplified Newton iteration, accelerated by Anderson's method, ends where a step is small, or what is left after
        it is expected to be: the sum of the steps that would follow, each the same share of the one before; it is given up
        where the last one that it may take would still be too large (Hairer & Wanner 1996, section IV.8).

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
        accelerated = Anderson(_REMEMBERED, 1 / self.system.of_unknowns(sizes))
        self.share **= _FADES
        for turn in range(1, self._most + 1):
            deadline.check()
            levels = self.collocation.derivatives(starts, stages, self.slab)
            found = self._step([group.residuals(levels, times) for group in self.groups])
            size = self.system.largest_mean(found, sizes / self.system.counts)
            if not np.isfinite(size):
                break
            stages = stages - np.stack([self.system.spread(each) for each in accelerated(found)])
            if before < np.inf:
                self.share = size / before if before > 0 else 0.0
                worst = max(worst, self.share) if size > tolerance else worst
            share = self.share
            left = size * share / (1 - share) if share < 1 else np.inf
            if min(size, left / _SURE) <= tolerance or (before < np.inf and share > _SLOW and size <= 30 * tolerance):
                levels = self.collocation.derivatives(starts, stages, self.slab)
                return Stages(levels, True, worst if before < np.inf else share, turn)
            if before < np.inf and not size * share ** (self._most - turn) <= tolerance:
                break
            before = size
        return Stages(self.collocation.derivatives(starts, stages, self.slab), False, max(worst, 1.0), turn)

    def judges(self, cells: SpaceCells) -> Judges:
        """Factors of the rows that no solve has seen, linearized where those of the solve are."""
        if self._judges is None:
            self._judges = cells.judges(self.at, self.instant, 1 / self.slab)
        return self._judges

    def _step(self, residuals: Sequence[Array]) -> Array:
        """(s, numbers of all experts' combinations) to be subtracted."""
        found = np.zeros((self.collocation.stages, sum(self.system.sizes.values())))
        for g, (solver, linear, weights) in enumerate(self._solvers):
            into = self.collocation.into[g]
            into = into.real if self.collocation.real[g] else into
            mine = [np.tensordot(into, each, axes=(0, 1)) * w for each, w in zip(residuals, weights, strict=True)]
            solved = solver(self.system.mixed_gradient(mine, linear))
            found += np.multiply.outer(self.collocation.out[:, g], solved).real
        return found
