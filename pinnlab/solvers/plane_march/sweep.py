"""One march through the whole interval of time at one tolerance.

Letters: s stages, k orders of derivatives by time, K experts, m unknowns, N basis functions.

Slabs are halves of halves of the interval, so that few lengths, and few factorizations, occur. A slab is too long where the
last Legendre coefficient in time is large or Newton's method does not converge; cells are too wide where equations, or what
joins cells, do not hold at points that no solve has seen. Both are measured over the whole region, in root mean squares,
next to the largest size that each unknown has had.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.singular import SingularPart
from pinnlab.domains.trees import Tree
from pinnlab.machine.capacity import gigabytes
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.cut_cells.discretization import CutDiscretization
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.cut_cells.marking import Marking
from pinnlab.solvers.cut_cells.system import SingularError
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.local_experts.system import Pace
from pinnlab.solvers.plane_march.cells import SpaceCells
from pinnlab.solvers.plane_march.piece import SlabPiece
from pinnlab.solvers.plane_march.radau import Radau
from pinnlab.solvers.plane_march.settings import SweepSettings
from pinnlab.solvers.plane_march.slab import SlabSolver, Stages
from pinnlab.solvers.plane_march.start import orders_in_time, states

Array = np.ndarray
_FINEST = 40
"""Halvings of the interval by which times are told."""
_SHORTEST = 24
"""Halvings up to which a slab is shortened."""
_NEWTON = 0.01
"""Share of the tolerance that steps of Newton's method may have."""
_LOOSEST = 1e-2
"""Tolerance that counts for corners and Newton's method where none is given."""
_AGED = 0.2
"""Share that a step had of the one before, from which on the next slab is linearized anew."""
_OF_START = 0.05
"""Share of the tolerance up to which the initial state has to be held by cells: what they miss changes in the first slab."""
_PER_SLAB = 0.05
"""Share of the tolerance that one slab may add to the error of space, where it is longer than its share of time."""
_BRIEF = 5
"""Halvings of the interval from which on slabs may be off by more, so that each adds as much to the mean over time."""
_BRIEFEST = 8.0
"""Times as much that space may be off by in the shortest slabs: in part it stays."""
_ERROR = 0.1
"""Error of a solution next to what its rows are off by where no solve has looked: between this and a hundredth, measured."""
_GROWN = 0.5
"""Share of the tolerance that the error of a slab of twice the length may be expected to have."""
_KEPT = 3
"""Lengths of slabs whose factorizations are kept."""
_DEEPEST = 12
"""Halvings of the first cells."""


