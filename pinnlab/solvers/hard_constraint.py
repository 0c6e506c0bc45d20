"""Mixture of experts with hard constraints: least squares inside the network, or, for one instance, in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from torch import nn

from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.domains import Box
from pinnlab.machine.calls import explained_call
from pinnlab.networks.base import holds_conditions
from pinnlab.optimizers.base import Optimizer
from pinnlab.solvers.cut_cells.plan import CutExperts, on_cut_cells
from pinnlab.solvers.experts.partition import Cuts, inner_cuts
from pinnlab.solvers.experts.plan import FamilyExperts
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.solvers.options import given
from pinnlab.solvers.plane_march.plan import PlaneExperts
from pinnlab.training.plans import March, Plan, Settings, Solver

_SHARED = {f.name for f in fields(FamilyExperts)} & {f.name for f in fields(LocalExperts)}
TRAINED = tuple(f.name for f in fields(FamilyExperts) if f.name not in _SHARED)
"""Options that only experts over trained basis functions have."""
LOCAL = tuple(f.name for f in fields(LocalExperts) if f.name not in _SHARED)
"""Options that only local experts have."""


@explained_call("arguments are named, such as tolerance=1e-6")
@dataclass(frozen=True, kw_only=True)
class HardConstraintMoE(Solver):
    """Experts that solve for the equations: inside a trained network (PI-HC-MoE), or, for one instance, without one.

    For one instance and no network, ``HardConstraintMoE()``, it is ``LocalExperts``: cells of space with local basis
    functions, marched through time; nothing is trained. Steady problems in space, on regions that are no boxes, of several
    unknowns, and where materials meet along curves or conditions change along a side, have cells that are halved where it
    is needed (``CutExperts``). For a family, or where a network is given, it is ``FamilyExperts``: a network of basis
    functions whose coefficients every member finds for itself, so that the solution takes the parameters:
    ``solution.at(a=0.1)`` is a member.

    Each method has options of its own. One that has no effect is refused by name, at the latest when the problem is known.

    Args:
        experts: of both methods: {coordinate: number of equal parts, or positions to cut at}.
        condition_weight: of both: of the mean squares of conditions, against one for the equations.
        features, degrees, tolerance, most_experts: of ``LocalExperts`` (``pinnlab.solvers.local_experts.plan``): kind of
            the basis functions, their degrees, truncation error, and the largest number of experts.
        network, basis, stages, batch: of ``FamilyExperts`` (``pinnlab.solvers.experts.plan``), as all that follow: the
            network, functions per unknown, optimizers, and members per step.
        coupling, constraint: how experts are joined, and whether there are any.
        points, condition_points, loss_points, graded: where residuals are taken.
        search, ridge: how coefficients are found.
        grid, harmonics: nodes of an ``FNO``, and embedding of periodic coordinates of an ``MLP``.

    Raises:
        TypeError, ValueError: an argument out of its range, or without effect beside the others.

    Source: Chalapathi, Du & Krishnapriyan, arXiv 2402.13412 (ICLR 2024).
    """

    network: nn.Module | None = None
    basis: int = FamilyExperts.basis
    experts: Cuts | None = None
    coupling: str = FamilyExperts.coupling
    constraint: str = FamilyExperts.constraint
    stages: tuple[Optimizer, ...] = FamilyExperts.stages
    batch: int = FamilyExperts.batch
    points: int | None = None
    condition_points: int | None = None
    loss_points: int | None = None
    condition_weight: float = FamilyExperts.condition_weight
    search: LeastSquares = FamilyExperts.search
    ridge: float = FamilyExperts.ridge
    # no options here, but a checkpoint recognizes its solver by all of these names, in this order
    newton: int = field(init=False, repr=False, default_factory=lambda: FamilyExperts.newton)
    hessian: str = field(init=False, repr=False, default_factory=lambda: FamilyExperts.hessian)
    whiten: bool = field(init=False, repr=False, default_factory=lambda: FamilyExperts.whiten)
    grid: Mapping[str, int] | None = None
    order: int = field(init=False, repr=False, default_factory=lambda: FamilyExperts.order)
    harmonics: int = FamilyExperts.harmonics
    graded: Mapping[str, float] = field(default_factory=dict)
    features: str = LocalExperts.features
    degrees: Mapping[str, int] | None = None
    tolerance: float = LocalExperts.tolerance
    most_experts: int = LocalExperts.most_experts

    def __post_init__(self) -> None:
        trained, local = self._given(TRAINED), self._given(LOCAL)
        if trained and local:
            raise ValueError(
                f"HardConstraintMoE({trained[0]}=..., {local[0]}={getattr(self, local[0])!r}): {local[0]} is an option of "
                f"local experts, which solve one instance without a network, and {trained[0]} one of experts over trained "
                "basis functions; leave out one of them."
            )
        if not trained:
            self._local()
        if not local:
            object.__setattr__(self, "stages", self._trained().stages)

    def in_variables(self, change: ChangeOfVariables, problem: Problem) -> Solver:
        return replace(self, experts=inner_cuts(self.experts, change)) if self.experts else self

    def obstacle(self, problem: Problem) -> str | None:
        return self._misplaced(problem) or self._method(problem).obstacle(problem)

    def uses_start(self, problem: Problem) -> bool:
        return self._method(problem).uses_start(problem)

    def finds_functions(self, problem: Problem) -> bool:
        return self._method(problem).finds_functions(problem)

    def takes_robust(self, problem: Problem) -> bool:
        return self._method(problem).takes_robust(problem)

    @property
    def holds_conditions(self) -> bool:
        return holds_conditions(self.network)

    def plan(self, problem: Problem, settings: Settings) -> Plan | March:
        if (why := self._misplaced(problem)) is not None:
            raise ValueError(why)
        return self._method(problem).plan(problem, settings)

    def _method(self, problem: Problem) -> Solver:
        if problem.families or self.network is not None:
            return self._trained()
        local, domain = self._local(), problem.domain
        if self.cuts_cells(problem):
            return CutExperts(local)
        if self.marches_the_plane(problem) or (domain.has_time and not isinstance(domain, Box)):
            return PlaneExperts(local)
        return local

    def cuts_cells(self, problem: Problem) -> bool:
        """Whether one steady instance is solved on cells that are halved where it is rough, and cut by a boundary."""
        return not problem.domain.has_time and on_cut_cells(problem, self._local())

    def marches_the_plane(self, problem: Problem) -> bool:
        """Whether experts on cells of the plane, or of space, are marched through time; on boxes there are others besides,
        which take integrals and data, and the layers that data make which clash at the first time.
        """
        several = problem.domain.has_time and len(problem.domain.space) > 1
        if not several:
            return False
        at_first = any(clash.unknown in problem.clashes.singular and not clash.later for clash in problem.clashes.found)
        if isinstance(problem.domain, Box) and at_first:
            return False
        return PlaneExperts(self._local()).obstacle(problem) is None

    def _trained(self) -> FamilyExperts:
        return FamilyExperts(**{f.name: getattr(self, f.name) for f in fields(FamilyExperts)})

    def _local(self) -> LocalExperts:
        return LocalExperts(**{f.name: getattr(self, f.name) for f in fields(LocalExperts)})

    def _given(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in given(self) if name in names]

    def _misplaced(self, problem: Problem) -> str | None:
        """Why an option that was given does not belong to the method that suits the problem."""
        trained, local = self._given(TRAINED), self._given(LOCAL)
        name = ", ".join(problem.families)
        if name and local:
            return (
                f"HardConstraintMoE({local[0]}={getattr(self, local[0])!r}): {local[0]} is an option of local experts, "
                f"which solve one instance, and this problem is a family over {name}, solved by experts over trained basis "
                f"functions; leave {local[0]} out, or solve a member, problem.at(...)."
            )
        if not name and trained and self.network is None:
            return (
                f"HardConstraintMoE({trained[0]}={getattr(self, trained[0])!r}): {trained[0]} is an option of experts over "
                "trained basis functions, and one instance without a network is solved by local experts; give a network "
                f"as well, network=pl.MLP(), or leave {trained[0]} out."
            )
        return None
