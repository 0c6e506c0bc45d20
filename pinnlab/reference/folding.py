"""Materials for the classical solvers: a domain in parts becomes one part with an unknown for each of them.

Letters: n points, s nodes.

A domain that is cut at positions along a coordinate is folded there like a map: each part is stretched over the interval
(0, 1), every second one in reverse, so that the two sides of a cut lie on each other. What is continuous across the cut is
then a condition on the boundary between the unknowns of two parts, and all solvers for smooth problems apply.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.arguments import with_arguments
from pinnlab.declaration.conditions import AnyCondition, BoundaryCondition, Data, Initial, Integral, OnPiece, Periodic
from pinnlab.declaration.conditions.binding import BoundFormula
from pinnlab.declaration.conditions.where import Where
from pinnlab.declaration.discontinuities.one_sided import OneSided, hair
from pinnlab.declaration.discontinuities.transmission import Side, Transmission
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Context, Scope
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.stencils import Array
from pinnlab.domains import Box
from pinnlab.domains.columns import Columns, columns_of
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.base import Interpolant
from pinnlab.reference.cuts import cuts
from pinnlab.reference.faces import FaceCondition, face_conditions
from pinnlab.reference.folded_axes import FoldedAxis, Interval
from pinnlab.reference.grids.equations import Equations
from pinnlab.reference.grids.structure import initial_targets, periodic_unknowns

_OF_SIDE = 512
"""Points of a side at which it is asked whether a condition holds there."""
Number = tuple[int, ...]
"""Of a part: that of its interval along each coordinate that is cut."""


class _Row(BoundaryCondition):
    """A condition of the folded problem, on one unknown's row: a function of the scope."""

    def __init__(self, on: str, unknown: str, misfit: Callable[[Scope], Tensor], where: Where | None = None):
        super().__init__(on, False, 1.0, {unknown: misfit}, where)

    def on_pieces(self, context: Context) -> list[OnPiece]:
        found = []
        for unknown, misfit in self.values.items():
            for piece in self.pieces(context):
                label = f"{unknown} {piece}"
                found.append(OnPiece(piece, (label,), partial(_named, label, misfit), unknown))
        return found


def _named(label: str, misfit: Callable[[Scope], Tensor], scope: Scope) -> dict[str, Tensor]:
    return {label: misfit(scope)}


def fold(problem: Problem) -> Folded | None:
    """The folded problem; None where there is nothing to cut at, see ``cuts``.

    Raises:
        ValueError: derivatives of odd order across a cut, or conditions that cannot be folded.
    """
    found = cuts(problem)
    return Folded(problem, found) if found else None


