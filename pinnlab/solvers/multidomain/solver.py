"""Multi-domain physics-informed networks: one network per subdomain, joined by interface conditions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, final

from torch import nn

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.conditions import Periodic
from pinnlab.declaration.parameters.bounded import frees
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import ChangedFunction
from pinnlab.domains import Box
from pinnlab.domains.affine import Affine
from pinnlab.machine.calls import explained_call
from pinnlab.machine.numbers import positive, whole
from pinnlab.networks.base import Network
from pinnlab.networks.mlp import MLP
from pinnlab.networks.overlapping import Overlapping
from pinnlab.solvers.assembly import Builder, template
from pinnlab.solvers.collocation import Assembly, CollocationSolver, Method
from pinnlab.solvers.multidomain.by_stage import by_stage, stages_of
from pinnlab.solvers.multidomain.inner_interfaces import in_inner_variables
from pinnlab.solvers.multidomain.interfaces import InterfaceCondition, interface_terms, joins_fluxes, resolve
from pinnlab.solvers.multidomain.model import PiecewiseModel
from pinnlab.solvers.multidomain.partition import Partition, Subdomains
from pinnlab.solvers.multidomain.weights import comparable, response
from pinnlab.solvers.switches import switches
from pinnlab.solvers.windows import frozen
from pinnlab.training.blocks import Count
from pinnlab.training.model import Model
from pinnlab.training.plans import Settings
from pinnlab.training.weighting import Unweighted, Weighting

_STRIDE = 10_000
"""Between the seeds of one window's networks and the next one's."""

Interface = str | InterfaceCondition | Callable | Sequence | Mapping


@explained_call("arguments are named, such as network=pl.MLP(width=20)")
@dataclass(frozen=True, kw_only=True)
class MultiDomainPINN(CollocationSolver):
    """One network per subdomain; interface conditions join them.

    Args:
        subdomains: {coordinate: positions of cuts}, such as ``{"x": (0.0,)}``, or ``Subdomains(...)``; None cuts where
            materials meet.
        interface: conditions at the interfaces: names from ``pinnlab.solvers.multidomain.interfaces.CONDITIONS``, functions
            ``f(first, second, face)`` of the two sides' fields, or {one of these: weight}. The default ``"matching"``
            couples the value and all normal derivatives below the equation's order; where materials meet, the fluxes that
            stand inside ``pl.diff`` instead of derivatives that jump. A set for each of the ``stages``, such as
            ``(("value",), ("value", "flux"))``, changes them as training goes on.
        interface_weight: multiplies the weights of interface conditions. In natural units jumps are compared with residuals
            first (``weights``), so that 100 is right for u_xx as for stiff reactions and for u_xxxx.
        interface_points: points on each interface; None takes an eighth of ``points``, at least 64.
        overlap: None joins subdomains by interface conditions. A number in (0, 1] lets neighbours overlap over that share
            of the smaller one's extent and blends their networks by smooth windows instead (FBPINN); options about
            interfaces are then refused.
        flux: the flux that the condition ``"flux"`` compares, a function bound by name like an equation; it returns the
            component along the cut coordinate, or ``{coordinate: component}``. None compares normal derivatives, and where
            materials meet what stands inside ``pl.diff``.
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

    subdomains: Mapping[str, Sequence[float]] | Subdomains | None = None
    interface: Interface = "matching"
    interface_weight: float = 100.0
    interface_points: int | None = None
    flux: Callable[..., Any] | None = None
    uncoupled: bool = False
    overlap: float | None = None
    weighting: Weighting = field(default_factory=Unweighted)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.subdomains is not None and not isinstance(self.subdomains, Subdomains):
            object.__setattr__(self, "subdomains", Subdomains(self.subdomains))
        if not isinstance(self.weighting, Weighting):
            raise TypeError(
                f"MultiDomainPINN(weighting={self.weighting!r}): give Unweighted(), GradientNorm() or NTK()."
            )
        if self.network is not None and not getattr(self.network, "is_template", False):
            raise TypeError(
                f"MultiDomainPINN(network={self.network!r}): every subdomain gets its own network, so give a template such "
                "as pl.MLP(width=20, depth=2)."
            )
        if not positive(self.interface_weight):
            raise ValueError(f"MultiDomainPINN(interface_weight={self.interface_weight!r}): must be positive.")
        if self.interface_points is not None and not whole(self.interface_points, 1):
            raise ValueError(f"MultiDomainPINN(interface_points={self.interface_points!r}): must be at least 1.")
        if self.flux is not None and not callable(self.flux):
            raise TypeError(
                f"MultiDomainPINN(flux={self.flux!r}): give a function such as lambda u, nu: u*u/2 - nu*u.x."
            )
        if self.overlap is not None and not 0 < self.overlap <= 1:
            raise ValueError(f"MultiDomainPINN(overlap={self.overlap}): give a share in (0, 1], such as 0.5, or None.")
        if self.overlap is not None:
            self._refuse_interfaces(self.overlap)
        sets = by_stage(self.interface)
        if len(sets) > 1 and len(sets) != len(self.stages or ()):
            trained = "stages= is not given" if self.stages is None else f"there are {len(self.stages)} stages"
            raise ValueError(
                f"MultiDomainPINN(interface={self.interface!r}): these are {len(sets)} sets of conditions, one for each "
                f"stage, and {trained}; give as many, such as stages=(pl.Adam(), pl.LBFGS()), or one set for all stages."
            )
        if not all(resolve(part) for part in sets):
            message = (
                "MultiDomainPINN(interface=()): no condition joins the subdomains, so nothing crosses an interface"
            )
            if not self.uncoupled:
                raise ValueError(f"{message}; name some, such as interface=('value', 'flux'), or write uncoupled=True.")
            warnings.warn(f"{message}.", stacklevel=3)

    def _refuse_interfaces(self, overlap: float) -> None:
        """Raise ValueError for an option that is about interfaces, of which overlapping subdomains have none."""
        about = ("interface", "interface_weight", "interface_points", "flux", "uncoupled")
        for name in [o.name for o in fields(self) if o.name in about and getattr(self, o.name) != o.default]:
            raise ValueError(
                f"MultiDomainPINN(overlap={overlap}, {name}={getattr(self, name)!r}): overlapping networks are blended, and "
                f"no interface lies between them; leave out {name}, or overlap."
            )

    def row_weighting(self) -> Weighting:
        return self.weighting

    def idle(self, problem: Problem, window: Assembly) -> dict[str, str]:
        found = super().idle(problem, window)
        kinds = {count.term.kind for count in window.counts if count.term.fixed is None}
        if self.interface_points is not None and kinds == {"equation", "interface"}:
            found["boundary_points"] = (
                "no condition is in the loss, and interfaces have interface_points; leave it out."
            )
        if not _compares_fluxes(self.interface):
            found["flux"] = (
                f"interface={self.interface!r} holds no condition that compares fluxes; add one, such as "
                "interface=('value', 'flux'), or leave flux out."
            )
        return found

    def in_variables(self, change: ChangeOfVariables, problem: Problem) -> MultiDomainPINN:
        given = self._cuts(problem)
        cuts = {name: change.positions(name, at) for name, at in given.cuts.items()}
        flux = self.flux
        if flux is not None:
            # a flux is what an equation is the derivative of
            size = max(change.residuals.values(), default=1.0) / max(change.along((name,)) for name in cuts)
            names = argument_names(flux, problem.bindable, "flux")
            flux = ChangedFunction(flux, names, change, Affine(0.0, size))
        sets = by_stage(in_inner_variables(self.interface, change))
        if not problem.scales().natural:
            size = response(problem.natural)
            sets = tuple(comparable(part, flux, size) for part in sets)
        interface = sets if len(sets) > 1 else sets[0]
        windows = super().in_variables(change, problem).windows
        return replace(self, subdomains=replace(given, cuts=cuts), flux=flux, interface=interface, windows=windows)

    def with_interface(self, interface: Interface) -> MultiDomainPINN:
        """The same with other interface conditions, without a flux that none of them compares; an empty set is meant."""
        flux = self.flux if _compares_fluxes(interface) else None
        coupled = all(resolve(part) for part in by_stage(interface))
        return replace(self, interface=interface, flux=flux, uncoupled=self.uncoupled or not coupled)

    def method(self, problem: Problem, settings: Settings) -> Method:
        if self.overlap is None:
            return CoupledNetworks(self, settings)
        return BlendedNetworks(self, settings, self.overlap)

    def check(self, problem: Problem) -> None:
        super().check(problem)
        if self.flux is not None:
            argument_names(self.flux, (*problem.unknowns, *problem.domain.coordinates, *problem.parameters), "flux")
        partition = self.partition(problem)
        if self.overlap is None:
            for number in range(len(partition.cells)):
                partition.conditions(number, problem.conditions)
        elif not isinstance(problem.domain, Box) or self._cuts(problem).together:
            raise ValueError("MultiDomainPINN(overlap=...): windows need a box whose cells have a network each.")

    def joined(self, problem: Problem) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        if self.overlap is None:
            for interface in self.partition(problem).interfaces:
                name, at = interface.normal, interface.below.bounds[interface.normal][1]
                transmission = problem.joints.at(name, at)
                if joins_fluxes(by_stage(self.interface)[-1], self.flux, problem.order(name), transmission):
                    found.setdefault(name, []).append(at)
        return found

    def partition(self, problem: Problem) -> Partition:
        """The cells of a problem's domain; where it is periodic its ends meet.

        Raises:
            ValueError: cuts that do not fit the domain.
        """
        return self._cuts(problem).split(problem.domain, [c.on for c in problem.conditions if isinstance(c, Periodic)])

    @property
    def template(self) -> Network:
        """Of every subdomain's network."""
        return template(self.network, MLP(width=20, depth=2))

    def _cuts(self, problem: Problem) -> Subdomains:
        if self.subdomains is None:
            if not problem.joints.inside:
                raise ValueError(
                    "MultiDomainPINN(): no materials of the problem meet at a position along a coordinate, where the domain "
                    "would be cut; give the cuts, such as subdomains={'x': (0.5,)}."
                )
            return Subdomains(problem.joints.inside)
        assert isinstance(self.subdomains, Subdomains), "a mapping became one"
        return self.subdomains


