"""Lagrangian physics-informed networks: solve on characteristics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import nn

from pinnlab.declaration.ansatz import Ansatz
from pinnlab.declaration.conditions import Initial
from pinnlab.declaration.exact import ExactPlan
from pinnlab.declaration.parameters.bounded import frees
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.declaration.velocity import velocity_uses
from pinnlab.derivatives.indices import used_indices
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.calls import explained_call
from pinnlab.networks.branches import Branches
from pinnlab.networks.mlp import MLP
from pinnlab.solvers.assembly import Builder, template
from pinnlab.solvers.collocation import Assembly, CollocationSolver, Method
from pinnlab.solvers.lagrangian.frames import Drift
from pinnlab.solvers.lagrangian.inflow import Entry, entered, entry_ansatz, entry_of
from pinnlab.solvers.lagrangian.labels import TRAJECTORY, checked_domain, drift_of, label_problem, trajectory_term
from pinnlab.solvers.lagrangian.view import EulerianView
from pinnlab.solvers.windows import Slice, frozen
from pinnlab.training.model import Model
from pinnlab.training.plans import Settings
from pinnlab.training.status import Status
from pinnlab.training.weighting import Unweighted, Weighting

_NARROW = 0.02
"""det dX/dxi below which the user is told how far characteristics have come together."""


@explained_call("arguments are named, such as network=pl.MLP(width=20)")
@dataclass(frozen=True, kw_only=True)
class LagrangianPINN(CollocationSolver):
    """Two networks on the labels of characteristics: where they go, and the state they carry.

    The equations are the problem's own; their derivatives by position and by time at a fixed place come from those by
    label through the chain rule. The problem says with which ``velocity`` its characteristics move.

    Every time window gives labels anew, by where characteristics are when it starts: displacements are small then, and
    what has come close is apart again. Where states stay what they are along characteristics, whatever these do, they
    are known, and only displacements are trained.

    Args:
        trajectory: template of the displacements' branch; a small MLP if None.
        network: template of the states' branch; a small MLP if None. It has no part where states are known.
        drift: ``"mean"``: displacements are counted from a shift at the mean velocity of the initial state and begin with
            the velocity of the start where that is known, so that what flows evenly is exact from the start. None:
            they are counted from the labels themselves and all of the motion is learned, as in the paper; periodic
            space only.
        label_diffusion: space derivatives of second and higher order by label, as in the paper's released code. They
            are those by position only where the velocity is constant.
        weighting: ``Unweighted()``, ``GradientNorm()``, ``NTK()``, or ``Causal(...)`` from ``pinnlab.training.weighting``.
        stages, points, boundary_points, sampling, harmonics, windows, warm_start, condition_weight: as in
            ``CollocationSolver``. With ``warm_start`` later windows cost little where the flow is much the same in all.

    Raises:
        TypeError, ValueError: no velocity, or open sides that do not suit the flow (see ``inflow.py``).

    Source: Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902 (CMAME 404:115810, 2023).
    """

    added_later: ClassVar[Mapping[str, Any]] = {"drift": "mean"}
    trajectory: nn.Module | None = None
    drift: str | None = "mean"
    label_diffusion: bool = False
    weighting: Weighting = field(default_factory=Unweighted)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.weighting, Weighting):
            raise TypeError(
                f"LagrangianPINN(weighting={self.weighting!r}): give Unweighted(), GradientNorm() or NTK()."
            )
        if self.drift not in ("mean", None):
            raise ValueError(
                f"LagrangianPINN(drift={self.drift!r}): it is 'mean', a shift at the mean velocity of the initial state, or "
                "None, no shift: all of the motion is learned."
            )
        for name in ("network", "trajectory"):
            value = getattr(self, name)
            if value is not None and not getattr(value, "is_template", False):
                raise TypeError(f"LagrangianPINN({name}={value!r}): give a template such as pl.MLP(width=30).")

    def row_weighting(self) -> Weighting:
        return self.weighting

    def method(self, problem: Problem, settings: Settings) -> Method:
        return Characteristics(self, problem, settings)

    def check(self, problem: Problem) -> None:
        super().check(problem)
        Labelled.of(problem, self)

    def idle(self, problem: Problem, window: Assembly) -> dict[str, str]:
        found = super().idle(problem, window)
        if not _spreads(problem):
            found["label_diffusion"] = (
                "no space derivative of second or higher order stands in the equation; leave label_diffusion out."
            )
        return found


def _spreads(problem: Problem) -> bool:
    """Whether a space derivative of second or higher order stands in the equations."""
    words = [word for words in problem.derivatives.values() for word in words]
    return any(sum(name in problem.domain.space for name in word) > 1 for word in words)


@dataclass(frozen=True, eq=False)
class Labelled:
    """A problem with its characteristics.

    Attributes:
        problem: at fixed places.
        entry: its labels on an interval with open sides; None where space is periodic.
        drift: of its characteristics.
        labels: the problem for functions of labels.
        exact: which conditions of ``labels`` are built in; those of open sides are the business of ``entry``.
    """

    problem: Problem
    entry: Entry | None
    drift: Drift
    labels: Problem
    exact: ExactPlan

    @classmethod
    def of(cls, problem: Problem, solver: LagrangianPINN) -> Labelled:
        """The characteristics of a problem, as a solver counts them.

        Raises:
            TypeError, ValueError: they cannot be followed.
        """
        entry = entry_of(problem) if len(problem.domain.space) == 1 else None
        box = checked_domain(problem)
        start, clock = box.time_interval[0], box.clock
        if entry is not None and solver.drift is None:
            raise ValueError(
                f"LagrangianPINN(drift=None): {problem.domain.space[0]!r} is not periodic, and labels are carried to an "
                "open side with the flow that enters there; leave drift out."
            )
        if entry is not None:
            drift = Drift(start, {problem.domain.space[0]: entry.velocity}, clock)
        elif solver.drift is None:
            drift = Drift(start, dict.fromkeys(problem.domain.space, 0.0), clock, begins=False)
        else:
            drift = drift_of(problem)
        labels = label_problem(problem, drift, solver.label_diffusion)
        # where nothing spreads, a state at one label is nobody else's business: its kinks and jumps stay at their labels
        return cls(problem, entry, drift, labels, labels.exact_plan(rough=not _spreads(problem)))

    @property
    def ansatz(self) -> Any:
        """The exact conditions, as G and F of u = G + F N."""
        return self.exact.ansatz if self.entry is None else entry_ansatz(self.problem, self.entry)


@final
class Characteristics(Method):
    """Networks on the labels of characteristics.

    Args:
        solver: the configuration.
        problem: what is to be solved, over all windows.
        settings: where and how.
    """

    def __init__(self, solver: LagrangianPINN, problem: Problem, settings: Settings):
        self._solver, self._builder = solver, Builder(solver, settings)
        self._whole = Labelled.of(problem, solver)
        self._own = problem.unknowns
        exact = self._whole.exact
        given = not any(isinstance(condition, Initial) for condition in exact.soft)
        self._known = given and states_are_known(self._whole.labels, self._own, exact.ansatz)
        self._unseen = self._known and not velocity_uses(problem, self._own)

    def assemble(self, problem: Problem, number: int) -> Assembly:
        whole = self._whole
        flow = whole if problem is whole.problem else Labelled.of(problem, self._solver)
        # later states are looked for through all windows before, at every point, and used by nothing that is trained
        blank = number > 0 and self._unseen
        labels, entry, builder = self._blank(flow.labels) if blank else flow.labels, flow.entry, self._builder
        exact = labels.exact_plan() if blank else flow.exact
        bounds = dict(labels.domain.bounds) | ({} if entry is None else {entry.box.space[0]: entry.labels})
        features = builder.features(bounds, exact.periods)
        features = features if entry is None else entry.delayed(features)
        network = builder.network(self._branches(problem), labels, features, number)
        assert isinstance(network, Branches)
        numbers, constants = builder.parameters(labels)
        free = frees(labels.parameters)

        def model(ansatz: Any) -> Model:
            return Model(labels.domain, tuple(labels.unknowns), network, ansatz, numbers, constants, free)

        few = builder.few(labels, model(exact.ansatz).size)
        equations = trajectory_term(problem, flow.drift, labels) if self._known else labels.equation_term()
        if self._known:
            network.parts[0].requires_grad_(False)
        seen = trained = model(flow.ansatz)
        if blank:
            trained = model(exact.ansatz if entry is None else entry_ansatz(problem, entry, blank))
        counts = [
            builder.equations(equations if entry is None else entered(equations, entry), trained),
            *builder.conditions(labels, exact.soft, trained, few),
            *builder.priors(labels, trained),
        ]
        view = EulerianView(seen, self._own, flow.drift, entry)
        end = _kept if self._unseen else partial(frozen, periods={})
        return Assembly(trained, counts, view, end, bool(exact.periods), exact.notes)

    def verdict(self, views: Sequence[Any], status: Status) -> tuple[Status, tuple[str, ...]]:
        clock = views[0].region.clock
        with torch.no_grad():
            times = [time for view in views if (time := view.first_crossing()) is not None]
            if times:
                return Status.CROSSED, (f"characteristics cross from {clock} = {min(times):.4g} on",)
            size, time = min(view.narrowest() for view in views)
        if size > _NARROW:
            return status, ()
        return status, (
            f"characteristics stay apart, but come close: at {clock} = {time:.4g} a neighbourhood has shrunk to J = "
            f"{size:.2g} of its size at the start of its window; compare() with a classical solution before trusting it "
            "from there on, use more windows, or end earlier",
        )

    def _branches(self, problem: Problem) -> Branches:
        """The template: states, then displacements."""
        solver = self._solver
        state = MLP(width=1, depth=1) if self._known else template(solver.network, MLP(width=20, depth=2))
        trajectory = template(solver.trajectory, MLP(width=10, depth=2))
        return Branches([state, trajectory], [len(self._own), len(problem.domain.space)])

    def _blank(self, labels: Problem) -> Problem:
        """The problem on labels with states that are zero."""
        nothing: dict[str, Any] = dict.fromkeys(self._own, 0.0)
        others = (c for c in labels.conditions if not set(c.values) & set(self._own))
        return labels.replace(conditions=[Initial(**nothing), *others])


def _kept(end: Slice) -> Slice:
    return end


def states_are_known(labels: Problem, own: tuple[str, ...], exact: Ansatz) -> bool:
    """Whether states stay what they are along characteristics, wherever these go: then only displacements are unknown.

    Found by trial: the states of the start, put into the equations with displacements made up at random, leave nothing.

    Args:
        labels: the problem on labels.
        own: the unknowns that are states.
        exact: the conditions of ``labels``, built in.
    """
    box, names = labels.domain, labels.domain.coordinates
    points = box.interior(unit_points("sobol", 64, len(names), np.random.default_rng(0))).points
    indices = used_indices(labels.derivatives, names)
    prepared = exact.prepare(points, indices)
    if prepared is None:
        return False
    generator = torch.Generator().manual_seed(0)
    jet = prepared[0].clone()
    made_up = torch.randn(
        len(indices), len(points), len(labels.unknowns) - len(own), dtype=jet.dtype, generator=generator
    )
    jet[:, :, len(own) :] = 0.1 * made_up
    scope = Scope.of_jet(jet, indices, labels.unknowns, box.columns(points), labels.parameter_values())
    found = labels.equation_term().evaluate((scope,))
    scale = 1 + float(jet.abs().max())
    return all(float(r.abs().max()) < 1e-10 * scale for name, r in found.items() if not name.startswith(TRAJECTORY))
