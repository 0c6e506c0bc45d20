"""Local experts of one instance: their options, and their march."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Data, Initial, Integral
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.inverse.fitted import FittedMarch
from pinnlab.inverse.obstacles import is_fitted, obstacle_to_fit
from pinnlab.inverse.responses import UnsolvedError
from pinnlab.machine.capacity import usable_memory
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.experts.partition import Cuts, cut
from pinnlab.solvers.local_experts.basis import BASES, NOISE
from pinnlab.solvers.local_experts.checkpoints import restore, state_of
from pinnlab.solvers.local_experts.inverse.completion import completed
from pinnlab.solvers.local_experts.inverse.levels import Levels, first_degrees, function_obstacles, jump_levels
from pinnlab.solvers.local_experts.inverse.march import FunctionMarch
from pinnlab.solvers.local_experts.march import SlabMarch
from pinnlab.solvers.local_experts.options import ExpertOptions, check_runs_on, nothing_solved, of_families
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.local_experts.sensitivity import MarchedState
from pinnlab.solvers.local_experts.settings import MarchSettings
from pinnlab.solvers.options import given, strangers
from pinnlab.training.plans import Advance, March, Settings
from pinnlab.training.start import Start
from pinnlab.training.status import Status

_OWNER = "HardConstraintMoE"
_NOT_FOR_FUNCTIONS = ("features", "tolerance", "most_experts")
_MOST_FUNCTIONS = 3000
"""Of one expert; the blocks of the linear systems are dense. Three space dimensions have more unless degrees are low."""


@dataclass(frozen=True, kw_only=True)
class LocalExperts(ExpertOptions):
    """Experts that solve one instance, with nothing trained; ``pl.HardConstraintMoE`` makes them.

    Every expert is a cell of space with local basis functions, and all are marched through time slabs; cells and slabs
    adapt to the solution. NumPy does the work, in float64 on the CPU.
    """

    def uses_start(self, problem: Problem) -> bool:
        if problem.unknown_functions:
            return False
        return not problem.domain.has_time or is_fitted(problem)

    def finds_functions(self, problem: Problem) -> bool:
        return True

    def takes_robust(self, problem: Problem) -> bool:
        return is_fitted(problem) and not problem.unknown_functions

    def obstacle(self, problem: Problem) -> str | None:
        why = next(self._obstacles(problem), None)
        if why is None and problem.domain.has_time and not problem.unknown_functions:
            # cells are split until they resolve the initial state: that needs no solve
            try:
                self.march(problem.guessed if is_fitted(problem) else problem)
            except UnresolvedError as error:
                why = str(nothing_solved(error))
        return why

    def plan(self, problem: Problem, settings: Settings) -> March:
        if (why := next(self._obstacles(problem), None)) is not None:
            raise (ValueError if isinstance(problem.domain, Box) else TypeError)(why)
        check_runs_on(settings, "give network=pl.MLP()")
        if problem.unknown_functions:
            return FunctionMarch(problem, self._levels(problem), self.condition_weight, settings.deadline)
        if is_fitted(problem):
            guesses = {} if settings.start is None else settings.start.coefficients
            return self.fitted(problem, settings.seed, guesses)
        return CellMarch(self, problem, settings)

    def march(
        self,
        problem: Problem,
        seed: int = 0,
        deadline: Deadline | None = None,
        start: Start | None = None,
        becomes: tuple[float, ...] | None = None,
    ) -> SlabMarch:
        """The march before its first slab; its cells resolve the initial state.

        Args:
            problem: one without obstacles but, perhaps, its initial state.
            seed: of random features.
            deadline: of the search for cells.
            start: a solution whose values are the first guess of a steady one; cells meet where its pieces do.
            becomes: see ``MarchSettings``.

        Raises:
            UnresolvedError: the initial state has a jump or a kink inside a cell, or needs too many cells.
        """
        region = problem.domain
        assert isinstance(region, Box)
        ends = _ends_of_parts(problem)
        edges = {
            n: _with_jumps(problem, n, e, ends.get(n, ())) for n, e in cut(region, self._cuts(problem)).edges.items()
        }
        if start is not None:
            edges = {n: _joined(e, start.joints.get(n, ())) for n, e in edges.items()}
        stops = tuple(edges.pop(region.clock)[1:-1].tolist()) if region.has_time else ()
        degrees = self._degrees(problem).values()
        high = any(problem.order(n) > 2 for n in region.space)
        # indicators look at values; derivatives of high order lose two digits to them
        tolerance = self.tolerance * (0.1 if high else 1.0) * NOISE[self.features]
        placed = frozenset(name for name, parts in self._cuts(problem).items() if not isinstance(parts, int))
        limits = MarchSettings(
            tolerance, self.tolerance, edges, self.most_experts, weight=self.condition_weight, bytes=usable_memory(),
            stops=stops, placed=placed, becomes=becomes,
        )  # fmt: skip
        return SlabMarch(problem, BASES[self.features](tuple(degrees), seed), limits, deadline or Deadline(), start)

    def _levels(self, problem: Problem) -> Levels:
        """Cells and degrees with which functions are sought."""
        region = problem.domain
        assert isinstance(region, Box)
        edges = {n: _with_jumps(problem, n, e) for n, e in cut(region, self.experts or {}).edges.items()}
        return jump_levels(problem, Levels(edges, first_degrees(region) | dict(self.degrees or {})))

    def fitted(self, problem: Problem, seed: int, guesses: Mapping[str, float]) -> FittedMarch:
        """Marches for one set of numbers after the other, from guesses {name: value} in place of the problem's."""
        return FittedMarch(problem, partial(self._solved, seed), self.tolerance, guesses)

    def _solved(
        self, seed: int, problem: Problem, deadline: Deadline, most: float, near: MarchedState | None
    ) -> MarchedState:
        """The march to the end, around which numbers are fitted."""
        # scales are a search of their own, which similar numbers save
        becomes = None if near is None else tuple(near.march.size.tolist())
        try:
            march = self.march(problem, seed, deadline, becomes=becomes)
        except UnresolvedError as error:
            raise UnsolvedError(str(error)) from error
        return MarchedState(march, deadline, most, near)

    def _cuts(self, problem: Problem) -> Cuts:
        return dict(self.experts) if self.experts is not None else _cuts(problem)

    def _degrees(self, problem: Problem) -> dict[str, int]:
        return {n: (self.degrees or {}).get(n, _degree(problem, n)) for n in problem.domain.coordinates}

    def _obstacles(self, problem: Problem) -> Iterator[str]:
        region, wanted = problem.domain, problem.unknown_functions
        if isinstance(region, Box) and wanted:
            problem = completed(problem).problem
        if not isinstance(region, Box):
            yield f"{_OWNER} needs a Box as domain, this problem lives on {region!r}."
            return
        yield from of_families(problem)
        if problem.unknown_functions:
            yield from function_obstacles(problem)
            for name in given(self):
                if name in _NOT_FOR_FUNCTIONS:
                    yield (
                        f"{_OWNER}({name}={getattr(self, name)!r}): {name} has no effect where functions are to be found, "
                        f"here {', '.join(wanted)}; leave it out."
                    )
        elif is_fitted(problem):
            why = obstacle_to_fit(problem, f"{_OWNER}()")
            yield from () if why is None else (f"{why}; use PINN().",)
        for condition in problem.conditions:
            if isinstance(condition, Integral) and condition.where is not None:
                yield f"{_OWNER}() takes integrals over all of space or whole sides, not {condition!r}; use PINN()."
        if (lost := problem.lost_flux(f"{_OWNER}()", problem.joints.positions)) is not None:
            yield lost
        if region.has_time and not any(isinstance(c, Initial) for c in problem.conditions):
            yield (
                f"{_OWNER}() marches through time, and this problem has no initial condition; add Initial(...), "
                "or give network=pl.MLP(), which sees the whole time interval at once."
            )
        cuts = self._cuts(problem)
        if region.time in cuts:
            yield (
                f"{_OWNER}(experts={cuts!r}): time slabs are found by the solver itself; cut coordinates of space only."
            )
        try:
            cut(region, cuts)
        except ValueError as error:
            yield str(error)
        yield from strangers(_OWNER, region.coordinates, degrees=self.degrees)
        if "most_experts" in given(self) and not region.space:
            yield (
                f"{_OWNER}(most_experts={self.most_experts}): an ordinary differential equation has one expert in a time "
                "slab, so that most_experts has no effect; leave it out."
            )
        degrees = self._degrees(problem)
        size = math.prod(degree + 1 for degree in degrees.values())
        if size > _MOST_FUNCTIONS:
            yield (
                f"{_OWNER}() would give each expert {size} functions, with degrees={degrees!r}, of which "
                f"{_MOST_FUNCTIONS} fit into its dense matrices; give lower degrees, or use PINN()."
            )
        middle = torch.full((1, len(region.coordinates)), 0.5, dtype=torch.float64)
        for condition, terms in problem.condition_terms():
            sites = [site for term in terms for site in term.draw(lambda n: middle, 1)]
            if not isinstance(condition, Initial | Data | Integral) and any(site.normals is None for site in sites):
                yield (
                    f"{_OWNER}() takes conditions on whole sides of its box, and {condition!r} is about points inside; "
                    "use PINN()."
                )


