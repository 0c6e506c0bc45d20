"""A problem is solved in natural units, and its solution handed over in the user's.

Letters: c derivatives, n points, d coordinates, m unknowns.

The problem is rewritten (``declaration.rewriting``), the solver plans for the natural problem and sees no other, and what
comes out of its plan, parts of a solution, is mapped back: ``OuterPart`` has the derivatives by the user's coordinates. A
problem that is natural already goes to the solver as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from pinnlab.declaration.conditions import Data as Measurements
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_parameters import changed_parameter
from pinnlab.derivatives.indices import Indices
from pinnlab.domains import Box, Region
from pinnlab.domains.affine import Affine
from pinnlab.domains.mapping import mapped, rigid, with_time
from pinnlab.machine.deadline import Deadline
from pinnlab.training.model import Trainable
from pinnlab.training.part import Data, FamilyPart, Flow, Part, Writer
from pinnlab.training.plans import Advance, March, NothingSolvedError, Phase, Plan, Settings, Solver
from pinnlab.training.result import Members
from pinnlab.training.start import Start
from pinnlab.training.status import Status
from pinnlab.training.uncertainty import Uncertainty

_SAME = 1e-12
"""Share of its length within which the end of an interval is that of the whole domain."""


def plan_in_natural_units(problem: Problem, solver: Solver, settings: Settings) -> Plan[Any] | March:
    """The solver's plan for the problem in natural units, whose parts come in the problem's own.

    Raises:
        TypeError, ValueError: as ``solver.plan``.
    """
    if problem.unknown_functions and not solver.finds_functions(problem):
        raise ValueError(
            f"{type(solver).__name__} finds numbers, and no functions such as {', '.join(problem.unknown_functions)}: use "
            "HardConstraintMoE(), or leave the solver out."
        )
    if any(isinstance(c, Measurements) and c.robust for c in problem.conditions) and not solver.takes_robust(problem):
        raise ValueError(
            f"Data(..., robust=True) has no effect on how {type(solver).__name__} solves this problem; leave it out, or "
            "find numbers, parameters={'k': pl.Unknown(1.0)}, with HardConstraintMoE()."
        )
    natural = problem.natural
    if natural is problem:
        return solver.plan(problem, settings)
    change = problem.change
    try:
        start = None if settings.start is None else inner_start(settings.start, change, problem)
        plan = solver.in_variables(change, problem).plan(natural, replace(settings, start=start))
    except NothingSolvedError as error:
        raise NothingSolvedError(change.told(str(error))) from error
    outer = Outer(problem, change)
    return OuterMarch(plan, outer) if isinstance(plan, March) else OuterPlan(plan, outer)


def inner_start(start: Start, change: ChangeOfVariables, problem: Problem) -> Start:
    """A start in inner variables; its networks may have been trained in others."""
    names, unknowns = problem.domain.coordinates, problem.unknowns
    same = all(isinstance(part, OuterPart) and part.change == change for part in start.parts)
    there = change.inverse

    def values(points: Tensor) -> Tensor:
        found = start.values(change.outer_points(points, names))
        return there.outer_jet(found[None], ((),), unknowns, names)[0]

    return replace(
        start,
        parts=[
            part.solved if same else OuterPart(part, there, mapped(part.region, change.coordinates))
            for part in start.parts
        ],
        values=values,
        alike=same,
        joints={name: [change.coordinate(name).inner(x) for x in at] for name, at in start.joints.items()},
        coefficients={name: change.parameter(name).inner(value) for name, value in start.coefficients.items()},
    )


@dataclass(frozen=True, eq=False)
class Outer:
    """How parts of a solution come back.

    Args:
        problem: in the user's units.
        change: from these to natural ones.
    """

    problem: Problem
    change: ChangeOfVariables

    def part(self, part: Part) -> OuterPart:
        """A part in the user's units."""
        return outer_part(part, self.change, self.region(part.region))

    @property
    def factors(self) -> dict[str, float]:
        """{coefficient to be found: how many times as large it is in the user's units}."""
        return {name: self.change.parameter(name).scale for name in self.problem.unknown_parameters}

    def region(self, inner: Region) -> Region:
        """A region in the user's units; where it ends with the domain it ends there to the last digit."""
        domain = self.problem.domain
        # where states are given at both ends, no coordinate is time to the solver
        back = with_time(mapped(inner, self.change.inverse.coordinates), domain.time)
        ends: dict[str, tuple[float, float]] = {}
        for (name,) in (group for group in rigid(domain) if len(group) == 1):
            whole, mine = domain.bounds[name], back.bounds[name]
            near = _SAME * (whole[1] - whole[0])
            snapped = tuple(w if abs(w - m) <= near else m for w, m in zip(whole, mine, strict=True))
            if snapped != mine:
                ends[name] = (snapped[0], snapped[1])
        return back.replace(**ends) if ends else back

    def field(self, inner: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """A function (n, d) -> (n, m) in the user's units."""
        names, unknowns = self.problem.domain.coordinates, self.problem.unknowns
        return lambda points: self.change.outer_jet(
            inner(self.change.inner_points(points, names))[None], ((),), unknowns, names
        )[0]


class OuterPart(Part):
    """A part of a solution, found in inner variables, in outer ones.

    Args:
        inner: the part.
        change: of variables.
        region: that of the part, in outer coordinates.
    """

    def __init__(self, inner: Part, change: ChangeOfVariables, region: Region):
        self.inner, self.change, self.region = inner, change, region

    @property
    def unknowns(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.inner.unknowns

    @property
    def parameters(self) -> Sequence[Tensor]:  # type: ignore[override]
        return self.inner.parameters

    @property
    def coefficients(self) -> Mapping[str, Tensor]:  # type: ignore[override]
        return {name: self.change.parameter(name).outer(value) for name, value in self.inner.coefficients.items()}

    @property
    def constants(self) -> Mapping[str, Any]:  # type: ignore[override]
        return self.inner.constants

    @property
    def solved(self) -> Part:
        return self.inner

    @property
    def networks(self) -> Sequence[nn.Module]:
        return self.inner.networks

    @property
    def own_errors(self) -> Mapping[str, float]:
        return {u: abs(self.change.unknown(u).scale) * error for u, error in self.inner.own_errors.items()}

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        maps = {name: self.change.coordinate(name) for name in self.inner.joints}
        return {name: tuple(map(maps[name].outer, at)) for name, at in self.inner.joints.items()}

    @property
    def flow(self) -> Flow | None:
        return None if self.inner.flow is None else OuterFlow(self.inner.flow, self.change)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        names = self.region.coordinates
        inner = self.inner.jet(self.change.inner_points(points, names), indices)
        return self.change.outer_jet(inner, indices, self.unknowns, names)

    def values(self, points: Tensor, batch: int = 4096) -> Tensor:
        names = self.region.coordinates
        inner = self.inner.values(self.change.inner_points(points, names), batch)
        return self.change.outer_jet(inner[None], ((),), self.unknowns, names)[0]

    def to_data(self, file: Writer) -> Data:
        return {"outer": change_data(self.change), "region": self.region.to_data(), "part": self.inner.to_data(file)}


class OuterFamilyPart(OuterPart, FamilyPart):
    """A part that holds for all members of a family, in outer variables; numbers of families are the user's in both."""

    inner: FamilyPart

    def member(self, values: Mapping[str, float]) -> Part:
        return OuterPart(self.inner.member(values), self.change, self.region)


def outer_part(inner: Part, change: ChangeOfVariables, region: Region) -> OuterPart:
    """A part of a solution in outer variables, as in ``OuterPart``."""
    kind = OuterFamilyPart if isinstance(inner, FamilyPart) else OuterPart
    return kind(inner, change, region)


@dataclass(frozen=True, eq=False)
class OuterFlow:
    """Characteristics in outer variables."""

    inner: Flow
    change: ChangeOfVariables

    def characteristics(
        self, count: int = 17, times: int = 101, start: Mapping[str, Tensor] | None = None
    ) -> Mapping[str, Tensor]:
        """As in ``Flow``."""
        given = None if start is None else {c: self.change.coordinate(c).inner(x) for c, x in start.items()}
        found = self.inner.characteristics(count, times, given)
        return {c: self.change.coordinate(c).outer(x) for c, x in found.items()}


class OuterPlan(Plan[Any]):
    """A plan in inner variables whose views are in outer ones."""

    def __init__(self, inner: Plan[Any], outer: Outer):
        self.inner, self.outer = inner, outer
        self.count = inner.count

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.outer.change.told(note) for note in self.inner.notes)

    def start(self, k: int, finished: Sequence[Trainable]) -> Phase:
        return self.inner.start(k, finished)

    def field(self, models: Sequence[Trainable]) -> Callable[[Tensor], Tensor]:
        return self.outer.field(self.inner.field(models))

    def view(self, model: Trainable) -> Part:
        return self.outer.part(self.inner.view(model))

    def members(self, models: Sequence[Trainable]) -> Members | None:
        found = self.inner.members(models)
        return None if found is None else OuterMembers(found, self.outer)

    def verdict(self, models: Sequence[Trainable], status: Status) -> tuple[Status, tuple[str, ...]]:
        found, remarks = self.inner.verdict(models, status)
        return found, tuple(self.outer.change.told(remark) for remark in remarks)


class OuterMarch(March):
    """A march in inner variables whose pieces are in outer ones."""

    def __init__(self, inner: March, outer: Outer):
        self.inner, self.outer = inner, outer
        self._pieces: list[OuterPart] = []

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.outer.change.told(note) for note in self.inner.notes)

    @property
    def uncertainty(self) -> Uncertainty | None:  # type: ignore[override]
        found = self.inner.uncertainty
        return None if found is None else found.scaled(self.outer.factors)

    @property
    def pieces(self) -> Sequence[Part]:
        done = self.inner.pieces
        # a march adds to its pieces; one that starts anew has others
        same = sum(mine.solved is piece for mine, piece in zip(self._pieces, done, strict=False))
        kept = self._pieces if same == len(self._pieces) else []
        self._pieces = [*kept, *(self.outer.part(piece) for piece in done[len(kept) :])]
        return self._pieces

    @property
    def complete(self) -> bool:
        return self.inner.complete

    def advance(self, deadline: Deadline | None = None) -> Advance:
        return self.inner.advance(deadline)

    def field(self) -> Callable[[Tensor], Tensor]:
        return self.outer.field(self.inner.field())

    def state(self) -> dict[str, Any]:
        return self.inner.state()

    def restore(self, state: dict[str, Any]) -> None:
        self.inner.restore(state)


