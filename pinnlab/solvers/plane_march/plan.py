"""Local experts of the plane, or of space, with time: what they refuse, and their marches as the loop runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.conditions import BoundaryCondition, Initial, Integral, Periodic
from pinnlab.declaration.known_layers import Layers
from pinnlab.declaration.problem import Problem
from pinnlab.domains.coverings import boundary_patches
from pinnlab.domains.trees import Tree
from pinnlab.machine.capacity import OF_EXPERTS, usable_memory
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.cut_cells.first import first_counts, local_basis
from pinnlab.solvers.cut_cells.means import inexact
from pinnlab.solvers.local_experts.options import ExpertOptions, check_runs_on, nothing_solved, of_families
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.options import given, strangers
from pinnlab.solvers.plane_march.start import initial_values, orders_in_time
from pinnlab.solvers.plane_march.sweeps import Stride, Sweeps
from pinnlab.solvers.windows import joined
from pinnlab.training.part import Part
from pinnlab.training.plans import Advance, March, Settings, Solver
from pinnlab.training.status import Status

_OWNER = "HardConstraintMoE"
_TOLERANCE = 1e-6
"""Of the last march, where no other is given."""
_STRIDES = (
    (1e-2, 8, 3), (3e-3, 9, 3), (1e-3, 9, 4), (3e-4, 10, 4), (1e-4, 10, 4), (3e-5, 11, 4), (1e-5, 11, 5), (3e-6, 12, 5),
    (1e-6, 12, 5), (0.0, 14, 7),
)  # fmt: skip
"""Marches down to a tolerance, the degree of experts of the plane in them, and the number of stages in time."""
_LOWER = {2: 0, 3: 1}
"""By how much degrees are lower, by the number of dimensions of space."""
_FEW = {2: 4, 3: 2}
"""Cells along the longest side of the region at the start."""
_MANY = 2000
"""Experts, where no number is given: memory and time end earlier."""
_KEPT = 1_000_000
"""Numbers of layers that are kept: Newton's method comes back to the points of its slab."""
_STAGES = (2, 9)
"""Fewest and most stages in time."""


