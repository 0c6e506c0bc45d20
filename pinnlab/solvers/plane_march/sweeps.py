"""March after march through the whole of time, each at a smaller tolerance than the one before.

The first one is done in a short time, and from then on there is a solution of the whole. By how much two marches differ says
how accurate the earlier one is, whatever indicators say.

Letters: n points, m unknowns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import relative_l2
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.trees import Tree
from pinnlab.machine.deadline import Deadline, multiplications_per_second
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.local_experts.system import Pace
from pinnlab.solvers.plane_march.piece import SlabPiece
from pinnlab.solvers.plane_march.settings import SweepSettings
from pinnlab.solvers.plane_march.sweep import Sweep
from pinnlab.solvers.windows import joined

Array = np.ndarray
_FIRST = 4
"""Halvings of time that make the first slab of the first march."""
_SCOUT = 2
"""Stages in time of a march that tells how large unknowns become."""
_ATTEMPTS = 48
"""At slabs, that it makes at most."""
_POINTS = 2048
"""At which marches are compared."""
_APART = 10.0
"""Times the tolerance of a march by which the next one may differ from it."""
_LONGER, _EVENLY = 3.0, 1.5
"""Times as long as a march, one whose tolerance is the next smaller one takes, where cells have been halved, and where the
first ones were enough, as long as two marches have not told: it is not begun where there is less time."""
_FURTHER = 5.0
"""The same of each tolerance more that is skipped where cells have been halved: a march that does not end is lost."""
_LEAST, _MOST, _HALVED = 1.2, 10.0, 2.0
"""That two marches may tell; and the least where cells have been halved: loose marches are off by the same few cells."""
_STRICTER = 0.3
"""Share of the tolerance of the march before, up to which a later one is loosened where time is short."""
_NUMBERS = ("tolerance", "added", "experts", "difference", "number", "against", "hurried")
_AT_ONCE = 4
"""By how many tolerances the next march is stricter, where there is time for it."""


@dataclass(frozen=True)
class Stride:
    """One march of several.

    Attributes:
        tolerance: of the error of a slab.
        basis: functions of every expert.
        stages: in time.
    """

    tolerance: float
    basis: LocalBasis
    stages: int


@dataclass(frozen=True, eq=False)
class Finished:
    """A march that reached the end.

    Attributes:
        pieces: its slabs.
        tolerance: that it had.
        coarse: what it did not resolve, in sentences.
        added: what the cells of space added to the error, by indicators.
        experts: of the last slab.
        difference: the largest of an unknown, relative, from the march before; None for the first.
        number: of its stride.
        against: the tolerance of the march before; None for the first.
        hurried: whether it would have been finer with more time.
    """

    pieces: Sequence[SlabPiece]
    tolerance: float
    coarse: tuple[str, ...]
    added: float
    experts: int
    difference: float | None
    number: int
    against: float | None = None
    hurried: bool = False


@dataclass(eq=False)
class Sweeps:
    """Marches at smaller and smaller tolerances.

    Args:
        problem: a single instance with time.
        strides: of the marches, in order.
        grown: makes the tree of cells of space from which the first one begins.
        most: experts.
        weight: of boundary and face rows.
        bytes: that a march may take.
        lift: {unknown: a part of it that is known}, of which the problem knows already; slabs have it added.
        processes: that share factorizations.
    """

    problem: Problem
    strides: Sequence[Stride]
    grown: Callable[[], Tree]
    most: int
    weight: float
    bytes: float
    lift: Mapping[str, SingularPart] = field(default_factory=dict)
    processes: Processes = ALONE
    best: Finished | None = None
    number: int = 0
    _began: float = 0.0
    _took: float = 0.0
    _growth: float | None = None
    running: Sweep | None = field(default=None)

    def __post_init__(self) -> None:
        self._pace = Pace(self.processes.leading(0.3 * multiplications_per_second()))
        unit = unit_points("sobol", _POINTS, len(self.problem.domain.coordinates), np.random.default_rng(4)).double()
        self._points = self.problem.domain.interior(unit).points

    @property
    def done(self) -> bool:
        """Whether all marches are."""
        return self.number >= len(self.strides)

    @property
    def apart(self) -> bool:
        """Whether the last two marches differ by so much that neither is what its tolerance says."""
        best = self.best
        if best is None or best.difference is None or best.against is None:
            return False
        return not best.difference <= _APART * best.against

    @property
    def confirmed(self) -> bool:
        """Whether the last two marches differ by no more than a few times the tolerance of the last."""
        best = self.best
        return best is not None and best.difference is not None and best.difference <= _APART * best.tolerance

    @property
    def pieces(self) -> Sequence[SlabPiece]:
        """Of the best march that reached the end, or as far as the first one has come."""
        if self.best is not None:
            return self.best.pieces
        return [] if self.running is None else self.running.pieces

    @property
    def share(self) -> float:
        """How much of time is solved."""
        if self.best is not None:
            return 1.0
        return 0.0 if self.running is None else self.running.share

    def advance(self, deadline: Deadline) -> bool:
        """Try the next slab, and say whether there is something new to show: a slab of the first march, or a whole one.

        Raises:
            UnresolvedError: the present march cannot go on; one that reached the end before stays.
            TimeIsUpError: the next slab, or the next march, would end too late.
        """
        if self.running is None:
            if self.best is not None:
                self.number = self._next(deadline)
            self._begin(deadline)
        assert self.running is not None
        added = self.running.attempt(deadline)
        if self.running.done:
            self._finish(self.running, deadline)
            return True
        return added and self.best is None

    @property
    def added(self) -> float:
        """What cells of space have added to the error of the present march, by indicators."""
        if self.running is not None:
            return self.running.added
        return math.nan if self.best is None else self.best.added

    def _next(self, deadline: Deadline) -> int:
        """Number of the strictest march for which there is time."""
        assert self.best is not None
        even = self.best.experts <= len(self.grown().leaves) and not self.best.hurried
        longer, further = (_EVENLY, _EVENLY) if even else (_LONGER, _FURTHER)
        if self._growth is not None:
            longer = further = self._growth if even else max(self._growth, _HALVED)
        deadline.require(longer * self._took, "a march at a smaller tolerance")
        last = min(self.number + _AT_ONCE, len(self.strides)) - 1
        return max(
            number
            for number in range(self.number, last + 1)
            if deadline.allows(longer * further ** (number - self.number) * self._took)
        )

    def _begin(self, deadline: Deadline) -> None:
        stride, last = self.strides[self.number], self.best
        found = self._scouted(stride, deadline) if last is None else last.pieces
        sizes = self._sizes_of(found) if found else np.zeros(len(self.problem.unknowns))
        usual = self._usual(found)
        settings = replace(self._settings(stride.tolerance, stride.stages), may_loosen=True)
        if last is not None:
            settings = replace(settings, loosest=_STRICTER * last.tolerance)
        self._began = deadline.now()
        self.running = self._sweep(stride, settings, sizes, usual)

    def _sweep(self, stride: Stride, settings: SweepSettings, sizes: Array, usual: int) -> Sweep:
        return Sweep(self.problem, stride.basis, self.grown(), settings, sizes, _FIRST, usual, self._pace, self.lift)

    def _settings(self, tolerance: float, stages: int) -> SweepSettings:
        return SweepSettings(tolerance, stages, self.most, self.weight, self.bytes, processes=self.processes)

    def _scouted(self, stride: Stride, deadline: Deadline) -> Sequence[SlabPiece]:
        """A march in few slabs on the first cells, which tells how large unknowns become and how short slabs are.

        It need not reach the end; there is nothing where it fails.
        """
        settings = self._settings(math.inf, _SCOUT)
        nothing = np.zeros(len(self.problem.unknowns))
        scout = self._sweep(stride, settings, nothing, _FIRST)
        try:
            for _ in range(_ATTEMPTS):
                scout.attempt(deadline)
                if scout.done:
                    break
        except UnresolvedError:
            return []
        return scout.pieces

    def _sizes_of(self, pieces: Sequence[SlabPiece]) -> Array:
        """(m,) root mean squares of the unknowns of a march, as far as it has come."""
        values = joined(pieces, self.problem.domain)(self._points)
        return torch.nan_to_num(values.square().nanmean(dim=0)).sqrt().numpy()

    def _usual(self, pieces: Sequence[SlabPiece]) -> int:
        """Halvings of the interval that make a slab of a march, about."""
        if not pieces:
            return _FIRST
        start, end = self.problem.domain.time_interval
        behind = pieces[-1].region.time_interval[1] - start
        return max(_FIRST, math.ceil(math.log2(len(pieces) * (end - start) / behind)))

    def _finish(self, sweep: Sweep, deadline: Deadline) -> None:
        difference = against = None
        again = self.best is not None and self.number == self.best.number
        # a march at the same tolerance, for which there was no time before, tells nothing of its error
        if (last := self.best) is not None and not again:
            against = last.tolerance
            values = (joined(p, self.problem.domain)(self._points) for p in (sweep.pieces, last.pieces))
            difference = overall_difference(*values)
        self.best = Finished(
            sweep.pieces, sweep.tolerance, tuple(sweep.coarse.values()), sweep.added, sweep.cells.count, difference,
            self.number, against, sweep.hurried,
        )  # fmt: skip
        took, before = deadline.now() - self._began, self._took
        if last is not None and not sweep.hurried and self.number > last.number:
            self._growth = growth(before, took, self.number - last.number)
        self._took = took
        # what cells did not resolve now they do not at a smaller tolerance, and what the march before met this one does
        met = difference is not None and difference <= self.strides[-1].tolerance
        ended = met or (sweep.coarse and not sweep.hurried)
        # what there was no time for is tried again once, at a pace that is known by now
        self.number = len(self.strides) if ended else self.number + (again or not sweep.hurried)
        self.running = None

    def state(self) -> dict[str, Any]:
        """Plain data from which ``restore`` goes on with the same numbers."""
        best, found = self.best, None
        if best is not None:
            numbers = {k: getattr(best, k) for k in _NUMBERS}
            pieces = [piece.state() for piece in best.pieces]
            found = {"pieces": pieces, "coarse": list(best.coarse), "numbers": numbers}
        running = None if self.running is None else self.running.state()
        return {"best": found, "number": self.number, "took": self._took, "growth": self._growth, "running": running}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.number, self._took, found = state["number"], state["took"], state["best"]
        self._growth = state.get("growth")
        if found is not None:
            self.best = self._restored(found)
        if state["running"] is not None:
            self._begin(Deadline())
            assert self.running is not None
            self.running.restore(state["running"])

    def _restored(self, state: dict[str, Any]) -> Finished:
        basis, constants = self.strides[state["numbers"]["number"]].basis, self.problem.parameter_values()
        pieces = [SlabPiece.from_data(piece, basis, constants, self.lift) for piece in state["pieces"]]
        return Finished(pieces, coarse=tuple(state["coarse"]), **state["numbers"])


def growth(before: float, took: float, steps: int) -> float:
    """Times as long as a march one of the next smaller tolerance takes, by how long two marches took.

    Args:
        before, took: seconds of the first and of the second march.
        steps: by how many tolerances the second one was stricter.
    """
    return min(max((took / max(before, 1e-9)) ** (1 / steps), _LEAST), _MOST)


def overall_difference(found: Tensor, before: Tensor) -> float:
    """The largest relative difference of an unknown, of (n, m) values."""
    return float(relative_l2(torch.nan_to_num(before), torch.nan_to_num(found)).max())
