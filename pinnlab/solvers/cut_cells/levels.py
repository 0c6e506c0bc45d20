"""Level after level: solve on the cells, look at what is off where no solve has looked, halve those cells.

Letters: K experts, d coordinates, m unknowns, N basis functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.domains.trees import Tree
from pinnlab.machine.capacity import gigabytes
from pinnlab.machine.deadline import Deadline, TimeIsUpError, multiplications_per_second
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.reference.faces import constant_starts
from pinnlab.solvers.cut_cells.assembled import Assembled
from pinnlab.solvers.cut_cells.discretization import CutDiscretization
from pinnlab.solvers.cut_cells.influence import influence
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.cut_cells.marking import DEEPEST, Marking
from pinnlab.solvers.cut_cells.piece import CutPiece
from pinnlab.solvers.cut_cells.system import CellSystem, Found, SingularError, largest, mean
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.local_experts.system import Pace
from pinnlab.training.start import Start

Array = np.ndarray
_PATIENCE = 0.75
"""Share of the time that is given where work goes well, which the level may take that is to show it."""
_STALLED = 2
"""Levels in a row that bring nothing, after which cells are no longer halved."""
_MOST_STEPS = 40
_BEGUN, _ROUGHLY = 8, 1e-2
"""Degree of the polynomials with which a non-linear problem is begun, and how well it is solved with them."""
_FIRST = 3
"""Factorizations that the first solve of a non-linear problem is expected to take."""
_OF_SOLVES = 350.0
"""Multiplications for each number of the factor that take as long as all solves of a level together: measured."""
_FEW_STEPS, _SHORTEST = 12, 1e-2
"""Steps for each part of sources and data, and the smallest part."""
_CAUTION = 3.0
"""By which what rows that were not solved change the solution is taken to be smaller than the error: it was by up to two."""
_NOT_RESOLVED = 2.0
"""Of the tolerance, which a solution is off by at least whose misfits there was no time to follow."""
_FEW_FUNCTIONS = 10
"""Functions of each expert, of the lowest degrees, that make up the one with which rows are tried for being linear."""
_SAME = 1e-9
"""Share of the largest row up to which rows are the same."""
_NUMBERS = "estimate", "likely", "misfit", "held_out", "experts"
_GAIN = 0.5
"""Share of the estimate that richer experts have to leave at most, to be made richer again."""


@dataclass(frozen=True)
class LevelSettings:
    """How cells adapt.

    Attributes:
        tolerance: of the error, relative to the size of the unknowns.
        edges: {coordinate: of the cells at the start}.
        most: experts.
        weight: of boundary and face rows against those of the equations.
        bytes: that a level may take.
        processes: that share factorizations.
    """

    tolerance: float
    edges: dict[str, Array]
    most: int
    weight: float = 100.0
    bytes: float = math.inf
    processes: Processes = ALONE


@dataclass(frozen=True, eq=False)
class Level:
    """One solution.

    Attributes:
        piece: the unknowns.
        estimate: how large its error is at most, about, relative to the size of the unknowns.
        likely: the same without the caution that a claim asks for.
        misfit: root of the sum of squares of all weighted rows.
        held_out: the same of rows that the solve has not seen, as a mean.
        experts: K.
    """

    piece: CutPiece
    estimate: float
    likely: float
    misfit: float
    held_out: float
    experts: int


@dataclass(eq=False)
class CutLevels:
    """Solutions on finer and finer cells.

    Args:
        problem: a single steady instance.
        basis: the functions of every expert.
        settings: tolerances and sizes.
        begin: a solution from which Gauss-Newton starts, in place of zero.
    """

    problem: Problem
    basis: LocalBasis
    settings: LevelSettings
    begin: Start | None = None
    best: Level | None = None
    resolved: bool = False
    linear: bool = False
    _worse: int = 0
    _hopeful: bool = False
    _seconds: tuple[float, int] = (0.0, 1)
    _solved_on: list[int] | None = None
    _raised_at: float = math.inf
    _depth: int = DEEPEST
    inside: Inside = field(init=False)

    def __post_init__(self) -> None:
        self.made = CutDiscretization(self.problem, self.basis, self.settings.weight, self.settings.processes)
        self.marking = Marking(self.made.corners, self.settings.tolerance, self.problem.spots)
        self._begin()
        self._pace = Pace(self.settings.processes.leading(0.3 * multiplications_per_second()))

    def _begin(self) -> None:
        """The first cells, graded towards corners as deep as may be."""
        self.inside = self._over(Tree.over([self.settings.edges[n] for n in self.problem.domain.coordinates]))
        self.marking.begin(self.tree, self.settings.most, self._depth)

    @property
    def tree(self) -> Tree:
        """Of boxes."""
        return self.inside.tree

    def advance(self, deadline: Deadline) -> Level:
        """The solution on the present cells; then those that are off are halved.

        Raises:
            UnresolvedError: there would be too many cells, too little memory, or halving no longer helps.
            TimeIsUpError: the level would end too late.
        """
        if self.best is not None and self.best.estimate < 1.0:
            deadline = put_off(deadline)
        while True:
            try:
                rows, system = self._assembled(deadline)
            except (UnresolvedError, TimeIsUpError):
                if not (self._raise_degree() if self.best is not None else self._grade_less() or self._hope()):
                    raise
            else:
                break
        # what was planned to end in time, and takes a little longer, is not thrown away
        deadline = put_off(deadline)
        found = self._solved(system, rows, deadline)
        level, off, shares = self._judged(system, rows, found, deadline)
        self._solved_on = self.tree.halved
        self._worse = 0 if self.best is None or level.estimate < 0.9 * self.best.estimate else self._worse + 1
        if self.best is None or level.estimate < self.best.estimate:
            self.best = level
        self.resolved = level.estimate <= self.settings.tolerance and self.marking.sees(self.tree)
        halved = self.marking(self.tree, rows.layout, off, shares)
        if not self.resolved and not halved and level.piece.own_errors:
            raise UnresolvedError("cells next to a corner are as small as rounding allows")
        if not self.resolved and self._worse >= _STALLED:
            raise UnresolvedError("smaller cells bring nothing more")
        return level

    def _assembled(self, deadline: Deadline) -> tuple[Assembled, CellSystem]:
        seconds, work = self._seconds
        now = len(self.tree.leaves) * self.basis.size
        deadline.require(seconds * now / work, "making the rows of the next cells")
        began = deadline.now()
        rows = self.made.assembled(self.inside)
        self._seconds = deadline.now() - began, now
        system = rows.system()
        self._check(system, rows.layout.count)
        if self.best is None:
            self.linear = is_linear(rows)
        planned = self._expected * system.cost.work + _OF_SOLVES * system.cost.entries
        deadline.require(self._pace.seconds(planned), "the next factorization, with its solves,")
        return rows, system

    def _grade_less(self) -> bool:
        """Take half as many halvings towards corners before the first solve; False where there are none."""
        self._depth = min(self._depth, self.marking.deepest(self.tree)) // 2
        cells = len(self.tree.leaves)
        self._begin()
        return len(self.tree.leaves) < cells

    @property
    def _expected(self) -> int:
        """Factorizations that a level is planned with: one where it is clear from where Gauss-Newton starts."""
        return 1 if self.linear or self._hopeful or self.best is not None else _FIRST

    def _hope(self) -> bool:
        """Try the first solve of a non-linear problem though it may not end in time; False if it was to be tried already."""
        self._hopeful, before = True, self._expected
        return before > 1

    def _raise_degree(self) -> bool:
        """Take richer experts on the cells of the last level in place of smaller cells.

        False where there are none, and where the last ones brought little, as next to corners.
        """
        richer = self.basis.richer()
        if richer is None or self.best is None or self._solved_on is None or self._solved_on == self.tree.halved:
            return False
        if self.best.estimate > _GAIN * self._raised_at:
            return False
        self._raised_at = self.best.estimate
        self._take(richer)
        self.inside = self._over(self._grown(self._solved_on))
        return True

    def _take(self, basis: LocalBasis) -> None:
        self.basis, self.made = (
            basis,
            CutDiscretization(self.problem, basis, self.settings.weight, self.settings.processes),
        )

    def _over(self, tree: Tree) -> Inside:
        return Inside(self.problem.domain, tree, self.made.materials)

    def _grown(self, halved: Sequence[int]) -> Tree:
        return Tree.over(self.tree.edges, halved)

    def state(self) -> dict[str, Any]:
        """Plain data from which ``restore`` goes on with the same numbers."""
        best = self.best
        numbers = {} if best is None else {k: getattr(best, k) for k in _NUMBERS}
        return {
            "halved": torch.tensor(self.tree.halved, dtype=torch.long),
            "solved on": torch.tensor(self._solved_on or [], dtype=torch.long),
            "basis": self.basis.to_data(),
            "best": numbers,
            "resolved": self.resolved,
            "linear": self.linear,
            "worse": self._worse,
            "raised at": self._raised_at,
            "before": self.marking.state(),
        }

    def restore(self, state: dict[str, Any], piece: CutPiece | None) -> None:
        """Go on from a state, and the piece of the best level."""
        self._take(LocalBasis.from_data(state["basis"]))
        self.inside = self._over(self._grown(state["halved"].tolist()))
        self._solved_on = None if piece is None else state["solved on"].tolist()
        self.best = None if piece is None else Level(piece, **state["best"])
        self.resolved, self.linear, self._worse = state["resolved"], state["linear"], state["worse"]
        self._raised_at = state["raised at"]
        self.marking.restore(state["before"])

    def _check(self, system: CellSystem, experts: int) -> None:
        if experts > self.settings.most:
            raise UnresolvedError(f"more than {self.settings.most} experts would be needed")
        if system.bytes > self.settings.bytes:
            raise UnresolvedError(
                f"{experts} experts with {self.basis.size} functions for each unknown would need "
                f"{gigabytes(system.bytes)} of memory, of which {gigabytes(self.settings.bytes)} may be used"
            )

    def _solved(self, system: CellSystem, rows: Assembled, deadline: Deadline) -> Found:
        """Gauss-Newton from what is known, else from zero where the problem is linear, else from constants."""
        known = None if self.begin is None else self.begin.values
        if self.best is not None:
            # a linear problem is solved in one step from anywhere
            known = None if self.linear else self.best.piece.values
        shape = rows.layout.count, len(self.problem.unknowns), self.basis.size
        starts: list[Callable[[], Array]] = [lambda: np.zeros(shape)]
        if known is not None:
            starts = [lambda: rows.sampled(lambda x: known(torch.from_numpy(x)).numpy())]
        elif not self.linear:
            starts = [partial(rows.constant, np.array(v)) for v in constant_starts(self.problem)]
        begun_at = "a constant start" if known is None else "the start that was given"
        why = f"Gauss-Newton did not converge from {begun_at}"
        for start in starts:
            try:
                begun = start() if self.linear or known is not None else self._begun(rows, start(), deadline)
                found = system.solve(begun, 1e-3 * self.settings.tolerance, _MOST_STEPS, self._pace, deadline)
            except SingularError as error:
                why = str(error)
                continue
            if found.converged:
                return found
            for group in rows.groups:
                group.scale = None
        raise UnresolvedError(why)

    def _begun(self, rows: Assembled, start: Array, deadline: Deadline) -> Array:
        """A solution of few functions, from which that of all takes a few steps; the start itself if there is none.

        Steps of a non-linear problem are many, and each of few functions costs little. Where they do not converge, sources
        and data are raised in parts from those that the start solves for.
        """
        system = rows.system(rows.thinned(_BEGUN))
        # small factorizations tell nothing of the pace of large ones
        pace = Pace(self._pace.rate)
        found = system.solve(start, _ROUGHLY, _MOST_STEPS, pace, deadline)
        if found.converged:
            return found.coefficients
        now, share, step = start, 0.0, 0.25
        first = system.residuals(start)
        while share < 1.0 and step > _SHORTEST:
            tried = min(1.0, share + step)
            left = [(1.0 - tried) * each for each in first]
            found = system.solve(now, _ROUGHLY, _FEW_STEPS, pace, deadline, left)
            if found.converged:
                now, share, step = found.coefficients, tried, 1.5 * step
            else:
                step /= 2
        return now if share == 1.0 else start

    def _judged(
        self, system: CellSystem, rows: Assembled, found: Found, deadline: Deadline
    ) -> tuple[Level, Array, Array]:
        """The level; (K,) how far each expert is off, relative to the size of the unknowns; and what that adds elsewhere."""
        count, squares, coefficients = rows.layout.count, np.zeros(rows.layout.count), found.coefficients
        misfits = [(group, *group.linearized(coefficients)) for group in rows.held_out if group.count]
        for group, residuals, _ in misfits:
            squares += group.mean_squares(residuals, count)
        size, volumes = largest(rows.groups[0], coefficients, rows.counts), rows.layout.volumes()
        off = np.sqrt(squares) / (size if size > 0 else 1.0)
        likely, shares = float(self.marking.estimates(rows.layout, off).max()), np.zeros(count)
        own_errors: dict[str, float] = {}
        assert found.solver is not None
        whole = mean(rows.groups[0], coefficients, rows.counts, volumes)
        try:
            enough = likely * whole / _CAUTION
            moved = influence(system, found.solver, found.linear, misfits, volumes, deadline, enough)
        except TimeIsUpError:
            # a solution that is found is kept, and not said to be resolved
            estimate = max(likely, _NOT_RESOLVED * self.settings.tolerance)
        else:
            shares = _CAUTION * moved.relative(whole)
            estimate = max(likely, float(shares.max()))
            likely = max(likely, float(shares.max()) / _CAUTION)
            at_most = 2 * np.maximum(_CAUTION * moved.of_each, estimate * whole)
            own_errors = dict(zip(self.problem.unknowns, at_most.tolist(), strict=True))
        piece = CutPiece(
            self.problem.unknowns, self.problem.domain, self.tree.copy(), self.made.materials, rows.layout.home,
            rows.frames, self.basis, coefficients, self.made.parameters, own_errors,
        )  # fmt: skip
        return Level(piece, estimate, likely, found.misfit, float(np.sqrt(squares.mean())), count), off, shares


def put_off(deadline: Deadline) -> Deadline:
    """A later one, for a level that is to show whether work goes well; once is enough."""
    return Deadline(deadline.at + _PATIENCE * deadline.extra, deadline.seconds, deadline.now)


def is_linear(rows: Assembled) -> bool:
    """Whether all rows are linear: with a function added twice they change twice as much."""
    unknowns, functions = len(rows.groups[0].unknowns), len(rows.mixing[0])
    few = min(functions, _FEW_FUNCTIONS)
    once = np.zeros((rows.layout.count, unknowns, functions))
    once[:, :, :few] = np.random.default_rng(5).uniform(0.2, 0.6, (unknowns, few))
    for group in rows.groups:
        if group.count:
            group.linearized(0.0 * once)
            zero, one, two = (group.residuals(factor * once) for factor in (0.0, 1.0, 2.0))
            if not np.abs(two - 2 * one + zero).max() <= _SAME * max(np.abs(two).max(), np.abs(zero).max()):
                return False
    return True