def _compares_fluxes(interface: Interface) -> bool:
    return any(condition.about == "flux" for part in by_stage(interface) for condition, _ in resolve(part))


@final
class BlendedNetworks(Method):
    """One model whose network is a blend of overlapping ones.

    Args:
        solver: the configuration.
        settings: where and how.
        overlap: share of the smaller neighbour's extent, in (0, 1].
    """

    def __init__(self, solver: MultiDomainPINN, settings: Settings, overlap: float):
        self._solver, self._builder, self._overlap = solver, Builder(solver, settings), overlap

    def assemble(self, problem: Problem, number: int) -> Assembly:
        boxes = [list(cell.box.bounds.values()) for cell in self._solver.partition(problem).cells]
        network = Overlapping(self._solver.template, boxes, self._overlap)
        return self._builder.single(network, problem, problem.exact_plan(periodic=False), number)


@final
class CoupledNetworks(Method):
    """One model per cell; those of one subdomain share a network, and interface conditions join them."""

    def __init__(self, solver: MultiDomainPINN, settings: Settings):
        self._solver, self._builder = solver, Builder(solver, settings)

    def assemble(self, problem: Problem, number: int) -> Assembly:
        builder, partition, singular = self._builder, self._solver.partition(problem), switches(problem)
        numbers, constants = builder.parameters(problem)
        free = frees(problem.parameters)
        networks: dict[int, nn.Module] = {}
        models: list[Model] = []
        counts: list[Count] = []
        notes: list[str] = []
        periodic = False
        for k, cell in enumerate(partition.cells):
            # the same equations, and those conditions that concern the cell
            conditions = partition.conditions(k, problem.conditions)
            piece = problem.replace(domain=cell.box, conditions=conditions, reference=None)
            exact = piece.exact_plan()
            if cell.owner not in networks:
                features = builder.features(partition.bounding_box(cell.owner), exact.periods, singular)
                seed = _STRIDE * number + cell.owner
                networks[cell.owner] = builder.network(self._solver.template, piece, features, seed)
            network = networks[cell.owner]
            model = Model(cell.box, problem.unknowns, network, exact.ansatz, numbers, constants, free)
            models.append(model)
            periodic = periodic or bool(exact.periods)
            counts += builder.counts(piece, exact, model, partition.time_interval(k))
            notes += exact.notes
        counts += [*self._joints(problem, partition, models), *builder.priors(problem, models[0])]
        whole = PiecewiseModel(partition, models, numbers, constants, free)
        # pieces meet at interfaces, up to what training leaves there: no period is exact
        return Assembly(whole, counts, whole, partial(frozen, periods={}), periodic, tuple(dict.fromkeys(notes)))

    def _joints(self, problem: Problem, partition: Partition, models: Sequence[Model]) -> list[Count]:
        """Interface conditions, one term per condition and interface."""
        solver, changing = self._solver, len(by_stage(self._solver.interface)) > 1
        found = stages_of(solver.interface)
        conditions = [(c, w * solver.interface_weight) for c, w in found]
        few = solver.interface_points or self._builder.few(problem, models[0].size)
        counts = []
        for interface in partition.interfaces:
            a, b = interface.first, interface.second
            terms = interface_terms(problem, interface, conditions, solver.flux, f"{a}|{b}")
            for term, stages in zip(terms, found.values(), strict=True):
                counts.append(Count(term, few, (models[a], models[b]), stages=stages if changing else None))
        return counts