class Folded:
    """A problem with materials as a smooth one with more unknowns.

    Args:
        problem: whose materials meet, or whose sources jump, at positions along coordinates.
        cuts: {coordinate: positions}.

    Attributes:
        problem: the folded one.
        box: its domain.
        cuts: as given.
    """

    def __init__(self, problem: Problem, cuts: Mapping[str, Sequence[float]]):
        assert isinstance(problem.domain, Box)
        self.original, self.cuts = problem, cuts
        self._check()
        self.intervals = {name: self._cut(name, positions) for name, positions in cuts.items()}
        self.numbers: list[Number] = list(itertools.product(*(range(len(i)) for i in self.intervals.values())))
        self._equations, self._found = Equations(problem), problem.unknown_parameters
        folded: dict[str, Any] = {n: (0.0, 1.0) if n in self.intervals else b for n, b in problem.domain.bounds.items()}
        self.box = problem.domain.replace(**folded)
        unknowns = tuple(self._name(u, number) for number in self.numbers for u in problem.unknowns)

        def equations(**given: Any) -> dict[str, Tensor]:
            found: dict[str, Tensor] = {}
            columns = {name: _value(given[name]) for name in problem.domain.coordinates}
            for i, number in enumerate(self.numbers):
                jets = self._jets(given, number)
                residuals = self._equations.residuals(jets, self._columns(columns, number), self._numbers(given))
                found |= {f"{n}__{i}": r for n, r in zip(problem.residual_names, residuals, strict=True)}
            return found

        self.problem = Problem(
            self.box,
            unknowns,
            with_arguments(equations, (*unknowns, *problem.domain.coordinates, *self._found)),
            [*self._initial(), *self._periodic(), *self._rows(), *self._integrals(unknowns)],
            {name: problem.parameters[name] for name in self._found},
            name=problem.name,
        )

    def unfolded(self, found: Interpolant) -> Interpolant:
        """The solution on the domain, from that of the folded problem."""
        axes = {n: FoldedAxis(a, self.intervals[n]) if n in self.intervals else a for n, a in found.axes.items()}
        dims = [list(found.axes).index(name) for name in self.intervals]

        def joined(unknown: str, number: Number) -> Array:
            if len(number) == len(dims):
                return found.data[self._name(unknown, number)]
            parts = list(self.intervals.values())[len(number)]
            return np.concatenate([joined(unknown, (*number, k)) for k in range(len(parts))], axis=dims[len(number)])

        data = {unknown: joined(unknown, ()) for unknown in self.original.unknowns}
        return Interpolant(axes, dict(self.original.domain.bounds), data, time=found.time)

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        problem, advice = self.original, "Pass a reference of your own as Problem(reference=...)."
        for name, unknown in itertools.product(problem.joints.across, problem.unknowns):
            order = problem.order_of(unknown, name)
            if order % 2:
                raise ValueError(
                    f"reference_solution: {unknown!r} has derivatives of order {order} by {name!r}, across which "
                    f"materials meet; the built-in solver joins equations of even order only. {advice}"
                )
        for condition in problem.conditions:
            if (
                isinstance(condition, Integral)
                and not problem.domain.has_time
                and condition.on is condition.where is None
            ):
                if not callable(condition.equals):
                    continue
            if not isinstance(condition, BoundaryCondition | Initial | Periodic | Data):
                raise ValueError(
                    f"reference_solution: the built-in solver does not take {condition!r} where materials meet. {advice}"
                )

    def _cut(self, name: str, positions: Sequence[float]) -> tuple[Interval, ...]:
        lower, upper = self.original.domain.bounds[name]
        edges = [lower, *(p for p in positions if p != upper), upper]
        if periodic_unknowns(self.original, name) and len(edges) % 2 == 0:
            # the ends of an even number of parts lie on each other
            widest = int(np.argmax(np.diff(edges)))
            edges.insert(widest + 1, (edges[widest] + edges[widest + 1]) / 2)
        ends = list(itertools.pairwise(edges))
        return tuple(Interval(a, b, k % 2 == 1, (k > 0, k + 1 < len(ends))) for k, (a, b) in enumerate(ends))

    def _name(self, unknown: str, number: Number) -> str:
        return f"{unknown}__{self.numbers.index(number)}"

    def _intervals(self, number: Number) -> dict[str, Interval]:
        return {name: parts[k] for (name, parts), k in zip(self.intervals.items(), number, strict=True)}

    def _one_sided(self, columns: Mapping[str, Tensor], number: Number) -> OneSided:
        """Coordinates (n,) in a part, which sees its cuts from inside; elsewhere they are what they are."""
        return OneSided(self._columns(columns, number), self._columns(columns, number, 2))

    def _columns(self, columns: Mapping[str, Tensor], number: Number, hairs: int = 1) -> Columns:
        """Coordinates (n,) in a part, some hairs inside its cuts, so that coefficients are its own."""
        found, intervals = {}, self._intervals(number)
        for name in self.original.domain.coordinates:
            found[name] = columns[name]
            if name in intervals:
                part, step = intervals[name], hairs * hair(self.original.domain.bounds[name])
                ends = (part.lower + step * part.inner[0], part.upper - step * part.inner[1])
                found[name] = part.unfolded(columns[name]).clamp(*ends)
        return columns_of(self.original.domain, found)

    def _jets(self, fields: Mapping[str, Any], number: Number) -> dict[str, LazyJet]:
        """The unknowns' derivatives (n,) in a part, from those of the folded unknowns."""
        stretch = {name: part.stretch for name, part in self._intervals(number).items()}

        def jet(field: Any) -> LazyJet:
            return LazyJet(lambda key: _value(field.d(*key)) * float(np.prod([stretch.get(name, 1.0) for name in key])))

        return {u: jet(fields[self._name(u, number)]) for u in self.original.unknowns}

    def _numbers(self, given: Mapping[str, Any]) -> dict[str, Tensor]:
        """Values of the parameters that are to be found."""
        return {name: given[name] for name in self._found}

    # -- conditions ----------------------------------------------------------------------------------------------------

    def _initial(self) -> list[AnyCondition]:
        if not self.original.domain.has_time:
            return []
        space, parameters = self.original.domain.space, self.original.parameter_values()
        clock = self.original.domain.clock

        def start(value: object, names: tuple[str, ...], number: Number) -> Callable[..., Tensor]:
            def values(**given: Any) -> Tensor:
                columns = {name: _value(given[name]) for name in space}
                like = next(iter(columns.values()))
                columns[clock] = torch.full_like(like, self.original.domain.time_interval[0])

                def there(columns: Columns) -> list[Tensor]:
                    return [Scope({}, columns, parameters).value(value, names, "the initial state")]

                return self._one_sided(columns, number).limit(there)[0]

            return with_arguments(values, space)

        found: list[AnyCondition] = []
        for (unknown, key, value, names), number in itertools.product(initial_targets(self.original), self.numbers):
            given: dict[str, Any] = {
                self._name(unknown, number) + ("_" + clock * len(key) if key else ""): start(value, names, number)
            }
            found.append(Initial(exact=False, **given))
        return found

    def _periodic(self) -> list[AnyCondition]:
        kept = [c for c in self.original.conditions if isinstance(c, Periodic) and c.on not in self.intervals]
        names = [[self._name(u, k) for u in c.unknowns or self.original.unknowns for k in self.numbers] for c in kept]
        return [Periodic(c.on, unknowns=mine, exact=False) for c, mine in zip(kept, names, strict=True)]

    def _rows(self) -> list[AnyCondition]:
        """Conditions on the boundary and at the cuts; at corners the first one counts."""
        given: list[list[AnyCondition]] = [[], [], []]
        for condition in face_conditions(self.original):
            given[condition.rank] += self._on_side(condition)
        values, fluxes = self._joined()
        return [*given[0], *values, *given[1], *given[2], *fluxes]

    def _on_side(self, condition: FaceCondition) -> list[AnyCondition]:
        name, upper = condition.piece[:-1], condition.piece[-1] == "+"
        parameters, domain = self.original.parameter_values(), self.original.domain

        def row(number: Number, side: str) -> list[AnyCondition]:
            def there(scope: Scope) -> Tensor:
                jets = self._jets(scope.fields, number)
                normals = {name: torch.full_like(scope.coordinates[name], 1.0 if upper else -1.0)}

                values = {**parameters, **self._numbers(scope.parameters)}

                def misfit(columns: Columns) -> list[Tensor]:
                    return [condition.misfit(Scope.of_jets(jets, columns, values, normals))]

                return self._one_sided(scope.coordinates, number).limit(misfit)[0]

            holds = condition.holds
            if holds is None:
                return [_Row(side, self._name(condition.unknown, number), there)]

            def where(**given: Tensor) -> Tensor:
                return holds(self._columns(given, number))

            unit = unit_points("sobol", _OF_SIDE, len(domain.coordinates), np.random.default_rng(0)).double()
            columns = self.box.columns(self.box.boundary(side, unit).points)
            if not bool(where(**columns).any()):
                return []
            shown = with_arguments(where, domain.coordinates)
            return [_Row(side, self._name(condition.unknown, number), there, shown)]

        if name not in self.intervals:
            return [each for number in self.numbers for each in row(number, condition.piece)]
        parts, place = self.intervals[name], list(self.intervals).index(name)
        end = len(parts) - 1 if upper else 0
        side = name + parts[end].side(upper)
        return [each for number in self.numbers if number[place] == end for each in row(number, side)]

    def _joined(self) -> tuple[list[AnyCondition], list[AnyCondition]]:
        """The rows of all cuts: values on the side below, fluxes on the one above."""
        values: list[AnyCondition] = []
        fluxes: list[AnyCondition] = []
        for place, (name, parts) in enumerate(self.intervals.items()):
            pairs = [(k, k + 1) for k in range(len(parts) - 1)]
            if periodic_unknowns(self.original, name):
                pairs.append((len(parts) - 1, 0))
            for number in self.numbers:
                for below, above in pairs:
                    if number[place] == below:
                        other = (*number[:place], above, *number[place + 1 :])
                        self._join(name, parts[below], parts[above], number, other, values, fluxes)
        return values, fluxes

    def _join(
        self,
        name: str,
        below: Interval,
        above: Interval,
        first: Number,
        second: Number,
        values: list[AnyCondition],
        fluxes: list[AnyCondition],
    ) -> None:
        width = (below.upper - below.lower + above.upper - above.lower) / 4
        side = name + below.side(True)
        rows = _jumps(self.original, name, below.upper, width)
        for unknown in self.original.unknowns:
            mine = [jump for owner, jump in rows if owner == unknown]
            order = self.original.order_of(unknown, name)
            if len(mine) != order:
                raise ValueError(
                    f"reference_solution: {len(mine)} conditions join {unknown!r} at {name} = {below.upper:.6g}, and its "
                    f"equations of order {order} need as many; pass a reference of your own as Problem(reference=...)."
                )
            for i, jump in enumerate(mine):
                on_first = i < order // 2
                row = _Row(side, self._name(unknown, first if on_first else second), self._jump(jump, first, second))
                (values if on_first else fluxes).append(row)

    def _jump(self, jump: Jump, first: Number, second: Number) -> Callable[[Scope], Tensor]:
        def misfit(scope: Scope) -> Tensor:
            below, above = (
                (self._jets(scope.fields, number), self._one_sided(scope.coordinates, number))
                for number in (first, second)
            )
            return jump(below, above, self._numbers(scope.parameters))

        return misfit

    def _integrals(self, unknowns: Sequence[str]) -> list[AnyCondition]:
        """Integrals over all parts together."""
        context, names = self.original.context(), (*unknowns, *self.original.domain.coordinates, *self._found)
        return [
            Integral(with_arguments(partial(self._summed, condition.formula(context)), names), equals=condition.equals)
            for condition in self.original.conditions
            if isinstance(condition, Integral)
        ]

    def _summed(self, formula: BoundFormula, **given: Any) -> Tensor:
        """An integrand (n,) in all parts, each of which has the length one along what is cut."""
        values = {**self.original.parameter_values(), **self._numbers(given)}
        columns, parts = {name: _value(given[name]) for name in self.original.domain.coordinates}, []
        for number in self.numbers:
            scope = Scope.of_jets(self._jets(given, number), self._columns(columns, number), values)
            (value,) = formula(scope).values()
            parts.append(value / math.prod(abs(part.stretch) for part in self._intervals(number).values()))
        return torch.stack(parts).sum(dim=0)


