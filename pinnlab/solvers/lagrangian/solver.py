"""Lagrangian physics-informed networks: solve on characteristics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.declaration.conditions import Condition, Initial
from pinnlab.declaration.exact import ExactPlan
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.declaration.velocity import velocity_uses
from pinnlab.derivatives.indices import used_indices
from pinnlab.domains import TIME
from pinnlab.domains.sampling import unit_points
from pinnlab.networks.branches import Branches
from pinnlab.networks.mlp import MLP
from pinnlab.solvers.collocation import CollocationPlan, CollocationSolver
from pinnlab.solvers.lagrangian.frames import Drift
from pinnlab.solvers.lagrangian.inflow import Entry, EntryEmbedding, entered, entry_ansatz, entry_of
from pinnlab.solvers.lagrangian.labels import TRAJECTORY, drift_of, label_problem, trajectory_term
from pinnlab.solvers.lagrangian.view import EulerianView
from pinnlab.solvers.windows import Slice, as_series, joined
from pinnlab.training.blocks import Count
from pinnlab.training.model import Model, Trainable
from pinnlab.training.plans import Plan, Settings, check_single_instance
from pinnlab.training.status import Status
from pinnlab.training.weighting import Unweighted, Weighting

_NARROW = 0.02
"""det dX/dxi below which the user is told how far characteristics have come together."""


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
        label_diffusion: space derivatives of second and higher order by label, as in the paper's released code. They
            are those by position only where the velocity is constant.
        weighting: ``Unweighted()``, ``GradientNorm()``, ``NTK()``, or ``Causal(...)`` from ``pinnlab.training.weighting``.
        stages, points, boundary_points, sampling, harmonics, windows, warm_start, condition_weight: as in
            ``CollocationSolver``. With ``warm_start`` later windows cost little where the flow is much the same in all.

    Raises:
        TypeError, ValueError: no velocity, or open sides that do not suit the flow (see ``inflow.py``).

    Source: Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902 (CMAME 404:115810, 2023).
    """

    trajectory: nn.Module | None = None
    label_diffusion: bool = False
    weighting: Weighting = field(default_factory=Unweighted)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.weighting, Weighting):
            raise TypeError(
                f"LagrangianPINN(weighting={self.weighting!r}): give Unweighted(), GradientNorm() or NTK()."
            )
        for name in ("network", "trajectory"):
            value = getattr(self, name)
            if value is not None and not getattr(value, "is_template", False):
                raise TypeError(f"LagrangianPINN({name}={value!r}): give a template such as pl.MLP(width=30).")

    def row_weighting(self) -> Weighting:
        return self.weighting

    def plan(self, problem: Problem, settings: Settings) -> Plan:
        check_single_instance(problem, "LagrangianPINN")
        return _LagrangianPlan(self, problem, settings)


