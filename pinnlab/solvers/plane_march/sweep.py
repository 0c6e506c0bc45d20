"""One march through the whole interval of time at one tolerance.

Letters: s stages, k orders of derivatives by time, K experts, m unknowns, N basis functions.

Slabs are halves of halves of the interval, so that few lengths, and few factorizations, occur. A slab is too long where the
last Legendre coefficient in time is large or Newton's method does not converge; cells are too wide where equations, or what
joins cells, do not hold at points that no solve has seen. Both are measured over the whole region, in root mean squares,
next to the largest size that each unknown has had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.declaration.discontinuities.one_sided import hair
from pinnlab.declaration.problem import Problem
from pinnlab.domains.trees import Tree
from pinnlab.machine.capacity import gigabytes
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cuts import stops
from pinnlab.solvers.cut_cells.discretization import CutDiscretization
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.cut_cells.marking import Marking
from pinnlab.solvers.cut_cells.system import SingularError
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.local_experts.system import Pace
from pinnlab.solvers.plane_march.cells import SpaceCells, moved
from pinnlab.solvers.plane_march.clock import SlabClock
from pinnlab.solvers.plane_march.factors import Factors
from pinnlab.solvers.plane_march.holding import DEEPEST, holding
from pinnlab.solvers.plane_march.pacing import Pacing, seconds_to_plan, slabs_served
from pinnlab.solvers.plane_march.piece import SlabPiece
from pinnlab.solvers.plane_march.radau import Radau, next_coefficient
from pinnlab.solvers.plane_march.settings import SweepSettings
from pinnlab.solvers.plane_march.slab import SlabSolver, Stages, step_tolerance
from pinnlab.solvers.plane_march.start import orders_in_time, states

Array = np.ndarray
_LOOSEST = 1e-2
"""Tolerance that counts for corners where none is given."""
_OF_START = 0.05
"""Share of the tolerance up to which the initial state has to be held by cells: what they miss changes in the first slab."""
_PER_SLAB = 0.05
"""Share of the tolerance that one slab may add to the error of space, where it is longer than its share of time."""
_BRIEFEST = 8.0
"""Times as much that space may be off by in the shortest slabs: in part it stays."""
_AT_START = 0.3
"""Share of the tolerance that the first slabs together may add to the error of space."""
_ERROR = 0.1
"""Error of a solution next to what its rows are off by where no solve has looked: between this and a hundredth, measured."""
_ROUGH = 8.0
"""Times as large as the error of space, the last coefficients in time are up to where cells are too wide: five to six,
measured."""
_GROWN = 0.5
"""Share of the tolerance that the error of a slab of twice the length may be expected to have."""
_SMALLEST = 1e-3
"""Size of an unknown next to the largest, below which its errors count as if it had that."""
_AT_LEAST = 0.1
"""Share of the cells that have to be halved, where there is no room to halve all that should be, for it to be worth it."""


class Sweep:
    """A march through time; every ``attempt`` may add one slab.

    Args:
        problem: a single instance with time.
        basis: the functions of every expert.
        tree: of boxes of space, from which it begins; it is changed.
        settings: tolerances and sizes.
        sizes: (m,) that unknowns are known to reach; zeros where nothing is known.
        first: halvings of the interval of time that make the first slab.
        usual: those that slabs are expected to have.
        pace: of factorizations.
        lift: {unknown: a part of it that is known}, of which the problem knows already; slabs have it added.

    Attributes:
        pieces: slabs so far.
        coarse: what was not resolved, in sentences, by kinds.
        hurried: whether it took fewer cells, or a larger tolerance, than it would have with more time.
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
        usual: int,
        pace: Pace,
        lift: Mapping[str, SingularPart],
    ):
        self.problem, self.settings, self.sizes = problem, settings, np.array(sizes, dtype=float)
        self.made = CutDiscretization(problem, basis, settings.weight, settings.processes)
        # next to corners that point inwards even cells would lead to a smoother function that is wrong
        Marking(self.made.corners, min(settings.tolerance, _LOOSEST), problem.spots).begin(tree, settings.most)
        self.first = tree
        self.collocation, self.pace, self.tolerance = Radau(settings.stages), pace, settings.tolerance
        self.orders, self.lift = orders_in_time(problem), lift
        self.pieces: list[SlabPiece] = []
        self.coarse: dict[str, str] = {}
        self.clock = SlabClock(problem.domain.time_interval, first, stops(problem, hair))
        self.factors, self.pacing = Factors(self.collocation), Pacing(usual)
        self._last: tuple[Array, int] | None = None
        self._ready: Array | None = None
        self._cells: SpaceCells | None = None
        self.starts: list[Array] = []
        self.added, self._full, self._factorizing, self._contraction, self.hurried = 0.0, 0, 0.0, 1.0, False
        self._off = np.zeros(0)

    @property
    def done(self) -> bool:
        """Whether the end is reached."""
        return self.clock.done

    @property
    def share(self) -> float:
        """How much of the time is solved, 0 to 1."""
        return self.clock.share

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
        began, depth, self._contraction = deadline.now(), self.clock.depth, 1.0
        self.pacing.since = self.clock.since
        added = self._attempted(deadline)
        if added or self.pieces:  # what goes before the first slab is not done again
            self.pacing.tried(deadline.now() - began, self._factorizing, self._contraction)
        if added:
            self.pacing.added(depth)
            self._loosen(deadline)
        return added

    def _attempted(self, deadline: Deadline) -> bool:
        began = deadline.now()
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
        self._contraction = found.contraction
        # space first: in time nothing is smooth on cells that are too wide
        off_by = self._off_by(ends)
        if not off_by <= self._allowed():
            spared = (1 - 1 / slabs_served(found.contraction)) * self._factorizing
            if self._refined(found, deadline, deadline.now() - began - spared):
                return False
            # what wide cells make rough in time no shorter slab resolves
            error = error if error > _ROUGH * off_by else 0.0
        if error > self.clock.brief * self.tolerance:
            if self.clock.may_shorten:
                self._shorten("the solution changes too fast")
                return False
            short = f"what begins at {self._time()} is not resolved: slabs could not be made short enough for it"
            self.coarse.setdefault("start in time", short)
        self.added += off_by
        self.factors.used(self.clock.halvings, found)
        self._accept(coefficients, found, error)
        return True

    def _loosen(self, deadline: Deadline) -> None:
        """Take a larger tolerance from here on where the march would not end in time."""
        left, loosest = seconds_to_plan(deadline, self._contraction), self.settings.limit
        looser = self.pacing.tolerance(self.tolerance, loosest, self.share, self.clock.depth, left)
        if looser > self.tolerance:
            short = f"time was too short for a tolerance of {self.tolerance:.0e} from {self._time()} on"
            self.coarse.setdefault("tolerance", short)
            self.tolerance, self.pacing.alike, self.clock.waiting, self.hurried = looser, 0, 0, True

    # -- one slab ----------------------------------------------------------------------------------------------------

    def _solved(self, deadline: Deadline) -> Stages | None:
        halvings, began = self.clock.halvings, deadline.now()
        fresh = halvings not in self.factors
        if fresh:
            self._factorize(deadline)
        self._factorizing = deadline.now() - began
        found = self.factors[halvings].solve(
            self.starts, self._guess(), self.clock.now, step_tolerance(self.tolerance), self._relative_to(), deadline
        )
        if found.converged:
            return found
        if fresh:
            self._shorten("Newton's method does not converge")
        else:
            self.factors.drop(halvings)
        return None

    def _relative_to(self) -> Array:
        """(m,) sizes of the unknowns, next to which errors count."""
        found = np.maximum(self.sizes, _SMALLEST * self.sizes.max(initial=0.0))
        return np.where(found > 0, found, 1.0)

    def _factorize(self, deadline: Deadline) -> None:
        guess, middle = self._guess(), len(self.collocation.nodes) // 2
        at = [each[middle] for each in self.collocation.derivatives(self.starts, guess, self.clock.slab)]
        instant = self.clock.now + self.clock.slab * float(self.collocation.nodes[middle])
        self.factors.make(self.clock.halvings, lambda: self._solver(self.clock.halvings, at, instant, deadline))

    def _solver(self, halvings: int, at: list[Array], instant: float, deadline: Deadline) -> SlabSolver:
        system, slab = self.cells.system, self.clock.length(halvings)
        return SlabSolver(system, self.cells.groups, self.collocation, slab, at, instant, self.pace, deadline)

    def _guess(self) -> Array:
        """(s, K, m, N): what coarser cells have found, or the last slab's polynomial, or the start."""
        if self._ready is not None:
            return self._ready
        if self._last is None or self._last[1] - self.clock.halvings > 1:
            return np.repeat(self.starts[0][None], self.collocation.stages, axis=0)
        coefficients, halvings = self._last
        return self.collocation.continued(coefficients, 2.0 ** (halvings - self.clock.halvings))

    def _error_in_time(self, coefficients: Array) -> float:
        """How far a slab's polynomials (s + 1, K, m, N) are off, about, relative to the sizes: the next coefficient."""
        last, before = (self.cells.sizes(each) for each in (coefficients[-1], coefficients[-2]))
        ends = [self.cells.sizes(each) for each in (self.starts[0], coefficients[0])]
        self.sizes = np.maximum.reduce([self.sizes, *ends])
        moving = np.array([self.orders[u] > 0 for u in self.problem.unknowns])
        return float((next_coefficient(last, before) / self._relative_to())[moving].max(initial=0.0))

    def _accept(self, coefficients: Array, found: Stages, error: float) -> None:
        names = [f"{u} {k}" for k in range(len(coefficients)) for u in self.problem.unknowns]
        region = self.problem.domain.replace(**{self.problem.domain.clock: self.clock.interval_ahead})
        space = self.cells.functions(names, coefficients.transpose(1, 0, 2, 3))
        self.pieces.append(SlabPiece(self.problem.unknowns, region, space, self.made.parameters, self.lift))
        self._last = coefficients, self.clock.halvings
        self.starts = [level[-1] for level in found.levels[: len(self.starts)]]
        self._ready = None
        self.clock.advance()
        if self.clock.begins:
            # what is switched bends the solution in time, and slabs of the new leg have lengths of their own
            return self._go_to(self.cells, self.starts)
        # measured as a slab of twice the length would be
        grown = error / self.clock.brief * 2.0 ** (self.collocation.stages + 1)
        if (
            grown < _GROWN * self.tolerance
            and found.easy
            and self.clock.may_lengthen(self.clock.halvings - 1 in self.factors)
        ):
            self.clock.lengthen()
        self._check_memory()

    # -- going on later ----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Plain data from which ``restore`` goes on with the same numbers."""
        if self._cells is None:
            return {"begun": False}
        return {
            "begun": True,
            "halved": torch.tensor(self.cells.tree.halved, dtype=torch.long),
            "sizes": torch.from_numpy(self.sizes),
            "starts": [*map(torch.from_numpy, self.starts)],
            "pieces": [piece.state() for piece in self.pieces],
            "clock": self.clock.state(),
            "numbers": [self.added, self.tolerance, self._full],
            "coarse": dict(self.coarse),
            "hurried": self.hurried,
            "factors": self.factors.state(),
            "last": None if self._last is None else [torch.from_numpy(self._last[0]), self._last[1]],
            "ready": None if self._ready is None else torch.from_numpy(self._ready),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        if not state["begun"]:
            return
        grown = Tree.over(self.first.edges, state["halved"].tolist())
        self._go_to(self._cells_on(grown), [each.numpy() for each in state["starts"]])
        basis, constants = self.made.basis, self.made.parameters
        self.pieces = [SlabPiece.from_data(p, basis, constants, self.lift) for p in state["pieces"]]
        self.sizes = state["sizes"].numpy()
        self.added, self.tolerance, self._full = state["numbers"]
        self.clock.restore(state["clock"])
        self.coarse, self.hurried = dict(state["coarse"]), state.get("hurried", False)
        self._last = None if state["last"] is None else (state["last"][0].numpy(), state["last"][1])
        self._ready = None if state["ready"] is None else state["ready"].numpy()
        self.factors.restore(state["factors"], lambda n, at, instant: self._solver(n, at, instant, Deadline()))

    def _shorten(self, why: str) -> None:
        if self.clock.shortest:
            raise UnresolvedError(
                f"no slab that starts at {self.problem.domain.clock} = {self.clock.now:g} is short enough: {why}"
            )
        self._ready = None
        self.clock.shorten()

    # -- cells -------------------------------------------------------------------------------------------------------

    def _allowed(self) -> float:
        """What a slab may add to the error of space, relative to the sizes."""
        share = max(0.5**self.clock.depth, _PER_SLAB) * min(self.clock.brief, _BRIEFEST)
        return max(self.tolerance * share, _AT_START * self.tolerance - self.added)

    def _off_by(self, ends: list[Array]) -> float:
        """What space adds to the error in the slab that was just solved, relative to the sizes.

        Args:
            ends: k arrays (K, m, N), values and derivatives by time at its end.
        """
        judges = self.factors[self.clock.halvings].judges(self.cells)
        self._off = self.cells.off(ends, self.clock.now + self.clock.slab, judges, self._relative_to())
        return _ERROR * self.cells.mean(self._off)

    def _refined(self, found: Stages, deadline: Deadline, seconds: float) -> bool:
        """Halve cells that are off by too much; False where there may be no more of them.

        ``found`` is the slab as the present cells have it, and ``seconds`` is how long one takes.
        """
        cells = self.cells
        boxes = [b for b in cells.worst(self._off) if cells.tree.places[b][0] < DEEPEST]
        more, most = 2**cells.tree.dimension - 1, self.settings.most - cells.count
        left = seconds_to_plan(deadline, found.contraction) if self.settings.may_loosen else np.inf
        grows = self.pacing.affords(self.share, self.clock.depth, seconds, left)
        room = int(min(most, (grows - 1) * cells.count))
        fine = None
        if cells.count != self._full and boxes and room >= more * min(len(boxes), 1 + _AT_LEAST * cells.count):
            fine = self._cells_on(cells.tree.copy(), boxes[: room // more])
        if fine is None or not self._fits(fine):
            self._full = self._full if fine is None else cells.count
            self.hurried |= fine is None and room < most
            self.coarse.setdefault("space", f"cells are not fine enough in space from {self._time()} on")
            return False
        self._go_to(fine, moved(self.starts, cells, fine))
        self._ready = np.stack(moved(list(found.levels[0]), cells, fine))
        return True

    def _cells_on(self, tree: Tree, boxes: Sequence[int] = ()) -> SpaceCells:
        """Rows on a tree, some boxes of which are halved."""
        tree.split(boxes)
        return SpaceCells(self.made, Inside(self.made.region, tree))

    def _go_to(self, cells: SpaceCells, starts: list[Array]) -> None:
        """Go on with other cells, on which the state is ``starts``."""
        self._cells, self.starts, self._last, self._ready = cells, starts, None, None
        self.factors.clear()
        self._check_memory()

    def _time(self) -> str:
        return f"{self.problem.domain.clock} = {self.clock.now:.3g}"

    def _fits(self, cells: SpaceCells) -> bool:
        """Whether there is memory for cells."""
        slabs = 8.0 * sum(piece.size for piece in self.pieces)
        return self.factors.bytes(cells.system, 1) + slabs <= self.settings.bytes

    def _check_memory(self) -> None:
        slabs = 8.0 * sum(piece.size for piece in self.pieces)
        if not self.factors.fit(self.cells.system, slabs, self.settings.bytes):
            need = self.factors.bytes(self.cells.system, 1) + slabs
            raise UnresolvedError(
                f"{self.cells.count} experts and {len(self.pieces)} slabs would need {gigabytes(need)} of memory, of which "
                f"{gigabytes(self.settings.bytes)} may be used"
            )

    def _resolve_start(self, deadline: Deadline) -> None:
        """Halve cells until they hold the initial state."""
        functions = [states(self.problem, order) for order in range(max(1, *self.orders.values()))]
        tree, allowed, most = self.first.copy(), _OF_START * self.settings.tolerance, self.settings.most
        held = holding(lambda boxes: self._cells_on(tree, boxes), functions, self.sizes, allowed, most, self._fits)
        if not held.whole:
            self.coarse["start"] = "cells are not fine enough for the initial state"
        self.sizes = np.maximum(self.sizes, held.cells.sizes(held.values[0]))
        self._go_to(held.cells, held.values)