@dataclass(frozen=True)
class PlaneExperts(Solver):
    """Experts on cells of space whose functions go through time; ``pl.HardConstraintMoE`` makes them.

    Args:
        options: of local experts; ``experts`` are numbers of cells along the sides of the bounding box at the start,
            ``degrees`` of coordinates of space, of which the largest is the total degree of polynomials, and of time, of
            the polynomials in a slab, ``tolerance`` that of the last march.
    """

    options: ExpertOptions

    def obstacle(self, problem: Problem) -> str | None:
        return next(self._obstacles(problem), None)

    def plan(self, problem: Problem, settings: Settings) -> March:
        if (why := self.obstacle(problem)) is not None:
            raise ValueError(why)
        check_runs_on(settings, "use PINN()")
        return PlaneMarch(self, problem, settings)

    @property
    def tolerance(self) -> float:
        """Of the last march."""
        return self.options.tolerance if "tolerance" in given(self.options) else _TOLERANCE

    def sweeps(self, problem: Problem, settings: Settings) -> Sweeps:
        """The marches before the first one; where data clash and the layers of it are known, marches of the smooth rest."""
        options, region = self.options, problem.domain.at_rest
        assert region is not None
        counts = first_counts(options.experts, problem, _FEW)
        # a cell is no neighbour of itself
        seams = {c.on for c in problem.conditions if isinstance(c, Periodic)}
        counts = {name: max(2, n) if name in seams else n for name, n in counts.items()}
        lower, upper = zip(*region.bounds.values(), strict=True)
        most = options.most_experts if "most_experts" in given(options) else _MANY
        layers = Layers.of(problem)
        rest, lift = (problem, {}) if layers is None else (layers.rest_of(problem, _KEPT), problem.clashes.singular)
        return Sweeps(
            rest, self._strides(problem, settings.seed),
            lambda: Tree(lower, upper, [counts[n] for n in region.coordinates]), most, options.condition_weight,
            settings.processes.leading(usable_memory(OF_EXPERTS)), lift, settings.processes,
        )  # fmt: skip

    def _strides(self, problem: Problem, seed: int) -> list[Stride]:
        """Marches at smaller and smaller tolerances, down to that which is asked for."""
        degrees, clock, d = dict(self.options.degrees or {}), problem.domain.clock, len(problem.domain.space)
        in_time = degrees.pop(clock, None)
        found = []
        for least, degree, stages in _STRIDES:
            tolerance = max(least, self.tolerance)
            own = max(degrees.values(), default=degree - _LOWER[d])
            found.append(Stride(tolerance, local_basis(self.options.features, d, own, seed), in_time or stages))
            if tolerance == self.tolerance:
                break
        return found

    def _obstacles(self, problem: Problem) -> Iterator[str]:
        region = problem.domain
        if not region.has_time or len(region.space) not in _FEW:
            yield (
                f"{_OWNER}() marches through time on regions of two or three dimensions of space, not on {region!r}; use "
                "PINN()."
            )
            return
        yield from of_families(problem)
        for name in (*problem.unknown_parameters, *problem.unknown_functions):
            yield f"{_OWNER}() finds no unknown {name!r} on {region!r}, where it marches through time; use PINN()."
        for condition in problem.conditions:
            if not isinstance(condition, BoundaryCondition | Initial | Integral | Periodic):
                yield (
                    f"{_OWNER}() takes initial states, conditions on the boundary, integrals and periodicity where it "
                    f"marches through time in {len(region.space)} dimensions of space, not {condition!r}; use PINN()."
                )
            elif isinstance(condition, Integral) and (lost := inexact(condition, region)) is not None:
                yield f"{_OWNER}() {lost}; use PINN()."
            elif condition.where is not None and region.clock in argument_names(
                condition.where, region.coordinates, repr(condition)
            ):
                yield (
                    f"{_OWNER}() puts conditions on parts of the boundary that stay where they are, and where of "
                    f"{condition!r} takes {region.clock!r}; use PINN(), or a condition whose values change with time."
                )
        yield from self._starts(problem)
        if (lost := problem.lost_flux(f"{_OWNER}()")) is not None:
            yield lost
        for name, parts in (self.options.experts or {}).items():
            if not isinstance(parts, int):
                yield (
                    f"{_OWNER}(experts={{{name!r}: {parts!r}}}): where there is time in {len(region.space)} dimensions of "
                    "space, cells are halved where it is needed, and there are no edges that stay; give numbers of cells."
                )
        yield from strangers(_OWNER, region.coordinates, degrees=self.options.degrees)
        yield from strangers(_OWNER, region.space, experts=self.options.experts)
        low, high = _STAGES
        stages = (self.options.degrees or {}).get(region.clock, low)
        if not low <= stages <= high:
            yield (
                f"{_OWNER}(degrees={{{region.clock!r}: {stages}}}): polynomials in time have degrees from {low} to {high} "
                "on cells of the plane and of space; slabs are as short as they have to be."
            )
        try:
            assert region.at_rest is not None
            for piece in region.at_rest.pieces(None):
                boundary_patches(region.at_rest, piece, {})
        except TypeError as error:
            yield f"{_OWNER}(): {error} Use PINN()."

    def _starts(self, problem: Problem) -> Iterator[str]:
        """What the initial state lacks."""
        clock, known = problem.domain.clock, initial_values(problem)
        for unknown, order in orders_in_time(problem).items():
            for k in range(order):
                if (unknown, k) not in known:
                    name = unknown if k == 0 else f"{unknown}_{clock * k}"
                    yield (
                        f"{_OWNER}() marches through time, and nothing says what {name} is at the start; add "
                        f"Initial({name}=...), or use PINN(), which sees the whole time interval at once."
                    )


