"""Characteristics: a problem rewritten for labels that move with the flow, its equations untouched.

Letters: n points, d coordinates.

The unknowns become functions of labels and time, and displacements join them with one more equation each, dX/dt =
velocity (see ``frames.py``). The equations of the problem run as they are. In them dX/dt is replaced by the velocity,
which it is to become: then what convects cancels, however wrong the characteristics still are, and no 1/J stands before
their error.

Source: Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.arguments import with_arguments
from pinnlab.declaration.conditions import Dirichlet, Initial, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.declaration.velocity import velocities, velocity_uses
from pinnlab.derivatives.fields import as_value
from pinnlab.domains import Box, Region
from pinnlab.domains.columns import columns_of
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.lagrangian.frames import PREFIX, Drift, Frame

TRAJECTORY = "trajectory "
"""The residual ``trajectory x`` is that of dX/dt along x."""
_SAMPLES = 1024


def label_problem(problem: Problem, drift: Drift, label_diffusion: bool = False) -> Problem:
    """The same problem for functions of labels, with the displacements as further unknowns.

    Raises:
        TypeError, ValueError: no velocity, one that does not fit the space; a steady problem; sides that are not
            periodic; conditions or parameters that have no meaning on labels.
    """
    box = checked_domain(problem)
    own = problem.unknowns
    displacements = tuple(PREFIX + c for c in box.space)
    flow = _Flow(problem, drift, label_diffusion)

    def on_labels(**given: Any) -> dict[str, Any]:
        frame, speeds = flow(given)
        bound = flow.bind(replace(frame, speeds=speeds), given)
        columns = columns_of(box, {name: bound[name].value for name in box.coordinates})
        parameters = {name: bound.pop(name) for name in problem.parameters}
        found = problem.residual_fields(Scope(bound, columns, parameters))
        return {**found, **flow.misfits(frame, speeds)}

    start: dict[str, Any] = dict.fromkeys(displacements, 0.0)
    if drift.begins and not velocity_uses(problem, (*own, *problem.unknown_parameters)):
        start |= {f"{PREFIX}{c}_{box.clock}": start_velocity(problem, c, drift) for c in box.space}
    # values on sides are the business of labels that enter there, see inflow.py
    others = [c for c in problem.conditions if not isinstance(c, Dirichlet)]
    conditions = [Initial(**start), *(for_labels(condition) for condition in others)]
    equation = with_arguments(on_labels, flow.names)
    return Problem(box, (*own, *displacements), equation, conditions, problem.parameters, name=problem.name)


class _Flow:
    """Where the labels of a problem are, and with which velocity they should move."""

    def __init__(self, problem: Problem, drift: Drift, label_diffusion: bool = False):
        self.drift, self.label_diffusion = drift, label_diffusion
        self.own, self.parameters = problem.unknowns, tuple(problem.parameters)
        self.velocity = velocities(problem)
        space = problem.domain.space
        self.names = (*self.own, *(PREFIX + c for c in space), *problem.domain.coordinates, *self.parameters)

    def __call__(self, given: Mapping[str, Any]) -> tuple[Frame, dict[str, Any]]:
        """The frame, and {coordinate of space: velocity}."""
        frame = Frame.of(given, self.drift, self.label_diffusion)
        bound = self.bind(frame, given)
        speeds = {
            c: value(**{name: bound[name] for name in arguments}) if callable(value) else value
            for c, (value, arguments) in self.velocity.items()
        }
        return frame, speeds

    def bind(self, frame: Frame, given: Mapping[str, Any]) -> dict[str, Any]:
        """All that equations may name, with derivatives by position."""
        fields = {**{u: given[u] for u in self.own}, **frame.positions, frame.time: given[frame.time]}
        parameters = {name: given[name] for name in self.parameters}
        return {name: frame.eulerian(value) for name, value in fields.items()} | parameters

    def misfits(self, frame: Frame, speeds: Mapping[str, Any]) -> dict[str, Any]:
        """dX/dt less the velocity."""
        return {TRAJECTORY + c: frame.positions[c].d(frame.time) - speed for c, speed in speeds.items()}


def start_velocity(problem: Problem, along: str, drift: Drift) -> FunctionValue:
    """The velocity at the start less that of the drift, as exact data: how displacements begin.

    Args:
        problem: has a velocity that depends on no unknown.
        along: a coordinate of space.
        drift: of its characteristics.
    """
    value, names = velocities(problem)[along]
    fixed = tuple((name, given) for name, given in problem.parameters.items() if name in names)
    mean = drift.velocity[along]
    relative = (lambda **given: value(**given) - mean) if callable(value) else value - mean
    return FunctionValue(relative, names, problem.domain.coordinates, fixed)


def trajectory_term(problem: Problem, drift: Drift, labels: Problem) -> Term:
    """The equations of a problem on labels without those of the states.

    Args:
        problem: the one at fixed places.
        drift: of its characteristics.
        labels: the one on labels.
    """
    flow = _Flow(problem, drift)

    def misfits(**given: Any) -> dict[str, Any]:
        return flow.misfits(*flow(given))

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        return {name: as_value(value) for name, value in scope.call(misfits, flow.names).items()}

    names = tuple(TRAJECTORY + c for c in problem.domain.space)
    return replace(labels.equation_term(), residuals=names, evaluate=evaluate)


def drift_of(problem: Problem) -> Drift:
    """The mean velocity of the initial state."""
    box = checked_domain(problem)
    velocity = velocities(problem)
    points = box.initial(unit_points("sobol", _SAMPLES, len(box.coordinates), np.random.default_rng(0))).points
    parameters = problem.parameter_values()
    scope = Scope({}, box.columns(points), parameters)
    bound: dict[str, Any] = {**scope.coordinates, **parameters, **{u: torch.zeros(_SAMPLES) for u in problem.unknowns}}
    for condition in problem.conditions:
        if isinstance(condition, Initial):
            for unknown, key, value, names in condition.targets(problem.context()):
                if not key:
                    bound[unknown] = scope.value(value, names, f"initial {unknown}")
    found = {}
    for c, (value, names) in velocity.items():
        speed = value(**{name: bound[name] for name in names}) if callable(value) else value
        found[c] = float(torch.as_tensor(speed, dtype=torch.float64).mean())
    return Drift(box.time_interval[0], found, box.clock)


def checked_domain(problem: Problem) -> Box:
    """The box on which characteristics can be followed; ValueError where there is none."""
    box = problem.domain
    if not isinstance(box, Box) or not box.has_time or not 1 <= len(box.space) <= 2:
        raise ValueError(
            f"LagrangianPINN follows characteristics through time in one or two space dimensions; {box!r} is not such a "
            "domain. Use pl.PINN()."
        )
    if problem.order(box.clock) != 1:
        raise ValueError(
            f"LagrangianPINN needs an equation of first order in time, this one is of order {problem.order(box.clock)}; use "
            "pl.PINN()."
        )
    periodic = {c.on for c in problem.conditions if isinstance(c, Periodic)}
    open_ = [c for c in box.space if c not in periodic]
    if open_ and len(box.space) > 1:
        raise ValueError(
            f"LagrangianPINN: {open_[0]!r} is not periodic, and labels enter through a side in one space dimension only; "
            f"add pl.Periodic(on={open_[0]!r}), or use pl.CausalPINN()."
        )
    return box


def for_labels(condition: Any) -> Any:
    """A condition as it stands for labels: they start where they are, and close as space does."""
    if isinstance(condition, Initial):
        return condition
    if isinstance(condition, Periodic):
        return Periodic(condition.on, exact=condition.exact, weight=condition.weight)
    raise ValueError(
        f"LagrangianPINN: {condition!r} is about fixed places, which are not fixed labels; initial and periodic "
        "conditions are what it knows. Use pl.PINN() or pl.CausalPINN()."
    )


def wrapped(points: Tensor, region: Region) -> Tensor:
    """Labels (n, d) moved by whole periods into the region; times stay."""
    result = points.clone()
    for i, name in enumerate(region.coordinates):
        if name != region.time:
            lower, upper = region.bounds[name]
            result[:, i] = lower + torch.remainder(points[:, i] - lower, upper - lower)
    return result