@dataclass(frozen=True, eq=False)
class OuterMembers:
    """Members of a family that was solved in inner variables."""

    inner: Members
    outer: Outer

    def member(
        self,
        values: Mapping[str, Any],
        *,
        points: int | None = None,
        steps: int | None = None,
        tolerance: float | None = None,
        domain: Box | None = None,
    ) -> tuple[Problem, Part, tuple[str, ...]]:
        """As in ``Members``."""
        family, change = self.outer.problem, self.outer.change
        names = family.domain.coordinates
        if domain is not None:
            family = family.replace(domain=domain)
        problem = family.at(**values)
        inner = {name: changed_parameter(name, problem.parameters[name], names, change) for name in values}
        box = None if domain is None else mapped(domain, change.coordinates)
        assert box is None or isinstance(box, Box)
        found = self.inner.member(inner, points=points, steps=steps, tolerance=tolerance, domain=box)
        return problem, Outer(problem, change).part(found[1]), tuple(change.told(remark) for remark in found[2])


def change_data(change: ChangeOfVariables) -> Data:
    """A change of variables as plain data; residuals are not in it."""
    groups = {"coordinates": change.coordinates, "unknowns": change.unknowns, "parameters": change.parameters}
    return {key: {name: [m.offset, m.scale] for name, m in group.items()} for key, group in groups.items()}


def change_of_data(data: Data) -> ChangeOfVariables:
    """The inverse of ``change_data``."""
    coordinates, unknowns, parameters = (
        {name: Affine(*pair) for name, pair in data[key].items()} for key in ("coordinates", "unknowns", "parameters")
    )
    return ChangeOfVariables(coordinates, unknowns, parameters)