class CellMarch(March):
    """The march of one instance, slab by slab, as the loop runs it.

    Args:
        options: of the experts.
        problem: the instance.
        settings: gives the seed of random features.

    Raises:
        NothingSolvedError: cells cannot resolve the initial state.
    """

    def __init__(self, options: LocalExperts, problem: Problem, settings: Settings):
        try:
            self.cells = options.march(problem, settings.seed, settings.deadline, settings.start)
        except UnresolvedError as error:
            raise nothing_solved(error) from error
        size, kind = self.cells.basis.size, options.functions
        self.notes = (f"single instance: experts with {size} {kind} each, marched through time slabs",)
        made = self.cells.discretization
        rounded = sorted({corner.unknown for corner in made.corners if not corner.inside})
        if rounded:
            sizes = [upper - lower for lower, upper in made.domain.bounds.values()]
            widest = max(corner.width / sizes[corner.axis] for corner in made.corners if not corner.inside)
            self.notes += (
                f"the initial state of {', '.join(rounded)} does not meet the boundary smoothly and is solved rounded off "
                f"over {widest:.1e} of the domain",
            )
        self.notes += problem.clashes.built(waves=True)[1] if made.lift else ()
        for layer in (corner for corner in made.corners if corner.inside):
            at = f"{problem.domain.coordinates[layer.axis]} = {layer.sides[0]:.6g}"
            self.notes += (
                f"the initial state of {layer.unknown} has a kink or a jump at {at} and is solved rounded off",
            )

    @property
    def pieces(self) -> Sequence[Piece]:
        return self.cells.pieces

    def advance(self, deadline: Deadline | None = None) -> Advance:
        march = self.cells
        if march.done:
            return Advance(False, 1.0, stopped=self._ended())
        try:
            tried = march.attempt(deadline)
        except TimeIsUpError as error:
            self.notes += (f"max_seconds was reached in the next slab: {error}",) if march.pieces else ()
            return Advance(False, march.share, stopped=Status.INCOMPLETE)
        except UnresolvedError as error:
            if not march.pieces:
                raise nothing_solved(error) from error
            self.notes += (str(error),)
            return Advance(False, march.share, stopped=Status.UNRESOLVED)
        info = {"experts": float(tried.cells), "share": march.share}
        stopped = self._ended() if march.done else None
        off = march.held_out() if tried.accepted else math.nan
        return Advance(tried.accepted, march.share, tried.misfit**2, off**2, info, stopped)

    def _ended(self) -> Status:
        contradiction = self.cells.contradiction
        if contradiction is not None:
            self.notes += (contradiction,)
        return Status.UNRESOLVED if self.cells.coarse or contradiction else Status.CONVERGED

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self.pieces:
            what = "slab was" if self.cells.time is not None else "solution was accurate enough"
            raise nothing_solved(f"time was up before the first {what}", Status.INCOMPLETE)
        return self.cells.field()

    def state(self) -> dict[str, Any]:
        return state_of(self.cells)

    def restore(self, state: dict[str, Any]) -> None:
        restore(self.cells, state)


