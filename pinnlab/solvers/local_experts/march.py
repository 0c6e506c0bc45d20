"""Slab after slab: solve, look at the error indicators, split or merge cells, shorten or lengthen the next slab.

Letters: K cells, d coordinates, m unknowns, N basis functions, q interior nodes.

An indicator (``refinement``) that is large in space splits the cell, one that is large in time shortens the slab.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.domains.cells import Cells
from pinnlab.machine.capacity import gigabytes
from pinnlab.machine.deadline import Deadline, multiplications_per_second
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.discretization import Discretization, SlabRows
from pinnlab.solvers.local_experts.eigenfunctions import nontrivial_start
from pinnlab.solvers.local_experts.layers import thinnest_layer
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.local_experts.refinement import Indicator, Refinement, UnresolvedError
from pinnlab.solvers.local_experts.rows import Numbers
from pinnlab.solvers.local_experts.settings import MarchSettings, SlabAttempt
from pinnlab.solvers.local_experts.starts import state_of_guesses
from pinnlab.solvers.local_experts.system import Pace, SlabSystem, Steps, bytes_of_slab
from pinnlab.solvers.windows import joined
from pinnlab.training.start import Start

Array = np.ndarray
_SHORTEST_SLAB, _LITTLE = 1e-13, 1.6e7
"""Share of the time interval; bytes of a slab whose factorization is kept."""
NEXT_TO_NOTHING = 1e-6
_BEGINNING = 0.01
"""Share of its natural size next to which errors of an unknown count from the start of a march."""
_LAYERS, _THINNEST = 8.0, 1e-6
"""Widths of a layer that a cell at an end may have, and the least share of the whole that it is graded to."""
_SUSPICIOUS = 1e3
"""Times the tolerance from which on rows of a steady problem that are off call for a second look, on halved cells."""
_STAYS = 0.1
"""Share of what rows were off by that is left on halved cells where there is no solution: a third; else far less."""


class SlabMarch:
    """Experts marched through time; every ``attempt`` may add one slab. A steady problem is one slab.

    Args:
        problem: a single instance on a box.
        basis: the functions of every cell.
        settings: tolerances and sizes.
        deadline: of the search for cells that resolve the initial state.
        begin: a solution from which Gauss-Newton starts on a steady problem, in place of zero.

    Attributes:
        near: values (n, m) at points (n, d) of a similar solution, from which Gauss-Newton starts until that fails.
        linear: whether the slabs so far were linear.
        kept: of every small slab that was added, its rows, their system, and its steps where it is linear; None for none.

    Raises:
        UnresolvedError: the initial state needs too many cells.
        TimeIsUpError: the deadline has passed.
    """

    def __init__(
        self,
        problem: Problem,
        basis: LocalBasis,
        settings: MarchSettings,
        deadline: Deadline | None = None,
        begin: Start | None = None,
    ):
        self.begin = begin
        self.problem, self.basis, self.settings = problem, basis, settings
        self.discretization = Discretization(problem, basis, settings.rounding, settings.weight)
        self.names = problem.domain.coordinates
        self.bounds = problem.domain.bounds
        self.time = self.discretization.time
        self.refinement = Refinement(settings.cells, settings.tolerance, settings.most_cells, self.time is None)
        self.pieces: list[Piece] = []
        self.size, self.misfit = self.discretization.lift_sizes, 0.0
        self.suspect: float | None = None
        self.guess: Piece | None = None
        self.near: Callable[[Tensor], Tensor] | None = None
        self._first_numbers = {n: float(self.discretization.parameters[n]) for n in problem.unknown_parameters}
        self.numbers: Numbers = self._first_numbers
        if begin is not None:
            self.numbers = {name: begin.coefficients.get(name, value) for name, value in self.numbers.items()}
        self._indicator = Indicator(basis.degrees, self.discretization.interior.points)
        self.linear = False
        self.kept: list[tuple[SlabRows, SlabSystem, Steps | None]] | None = None
        if self.time is not None:
            self.now, self.end = self.problem.domain.time_interval
            self.slab = settings.first_slab * (self.end - self.now)
            # what begins as nothing is measured by what it is to become: its first moments need no digits of their own
            becomes = settings.becomes or [problem.scales().unknowns[u][1] for u in problem.unknowns]
            self.size = np.maximum(self.size, _BEGINNING * np.array(becomes))
            self._resolve_start(deadline or Deadline())
        elif len(self.names) == 1:
            self._grade()

    @cached_property
    def pace(self) -> Pace:
        """Of factorizations."""
        return Pace(0.5 * multiplications_per_second())

    @property
    def done(self) -> bool:
        """Whether the end is reached."""
        return bool(self.pieces) and (self.time is None or self.now >= self.end)

    @property
    def contradiction(self) -> str | None:
        """Why a steady problem has no solution: cells resolve what they found, and its equations do not hold."""
        if self.suspect is None or not self.pieces or self.coarse or self.misfit <= _STAYS * self.suspect:
            return None
        off = self.misfit / max(float(self.size.max()), np.finfo(float).tiny)
        return (
            f"no function solves all equations and conditions: they are off by {off:.1e}, next to the size of the unknowns, "
            "and smaller cells hardly change it; slopes and sources may not balance, or conditions contradict one another"
        )

    @property
    def share(self) -> float:
        """How much of the time interval is solved, 0 to 1."""
        if self.time is None:
            return float(self.done)
        start = self.problem.domain.time_interval[0]
        return (self.now - start) / (self.end - start)

    @property
    def coarse(self) -> bool:
        """Whether something was thinner than the smallest cell."""
        return self.refinement.coarse

    def attempt(self, deadline: Deadline | None = None) -> SlabAttempt:
        """Try the next slab; where the indicators object, the next attempt has other cells or a shorter slab.

        Args:
            deadline: of this attempt; None for no hurry.

        Raises:
            UnresolvedError: cells or slabs have become too small, or too many for the memory.
            TimeIsUpError: the deadline has passed, or one factorization would end after it.
        """
        deadline = deadline or Deadline()
        before = self.pieces[-1] if self.pieces else None
        self._resolve_switch(before, deadline)
        cells, made = self._cells(), self.discretization
        self._check_memory(cells)
        deadline.check()
        known = next((each.values for each in (self.guess, self.begin) if each is not None), self.near)
        starts = made.constants(cells) if known is None and self.time is None else []
        starts = starts or [made.guess(cells, before) if known is None else made.sampled(known, cells)]
        numbers, most = self.numbers, 12 if self.time is not None else 40
        accurate = 1e-3 * self.settings.tolerance
        rows, system = self.system(cells, before)
        # cells that are too coarse for it may have found another eigenfunction
        afresh = numbers and self.begin is None
        other = nontrivial_start(system, made.bump(cells), self._first_numbers) if afresh else None
        if other is not None:
            numbers = other.numbers
            starts = [made.turned(other.coefficients, cells) if other.either_sign else other.coefficients]
        elif system.integrals and self.time is None and known is None:
            trial, bump = self.system(cells, before)[1], made.bump(cells)
            starts = [*state_of_guesses(trial, starts[0], bump, numbers, accurate, self.pace, deadline), *starts]
        # what has decayed to rounding next to what it was cannot be accurate next to itself
        least = np.maximum(made.lift_sizes, NEXT_TO_NOTHING * self.size)
        for i, start in enumerate(starts):
            rows, system = (rows, system) if i == 0 else self.system(cells, before)
            found = system.solve(start, accurate, most, self.pace, deadline, numbers, least, self.linear)
            if found.converged:
                break
        tried = SlabAttempt(False, found.misfit, cells.count)
        if not found.converged:
            if self.guess is None and self.near is not None:
                self.near = None
                return tried
            self.guess = None
            # eigenfunctions that cells do not resolve do not converge
            if other is not None and self.time is None and self.refinement.halve_all():
                return tried
            # on short slabs wide cells are nearly singular for derivatives of high order
            if not (found.singular and self._is_high and self.refinement.halve_widest()):
                self._shorten(0.4)
            return tried
        self.linear = found.linear
        values = made.values(found.coefficients)
        size = np.maximum(self.size, np.abs(values).max(axis=(0, 2)))
        tails = self._indicator(values, size)
        self.numbers = found.numbers
        piece = Piece(
            self.problem.unknowns, cells, self.basis, found.coefficients, made.parameters, found.numbers, made.lift
        )
        ratio = 0.0 if self.time is None else float(tails[:, self.time].max()) / self.settings.tolerance
        split = self.refinement.split(tails, cells, made.space)
        if split or ratio > 1:
            self.guess = piece if ratio <= 1 else None
            if ratio > 1:
                self._shorten(max(0.3, 0.9 * self._growth(ratio)))
            return tried
        if rows.initial is not None and not self.meets_start(rows.initial.residuals(found.coefficients), size):
            self.guess = None
            self._shorten(0.5)
            return tried
        if self._is_suspicious(found.misfit, size) and self.refinement.halve_all():
            self.suspect, self.guess = found.misfit, piece
            return tried
        self.size, self.misfit, self.guess = size, found.misfit, None
        self._accept(piece, ratio)
        if self.kept is not None and system.bytes < _LITTLE:
            self.kept.append((rows, system, found.steps))
        return SlabAttempt(True, found.misfit, cells.count)

    def held_out(self) -> float:
        """Root mean square of the equations' rows on the last piece, at points that its solve has not seen."""
        piece = self.pieces[-1]
        return self.discretization.held_out_residual(piece.cells, piece.weights, self.numbers)

    def follow(self, other: SlabMarch) -> None:
        """Begin near another march, of the same problem with other numbers, that has come to its end."""
        self.near, self.pace, self.linear = other.field(), other.pace, other.linear
        if self.time is None:
            self.refinement.edges = dict(other.refinement.edges)
        else:
            self.slab = float(np.diff(other.pieces[0].cells.edges[self.problem.domain.clock])[0])

    def take(self, piece: Piece, size: Array, linear: bool) -> None:
        """Come to the end with one piece that is the whole march, and the sizes (m,) of unknowns in it."""
        self.pieces, self.now, self.size, self.linear = [piece], self.end, size, linear

    def tails(self, coefficients: Array, sizes: Array) -> Array:
        """(K,) indicators in time of coefficients (K, m, N) next to sizes (K, m)."""
        values = self.discretization.values(coefficients) / np.where(sizes > 0, sizes, 1.0)[..., None]
        return self._indicator(values, np.ones(sizes.shape[1]))[:, self.time]

    def field(self) -> Callable[[Tensor], Tensor]:
        """The pieces as one function (n, d) -> (n, m); NaN beyond them. At the first time it is the state as given."""
        if self.time is None:
            return self.pieces[0].values
        domain, made = self.problem.domain, self.discretization
        inner, start = joined(self.pieces, domain), domain.time_interval[0]

        def evaluate(points: Tensor) -> Tensor:
            values = inner(points)
            first = points[:, self.time] == start
            if bool(first.any()):
                for unknown, given in made.given_state(points[first]).items():
                    values[first, self.problem.unknowns.index(unknown)] = given
            return values

        return evaluate

    def _is_suspicious(self, misfit: float, size: Array) -> bool:
        """Whether cells resolve what they found for a steady problem, and yet its equations do not hold."""
        known = self.time is not None or self.suspect is not None or self.coarse
        return not known and misfit > _SUSPICIOUS * self.settings.tolerance * float(size.max())

    # -- cells and slabs ---------------------------------------------------------------------------------------------

    @property
    def _is_high(self) -> bool:
        """Whether a march has derivatives in space of an order above two."""
        return self.time is not None and any(self.problem.order(n) > 2 for n in self.problem.domain.space)

    def system(self, cells: Cells, before: Piece | None) -> tuple[SlabRows, SlabSystem]:
        """The rows of a slab, with their scales still open, and the system that they make."""
        rows = self.discretization.rows(cells, before)
        m, size = len(self.problem.unknowns), self.basis.size
        return rows, SlabSystem(cells, rows.all, m, size, self._chain_axis, rows.integrals)

    @property
    def _chain_axis(self) -> int:
        return next((i for i in range(len(self.names)) if i != self.time), 0)

    def _cells(self) -> Cells:
        edges = dict(self.refinement.edges)
        if self.time is not None:
            stop = self._stop
            left = stop - self.now
            # two equal slabs rather than a long and a tiny one
            slab = left if self.slab >= 0.99 * left else min(self.slab, left / 2)
            edges[self.problem.domain.clock] = np.array([self.now, stop if slab == left else self.now + slab])
        return Cells({n: edges[n] for n in self.names}, self.problem.domain.time)

    @property
    def _stop(self) -> float:
        """The next time at which a slab has to end."""
        return min(t for t in (*self.settings.stops, self.end) if t > self.now)

    def _check_memory(self, cells: Cells) -> None:
        """Raise UnresolvedError where the next slab's matrices do not fit."""
        columns = cells.shape[self._chain_axis]
        need = bytes_of_slab(columns, cells.count // columns, len(self.problem.unknowns) * self.basis.size)
        if need > self.settings.bytes:
            raise UnresolvedError(
                f"{cells.count} experts with {self.basis.size} functions for each unknown would need {gigabytes(need)} of "
                f"memory, of which {gigabytes(self.settings.bytes)} may be used; lower degrees need less"
            )

    def _growth(self, ratio: float) -> float:
        """The factor by which a slab may grow whose indicator is ``ratio`` times the tolerance."""
        assert self.time is not None
        return max(ratio, 1e-12) ** (-1 / self.basis.degrees[self.time])

    def _shorten(self, factor: float) -> None:
        if self.time is None:
            where = "constants" if self.begin is None else "the start that was given"
            raise UnresolvedError(f"Gauss-Newton did not converge from {where}")
        self.slab = min(self.slab, self._stop - self.now) * factor
        start = self.problem.domain.time_interval[0]
        if self.slab < _SHORTEST_SLAB * (self.end - start):
            raise UnresolvedError(f"no slab that starts at {self.problem.domain.clock} = {self.now:g} is short enough")

    def _accept(self, piece: Piece, ratio: float) -> None:
        self.pieces.append(piece)
        if self.time is None:
            return
        start, self.now = piece.region.time_interval
        # far below the tolerance the indicator may be noise, which a shorter slab does not lower
        least = 1.0 if ratio < 0.5 else 0.8
        self.slab = (self.now - start) * min(2.0, max(least, 0.9 * self._growth(ratio)))
        for axis in self.discretization.space:
            self.refinement.merge(piece.cells, axis, lambda cells: self._indicators_on(piece, cells))
        if self.discretization.switched.after(piece):
            self.slab = self.settings.first_slab * (self.end - self.problem.domain.time_interval[0])

    def _indicators_on(self, piece: Piece, cells: Cells) -> Array:
        """(K, d) indicators of a slab's solution as other cells would represent it."""
        return self._indicator(self.discretization.values(self.discretization.moved(piece, cells)), self.size)

    def _grade(self) -> None:
        """Cells of a line, where its ends may have thin layers."""
        (name,), width = self.names, thinnest_layer(self.problem)
        for end in self.bounds[name]:
            self.refinement.halve_at(name, end, max(_LAYERS * width, _THINNEST * np.ptp(self.bounds[name])))

    # -- the start ---------------------------------------------------------------------------------------------------

    def _resolve_start(self, deadline: Deadline) -> None:
        made = self.discretization
        self.refinement.halve_to(self.problem.spots, self.problem.domain.space)
        self._resolve(None, made.corners, deadline)
        self._refuse_travelling(made)
        if self.coarse:
            name, at = self.refinement.thinnest()
            raise UnresolvedError(
                f"the initial state has a jump or a kink near {name} = {at:.4g}; smooth a jump, and let cells meet at a "
                f"kink: experts={{{name!r}: ({at:.4g},)}}"
            )

    def _resolve_switch(self, before: Piece | None, deadline: Deadline) -> None:
        """Split cells until they resolve the state in which a slab begins that follows a switch."""
        if before is not None and self.time is not None and (corners := self.discretization.switched.after(before)):
            self._resolve(before, corners, deadline)

    def _resolve(self, before: Piece | None, corners: Sequence[Any], deadline: Deadline) -> None:
        """Split cells until the state with which a slab starts is resolved: that needs no solve."""
        made = self.discretization
        for corner in corners:
            for position in corner.sides:
                self.refinement.halve_at(self.names[corner.axis], position, 4 * corner.width)
        while True:
            deadline.check()
            cells = self._cells()
            values = made.values(made.guess(cells, before))
            size = np.maximum(self.size, np.abs(values).max(axis=(0, 2)))
            if not self.refinement.split(self._indicator(values, size), cells, made.space):
                break

    def _refuse_travelling(self, made: Discretization) -> None:
        """Raise where the initial state breaks inside and nothing rounds it: cells do not follow what travels."""
        rounded = {(corner.unknown, corner.axis, corner.sides) for corner in made.corners}
        for unknown, each in made.breaks:
            name, at = self.names[each.axis], each.position
            edges = self.settings.cells[name]
            meets = bool((abs(edges - at) <= 1e-6 * (edges[-1] - edges[0])).any())
            known = meets and (name in self.settings.placed or self.problem.joints.at(name, at) is not None)
            if not known and (unknown, each.axis, (at,)) not in rounded:
                raise UnresolvedError(
                    f"the initial state of {unknown} has a jump or a kink near {name} = {at:.4g}; the equations do not "
                    "smooth it at once: smooth the start, or, where it stays in its place, let cells meet there: "
                    f"experts={{{name!r}: ({at:.4g},)}}"
                )

    def meets_start(self, residuals: Array, size: Array) -> bool:
        """Whether the state at the slab's start is met, up to more than the tolerance: a residual alone proves little.

        Args:
            residuals: (K, r, q) of the initial state, weighted.
            size: (m,) of the unknowns; of one that is next to nothing beside the others, a millionth of theirs.
        """
        floor = NEXT_TO_NOTHING * float(size.max())
        sizes = [max(float(size[self.problem.unknowns.index(u)]), floor) for u, *_ in self.discretization.initial]
        off = np.sqrt((residuals**2).sum(axis=2)).max(axis=0) / self.settings.weight
        return bool((off <= 100 * self.settings.tolerance * np.array(sizes)).all()) or self.coarse
