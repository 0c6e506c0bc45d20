"""Local experts of one steady instance on cut cells: what they refuse, and their levels as the loop runs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Data, Integral, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.domains.coverings import boundary_patches
from pinnlab.machine.capacity import OF_EXPERTS, usable_memory
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.cut_cells.crossings import Crossings
from pinnlab.solvers.cut_cells.first import first_edges, local_basis
from pinnlab.solvers.cut_cells.levels import CutLevels, Level, LevelSettings
from pinnlab.solvers.cut_cells.materials import materials_of
from pinnlab.solvers.cut_cells.means import inexact
from pinnlab.solvers.cut_cells.piece import CutPiece
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.options import ExpertOptions, check_runs_on, nothing_solved, of_families
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.options import given, strangers
from pinnlab.solvers.switches import changing
from pinnlab.training.plans import Advance, March, Settings, Solver
from pinnlab.training.status import Status

_OWNER = "HardConstraintMoE"
_DEGREE = {2: 14, 3: 8}
"""Total degree of the polynomials of an expert, by the number of dimensions."""
_FEW = {2: 4, 3: 3}
"""Cells along the longest side of the region at the start."""
_MANY = 20_000
"""Experts, where no number is given: memory and time end earlier."""
USEFUL = 0.15
"""Estimated error up to which a solution on cells that were not fine enough is worth keeping: a network that is trained in
the time left is seldom better, and the estimate is ten times on the safe side where sources jump inside of cells or
materials meet in a corner."""


@dataclass(frozen=True)
class CutExperts(Solver):
    """Experts on cells that the boundary of a region cuts; ``pl.HardConstraintMoE`` makes them, see ``on_cut_cells``.

    Args:
        options: of local experts; ``experts`` are numbers of cells along the sides of the bounding box, ``degrees`` the
            largest of which is the total degree of polynomials, ``tolerance`` that of the estimated error.
    """

    options: ExpertOptions

    def uses_start(self, problem: Problem) -> bool:
        return True

    def obstacle(self, problem: Problem) -> str | None:
        return next(self._obstacles(problem), None)

    def plan(self, problem: Problem, settings: Settings) -> March:
        if (why := self.obstacle(problem)) is not None:
            raise ValueError(why)
        check_runs_on(settings, "use PINN()")
        return CutMarch(self, problem, settings)

    def levels(self, problem: Problem, settings: Settings) -> CutLevels:
        """The levels before the first one."""
        options, space = self.options, problem.domain.space
        most = options.most_experts if "most_experts" in given(options) else _MANY
        limits = LevelSettings(
            options.tolerance,
            first_edges(options.experts, problem, _FEW),
            most,
            options.condition_weight,
            settings.processes.leading(usable_memory(OF_EXPERTS)),
            settings.processes,
        )
        degree = max((options.degrees or {}).values(), default=_DEGREE[len(space)])
        basis = local_basis(options.features, len(space), degree, settings.seed)
        return CutLevels(problem, basis, limits, settings.start)

    def _obstacles(self, problem: Problem) -> Iterator[str]:
        region = problem.domain
        if region.has_time or len(region.space) not in _DEGREE:
            yield (
                f"{_OWNER}() covers regions of two or three dimensions, with time or without, with cells, not {region!r}; "
                "use PINN()."
            )
            return
        yield from of_families(problem)
        if problem.unknown_parameters:
            yield (
                f"{_OWNER}() finds no unknown numbers on {region!r}, such as the unknown parameters "
                f"{problem.unknown_parameters}; use PINN()."
            )
        for condition in problem.conditions:
            if not isinstance(condition, BoundaryCondition | Data | Integral | Periodic):
                yield (
                    f"{_OWNER}() takes data, integrals, periodic sides and conditions on the boundary of {region!r}, not "
                    f"{condition!r}; use PINN()."
                )
            if isinstance(condition, Integral) and (lost := inexact(condition, region)) is not None:
                yield f"{_OWNER}() {lost}; use PINN()."
        if (lost := Crossings(problem, materials_of(problem)).obstacle(f"{_OWNER}()")) is not None:
            yield lost
        for name, parts in (self.options.experts or {}).items():
            if not isinstance(parts, int):
                yield (
                    f"{_OWNER}(experts={{{name!r}: {parts!r}}}): on {region!r} cells are cut by the boundary, and there "
                    "are no edges that stay; give numbers of cells along the sides of its bounding box."
                )
        yield from strangers(_OWNER, region.coordinates, degrees=self.options.degrees, experts=self.options.experts)
        try:
            for piece in region.pieces(None):
                boundary_patches(region, piece, {})
        except TypeError as error:
            yield f"{_OWNER}(): {error} Use PINN()."


class CutMarch(March):
    """Levels of finer and finer cells, as the loop runs them: the one piece is that of the best level so far.

    Args:
        solver: its options.
        problem: the instance.
        settings: gives the seed of random features, and processes.
    """

    shared = True

    def __init__(self, solver: CutExperts, problem: Problem, settings: Settings):
        self.levels = solver.levels(problem, settings)
        self.tolerance = solver.options.tolerance
        self._pieces: list[CutPiece] = []
        self._kind = solver.options.functions
        self._said: tuple[str, ...] = ()
        self._say()

    def _say(self, *remarks: str) -> None:
        """Add remarks to the notes, whose first one tells the functions of the experts, which may have become more."""
        self._said += remarks
        basis = self._pieces[-1].basis if self._pieces else self.levels.basis
        kind = f"single instance: experts with {basis.size} {self._kind} each, on cells cut by the boundary"
        self.notes = (kind, *self._said)

    @property
    def pieces(self) -> Sequence[CutPiece]:
        return self._pieces

    @property
    def complete(self) -> bool:
        return bool(self._pieces)

    def advance(self, deadline: Deadline | None = None) -> Advance:
        levels, before = self.levels, self.levels.best
        if levels.resolved:
            return self._ended(Status.CONVERGED)
        try:
            level = levels.advance(deadline or Deadline())
        except TimeIsUpError as error:
            if before is None:
                return Advance(False, 0.0, stopped=Status.INCOMPLETE)
            self._say(f"max_seconds was reached before finer cells were solved: {error}")
            return self._ended(Status.BUDGET_REACHED)
        except UnresolvedError as error:
            if levels.best is None:
                raise nothing_solved(error) from error
            self._pieces = [levels.best.piece]
            self._say(str(error))
            return self._ended(Status.UNRESOLVED, accepted=levels.best is not before)
        if levels.best is not before and levels.best is not None:
            self._pieces = [levels.best.piece]
            self._say()
        if levels.resolved:
            return self._ended(Status.CONVERGED, accepted=True)
        accepted = levels.best is level
        return Advance(accepted, self._share(level), level.misfit**2, level.held_out**2, self._info(level))

    def _info(self, level: Level) -> dict[str, float]:
        """Numbers for the history. A solution that is worth keeping is one of the whole."""
        share = 1.0 if level.likely < USEFUL else self._share(level)
        return {"experts": float(level.experts), "share": share}

    def _share(self, level: Level) -> float:
        """How much of the way to the tolerance is done, in digits."""
        digits = math.log(min(max(level.estimate, self.tolerance), 1.0)) / math.log(self.tolerance)
        return min(0.99, digits)

    def _ended(self, status: Status, accepted: bool = False) -> Advance:
        best = self.levels.best
        assert best is not None
        if status is not Status.CONVERGED:
            self._say(
                f"cells are not fine enough for the tolerance of {self.tolerance:.0e}: by what is off at points that were "
                f"not solved for, the error is about {best.estimate:.0e} of the unknowns' size"
            )
        share = 1.0 if status is Status.CONVERGED else self._share(best)
        return Advance(accepted, share, best.misfit**2, best.held_out**2, self._info(best), status)

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self._pieces:
            raise nothing_solved("time was up before the first cells were solved", Status.INCOMPLETE)
        return self._pieces[-1].values

    def state(self) -> dict[str, Any]:
        pieces = [{"piece": piece.state(), "basis": piece.basis.to_data()} for piece in self._pieces]
        return {"pieces": pieces, "levels": self.levels.state()}

    def restore(self, state: dict[str, Any]) -> None:
        levels = self.levels
        self._pieces = [
            CutPiece.from_data(p["piece"], LocalBasis.from_data(p["basis"]), levels.made.parameters)
            for p in state["pieces"]
        ]
        levels.restore(state["levels"], self._pieces[-1] if self._pieces else None)


def on_cut_cells(problem: Problem, options: ExpertOptions) -> bool:
    """Whether cut cells suit a steady problem better than a tensor grid of boxes.

    They do wherever they take it, since each is halved by itself, but where data clash in a corner: the layers that these
    make are subtracted on boxes.

    Args:
        problem: a single instance.
        options: of local experts; edges that are given stay edges.
    """
    region = problem.domain
    if not isinstance(region, Box):
        return True
    edges = any(not isinstance(parts, int) for parts in (options.experts or {}).values())
    if region.has_time or problem.unknown_functions or len(region.space) not in _DEGREE or edges:
        return False
    fluxes = [jump for jump in problem.jumps if jump.flux]
    if len({jump.coordinate for jump in fluxes}) > 1 or any(jump.position is None for jump in fluxes):
        return True
    # a box of a tensor grid that is halved takes its row and its column with it, in large dense blocks
    clashing = problem.clashes.resolved if len(problem.unknowns) > 1 else bool(problem.clashes.found)
    suits = len(region.space) == 3 or not clashing or changing(problem)
    return suits and CutExperts(options).obstacle(problem) is None
