"""Local experts of one instance, as a march."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from pinnlab.declaration.conditions import Initial
from pinnlab.declaration.problem import Problem
from pinnlab.domains import TIME, Box
from pinnlab.solvers.experts.partition import cut
from pinnlab.solvers.local_experts import march as cells
from pinnlab.solvers.local_experts.basis import BASES, NOISE
from pinnlab.training.plans import Advance, March, NothingSolvedError, Settings
from pinnlab.training.status import Status


class _CellMarch(March):
    """Experts that solve one instance themselves: cells marched through time slabs."""

    def __init__(self, solver: Any, problem: Problem, settings: Settings):
        region = problem.domain
        if not isinstance(region, Box):
            raise TypeError(f"HardConstraintMoE needs a Box as domain, this problem lives on {region!r}.")
        if problem.unknown_parameters:
            raise ValueError(
                f"HardConstraintMoE solves linearized equations for their unknowns, and cannot find the unknown "
                f"parameters {problem.unknown_parameters} as well; use PINN()."
            )
        if region.has_time and not any(isinstance(c, Initial) for c in problem.conditions):
            raise ValueError(
                "HardConstraintMoE() marches through time, and this problem has no initial condition; add Initial(...), "
                "or give network=pl.MLP(), which sees the whole time interval at once."
            )
        cuts = dict(solver.experts) if solver.experts is not None else _cuts(problem)
        if TIME in cuts:
            raise ValueError(
                f"HardConstraintMoE(experts={cuts!r}): time slabs are found by the solver itself; cut coordinates of "
                "space only."
            )
        edges = {n: e for n, e in cut(region, cuts).edges.items() if n != TIME}
        degrees = [(solver.degrees or {}).get(n, _degree(problem, n)) for n in region.coordinates]
        high = any(problem.order(n) > 2 for n in region.space)
        # indicators look at values; derivatives of high order lose two digits to them
        tolerance = solver.tolerance * (0.1 if high else 1.0) * NOISE[solver.features]
        basis = BASES[solver.features](degrees, settings.seed)
        limits = cells.MarchSettings(
            tolerance, solver.tolerance, edges, solver.most_experts, weight=solver.condition_weight
        )
        try:
            self.cells = cells.SlabMarch(problem, basis, limits)
        except cells.UnresolvedError as error:
            raise _nothing_solved(error) from error
        kind = "random tanh features" if solver.features == "tanh" else "Chebyshev polynomials (nothing neural in them)"
        self.notes = (f"single instance: experts with {basis.size} {kind} each, marched through time slabs",)
        rounded = sorted({corner.unknown for corner in self.cells.discretization.corners})
        if rounded:
            self.notes += (
                f"the initial state of {', '.join(rounded)} does not meet the boundary smoothly and is solved rounded off",
            )

    @property
    def pieces(self) -> Sequence[Any]:  # type: ignore[override]
        return self.cells.pieces

    def advance(self) -> Advance:
        march = self.cells
        if march.done:
            return Advance(False, 1.0, stopped=Status.CONVERGED)
        try:
            tried = march.attempt()
        except cells.UnresolvedError as error:
            if not march.pieces:
                raise _nothing_solved(error) from error
            self.notes += (str(error),)
            return Advance(False, march.share, stopped=Status.UNRESOLVED)
        ended = Status.UNRESOLVED if march.coarse else Status.CONVERGED
        info = {"experts": float(tried.cells), "share": march.share}
        stopped = ended if march.done else None
        return Advance(tried.accepted, march.share, tried.misfit**2, tried.held_out**2, info, stopped)

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self.pieces:
            raise _nothing_solved("time was up before the first slab was", Status.INCOMPLETE)
        return self.cells.field()

    def state(self) -> dict[str, Any]:
        return self.cells.state()

    def restore(self, state: dict[str, Any]) -> None:
        self.cells.restore(state)


def _nothing_solved(reason: Exception | str, status: Status = Status.UNRESOLVED) -> NothingSolvedError:
    return NothingSolvedError(f"HardConstraintMoE: nothing could be solved: {reason}. {status.value}.")


def _cuts(problem: Problem) -> dict[str, int]:
    """Experts at the start: few, since they are split where the solution asks for it."""
    space = problem.domain.space
    if len(space) > 1 and problem.domain.has_time:
        return {}
    return {name: 4 if len(space) == 1 else 2 for name in space}


def _degree(problem: Problem, name: str) -> int:
    """Polynomial degree of an expert along one coordinate."""
    space = problem.domain.space
    high = any(problem.order(n) > 2 for n in space)
    if name == TIME:
        return (10 if high else 8) if len(space) == 1 else 6 if space else 16
    if len(space) > 1:
        return 9 if problem.domain.has_time else 14
    return 16 if high else 12
