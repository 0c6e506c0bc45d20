"""Open sides of an interval: labels that enter there, and what they bring.

Letters: n points, d coordinates, c derivatives, m unknowns.

Where the flow comes in through a side p, labels go on beyond it: the label xi enters at the time

    tau(xi) = t_0 + (p - xi) / V,

V the velocity at the side at the start. Until then it is carried at V, so that X(xi, tau) = p. From then on it is an
ordinary characteristic that starts at (p, tau) with the boundary value of that time. With the age a = t - tau (of labels
that are inside at the start: t - t_0) and v the velocity where and when a characteristic starts,

    X = xi + V (t - t_0) + a (v - V) + a^2 N,      U = g + a N,

so that both conditions hold by construction, and no equation is asked to hold where a label is not inside. Sides through
which the flow leaves need nothing: labels that have gone are not looked at any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.ansatz import Ansatz, Constraint, FaceValue, FunctionValue
from pinnlab.declaration.conditions import BoundaryCondition, Dirichlet, Initial, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.declaration.velocity import velocities, velocity_uses
from pinnlab.derivatives.indices import VALUE, Index, Indices
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.taylor import Jet
from pinnlab.domains import Box, Site
from pinnlab.networks.base import Embedding
from pinnlab.networks.delays import DelayEmbedding, delays
from pinnlab.solvers.lagrangian.frames import PREFIX
from pinnlab.solvers.lagrangian.labels import checked_domain, for_labels

_INSTANTS = 257
_STILL = 1e-12


@dataclass(frozen=True)
class Entry:
    """Which labels an interval with open sides has.

    Attributes:
        box: one coordinate of space, and time.
        place: of the side where the flow comes in; None where it comes in nowhere.
        velocity: V there at the start, not zero; 0 without such a side.
    """

    box: Box
    place: float | None
    velocity: float

    @property
    def axis(self) -> int:
        """Number of the coordinate of space."""
        return self.box.coordinates.index(self.box.space[0])

    @property
    def time(self) -> int:
        """Number of the coordinate of time."""
        return self.box.time_index

    @property
    def labels(self) -> tuple[float, float]:
        """The interval of all labels that are inside at some time."""
        (lower, upper), (start, end) = self.box.bounds[self.box.space[0]], self.box.time_interval
        reach = self.velocity * (end - start)
        return (lower - max(reach, 0.0), upper - min(reach, 0.0))

    def delay(self, labels: Tensor) -> Tensor:
        """tau(xi) - t_0 of labels of any shape: how long after the start they enter; zero where they are inside."""
        return delays(labels, self.place, self.velocity)

    def delayed(self, features: Embedding) -> Embedding:
        """The features of labels and times with the delay beside them."""
        start, end = self.box.time_interval
        return DelayEmbedding(features, self.axis, self.place, self.velocity, end - start)

    def draw(self, unit: Tensor) -> Tensor:
        """Points (n, d) of the unit cube as labels and times, evenly over the labels that have entered by each time."""
        start, end = self.box.time_interval
        lower, upper = self.box.bounds[self.box.space[0]]
        gone = self.velocity * (end - start) * unit[:, self.time]
        lower_, upper_ = lower - gone.clamp_min(0), upper - gone.clamp_max(0)
        points = torch.empty_like(unit)
        points[:, self.time] = start + (end - start) * unit[:, self.time]
        points[:, self.axis] = lower_ + (upper_ - lower_) * unit[:, self.axis]
        return points

    def inside(self, positions: Tensor) -> Tensor:
        """(n,) whether positions (n,) are in the interval."""
        lower, upper = self.box.bounds[self.box.space[0]]
        return (positions >= lower) & (positions <= upper)


def entry_of(problem: Problem) -> Entry | None:
    """The labels of a problem on an interval; None where its space is periodic.

    Raises:
        ValueError: the flow comes in without a value, a value is given where it leaves, it turns around at a side, it
            comes in on both sides, or the equation needs values on all sides.
    """
    box = checked_domain(problem)
    x = box.space[0]
    if any(isinstance(c, Periodic) and c.on == x for c in problem.conditions):
        return None
    given = {piece: c for c in problem.conditions if isinstance(c, Dirichlet) for piece in c.pieces(problem.context())}
    for condition in given.values():
        if condition.where is not None:
            raise ValueError(
                f"LagrangianPINN: {condition!r} is about a part of a side, and labels enter through all of it; give "
                "one value at all times, such as lambda t: torch.where(t < 0.5, 1.0, 0.0), or use pl.CausalPINN()."
            )
    if problem.order(x) > 1:
        raise ValueError(
            f"LagrangianPINN: the equation has a derivative of order {problem.order(x)} by {x!r} and {x!r} is not periodic: "
            "it needs a value where characteristics leave, a fixed place that has no fixed label; add "
            f"pl.Periodic(on={x!r}), or use pl.CausalPINN()."
        )
    for other in problem.conditions:
        if isinstance(other, BoundaryCondition) and not isinstance(other, Dirichlet):
            for_labels(other)
    found: Entry = Entry(box, None, 0.0)
    for side, outward in (("-", -1.0), ("+", 1.0)):
        name, place = x + side, box.bounds[x][side == "+"]
        speeds = _speeds_at(problem, place, given.get(name)) * outward
        size = 1.0 + float(speeds.abs().max())
        if float(speeds.min()) >= -_STILL * size:
            if name in given:
                raise ValueError(
                    f"LagrangianPINN: {given[name]!r} gives a value on {name!r}, where the flow leaves (its velocity is "
                    f"{float(speeds[0] * outward):g} at the start): what comes out is decided upstream; leave {name!r} out."
                )
            continue
        if float(speeds.max()) >= -_STILL * size:
            raise ValueError(
                f"LagrangianPINN: the velocity at {name!r} changes its sign or vanishes in time, so that {name!r} is where "
                "the flow enters and where it leaves; end earlier, split time, or use pl.CausalPINN()."
            )
        if name not in given:
            raise ValueError(
                f"LagrangianPINN: the flow enters through {name!r}, and nothing says with which value; add "
                f"pl.Dirichlet({problem.unknowns[0]}=..., on={name!r}) or pl.Periodic(on={x!r})."
            )
        if found.place is not None:
            raise ValueError(
                f"LagrangianPINN: the flow enters through both sides of {x!r}; labels enter through one side only, use "
                "pl.CausalPINN()."
            )
        found = Entry(box, place, float(speeds[0]) * outward)
    return found


def _speeds_at(problem: Problem, place: float, given: Dirichlet | None) -> Tensor:
    """The velocity on a side at times that cover the problem's, (n,); without a value there, that of the start."""
    box, (x,) = problem.domain, problem.domain.space
    points = torch.zeros(_INSTANTS, 2, dtype=torch.float64)
    points[:, box.coordinates.index(x)] = place
    points[:, box.time_index] = torch.linspace(*box.time_interval, _INSTANTS, dtype=torch.float64)
    scope = Scope({}, box.columns(points), problem.parameter_values())
    bound: dict[str, Any] = {**scope.coordinates, **scope.parameters}
    value, names = velocities(problem)[x]
    for unknown in problem.unknowns:
        if unknown in names:
            starts = (c for c in problem.conditions if isinstance(c, Initial) and unknown in c.values)
            source = given or next(starts, None)
            if source is None:
                raise ValueError(
                    f"the velocity depends on {unknown}, which has no value on a side of {x} and none at the start; add "
                    f"Initial({unknown}=...)."
                )
            data = source.values[unknown]
            if given is None and isinstance(data, KnownFunction):
                bound[unknown] = data.jet(points, VALUE)[0, :, 0]
            else:
                bound[unknown] = scope.value(data, problem.context().names(data, unknown), unknown)
    found = value(**{name: bound[name] for name in names}) if callable(value) else value
    return torch.as_tensor(found, dtype=torch.float64).expand(_INSTANTS)


