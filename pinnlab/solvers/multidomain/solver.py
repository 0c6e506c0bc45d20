"""Multi-domain physics-informed networks: one network per subdomain, joined by interface conditions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from pinnlab.declaration.conditions import Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.fields import argument_names
from pinnlab.domains import Box
from pinnlab.networks.mlp import MLP
from pinnlab.networks.overlapping import Overlapping
from pinnlab.solvers.collocation import CollocationPlan, CollocationSolver
from pinnlab.solvers.multidomain.interfaces import InterfaceCondition, interface_terms, resolve
from pinnlab.solvers.multidomain.model import PiecewiseModel
from pinnlab.solvers.multidomain.partition import Partition, Subdomains
from pinnlab.training.model import Model, Trainable
from pinnlab.training.plans import Plan, Settings, check_single_instance
from pinnlab.training.residuals import Count
from pinnlab.training.weighting import Unweighted, Weighting

_STRIDE = 10_000
"""Between the seeds of one window's networks and the next one's."""

Interface = str | InterfaceCondition | Callable | Sequence | Mapping


@dataclass(frozen=True, kw_only=True)
class MultiDomainPINN(CollocationSolver):
    """One network per subdomain; interface conditions join them.

    Args:
        subdomains: {coordinate: positions of cuts}, such as ``{"x": (0.0,)}``, or ``Subdomains(...)``.
        interface: conditions at the interfaces: names from ``pinnlab.solvers.multidomain.interfaces.CONDITIONS``, functions
            ``f(first, second, face)`` of the two sides' fields, or {one of these: weight}. The default ``"matching"``
            couples the value and all normal derivatives below the equation's order.
        interface_weight: multiplies the weights of interface conditions.
        interface_points: points on each interface; None takes an eighth of ``points``, at least 64.
        overlap: None joins subdomains by interface conditions. A number in (0, 1] lets neighbours overlap over that share
            of the smaller one's extent and blends their networks by smooth windows instead (FBPINN); ``interface`` is
            then not used.
        flux: the flux that the condition ``"flux"`` compares, a function bound by name like an equation; it returns the
            component along the cut coordinate, or ``{coordinate: component}``. None compares normal derivatives.
        uncoupled: allow an empty ``interface``: subdomains that know nothing of each other.
        weighting: ``Unweighted()``, ``GradientNorm()``, ``NTK()``, or ``Causal(...)`` from ``pinnlab.training.weighting``.
        network, stages, sampling, harmonics, windows, warm_start, condition_weight: as in ``CollocationSolver``;
            the template is built once per subdomain, on inputs scaled to it.
        points, boundary_points: in each cell, and of each soft condition in each cell.

    Raises:
        TypeError, ValueError: cuts outside the domain or out of order; an unknown or empty interface; a network that is
            no template.

    Source: Jagtap & Karniadakis, Commun. Comput. Phys. 28 (2020) 2002; Moseley et al., arXiv 2107.07871; Zhao et al.
    (METALIC), arXiv 2210.12669.
    """

    subdomains: Mapping[str, Sequence[float]] | Subdomains
    interface: Interface = "matching"
    interface_weight: float = 100.0
    interface_points: int | None = None
    flux: Callable[..., Any] | None = None
    uncoupled: bool = False
    overlap: float | None = None
    weighting: Weighting = field(default_factory=Unweighted)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.subdomains, Subdomains):
            object.__setattr__(self, "subdomains", Subdomains(self.subdomains))  # type: ignore[arg-type]
        if not isinstance(self.weighting, Weighting):
            raise TypeError(
                f"MultiDomainPINN(weighting={self.weighting!r}): give Unweighted(), GradientNorm() or NTK()."
            )
        if self.network is not None and not getattr(self.network, "is_template", False):
            raise TypeError(
                f"MultiDomainPINN(network={self.network!r}): every subdomain gets its own network, so give a template such "
                "as pl.MLP(width=20, depth=2)."
            )
        if not self.interface_weight > 0:
            raise ValueError(f"MultiDomainPINN(interface_weight={self.interface_weight}): must be positive.")
        if self.interface_points is not None and self.interface_points < 1:
            raise ValueError(f"MultiDomainPINN(interface_points={self.interface_points}): must be at least 1.")
        if self.flux is not None and not callable(self.flux):
            raise TypeError(
                f"MultiDomainPINN(flux={self.flux!r}): give a function such as lambda u, nu: u*u/2 - nu*u.x."
            )
        if self.overlap is not None and not 0 < self.overlap <= 1:
            raise ValueError(f"MultiDomainPINN(overlap={self.overlap}): give a share in (0, 1], such as 0.5, or None.")
        if not resolve(self.interface):
            message = (
                "MultiDomainPINN(interface=()): no condition joins the subdomains, so nothing crosses an interface"
            )
            if not self.uncoupled:
                raise ValueError(f"{message}; name some, such as interface=('value', 'flux'), or write uncoupled=True.")
            warnings.warn(f"{message}.", stacklevel=3)

    def row_weighting(self) -> Weighting:
        return self.weighting

    def plan(self, problem: Problem, settings: Settings) -> Plan:
        check_single_instance(problem, "MultiDomainPINN")
        return _MultiDomainPlan(self, problem, settings)


class _MultiDomainPlan(CollocationPlan):
    solver: MultiDomainPINN

    def __init__(self, solver: MultiDomainPINN, problem: Problem, settings: Settings):
        if solver.flux is not None:
            available = (*problem.unknowns, *problem.domain.coordinates, *problem.parameters)
            argument_names(solver.flux, available, "flux")
        super().__init__(solver, problem, settings)

    @property
    def _periods(self) -> dict[int, float]:
        # pieces meet at interfaces, up to what training leaves there
        return {}

    def _remarks(self, problem: Problem) -> tuple[str, ...]:
        if self.solver.overlap is not None:
            return problem.exact_plan(periodic=False).notes
        pieces = self._pieces(problem, self._partition(problem))
        return tuple(dict.fromkeys(note for piece in pieces for note in piece.exact_plan().notes))

    def _assembled(self, problem: Problem, k: int) -> tuple[Trainable, list[Count]]:
        partition = self._partition(problem)
        if self.solver.overlap is not None:
            return self._blended(problem, partition, k)
        coefficients, constants = self._parameters(problem)
        pieces = self._pieces(problem, partition)
        template = self.solver.network or MLP(width=20, depth=2)
        networks: dict[int, nn.Module] = {}
        models: list[Model] = []
        counts: list[Count] = []
        for number, (cell, piece) in enumerate(zip(partition.cells, pieces, strict=True)):
            plan = piece.exact_plan()
            if cell.owner not in networks:
                bounds = partition.bounding_box(cell.owner)
                networks[cell.owner] = self._network(template, piece, bounds, plan.periods, _STRIDE * k + cell.owner)
            model = Model(
                cell.box, problem.unknowns, networks[cell.owner], plan.ansatz, coefficients, constants  # type: ignore[arg-type]
            )  # fmt: skip
            models.append(model)
            counts += self._counts(piece, plan.soft, model, partition.layer(number))
        counts += self._joints(problem, partition, models)
        return PiecewiseModel(partition, models, coefficients, constants), counts

    def _blended(self, problem: Problem, partition: Partition, k: int) -> tuple[Trainable, list[Count]]:
        """One model whose network is a blend of overlapping ones."""
        assert self.solver.overlap is not None and isinstance(self.solver.subdomains, Subdomains)
        if not isinstance(problem.domain, Box) or self.solver.subdomains.together:
            raise ValueError("MultiDomainPINN(overlap=...): windows need a box whose cells have a network each.")
        template = self.solver.network or MLP(width=20, depth=2)
        boxes = [list(cell.box.bounds.values()) for cell in partition.cells]
        network = Overlapping(template, boxes, self.solver.overlap)  # type: ignore[arg-type]
        return self._single(network, problem, problem.exact_plan(periodic=False), k)

    def _partition(self, problem: Problem) -> Partition:
        periodic = [c.on for c in problem.conditions if isinstance(c, Periodic)]
        assert isinstance(self.solver.subdomains, Subdomains)
        return self.solver.subdomains.split(problem.domain, periodic)

    def _pieces(self, problem: Problem, partition: Partition) -> list[Problem]:
        """The problem on each cell: the same equations, and those conditions that concern it."""
        return [
            problem.replace(domain=c.box, conditions=partition.conditions(i, problem.conditions), reference=None)
            for i, c in enumerate(partition.cells)
        ]

    def _joints(self, problem: Problem, partition: Partition, models: Sequence[Model]) -> list[Count]:
        """Interface conditions, one term per condition and interface."""
        conditions = [(c, w * self.solver.interface_weight) for c, w in resolve(self.solver.interface)]
        few = self.solver.interface_points or self._few(problem, models[0])
        counts = []
        for interface in partition.interfaces:
            a, b = interface.first, interface.second
            for term in interface_terms(problem, interface, conditions, self.solver.flux, f"{a}|{b}"):
                counts.append(Count(term, few, (models[a], models[b])))
        return counts
