"""How a finished march depends on numbers in its problem.

Letters: n points, c derivatives, m unknowns.

A slab's coefficients minimize the squares of its rows, so that rows of a problem with slightly other numbers move them by a
Gauss-Newton step, for which the slab's own factorization serves. The march of the other problem on the same slabs then
costs one evaluation of its rows each; central differences of two such marches are the implicit gradient, with an error
of second order in the change of the numbers.

Where something jumps at times that depend on numbers, slabs end there: marches of other problems are made anew.

Where nothing but rows knows the numbers, as of ordinary differential equations, one linearization has the derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.indices import Indices
from pinnlab.domains.cells import Cells
from pinnlab.inverse.measured import Jet
from pinnlab.inverse.remembered import Remembered
from pinnlab.inverse.responses import UnsolvedError
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.chain import Chain, followed, is_chain, slabs
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.march import SlabMarch
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.local_experts.rows import Numbers
from pinnlab.solvers.windows import joined_jet
from pinnlab.training.part import Part

Array = np.ndarray


def _knows_numbers(made: Discretization) -> bool:
    """Whether numbers of the problem come into nothing but its rows: no known part, corner or place depends on them."""
    others = (made.lift, made.corners, made.seams, made.problem.jumps)
    return not made.integrals and not (made.space and any(others))


def _moments(problem: Problem) -> tuple[float, ...]:
    """Times inside at which something jumps."""
    first, last = problem.domain.time_interval if problem.domain.has_time else (0.0, 0.0)
    found = (j.position for j in problem.jumps if j.coordinate == problem.domain.time and j.position is not None)
    return tuple(sorted(at for at in found if first < at < last))


class MarchedState:
    """A march to the end, as what numbers are fitted around.

    Args:
        march: at its start.
        deadline: of its slabs.
        most: cells of all slabs that were tried, together.
        near: one of the same problem with similar numbers, from which its slabs begin.

    Attributes:
        work: how many cells these were.

    Raises:
        UnsolvedError: cells or slabs have become too small, or too many.
        TimeIsUpError: the deadline has passed.
    """

    def __init__(self, march: SlabMarch, deadline: Deadline, most: float, near: MarchedState | None = None):
        self.march, self.work, march.kept = march, 0.0, []
        if near is not None:
            march.follow(near.march)
            if followed(march, near.march):
                self.work = float(march.pieces[0].cells.count)
                return
        try:
            # guesses of numbers may make a solution grow beyond all bounds
            with np.errstate(over="ignore", invalid="ignore"):
                while not march.done:
                    self.work += march.attempt(deadline).cells
                    if self.work > most:
                        raise UnsolvedError(f"{self.work:.0f} cells were not enough")
        except UnresolvedError as error:
            raise UnsolvedError(str(error)) from error

    @property
    def resolved(self) -> bool:
        """Whether cells resolve it, and its equations hold."""
        return not self.march.coarse and self.march.contradiction is None

    @property
    def jet(self) -> Jet:
        """Derivatives (c, n, m) at points (n, d)."""
        return joined_jet(self.march.pieces, self.march.problem.domain)

    def field(self) -> Callable[[Tensor], Tensor]:
        """Values (n, m) at points (n, d)."""
        return self.march.field()

    def parts(self, numbers: Mapping[str, float]) -> list[Part]:
        """The pieces, with numbers that were found."""
        return [Piece(p.unknowns, p.cells, p.basis, p.weights, p.constants, numbers, p.lift) for p in self.march.pieces]

    def neighbours(self, problems: Sequence[Problem], deadline: Deadline) -> list[Jet]:
        """The solutions of problems next to the march's, on its slabs.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        march, settings = self.march, self.march.settings
        if any(_moments(problem) != _moments(march.problem) for problem in problems):
            return [self._beside(problem, deadline).jet for problem in problems]
        if _knows_numbers(march.discretization):
            return self._along_tangents(problems, deadline)
        made = [Discretization(problem, march.basis, settings.rounding, settings.weight) for problem in problems]
        found: list[list[Piece]] = [[] for _ in problems]
        before: Piece | None = None
        for piece in march.pieces:
            deadline.check()
            rows, system = march.system(piece.cells, before)
            respond = system.responses(piece.weights)
            for mine, other in zip(found, made, strict=True):
                theirs = other.rows(piece.cells, mine[-1] if mine else None)
                for row, like in zip(theirs.all, rows.all, strict=True):
                    row.scale = like.scale
                weights = piece.weights - respond(theirs.all, theirs.integrals)
                mine.append(
                    Piece(piece.unknowns, piece.cells, piece.basis, weights, other.parameters, None, other.lift)
                )
            before = piece
        return [joined_jet(pieces, march.problem.domain) for pieces in found]

    def _beside(self, problem: Problem, deadline: Deadline) -> MarchedState:
        """The march of a problem in which something jumps at other times, where its slabs have to end.

        Raises:
            TimeIsUpError: the deadline has passed.
            UnsolvedError: it does not come to its end.
        """
        march, moments = self.march, _moments(self.march.problem)
        stops = tuple(sorted({*march.settings.stops} - {*moments} | {*_moments(problem)}))
        settings = replace(march.settings, stops=stops, becomes=tuple(march.size.tolist()))
        return MarchedState(SlabMarch(problem, march.basis, settings, deadline), deadline, math.inf)

    def _along_tangents(self, problems: Sequence[Problem], deadline: Deadline) -> list[Jet]:
        """``neighbours`` where rows know the numbers: the march, and its derivatives by numbers times changes."""
        own = self.march.problem.parameters
        names = [n for n, v in own.items() if any(problem.parameters[n] != v for problem in problems)]
        numbers = {name: float(own[name]) for name in names}  # type: ignore[arg-type]
        domain, m = self.march.problem.domain, len(self.march.problem.unknowns)
        state, slopes = self.jet, joined_jet(self._tangents(numbers, deadline), domain)

        @Remembered
        def both(points: Tensor, indices: Indices) -> tuple[Tensor, Tensor]:
            """(c, n, m) the state's jet and (c, n, p, m) its derivatives by the numbers."""
            return state(points, indices), slopes(points, indices).unflatten(2, (len(names), m))

        def beside(problem: Problem) -> Jet:
            changes = torch.tensor([float(problem.parameters[name]) - numbers[name] for name in names]).double()  # type: ignore[arg-type]

            def jet(points: Tensor, indices: Indices) -> Tensor:
                middle, tangents = both(points, indices)
                return middle + (changes[:, None] * tangents).sum(dim=2)

            return jet

        return [beside(problem) for problem in problems]

    def _tangents(self, numbers: Numbers, deadline: Deadline) -> list[Piece]:
        """The derivatives of the pieces by numbers, one after the other as unknowns (p m) of pieces."""
        march, m = self.march, len(self.march.problem.unknowns)
        made = march.discretization
        if is_chain(made):
            cells, weights = slabs(march.pieces), np.concatenate([piece.weights for piece in march.pieces])
            slopes = Chain(made, cells).tangents(weights, numbers)
            return [self._tangent(march.pieces[0], cells, slopes, numbers)]
        found: list[Piece] = []
        before: Piece | None = None
        kept = march.kept if march.kept and len(march.kept) == len(march.pieces) else None
        for i, piece in enumerate(march.pieces):
            deadline.check()
            rows, system, steps = kept[i] if kept is not None else (*march.system(piece.cells, before), None)
            moved = {}
            if found and rows.initial is not None:
                parts = found[-1].weights.reshape(-1, len(numbers), m, march.basis.size)
                ends = [
                    Piece(piece.unknowns, found[-1].cells, march.basis, parts[:, j], {}) for j in range(len(numbers))
                ]
                places = rows.initial.sites[0].points
                starts = [torch.stack(list(made.start_values(places, end).values())).numpy() for end in ends]
                count, q = rows.initial.shape
                moved[1] = -np.stack(starts, axis=-1).reshape(-1, count, q, len(numbers)).transpose(1, 0, 2, 3)
            weights = system.tangents(piece.weights, numbers, moved, steps).transpose(1, 0, 2, 3)
            found.append(self._tangent(piece, piece.cells, weights, numbers))
            before = piece
        return found

    def _tangent(self, piece: Piece, cells: Cells, weights: Array, numbers: Numbers) -> Piece:
        """Derivatives (K, p, m, N) of unknowns by numbers as unknowns of a piece."""
        names = [f"{u} by {n}" for n in numbers for u in piece.unknowns]
        return Piece(names, cells, piece.basis, weights.reshape(len(weights), -1, piece.basis.size), {})