Jump = Callable[[Side, Side, Mapping[str, Tensor]], Tensor]
"""What (n,) of a quantity is too much on the side below, with these values of parameters that are to be found."""


def _jumps(problem: Problem, name: str, position: float, width: float) -> list[tuple[str, Jump]]:
    """(unknown, jump) of all that is joined across a cut; derivatives come first."""
    made = problem.joints.at(name, position)
    if made is None:
        plain = [(u, (name,) * k) for u in problem.unknowns for k in range(problem.order_of(u, name))]
        return [(u, _of_derivative(u, key, width ** len(key))) for u, key in plain]
    factors, owners = made.factors(width), [*(u for u, _ in made.values), *made.owners]
    if made.prescribed:
        return [
            (owner, _of_all(made, i, factor)) for i, (owner, factor) in enumerate(zip(owners, factors, strict=True))
        ]
    count = len(made.values)
    values = [_of_derivative(*leaf, factor) for leaf, factor in zip(made.values, factors, strict=False)]
    fluxes = [_of_flux(made, i, factor) for i, factor in enumerate(factors[count:])]
    return list(zip(owners, [*values, *fluxes], strict=True))


def _of_derivative(unknown: str, key: Key, factor: float) -> Jump:
    return lambda below, above, _: factor * (below[0][unknown][key] - above[0][unknown][key])


def _of_flux(made: Transmission, number: int, factor: float) -> Jump:
    def jump(below: Side, above: Side, numbers: Mapping[str, Tensor]) -> Tensor:
        first, second = (made.at(numbers).flux_values(*side)[number] for side in (below, above))
        return factor * (first - second)

    return jump


def _of_all(made: Transmission, number: int, factor: float) -> Jump:
    return lambda below, above, numbers: factor * made.at(numbers).mismatch(below, above)[number]


def _value(given: Any) -> Tensor:
    """A field, or a value on a grid, as a tensor."""
    return given if isinstance(given, Tensor) else given.value