class Sweep:
    """A march through time; every ``attempt`` may add one slab.

    Args:
        problem: a single instance with time.
        basis: the functions of every expert.
        tree: of boxes of space, from which it begins; it is changed.
        settings: tolerances and sizes.
        sizes: (m,) that unknowns are known to reach; zeros where nothing is known.
        first: halvings of the interval of time that make the first slab.
        pace: of factorizations.
        lift: {unknown: a part of it that is known}, of which the problem knows already; slabs have it added.

    Attributes:
        pieces: slabs so far.
        coarse: what was not resolved, in sentences.
        added: the sum over slabs of what space adds to the error, relative to the sizes.
    """

    def __init__(
        self,
        problem: Problem,
        basis: LocalBasis,
        tree: Tree,
        settings: SweepSettings,
        sizes: Array,
        first: int,
        pace: Pace,
        lift: Mapping[str, SingularPart],
    ):
        self.problem, self.settings, self.sizes = problem, settings, np.array(sizes, dtype=float)
        self.lift = lift
        self.made = CutDiscretization(problem, basis, settings.weight)
        # next to corners that point inwards even cells would lead to a smoother function that is wrong
        Marking(self.made.corners, min(settings.tolerance, _LOOSEST)).begin(tree, settings.most)
        self.inside = Inside(self.made.region, tree)
        self.collocation, self.pace = Radau(settings.stages), pace
        self.orders = orders_in_time(problem)
        self.pieces: list[SlabPiece] = []
        self.coarse: dict[str, None] = {}
        self.added = self.misfit = 0.0
        self.position, self.halvings, self.first = 0, first, first
        self._solvers: dict[int, SlabSolver] = {}
        self._aged = False
        self._last: tuple[Array, int] | None = None
        self._cells: SpaceCells | None = None
        self.starts: list[Array] = []
        self._off = np.zeros(0)

    @property
    def done(self) -> bool:
        """Whether the end is reached."""
        return self.position >= 1 << _FINEST

    @property
    def share(self) -> float:
        """How much of the time is solved, 0 to 1."""
        return self.position / (1 << _FINEST)

    @property
    def now(self) -> float:
        """Where the next slab begins."""
        start, end = self.problem.domain.time_interval
        return start + (end - start) * self.share

    @property
    def slab(self) -> float:
        """Length of the next slab."""
        start, end = self.problem.domain.time_interval
        return (end - start) * 0.5**self.halvings

    @property
    def started(self) -> bool:
        """Whether there are cells yet."""
        return self._cells is not None

    @property
    def cells(self) -> SpaceCells:
        """Those of space at present."""
        assert self._cells is not None
        return self._cells

    def attempt(self, deadline: Deadline) -> bool:
        """Try the next slab, and say whether it was added; else the next attempt has a shorter one, or other cells.

        Raises:
            UnresolvedError: slabs have become too short, or what is needed does not fit into memory.
            TimeIsUpError: the deadline has passed, or one factorization would end after it.
        """
        deadline.check()
        if self._cells is None:
            self._resolve_start(deadline)
        try:
            found = self._solved(deadline)
        except SingularError as why:
            self._shorten(str(why))
            return False
        if found is None:
            return False
        start = self.starts[0].copy()
        for j, unknown in enumerate(self.problem.unknowns):
            if not self.orders[unknown]:
                # what has no derivative by time follows from the others at every instant, the first among them
                start[:, j] = np.tensordot(self.collocation.at_start, found.levels[0][:, :, j], axes=1)
        coefficients = self.collocation.coefficients(start, found.levels[0])
        error, ends = self._error_in_time(coefficients), [level[-1] for level in found.levels]
        # space first: in time nothing is smooth on cells that are too wide
        off_by = self._off_by(ends)
        if not off_by <= self._allowed() and self._refined(deadline):
            return False
        if error > self._brief * self.settings.tolerance and self._may_shorten():
            self._shorten("the solution changes too fast")
            return False
        if error > self._brief * self.settings.tolerance:
            self.coarse["the start is not resolved in time: slabs could not be made short enough for it"] = None
        self.added += off_by
        self._accept(coefficients, found, error)
        return True

    # -- one slab ----------------------------------------------------------------------------------------------------

    def _solved(self, deadline: Deadline) -> Stages | None:
        fresh = self._aged or self.halvings not in self._solvers
        if self._aged:
            self._solvers.clear()
        if fresh:
            self._factorize(deadline)
        solver = self._solvers[self.halvings]
        tolerance = max(_NEWTON * min(self.settings.tolerance, _LOOSEST), 1e-13) * float(
            np.max(self.sizes, initial=0.0) or 1.0
        )
        found = solver.solve(self.starts, self._guess(), self.now, tolerance, deadline)
        if found.converged:
            self._aged = found.contraction > _AGED
            return found
        if fresh:
            self._shorten("Newton's method does not converge")
        else:
            self._aged = True
        return None

    def _factorize(self, deadline: Deadline) -> None:
        while len(self._solvers) >= _KEPT:
            del self._solvers[next(iter(self._solvers))]
        guess, middle = self._guess(), len(self.collocation.nodes) // 2
        at = [each[middle] for each in self.collocation.derivatives(self.starts, guess, self.slab)]
        instant = self.now + self.slab * float(self.collocation.nodes[middle])
        self._aged = False
        self._solver(self.halvings, at, instant, deadline)

    def _solver(self, halvings: int, at: list[Array], instant: float, deadline: Deadline) -> None:
        start, end = self.problem.domain.time_interval
        slab = (end - start) * 0.5**halvings
        self._solvers[halvings] = SlabSolver(
            self.cells.system, self.cells.groups, self.collocation, slab, at, instant, self.pace, deadline
        )

    def _guess(self) -> Array:
        """(s, K, m, N): the last slab's polynomial, or the start."""
        if self._last is None or self._last[1] - self.halvings > 1:
            return np.repeat(self.starts[0][None], self.collocation.stages, axis=0)
        coefficients, halvings = self._last
        return self.collocation.continued(coefficients, 2.0 ** (halvings - self.halvings))

    def _error_in_time(self, coefficients: Array) -> float:
        """How far a slab's polynomials (s + 1, K, m, N) are off, about, relative to the sizes: the next coefficient."""
        last, before = (self.cells.sizes(each) for each in (coefficients[-1], coefficients[-2]))
        ends = [self.cells.sizes(each) for each in (self.starts[0], coefficients[0])]
        self.sizes = np.maximum.reduce([self.sizes, *ends])
        moving = np.array([self.orders[u] > 0 for u in self.problem.unknowns])
        falls = np.clip(last / np.where(before > 0, before, 1.0), 0.05, 1.0)
        return float((last * falls / np.where(self.sizes > 0, self.sizes, 1.0))[moving].max(initial=0.0))

    def _accept(self, coefficients: Array, found: Stages, error: float) -> None:
        names = [f"{u} {k}" for k in range(len(coefficients)) for u in self.problem.unknowns]
        region = self.problem.domain.replace(**{self.problem.domain.clock: (self.now, self.now + self.slab)})
        space = self.cells.functions(names, coefficients.transpose(1, 0, 2, 3))
        self.pieces.append(SlabPiece(self.problem.unknowns, region, space, self.made.parameters, self.lift))
        self._last = coefficients, self.halvings
        self.starts = [level[-1] for level in found.levels[: len(self.starts)]]
        self.position += 1 << (_FINEST - self.halvings)
        # measured as a slab of twice the length would be
        grown = error / self._brief * 2.0 ** (self.collocation.stages + 1)
        aligned = self.position % (1 << (_FINEST - self.halvings + 1)) == 0
        easy = found.contraction < _AGED
        if grown < _GROWN * self.settings.tolerance and aligned and easy and self.halvings > 0 and not self.done:
            self.halvings -= 1
        self._check_memory()

    # -- going on later ----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Plain data from which ``restore`` goes on with the same numbers."""
        if self._cells is None:
            return {"begun": False}
        solvers = {
            halvings: {"at": [torch.from_numpy(a) for a in solver.at], "instant": solver.instant}
            for halvings, solver in self._solvers.items()
        }
        last = None if self._last is None else [torch.from_numpy(self._last[0]), self._last[1]]
        return {
            "begun": True,
            "halved": torch.tensor(self.inside.tree.halved, dtype=torch.long),
            "sizes": torch.from_numpy(self.sizes),
            "starts": [torch.from_numpy(each) for each in self.starts],
            "pieces": [piece.state() for piece in self.pieces],
            "numbers": [self.position, self.halvings, self.added, self._aged],
            "coarse": list(self.coarse),
            "solvers": solvers,
            "last": last,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        if not state["begun"]:
            return
        tree = self.inside.tree
        grown = Tree.of_halved(
            tree.origin, tree.origin + tree.unit * tree.counts, tree.counts, state["halved"].tolist()
        )
        self.inside = Inside(self.made.region, grown)
        self._renew(Deadline())
        self.pieces = [
            SlabPiece.from_data(p, self.made.basis, self.made.parameters, self.lift) for p in state["pieces"]
        ]
        self.sizes, self.starts = state["sizes"].numpy(), [each.numpy() for each in state["starts"]]
        self.position, self.halvings, self.added, self._aged = state["numbers"]
        self.coarse = dict.fromkeys(state["coarse"])
        self._last = None if state["last"] is None else (state["last"][0].numpy(), state["last"][1])
        for halvings, solver in state["solvers"].items():
            self._solver(int(halvings), [each.numpy() for each in solver["at"]], solver["instant"], Deadline())

    def _may_shorten(self) -> bool:
        # what jumps at the start is smoothed by the first slabs
        return self.halvings < (_SHORTEST if self.pieces else min(_SHORTEST, self.first + 10))

    def _shorten(self, why: str) -> None:
        if self.halvings >= _SHORTEST:
            raise UnresolvedError(
                f"no slab that starts at {self.problem.domain.clock} = {self.now:g} is short enough: {why}"
            )
        self.halvings += 1

    # -- cells -------------------------------------------------------------------------------------------------------

    def _allowed(self) -> float:
        """What a slab may add to the error of space, relative to the sizes."""
        share = max(0.5**self.halvings, _PER_SLAB)
        return self.settings.tolerance * share * min(self._brief, _BRIEFEST)

    @property
    def _brief(self) -> float:
        """How much more a slab of the present length may be off by than one of a usual length: at the start, where things
        change fast, errors are short-lived.
        """
        return max(1.0, math.sqrt(2.0 ** (self.halvings - _BRIEF)))

    def _off_by(self, ends: list[Array]) -> float:
        """What space adds to the error in the slab that was just solved, relative to the sizes.

        Args:
            ends: k arrays (K, m, N), values and derivatives by time at its end.
        """
        largest = float(self.sizes.max(initial=0.0)) or 1.0
        self._off = self.cells.off(ends, self.now + self.slab, 1 / self.slab)
        return _ERROR * self.cells.mean(self._off) / largest

    def _refined(self, deadline: Deadline) -> bool:
        """Halve cells that are off by too much; False where there may be no more of them."""
        boxes = [b for b in self.cells.worst(self._off) if self.inside.tree.places[b][0] < _DEEPEST]
        if not boxes or self.cells.count + 3 * len(boxes) > self.settings.most:
            self.coarse[f"cells are not fine enough in space from {self._time()} on"] = None
            return False
        self.inside.tree.split(boxes)
        before, starts = self.cells, self.starts
        names = [f"{u} {k}" for k in range(len(starts)) for u in self.problem.unknowns]
        old = before.functions(names, np.concatenate(starts, axis=1))
        self._renew(deadline)
        moved = self.cells.sampled(lambda x: old.values(torch.from_numpy(x)).numpy())
        self.starts = np.split(moved, len(starts), axis=1)
        return True

    def _time(self) -> str:
        return f"{self.problem.domain.clock} = {self.now:.3g}"

    def _renew(self, deadline: Deadline) -> None:
        """Rows on the tree as it is now."""
        deadline.check()
        self._solvers.clear()
        self._last = None
        self._cells = SpaceCells(self.made, self.inside)
        self._check_memory()

    def _check_memory(self) -> None:
        factors = 2.0 * len(self.collocation.rates) * self.cells.system.bytes * _KEPT
        need = factors + 8.0 * sum(piece.size for piece in self.pieces)
        if need > self.settings.bytes:
            raise UnresolvedError(
                f"{self.cells.count} experts and {len(self.pieces)} slabs would need {gigabytes(need)} of memory, of which "
                f"{gigabytes(self.settings.bytes)} may be used"
            )

    def _resolve_start(self, deadline: Deadline) -> None:
        """Halve cells until they hold the initial state: that needs no solve."""
        while True:
            self._renew(deadline)
            m, found = len(self.problem.unknowns), []
            boxes: set[int] = set()
            for order in range(max(self.orders.values())):
                function = states(self.problem, order)
                coefficients = self.cells.sampled(function)
                found.append(coefficients)
                if order == 0:
                    self.sizes = np.maximum(self.sizes, self.cells.sizes(coefficients))
                misfit = self.cells.misfit(function, coefficients)
                size = np.maximum(self.sizes, self.cells.sizes(coefficients))
                off = (misfit / np.where(size > 0, size, 1.0)).max(axis=1)
                if self.cells.mean(off) > _OF_START * self.settings.tolerance:
                    boxes |= {b for b in self.cells.worst(off) if self.inside.tree.places[b][0] < _DEEPEST}
            self.starts = found or [np.zeros((self.cells.count, m, self.made.basis.size))]
            if not boxes:
                return
            if self.cells.count + 3 * len(boxes) > self.settings.most:
                self.coarse["cells are not fine enough for the initial state"] = None
                return
            self.inside.tree.split(boxes)