class _LagrangianPlan(CollocationPlan):
    def __init__(self, solver: LagrangianPINN, problem: Problem, settings: Settings):
        self.given, self.own = problem, tuple(problem.unknowns)
        self.label_diffusion = solver.label_diffusion
        self.entry = entry_of(problem) if len(problem.domain.space) == 1 else None
        drift = _drift(problem, self.entry)
        labels = label_problem(problem, drift, solver.label_diffusion)
        self.known = states_are_known(labels, self.own)
        self.unseen = self.known and not velocity_uses(problem, self.own)
        self.drifts = {drift.start: drift}
        self.entries = {drift.start: self.entry}
        self.exact = {drift.start: _exact(problem, labels, self.entry)}
        self.views: dict[float, EulerianView] = {}
        state = MLP(width=1, depth=1) if self.known else solver.network or MLP(width=20, depth=2)
        trajectory = solver.trajectory or MLP(width=10, depth=2)
        branches = Branches([state, trajectory], [len(self.own), len(problem.domain.space)])  # type: ignore[list-item]
        super().__init__(dataclasses.replace(solver, network=branches), labels, settings)

    def _window(self, k: int, finished: Sequence[Trainable]) -> Problem:
        window = self.problem.domain.replace(t=(self.cuts[k], self.cuts[k + 1]))
        conditions: Sequence[Condition] = self.given.conditions
        if k > 0:
            previous = self.view(finished[k - 1])
            conditions = [self._handed_over(c, previous) for c in conditions]
        given = self.given.replace(domain=window, conditions=conditions, reference=None)
        self.entry = entry_of(given) if self.entry is not None else None
        drift = _drift(given, self.entry)
        self.entries[drift.start] = self.entry
        labels = label_problem(given, drift, self.label_diffusion)
        self.drifts[drift.start], self.exact[drift.start] = drift, _exact(given, labels, self.entry)
        if k > 0 and self.unseen:
            # looked for through all windows before, at every point, and then used by nothing that is trained
            nothing: dict[str, Any] = dict.fromkeys(self.own, 0.0)
            blank = Initial(**nothing)
            return labels.replace(
                conditions=[blank, *(c for c in labels.conditions if not set(c.values) & set(self.own))]
            )
        return labels

    def _handed_over(self, condition: Condition, previous: EulerianView) -> Condition:
        """An initial condition replaced by the end state of the window before, at fixed places: they are labels now."""
        if not isinstance(condition, Initial):
            return condition
        ends = {u: Slice(previous, self.own.index(u)) for u in condition.values}  # type: ignore[arg-type]
        values: dict[str, Any] = ends if self.unseen else {u: as_series(end) for u, end in ends.items()}
        return Initial(exact=condition.exact, weight=condition.weight, **values)

    def _single(self, given: nn.Module, problem: Problem, plan: ExactPlan, k: int) -> tuple[Model, list[Count]]:
        model, counts = super()._single(given, problem, plan, k)
        start = problem.domain.bounds[TIME][0]
        entry, term, points = self.entries[start], counts[0].term, counts[0].n
        if entry is not None:
            blank = k > 0 and self.unseen
            model.ansatz = entry_ansatz(self.given, entry, blank) if blank else self.exact[start]  # type: ignore[assignment]
        if self.known:
            state = model.network.parts[0]  # type: ignore[index]
            state.requires_grad_(False)
            model.parameters = [p for p in model.parameters if p.requires_grad]
            term = trajectory_term(self.given, self.drifts[start], problem)
            points = self.solver.points or max(200, 4 * model.size // len(term.residuals))
        counts[0] = Count(term if entry is None else entered(term, entry), points, (model,))
        return model, counts

    def _embedding(self, bounds: Mapping[str, tuple[float, float]], periods: dict[int, float]) -> nn.Module:
        entry = self.entry
        if entry is None:
            return super()._embedding(bounds, periods)
        wider = {**bounds, entry.box.space[0]: entry.labels}
        return EntryEmbedding(entry, super()._embedding(wider, periods))

    def view(self, model: Trainable) -> Any:
        assert isinstance(model, Model)
        start = model.region.bounds[TIME][0]
        found = self.views.get(start)
        if found is None or found.model.network is not model.network:
            exact = self.exact[start]
            whole = Model(model.region, model.unknowns, model.network, exact, model.coefficients, model.constants)
            self.views[start] = found = EulerianView(whole, self.own, self.drifts[start], self.entries[start])
        return found

    def field(self, models: Sequence[Trainable]) -> Callable[[Tensor], Tensor]:
        return joined([self.view(model) for model in models], self.problem.domain)

    def verdict(self, models: Sequence[Trainable], status: Status) -> tuple[Status, tuple[str, ...]]:
        with torch.no_grad():
            views = [self.view(model) for model in models]
            times = [time for view in views if (time := view.first_crossing()) is not None]
            if times:
                return Status.CROSSED, (f"characteristics cross from t = {min(times):.4g} on",)
            size, time = min(view.narrowest() for view in views)
        if size > _NARROW:
            return status, ()
        return status, (
            f"characteristics stay apart, but come close: at t = {time:.4g} a neighbourhood has shrunk to J = {size:.2g} of "
            "its size at the start of its window; compare() with a classical solution before trusting it from there on, "
            "use more windows, or end earlier",
        )


def _drift(problem: Problem, entry: Entry | None) -> Drift:
    """With open sides that of the flow which enters: labels are carried to the side with it. Otherwise the mean one."""
    if entry is None:
        return drift_of(problem)
    return Drift(problem.domain.bounds[TIME][0], {problem.domain.space[0]: entry.velocity})


def _exact(problem: Problem, labels: Problem, entry: Entry | None) -> Any:
    """The exact conditions of a problem on labels."""
    return labels.exact_plan().ansatz if entry is None else entry_ansatz(problem, entry)


def states_are_known(labels: Problem, own: tuple[str, ...]) -> bool:
    """Whether states stay what they are along characteristics, wherever these go: then only displacements are unknown.

    Found by trial: the states of the start, put into the equations with displacements made up at random, leave nothing.
    """
    box, names = labels.domain, labels.domain.coordinates
    points = box.interior(unit_points("sobol", 64, len(names), np.random.default_rng(0))).points
    indices = used_indices(labels.derivatives, names)
    prepared = labels.exact_plan().ansatz.prepare(points, indices)
    if prepared is None:
        return False
    generator = torch.Generator().manual_seed(0)
    jet = prepared[0].clone()
    made_up = torch.randn(
        len(indices), len(points), len(labels.unknowns) - len(own), dtype=jet.dtype, generator=generator
    )
    jet[:, :, len(own) :] = 0.1 * made_up
    keys = [tuple(names[i] for i in index) for index in indices]
    jets = {u: {key: jet[i, :, j] for i, key in enumerate(keys)} for j, u in enumerate(labels.unknowns)}
    found = labels.equation_term().evaluate((Scope.of_jets(jets, box.columns(points), labels.parameter_values()),))
    scale = 1 + float(jet.abs().max())
    return all(float(r.abs().max()) < 1e-10 * scale for name, r in found.items() if not name.startswith(TRAJECTORY))