@dataclass(frozen=True)
class EntryAnsatz:
    """G and F of u = G + F N for labels of an interval: states, then the displacement.

    Attributes:
        entry: the labels.
        starts: per unknown, its exact value at the start.
        enters: per unknown, its exact value on the side where the flow comes in; None without such a side.
        orders: per unknown, the power of the age in F: 1, or 2 where G holds the first derivative too.
    """

    entry: Entry
    starts: tuple[KnownFunction, ...]
    enters: tuple[KnownFunction | None, ...]
    orders: tuple[int, ...]

    combine = staticmethod(Ansatz.combine)

    @classmethod
    def of(cls, entry: Entry, constraints: Sequence[Sequence[Constraint]], orders: Sequence[int]) -> EntryAnsatz:
        """From what ``constraints`` gave."""
        values = [{c.index: c.faces[0].value for c in mine} for mine in constraints]
        starts, enters = ([given.get(index) for given in values] for index in (entry.time, entry.axis))
        return cls(entry, tuple(start for start in starts if start is not None), tuple(enters), tuple(orders))

    @property
    def constraints(self) -> list[list[Constraint]]:
        """Per unknown its data as those of an ``Ansatz``: at the start, and on the side where the flow comes in."""
        box, place = self.entry.box, self.entry.place
        bounds, (start, end) = box.bounds[box.space[0]], box.time_interval
        found = [[Constraint(self.entry.time, start, end, (FaceValue(start, first),), ())] for first in self.starts]
        for mine, enter in zip(found, self.enters, strict=True):
            if enter is not None and place is not None:
                mine.append(Constraint(self.entry.axis, *bounds, (FaceValue(place, enter),), ()))
        return found

    @property
    def profiles(self) -> list[None]:
        """No unknown has a part that is not smooth and known beforehand."""
        return [None] * len(self.starts)

    def part(self, first: int) -> EntryAnsatz:
        """That of the unknowns from number ``first`` on."""
        return replace(self, starts=self.starts[first:], enters=self.enters[first:], orders=self.orders[first:])

    def prepare(self, points: Tensor, indices: Indices) -> tuple[Tensor, Tensor]:
        """Derivatives of G and F, each (c, n, m), at (n, d) points."""
        with torch.no_grad():
            age = self._age(points, indices)
            length = self.entry.box.time_interval[1] - self.entry.box.time_interval[0]
            scaled = age.with_data(age.data / length)
            offsets, factors = [], []
            for start, enter, order in zip(self.starts, self.enters, self.orders, strict=True):
                data = self._data(start, enter, points, indices)
                offsets.append((age * data if order == 2 else data).data)
                factors.append((scaled * scaled if order == 2 else scaled).data)
            return torch.cat(offsets, dim=2), torch.cat(factors, dim=2)

    def _age(self, points: Tensor, indices: Indices) -> Jet:
        """The age, t - tau(xi), as a jet (c, n, 1); zero before a label has entered."""
        entry = self.entry
        delay = entry.delay(points[:, entry.axis])
        age = points[:, entry.time] - entry.box.time_interval[0] - delay
        data = points.new_zeros(len(indices), len(points), 1)
        data[0, :, 0] = age
        for i, index in enumerate(indices):
            if index == (entry.time,):
                data[i] = 1
            elif index == (entry.axis,) and entry.place is not None:
                data[i, :, 0] = torch.where(delay > 0, 1 / entry.velocity, 0.0)
        return Jet(data * (age > 0)[None, :, None], indices)

    def _data(self, start: KnownFunction, enter: KnownFunction | None, points: Tensor, indices: Indices) -> Jet:
        """What each label starts with, as a jet (c, n, 1) by label: by place inside, by the time of entry outside."""
        entry = self.entry
        lower, upper = entry.box.bounds[entry.box.space[0]]
        first = entry.box.time_interval[0]
        delay = entry.delay(points[:, entry.axis])
        at = points.clone()
        at[:, entry.axis] = points[:, entry.axis].clamp(lower, upper)
        at[:, entry.time] = first
        by_label = [index for index in indices if entry.time not in index]
        data = points.new_zeros(len(indices), len(points), 1)
        data[[indices.index(i) for i in by_label]] = start.jet(at, tuple(by_label))
        if enter is not None and entry.place is not None:
            at[:, entry.axis] = entry.place
            at[:, entry.time] = first + delay
            by_time: tuple[Index, ...] = tuple((entry.time,) * len(i) for i in by_label)
            entered = enter.jet(at, by_time)
            for k, index in enumerate(by_label):
                position = indices.index(index)
                slope = (-1 / entry.velocity) ** len(index)
                data[position] = torch.where((delay > 0)[:, None], slope * entered[k], data[position])
        return Jet(data, indices)