class PlaneMarch(March):
    """Marches at smaller and smaller tolerances, as the loop runs them.

    The pieces are the slabs of the first march until it reaches the end, and those of the last one that did from then on.

    Args:
        solver: its options.
        problem: the instance.
        settings: gives the seed of random features, and processes.
    """

    shared = True

    def __init__(self, solver: PlaneExperts, problem: Problem, settings: Settings):
        self.problem, self.sweeps, self.tolerance = problem, solver.sweeps(problem, settings), solver.tolerance
        self._given = initial_values(problem)
        self._kind = solver.options.functions
        self._said: tuple[str, ...] = problem.clashes.built(waves=True)[1] if self.sweeps.lift else ()
        self._say()

    def _say(self, *remarks: str) -> None:
        self._said += remarks
        sweeps = self.sweeps
        size = sweeps.pieces[-1].of_space.basis.size if sweeps.pieces else sweeps.strides[0].basis.size
        kind = (
            f"single instance: experts with {size} {self._kind} each, on cells of space, marched through time slabs by "
            "collocation"
        )
        self.notes = (kind, *self._said)

    @property
    def pieces(self) -> Sequence[Part]:
        return self.sweeps.pieces

    @property
    def complete(self) -> bool:
        return self.sweeps.best is not None

    def advance(self, deadline: Deadline | None = None) -> Advance:
        sweeps = self.sweeps
        if sweeps.done:
            assert sweeps.best is not None
            return self._ended(Status.UNRESOLVED if sweeps.best.coarse or sweeps.apart else Status.CONVERGED)
        try:
            new = sweeps.advance(deadline or Deadline())
        except TimeIsUpError as error:
            if sweeps.best is None:
                if sweeps.pieces:
                    self._say(f"max_seconds was reached in the next slab: {error}")
                return Advance(False, sweeps.share, stopped=Status.INCOMPLETE)
            self._say(f"max_seconds was reached before a march at a smaller tolerance was done: {error}")
            confirmed = not sweeps.best.coarse or sweeps.confirmed
            return self._ended(Status.BUDGET_REACHED if confirmed else Status.UNRESOLVED)
        except UnresolvedError as error:
            if not sweeps.pieces:
                raise nothing_solved(error) from error
            self._say(str(error))
            return self._ended(Status.UNRESOLVED)
        self._say()
        info = {"experts": float(self._experts()), "share": sweeps.share}
        return Advance(new, sweeps.share, sweeps.added**2, sweeps.added**2, info)

    def _experts(self) -> int:
        if self.sweeps.running is not None and self.sweeps.running.started:
            return self.sweeps.running.cells.count
        return 0 if self.sweeps.best is None else self.sweeps.best.experts

    def _ended(self, status: Status) -> Advance:
        best = self.sweeps.best
        if best is not None:
            for remark in best.coarse:
                self._say(remark)
            if best.difference is not None:
                self._say(
                    f"it differs by {best.difference:.0e} from a march with a larger tolerance: that one's error, about; "
                    f"its own tolerance is {best.tolerance:.0e}"
                )
            else:
                self._say(f"only the march with a tolerance of {best.tolerance:.0e} was done, which no other confirms")
        self._say()
        return Advance(False, self.sweeps.share, info={"share": self.sweeps.share}, stopped=status)

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self.pieces:
            raise nothing_solved("time was up before the first slab was", Status.INCOMPLETE)
        domain, unknowns = self.problem.domain, self.problem.unknowns
        inner, start = joined(self.pieces, domain), domain.time_interval[0]
        columns = [i for i in range(len(domain.coordinates)) if i != domain.time_index]

        def evaluate(points: Tensor) -> Tensor:
            values = inner(points)
            first = points[:, domain.time_index] == start
            if bool(first.any()):
                at = points[first][:, columns].detach().to("cpu", torch.float64).numpy()
                for (unknown, order), state in self._given.items():
                    if order == 0:
                        own = torch.from_numpy(state(at).copy()).to(values)
                        outside = values[first, unknowns.index(unknown)].isnan()
                        values[first, unknowns.index(unknown)] = torch.where(outside, torch.nan, own)
            return values

        return evaluate

    def state(self) -> dict[str, Any]:
        return self.sweeps.state()

    def restore(self, state: dict[str, Any]) -> None:
        self.sweeps.restore(state)
        self._say()