def _cuts(problem: Problem) -> dict[str, int]:
    """Experts at the start: few, since they are split where the solution asks for it."""
    space = problem.domain.space
    if len(space) > 1 and problem.domain.has_time:
        return {}
    return {name: 4 if len(space) == 1 else 2 for name in space}


def _ends_of_parts(problem: Problem) -> dict[str, tuple[float, ...]]:
    """{coordinate: where conditions on parts of sides begin and end}."""
    found: dict[str, tuple[float, ...]] = {}
    for condition in problem.conditions:
        if isinstance(condition, BoundaryCondition) and (part := condition.part(problem.domain)) is not None:
            for piece in condition.pieces(problem.context()):
                for name, positions in part.ends(piece).items():
                    found[name] = tuple(sorted({*found.get(name, ()), *positions}))
    return found


def _with_jumps(problem: Problem, name: str, edges: np.ndarray, ends: Sequence[float] = ()) -> np.ndarray:
    """Edges along a coordinate, and where sources or coefficients jump across it: the solution is less smooth there.

    An edge of equal parts that lies next to a jump gives way to it.

    Args:
        problem: whose.
        name: of the coordinate.
        edges: without jumps.
        ends: other positions at which cells are to end.
    """
    jumps = [j.position for j in problem.jumps if j.coordinate == name and j.position is not None]
    jumps += [p for p in ends if p not in jumps]
    lower, upper = problem.domain.bounds[name]
    inside = sorted(p for p in jumps if lower < p < upper)
    near = 1e-3 * (upper - lower)
    kept = [e for e in edges[1:-1] if all(abs(e - p) > near for p in inside)]
    return np.array([edges[0], *sorted([*kept, *inside]), edges[-1]])


def _joined(edges: np.ndarray, joints: Sequence[float]) -> np.ndarray:
    """Edges along a coordinate, and where pieces of another solution meet, unless an edge is next to it."""
    near = 1e-3 * np.diff(edges).min()
    inside = [p for p in joints if edges[0] < p < edges[-1] and abs(edges - p).min() > near]
    return np.array(sorted([*edges, *inside]))


def _degree(problem: Problem, name: str) -> int:
    """Polynomial degree of an expert along one coordinate."""
    space = problem.domain.space
    high = any(problem.order(n) > 2 for n in space)
    if name == problem.domain.time:
        return (10 if high else 8) if len(space) == 1 else 6 if space else 16
    if len(space) > 1:
        return 9 if problem.domain.has_time else 14
    return 16 if high else 12
