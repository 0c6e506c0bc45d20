"""Slab after slab: solve, look at the error indicators, split or merge cells, shorten or lengthen the next slab.

Letters: K cells, d coordinates, m unknowns, N basis functions, q interior nodes.

The indicator of a cell is the share of its highest polynomial degrees, per coordinate: large in space splits the cell,
large in time shortens the slab. Other bases are measured by the polynomial through their values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.domains import TIME
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.basis import Chebyshev, LocalBasis
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.edges import halved, siblings
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.local_experts.system import SlabSystem
from pinnlab.solvers.windows import joined

Array = np.ndarray
_SMALLEST_CELL = 1e-7
_SHORTEST_SLAB = 1e-13
_MERGE = 0.03
"""Share of the tolerance below which two cells become one again."""


@dataclass(frozen=True)
class MarchSettings:
    """How a march adapts.

    Attributes:
        tolerance: of the truncation error of a cell, relative to the size of each unknown.
        rounding: jumps of the initial state at the boundary above it, relative to its size, are rounded off.
        cells: {coordinate: positions of the edges at the start}; they stay edges.
        most_cells: in one slab.
        first_slab: share of the time interval that the first slab tries.
        weight: of initial, boundary and interface rows against those of the equations.
    """

    tolerance: float
    rounding: float
    cells: dict[str, Array]
    most_cells: int = 400
    first_slab: float = 0.02
    weight: float = 100.0


class UnresolvedError(ValueError):
    """The march cannot go on; what it has found so far stays valid."""


@dataclass(frozen=True)
class SlabAttempt:
    """One slab that was tried.

    Attributes:
        accepted: whether it was added to the pieces.
        misfit: root of the weighted sum of squares of all rows.
        held_out: root mean square of the equations' rows at points that the solve has not seen.
        cells: K.
    """

    accepted: bool
    misfit: float = math.nan
    held_out: float = math.nan
    cells: int = 0


class SlabMarch:
    """Experts marched through time; every ``attempt`` may add one slab. A steady problem is one slab.

    Args:
        problem: a single instance on a box.
        basis: the functions of every cell.
        settings: tolerances and sizes.

    Raises:
        UnresolvedError: the initial state needs too many cells.
    """

    def __init__(self, problem: Problem, basis: LocalBasis, settings: MarchSettings):
        self.problem, self.basis, self.settings = problem, basis, settings
        self.discretization = Discretization(problem, basis, settings.rounding, settings.weight)
        self.names = problem.domain.coordinates
        self.bounds = problem.domain.bounds
        self.time = self.discretization.time
        self.edges = {n: np.asarray(e, dtype=float) for n, e in settings.cells.items()}
        self.pieces: list[Piece] = []
        self.size = np.zeros(len(problem.unknowns))
        self.guess: Piece | None = None
        self.coarse = False
        """Whether something was thinner than the smallest cell."""
        if self.time is not None:
            self.now, self.end = self.bounds[TIME]
            self.slab = settings.first_slab * (self.end - self.now)
        polynomials = Chebyshev(basis.degrees)
        nodes = self.discretization.interior.points
        self._spectrum = np.linalg.pinv(polynomials.rows(nodes, (0,) * len(self.names)))
        self._shape = polynomials.shape
        if self.time is not None:
            self._resolve_start()

    @property
    def done(self) -> bool:
        """Whether the end is reached."""
        return bool(self.pieces) and (self.time is None or self.now >= self.end)

    @property
    def share(self) -> float:
        """How much of the time interval is solved, 0 to 1."""
        if self.time is None:
            return float(self.done)
        start = self.bounds[TIME][0]
        return (self.now - start) / (self.end - start)

    def attempt(self) -> SlabAttempt:
        """Try the next slab; where the indicators object, the next attempt has other cells or a shorter slab.

        Raises:
            UnresolvedError: cells or slabs have become too small, or too many.
        """
        before = self.pieces[-1] if self.pieces else None
        cells, made = self._cells(), self.discretization
        start = made.guess(cells, before) if self.guess is None else made.moved(self.guess, cells)
        rows = made.rows(cells, before)
        system = SlabSystem(cells, rows.all, len(self.problem.unknowns), self.basis.size, self._chain_axis)
        found = system.solve(start, 1e-3 * self.settings.tolerance, most=12 if self.time is not None else 40)
        tried = SlabAttempt(False, found.misfit, math.nan, cells.count)
        if not found.converged:
            self.guess = None
            self._shorten(0.4)
            return tried
        values = made.values(found.coefficients)
        size = np.maximum(self.size, np.abs(values).max(axis=(0, 2)))
        tails = self._tails(values / np.where(size > 0, size, 1.0)[:, None])
        piece = Piece(self.problem.unknowns, cells, self.basis, found.coefficients, made.parameters)
        ratio = 0.0 if self.time is None else float(tails[:, self.time].max()) / self.settings.tolerance
        split = self._split(tails, cells)
        if split or ratio > 1:
            self.guess = piece if ratio <= 1 else None
            if ratio > 1:
                self._shorten(max(0.3, 0.9 * self._growth(ratio)))
            return tried
        if rows.initial is not None and self._start_is_off(rows.initial.residuals(found.coefficients)):
            self.guess = None
            self._shorten(0.5)
            return tried
        self.size, self.guess = size, None
        self._accept(piece, ratio)
        return SlabAttempt(True, found.misfit, made.held_out_residual(cells, found.coefficients), cells.count)

    def field(self) -> Callable[[Tensor], Tensor]:
        """The pieces as one function (n, d) -> (n, m); NaN beyond them. At the first time it is the state as given."""
        if self.time is None:
            return self.pieces[0].values
        inner, start, made = joined(self.pieces, self.problem.domain), self.bounds[TIME][0], self.discretization

        def evaluate(points: Tensor) -> Tensor:
            values = inner(points)
            first = points[:, self.time] == start
            if bool(first.any()):
                for unknown, given in made.given_state(points[first]).items():
                    values[first, self.problem.unknowns.index(unknown)] = given
            return values

        return evaluate

    # -- cells and slabs ---------------------------------------------------------------------------------------------

    @property
    def _chain_axis(self) -> int:
        return next((i for i, n in enumerate(self.names) if n != TIME), 0)

    def _cells(self) -> Cells:
        edges = dict(self.edges)
        if self.time is not None:
            left = self.end - self.now
            # two equal slabs rather than a long and a tiny one
            slab = left if self.slab >= 0.99 * left else min(self.slab, left / 2)
            edges[TIME] = np.array([self.now, self.end if slab == left else self.now + slab])
        return Cells({n: edges[n] for n in self.names})

    def _growth(self, ratio: float) -> float:
        """The factor by which a slab may grow whose indicator is ``ratio`` times the tolerance."""
        assert self.time is not None
        return max(ratio, 1e-12) ** (-1 / self.basis.degrees[self.time])

    def _shorten(self, factor: float) -> None:
        if self.time is None:
            raise UnresolvedError("Gauss-Newton did not converge from a zero start")
        self.slab = min(self.slab, self.end - self.now) * factor
        start = self.bounds[TIME][0]
        if self.slab < _SHORTEST_SLAB * (self.end - start):
            raise UnresolvedError(f"no slab that starts at t = {self.now:g} is short enough")

    def _accept(self, piece: Piece, ratio: float) -> None:
        self.pieces.append(piece)
        if self.time is None:
            return
        start, self.now = piece.region.bounds[TIME]
        # far below the tolerance the indicator may be noise, which a shorter slab does not lower
        least = 1.0 if ratio < 0.5 else 0.8
        self.slab = (self.now - start) * min(2.0, max(least, 0.9 * self._growth(ratio)))
        for axis in self.discretization.space:
            self.edges[self.names[axis]] = self._merged(piece, axis)

    # -- indicators --------------------------------------------------------------------------------------------------

    def _tails(self, values: Array) -> Array:
        """(K, d) share of the highest two degrees per coordinate, from relative values (K, m, q) at interior nodes."""
        spectrum = (values @ self._spectrum.T).reshape(*values.shape[:2], *self._shape)
        found = []
        for axis in range(len(self._shape)):
            top = np.moveaxis(spectrum, 2 + axis, -1)[..., -2:].reshape(*values.shape[:2], -1, 2)
            found.append(np.sqrt((top**2).sum(axis=2)).max(axis=(1, 2)))
        return np.stack(found, axis=1)

    def _split(self, tails: Array, cells: Cells) -> bool:
        """Halve the intervals whose indicator is too large; whether there were any."""
        some = False
        for axis in self.discretization.space:
            name = self.names[axis]
            edges = self.edges[name]
            marked = self._worst(tails, cells, axis) > self.settings.tolerance
            small = np.diff(edges) < _SMALLEST_CELL * (edges[-1] - edges[0])
            self.coarse |= bool((marked & small).any())
            marked &= ~small
            some |= bool(marked.any())
            self.edges[name] = halved(edges, marked)
        count = math.prod(len(e) - 1 for e in self.edges.values())
        if some and count > self.settings.most_cells:
            raise UnresolvedError(f"more than {self.settings.most_cells} experts would be needed")
        return some

    def _worst(self, tails: Array, cells: Cells, axis: int) -> Array:
        """The largest indicator in each interval of one coordinate."""
        worst = np.zeros(cells.shape[axis])
        np.maximum.at(worst, cells.intervals[:, axis], tails[:, axis])
        return worst

    def _merged(self, piece: Piece, axis: int) -> Array:
        """Edges without those whose two sides one cell represents as well."""
        name, cells = self.names[axis], piece.cells
        edges = cells.edges[name]
        candidates = siblings(edges, self.settings.cells[name])
        if not candidates:
            return edges
        coarse = np.delete(edges, candidates)
        trial = cells.replace(**{name: coarse})
        values = self.discretization.values(self.discretization.moved(piece, trial))
        worst = self._worst(self._tails(values / np.where(self.size > 0, self.size, 1.0)[:, None]), trial, axis)
        homes = np.searchsorted(coarse, edges[candidates], side="right") - 1
        return np.delete(edges, np.asarray(candidates)[worst[homes] < _MERGE * self.settings.tolerance])

    def _resolve_start(self) -> None:
        """Split cells until the initial state is resolved: that needs no solve."""
        for corner in self.discretization.corners:
            name = self.names[corner.axis]
            for position in corner.sides:
                while True:
                    edges = self.edges[name]
                    side = np.zeros(len(edges) - 1, dtype=bool)
                    side[0 if position == edges[0] else -1] = True
                    if np.diff(edges)[side][0] <= 4 * corner.width:
                        break
                    self.edges[name] = halved(edges, side)
        while True:
            cells = self._cells()
            values = self.discretization.values(self.discretization.guess(cells, None))
            size = np.abs(values).max(axis=(0, 2))
            if not self._split(self._tails(values / np.where(size > 0, size, 1.0)[:, None]), cells):
                break
        if self.coarse:
            name, at = self._thinnest()
            raise UnresolvedError(
                f"the initial state has a jump or a kink near {name} = {at:.4g}; smooth a jump, and let cells meet at a "
                f"kink: experts={{{name!r}: ({at:.4g},)}}"
            )

    def _thinnest(self) -> tuple[str, float]:
        """Where the narrowest interval is: (coordinate, position)."""
        name, edges = min(self.edges.items(), key=lambda item: np.diff(item[1]).min() / np.ptp(item[1]))
        return name, float(edges[np.diff(edges).argmin()])

    def _start_is_off(self, residuals: Array) -> bool:
        """Whether the state at the slab's start is missed by far more than the tolerance: a residual alone proves little."""
        off = np.sqrt((residuals**2).sum(axis=(1, 2))).max() / self.settings.weight
        return bool(off > 100 * self.settings.tolerance * max(1.0, float(self.size.max()))) and not self.coarse

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Plain data from which ``restore`` goes on with the same numbers."""
        return {
            "pieces": [piece.state() for piece in self.pieces],
            "edges": {name: torch.from_numpy(edges) for name, edges in self.edges.items()},
            "size": torch.from_numpy(self.size),
            "slab": self.slab if self.time is not None else 0.0,
            "coarse": self.coarse,
            "guess": None if self.guess is None else self.guess.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.pieces = [self._piece(data) for data in state["pieces"]]
        guess = state.get("guess")  # files of version 0.1 have none
        self.guess = None if guess is None else self._piece(guess)
        self.edges = {name: edges.cpu().numpy() for name, edges in state["edges"].items()}
        self.size, self.coarse = state["size"].cpu().numpy(), state["coarse"]
        if self.time is not None:
            self.slab = state["slab"]
            self.now = self.pieces[-1].region.bounds[TIME][1] if self.pieces else self.bounds[TIME][0]

    def _piece(self, data: dict[str, Any]) -> Piece:
        return Piece.from_data(data, self.basis, self.discretization.parameters)