def entry_ansatz(problem: Problem, entry: Entry, blank: bool = False) -> EntryAnsatz:
    """The exact conditions of a problem on the labels of an interval.

    Args:
        problem: the one at fixed places.
        entry: its labels.
        blank: take zero for the states' exact values. It spares their evaluation where only displacements are trained:
            the states stay what they are along characteristics, and the velocity does not use them.
    """
    context, box, (x,) = problem.context(), entry.box, entry.box.space

    def exact(kind: type, unknown: str) -> KnownFunction:
        value = next(c.values[unknown] for c in problem.conditions if isinstance(c, kind) and unknown in c.values)
        if blank or isinstance(value, KnownFunction):
            return FunctionValue(0.0, (), box.coordinates) if blank else value
        names = context.names(value, unknown)
        fixed = tuple((name, number) for name, number in problem.parameters.items() if name in names)
        return FunctionValue(value, names, box.coordinates, fixed)

    starts = [exact(Initial, u) for u in problem.unknowns]
    enters = [exact(Dirichlet, u) if entry.place is not None else None for u in problem.unknowns]
    orders = [1] * len(starts)
    value, names = velocities(problem)[x]
    known = not velocity_uses(problem, (*problem.unknowns, *problem.unknown_parameters))
    if known:
        relative: Any = (lambda **g: value(**g) - entry.velocity) if callable(value) else value - entry.velocity
        fixed = tuple((name, number) for name, number in problem.parameters.items() if name in names)
        begins = FunctionValue(relative, names, box.coordinates, fixed)
    else:
        begins = FunctionValue(0.0, (), box.coordinates)
    return EntryAnsatz(
        entry, (*starts, begins), (*enters, begins if entry.place is not None else None), (*orders, 2 if known else 1)
    )  # fmt: skip


def entered(term: Term, entry: Entry) -> Term:
    """Equations on labels, asked only of those that are inside."""
    (x,) = entry.box.space
    start = entry.box.time_interval[0]

    def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
        return (Site(entry.draw(unit(n))),)

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        at = scope.coordinates
        position = at[x] + entry.velocity * (at[entry.box.clock] - start) + scope.fields[PREFIX + x].value.detach()
        inside = entry.inside(position)
        return {name: torch.where(inside, r, torch.zeros_like(r)) for name, r in term.evaluate(scopes).items()}

    return replace(term, draw=draw, evaluate=evaluate)
