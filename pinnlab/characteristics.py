"""Characteristics: a problem rewritten for labels that move with the flow, its equations untouched.

Letters: n points, d coordinates.

A label xi is where a characteristic starts: X(xi, t) = xi + V t + D(xi, t), with X(xi, 0) = xi and the mean velocity V of
the initial state, a Galilean shift that keeps D small. The unknowns become functions of (xi, t), and D joins them with
one more equation, dX/dt = velocity. Derivatives keep their Eulerian meaning: with
J = dX/dxi,

    d/dx = J^-1 d/dxi,      d/dt at fixed x = d/dt at fixed xi - dX/dt d/dx,

so the equations of the problem run as they are. In them dX/dt is replaced by the velocity, which it is to become: then
what convects cancels, however wrong the characteristics still are, and no 1/J stands before their error.

Source: Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.conditions import Initial, Periodic
from pinnlab.domains import TIME, Box
from pinnlab.fields import Field, Key, argument_names
from pinnlab.problem import Problem
from pinnlab.sampling import unit_points
from pinnlab.terms import Scope

PREFIX = "displacement_"
"""The unknown ``displacement_x`` is D along x."""


@dataclass(frozen=True)
class Drift:
    """The Galilean shift of all characteristics.

    Attributes:
        start: the first time.
        velocity: {coordinate of space: mean velocity of the initial state}.
    """

    start: float
    velocity: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Frame:
    """Where labels are, and how fields of labels are differentiated by fixed coordinates.

    Args:
        positions: {coordinate of space: X as a field of labels and time}.
        coordinates: of the problem, in its order.
        label_diffusion: derivatives of second and higher order in space are by label, as in the paper's released code;
            the same as those by position only where J = 1.
        speeds: {coordinate of space: a field or number that is taken for dX/dt}; dX/dt itself where not given.
    """

    positions: Mapping[str, Field]
    coordinates: Key
    label_diffusion: bool = False
    speeds: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, Field], drift: Drift, label_diffusion: bool = False) -> Frame:
        """The frame of labels, time and displacements, all among ``fields``, in a drift."""
        positions = {c: _position(fields, c, drift) for c in drift.velocity}
        return cls(positions, fields[TIME].coordinates, label_diffusion)

    def jacobian(self) -> dict[tuple[str, str], Field]:
        """{(c, k): dX_c / dxi_k}."""
        names = tuple(self.positions)
        return {(c, k): self.positions[c].d(k) for c in names for k in names}

    @cached_property
    def inverse(self) -> dict[tuple[str, str], Field]:
        """{(k, c): dxi_k / dx_c}, the inverse of the Jacobian."""
        names, j = tuple(self.positions), self.jacobian()
        if len(names) == 1:
            (x,) = names
            return {(x, x): _reciprocal(j[x, x])}
        x, y = names
        scale = _reciprocal(_sum(_product(j[x, x], j[y, y]), _scaled(_product(j[x, y], j[y, x]), -1.0)))
        return {
            (x, x): _product(j[y, y], scale),
            (x, y): _scaled(_product(j[x, y], scale), -1.0),
            (y, x): _scaled(_product(j[y, x], scale), -1.0),
            (y, y): _product(j[x, x], scale),
        }

    def eulerian(self, field: Field) -> Field:
        """A field of labels as a field whose derivatives are by position, or by time at a fixed position."""

        def by_position(name: str) -> Field:
            first, *others = (_product(self.inverse[k, name], field.d(k)) for k in self.positions)
            return _sum(first, *others)

        def derive(name: str) -> Field:
            if name == TIME:
                carried = (_product(self._speed(c), by_position(c)) for c in self.positions)
                return self.eulerian(_sum(field.d(TIME), *(_scaled(part, -1.0) for part in carried)))
            slope = self.eulerian(by_position(name))
            if not self.label_diffusion:
                return slope
            labelled = field.d(name)
            return Field(
                slope.value, self.coordinates, lambda by: slope.d(by) if by == TIME else labelled.d(by), slope.name
            )

        return Field(field.value, self.coordinates, derive, field.name)

    def _speed(self, name: str) -> Field:
        position = self.positions[name]
        speed = self.speeds.get(name, position.d(TIME))
        return speed if isinstance(speed, Field) else _constant(speed, position)


# The chain rule's own arithmetic: what torch's forward mode would give for any function of fields, several times faster.


def _sum(first: Field, *others: Field) -> Field:
    value = first.value
    for other in others:
        value = value + other.value
    return Field(value, first.coordinates, lambda name: _sum(first.d(name), *(other.d(name) for other in others)))


def _scaled(field: Field, factor: float) -> Field:
    return Field(field.value * factor, field.coordinates, lambda name: _scaled(field.d(name), factor))


def _product(a: Field, b: Field) -> Field:
    return Field(a.value * b.value, a.coordinates, lambda name: _sum(_product(a.d(name), b), _product(a, b.d(name))))


def _constant(number: float | Tensor, like: Field) -> Field:
    return Field(torch.zeros_like(like.value) + number, like.coordinates, lambda name: _constant(0.0, like))


def _reciprocal(field: Field) -> Field:
    def derive(name: str) -> Field:
        return _scaled(_product(_product(result, result), field.d(name)), -1.0)

    result = Field(1 / field.value, field.coordinates, derive)
    return result


def _position(fields: Mapping[str, Field], name: str, drift: Drift) -> Field:
    """X along one coordinate, its derivatives those of the displacement and constants."""
    displacement, velocity = fields[PREFIX + name], drift.velocity[name]
    constants = {name: 1.0, TIME: velocity}

    def derive(by: str) -> Field:
        slope = displacement.d(by)
        return Field(slope.value + constants.get(by, 0.0), slope.coordinates, slope.d, slope.name)

    value = fields[name].value + (velocity * (fields[TIME].value - drift.start) + displacement.value)
    return Field(value, displacement.coordinates, derive, name)


def label_problem(problem: Problem, drift: Drift, label_diffusion: bool = False) -> Problem:
    """The same problem for functions of labels, with the displacements as further unknowns.

    Raises:
        TypeError, ValueError: no velocity, one that does not fit the space; a steady problem; sides that are not
            periodic; conditions or parameters that have no meaning on labels.
    """
    box = _checked_domain(problem)
    velocity = _velocity(problem)
    own = tuple(problem.unknowns)
    displacements = tuple(PREFIX + c for c in box.space)
    bindable = (*own, *box.coordinates, *problem.parameters)
    equations = [(f, argument_names(f, bindable, "equation")) for f in problem.equations]  # type: ignore[union-attr]
    names = (*own, *displacements, *box.coordinates, *problem.parameters)

    def on_labels(**given: Any) -> dict[str, Any]:
        parameters = {name: given[name] for name in problem.parameters}

        def bind(frame: Frame) -> dict[str, Any]:
            fields = {**{u: given[u] for u in own}, **frame.positions, TIME: given[TIME]}
            return {name: frame.eulerian(value) for name, value in fields.items()} | parameters

        frame = Frame.of(given, drift, label_diffusion)
        bound, speeds = bind(frame), {}
        for c, (value, arguments) in velocity.items():
            speeds[c] = value(**{name: bound[name] for name in arguments}) if callable(value) else value
        bound = bind(replace(frame, speeds=speeds))
        found: dict[str, Any] = {}
        for position, (function, arguments) in enumerate(equations):
            result = function(**{name: bound[name] for name in arguments})
            if not isinstance(result, Mapping):
                label = problem.residual_names[position] if len(equations) > 1 else problem.residual_names[0]
                result = {label: result}
            found.update(result)
        for c, speed in speeds.items():
            found[f"trajectory {c}"] = frame.positions[c].d(TIME) - speed
        return found

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    on_labels.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
    start: dict[str, Any] = dict.fromkeys(displacements, 0.0)
    conditions = [Initial(**start), *(_on_labels(condition) for condition in problem.conditions)]
    return Problem(
        box, (*own, *displacements), on_labels, conditions, problem.parameters, name=problem.name
    )  # fmt: skip


def drift_of(problem: Problem, samples: int = 1024) -> Drift:
    """The mean velocity of the initial state."""
    box = _checked_domain(problem)
    velocity = _velocity(problem)
    points = box.initial(unit_points("sobol", samples, len(box.coordinates), np.random.default_rng(0))).points
    parameters = problem.parameter_values()
    scope = Scope({}, box.columns(points), parameters)
    bound: dict[str, Any] = {**scope.coordinates, **parameters, **{u: torch.zeros(samples) for u in problem.unknowns}}
    for condition in problem.conditions:
        if isinstance(condition, Initial):
            for unknown, key, value, names in condition.targets(problem.context()):
                if not key:
                    bound[unknown] = scope.value(value, names, f"initial {unknown}")
    found = {}
    for c, (value, names) in velocity.items():
        speed = value(**{name: bound[name] for name in names}) if callable(value) else value
        found[c] = float(torch.as_tensor(speed, dtype=torch.float64).mean())
    return Drift(box.bounds[TIME][0], found)


def _checked_domain(problem: Problem) -> Box:
    box = problem.domain
    if not isinstance(box, Box) or not box.has_time or not 1 <= len(box.space) <= 2:
        raise ValueError(
            f"LagrangianPINN follows characteristics through time in one or two space dimensions; {box!r} is not such a "
            "domain. Use pl.PINN()."
        )
    if problem.order(TIME) != 1:
        raise ValueError(
            f"LagrangianPINN needs an equation of first order in time, this one is of order {problem.order(TIME)}; use "
            "pl.PINN()."
        )
    periodic = {c.on for c in problem.conditions if isinstance(c, Periodic)}
    open_ = [c for c in box.space if c not in periodic]
    if open_:
        raise ValueError(
            f"LagrangianPINN: {open_[0]!r} is not periodic, and characteristics that enter through a side have no label "
            f"yet; add pl.Periodic(on={open_[0]!r}), or use pl.CausalPINN()."
        )
    return box


def _velocity(problem: Problem) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """{coordinate of space: (velocity, its arguments)}.

    Raises:
        TypeError, ValueError: there is none, or not one per coordinate of space.
    """
    space = problem.domain.space
    given = problem.velocity
    usual = "velocity=" + ("lambda u: u" if len(space) == 1 else "(lambda x, y: ..., lambda x, y: ...)")
    if given is None:
        raise ValueError(
            f"LagrangianPINN needs the velocity dx/dt of the characteristics: the factor of u.x in the equation. Add it "
            f"to the problem: problem.replace({usual}), a number or a function of unknowns, coordinates and parameters "
            "by name."
        )
    parts = list(given) if isinstance(given, tuple | list) else [given]
    if len(parts) != len(space):
        raise ValueError(
            f"velocity has {len(parts)} component(s), and space has {len(space)} dimension(s) "
            f"({', '.join(space)}); give one per coordinate of space: {usual}."
        )
    bindable = (*problem.unknowns, *problem.domain.coordinates, *problem.parameters)
    found: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for c, value in zip(space, parts, strict=True):
        if not callable(value) and not isinstance(value, int | float):
            raise TypeError(f"velocity along {c!r} is {value!r}; give a number or a function: {usual}.")
        found[c] = (value, argument_names(value, bindable, f"velocity along {c!r}") if callable(value) else ())
    return found


def _on_labels(condition: Any) -> Any:
    """A condition as it stands for labels: they start where they are, and close as space does."""
    if isinstance(condition, Initial):
        return condition
    if isinstance(condition, Periodic):
        return Periodic(condition.on, exact=condition.exact, weight=condition.weight)
    raise ValueError(
        f"LagrangianPINN: {condition!r} is about fixed places, which are not fixed labels; initial and periodic "
        "conditions are what it knows. Use pl.PINN() or pl.CausalPINN()."
    )


def wrapped(points: Tensor, box: Box) -> Tensor:
    """Labels (n, d) moved by whole periods into the box; times stay."""
    result = points.clone()
    for i, name in enumerate(box.coordinates):
        if name != TIME:
            lower, upper = box.bounds[name]
            result[:, i] = lower + torch.remainder(points[:, i] - lower, upper - lower)
    return result
