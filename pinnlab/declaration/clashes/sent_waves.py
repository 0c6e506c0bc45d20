"""What sides that do not go on as the start would have it send into a line on which waves travel.

Letters: n points, d coordinates.

Where the start says that an end is to be at rest and the end is moved, in its value, its speed or a higher derivative, a
kink travels into the line and is reflected at its ends; so do kinks and jumps that the motion has later on, and those that
the start has inside (``plucked``). Their waves are known (``travelling``), and what they leave of the solution is smooth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.clashes.corner_series import corner_series, polynomial_jet
from pinnlab.declaration.clashes.plucked import breaks_of_start, plucks
from pinnlab.declaration.clashes.side_values import known_value
from pinnlab.declaration.clashes.singular import Sent, SingularPart
from pinnlab.declaration.clashes.travelling import Medium, Motion, Travelling, echoes
from pinnlab.declaration.clashes.waves import End, Waves, find_waves, reflected
from pinnlab.declaration.conditions import AnyCondition, BoundaryCondition, Context, Data, Dirichlet, Initial
from pinnlab.declaration.discontinuities.regularity import breaks_of, described
from pinnlab.declaration.terms import Term
from pinnlab.derivatives.chebyshev import interpolate
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import VALUE, closure
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Box, Region

_ORDER = 6
"""Up to which derivatives by time are compared."""
_SIGNIFICANT = 1e-8
"""Differences of them that count: by what they become until waves have crossed the line, relative to the data."""
_HIGH = 10.0
"""Times the data that the polynomial of what a side was to have done may become before it fades."""
_NEVER, _MOST_NODES = 1e-6, 96
_MOST_WAYS = 256
_LONG = 200.0
"""Decay times after which what comes late of a damped wave is lost in rounding."""
_SAMPLES = 257
_ASIDE, _EPS = 1e-12, 2.0**-52
"""Share of an interval that is a little away from its end: data may be switched there."""


def sent_waves(
    context: Context,
    conditions: Sequence[AnyCondition],
    data: Mapping[str, Any],
    equations: Term,
    parameters: Mapping[str, Any],
) -> Sent | None:
    """The waves of sides whose motion the start does not go on with; None where there are none, or they are not known.

    Args:
        context: names and region of the problem.
        conditions: all of them.
        data: {parameter: number or function}, as data take them.
        equations: of the problem.
        parameters: {name: 0-dim tensor or function}, as equations take them.
    """
    region = context.region
    if not isinstance(region, Box) or not region.has_time or len(region.space) != 1:
        return None
    if not all(isinstance(c, BoundaryCondition | Initial | Data) for c in conditions):
        return None
    starts = _starts(context, conditions, data)
    waves = find_waves(equations, context.unknowns, region, parameters) if starts is not None else None
    if starts is None or waves is None:
        return None
    line = waves.names[1]
    found = [find_end(conditions, context, parameters, f"{line}{sign}", waves) for sign in "-+"]
    ends = [end for end in found if end is not None]
    if len(ends) < 2:
        return None
    sides = [_Side(context, data, starts, waves, ends, upper) for upper in (0, 1) if ends[upper].value is not None]
    moved = [side for side in sides if side.counts]
    sent = [wave for side in moved if (wave := side.sent()) is not None]
    if len(sent) < len(moved):
        return None
    said = [each for side in moved for each in side.said]
    broken = [(each, start) for start in starts for each in breaks_of_start(start, region, waves)]
    if broken:
        if any(each.infinite for each, _ in broken) or not _keeps_form(waves, ends, region):
            return None
        sent += plucks(starts, region, waves, ends, _ORDER)
        names = (context.unknowns[0], f"{context.unknowns[0]}_{region.clock}")
        said += [
            f"of the start of {names[start is starts[1]]} {described(each, region, [each.axis])}, and that travels on"
            for each, start in broken
        ]
    return Sent(context.unknowns[0], SingularPart((), tuple(sent)), tuple(said)) if sent else None


def find_end(
    conditions: Sequence[AnyCondition], context: Context, parameters: Mapping[str, Any], piece: str, waves: Waves
) -> End | None:
    """What one condition on all of an end asks of the only unknown; None where it is none, or not linear.

    Args:
        conditions: of the problem.
        context: of it.
        parameters: {name: 0-dim tensor or function}.
        piece: the end's name.
        waves: that meet it.
    """
    mine = [c for c in conditions if isinstance(c, BoundaryCondition) and piece in c.pieces(context)]
    if len(mine) != 1 or mine[0].where is not None:
        return None
    (condition,), (unknown,) = mine, context.unknowns
    if isinstance(condition, Dirichlet):
        return End(-1.0, condition.values[unknown])
    pairs = zip(condition.on_pieces(context), condition.terms(context), strict=True)
    terms = [term for each, term in pairs if each.piece == piece]
    if len(terms) != 1 or len(terms[0].residuals) != 1:
        return None
    found = reflected(terms[0], context.region, unknown, parameters, waves)
    return None if found is None else End(found[0], keeps_form=found[1])


def _keeps_form(waves: Waves, ends: Sequence[End], region: Region) -> bool:
    """Whether waves keep their form, on their way and at the ends."""
    if not all(end.keeps_form for end in ends) or not waves.friction:
        return False
    point = torch.tensor([[lower for lower, _ in region.bounds.values()]], dtype=torch.float64)
    return waves.medium(LazyJet(lambda key: torch.zeros(1, dtype=torch.float64)), point).is_plain


def _starts(
    context: Context, conditions: Sequence[AnyCondition], data: Mapping[str, Any]
) -> tuple[KnownFunction, KnownFunction] | None:
    """Value and first derivative by time with which the only unknown starts."""
    given = {
        key: known_value(value, c.name, context, data)
        for c in conditions
        if isinstance(c, Initial)
        for _, key, value, _ in c.targets(context)
    }
    # a state that was handed over has the derivatives of its approximation
    known = all(isinstance(value, FunctionValue) for value in given.values())
    return (given[()], given[context.region.clock,]) if known and {*given} == {(), (context.region.clock,)} else None


class _Side:
    """An end of the line on which the value is given, beside the start.

    Args:
        context, data: see ``sent_waves``.
        starts: value and first derivative by time.
        waves: on the line.
        ends: both of them.
        upper: which of them this is.
    """

    def __init__(
        self,
        context: Context,
        data: Mapping[str, Any],
        starts: tuple[KnownFunction, KnownFunction],
        waves: Waves,
        ends: Sequence[End],
        upper: int,
    ):
        self.region, self.unknown, self.waves, self.upper = context.region, context.unknowns[0], waves, upper
        self.own, self.other = ends[upper].reflection, ends[1 - upper].reflection
        time, line = waves.axes
        self.piece = f"{waves.names[1]}{'-+'[upper]}"
        self.value = known_value(ends[upper].value, f"Dirichlet({self.unknown}=...)", context, data)
        lower, end = self.region.bounds[waves.names[1]]
        self.length, self.span = end - lower, self.region.time_interval[1] - self.region.time_interval[0]
        self.point = torch.zeros(1, 2, dtype=torch.float64)
        self.point[0, line], self.point[0, time] = (lower, end)[upper], self.region.time_interval[0]
        along = [self._derivatives(start, line, _ORDER - k) for k, start in enumerate(starts)]
        self.table = corner_series(along, waves.residual, waves.leading, self.point, waves.names, waves.axes, _ORDER)
        self.expected = [self.table[k, 0] for k in range(_ORDER + 1)]
        self.given = self._derivatives(self.value, time, _ORDER)
        over = ((self.value, time), (starts[0], line))
        self.size = max(float(self._sampled(value, axis).abs().max()) for value, axis in over)
        fixed, jet = {line: float(self.point[0, line])}, self.value.jet
        self.breaks = [*breaks_of(jet, [time], self.region, fixed, {time: 3})] if self._varies else []

    @property
    def counts(self) -> bool:
        """Whether anything travels from here that is not smooth."""
        return self._first is not None or bool(self.breaks)

    @property
    def _first(self) -> int | None:
        """The lowest order in which start and side disagree."""
        unit = min(self.span, self.length / self.waves.speed)
        least = _SIGNIFICANT * self.size
        pairs = zip(self.given, self.expected, strict=True)
        return next(
            (k for k, (a, b) in enumerate(pairs) if not abs(a - b) * unit**k / math.factorial(k) <= least), None
        )

    @property
    def said(self) -> list[str]:
        """What is not smooth, in sentences."""
        names, found = self.region.coordinates, []
        at = ", ".join(f"{name} = {float(x):.4g}" for name, x in zip(names, self.point[0], strict=True))
        if k := self._first:  # values that clash are told of elsewhere
            by_start, by_side = (f"{each[k] + 0.0:.4g}" for each in (self.expected, self.given))
            what = f"{self.unknown}_{self.waves.names[0] * k}"
            found.append(
                f"{what} has no value at {at}, where the start gives {by_start} and the boundary {self.piece!r} {by_side}"
            )
        found += [
            f"on the boundary {self.piece!r} {described(each, self.region, [each.axis])}, and that travels on"
            for each in self.breaks
        ]
        return found

    def sent(self) -> Travelling | None:
        """What travels from here; None where it is not known."""
        medium = self.waves.medium(self._beside(), self.point)
        jumps = self._first == 0 or any(each.order == 0 for each in self.breaks)
        reach = self.waves.speed * self.span
        known = all(map(math.isfinite, (*self.expected, *self.given, medium.dispersion)))
        if not known or (jumps and not self.waves.friction) or abs(medium.damping) * self.span > _LONG:
            return None
        if reach > self.length * _MOST_WAYS:
            return None
        ways = echoes(self.length, reach, self.own, self.other)
        fading = [
            (_HIGH * self.size * math.factorial(k) / abs(a)) ** (1 / k) for k, a in enumerate(self.expected) if k and a
        ]
        time, line = self.waves.axes
        motion = Motion(
            self.value, tuple(self.point[0].tolist()), time, tuple(self.expected),
            min([*fading, self.length / self.waves.speed]),
        )  # fmt: skip
        return Travelling(motion, line, (1.0, -1.0)[self.upper], medium, ways, self._nodes(medium))

    def _nodes(self, medium: Medium) -> int:
        """How many nodes make the integral over what came earlier exact; none where that has kinks itself."""
        turns = math.sqrt(abs(medium.dispersion)) * self.span
        if self.breaks or turns < _NEVER:
            return 0
        time, line = self.waves.axes
        series = interpolate(self.value, [time], self.region, {line: float(self.point[0, line])})
        return min(_MOST_NODES, series.coefficients.numel() // 2 + round(turns) + 8)

    def _beside(self) -> Mapping[Key, Tensor]:
        """The derivatives that the start has at the corner."""
        return polynomial_jet(self.table, self.point, self.waves.names, self.waves.axes, self.point)

    def _derivatives(self, value: KnownFunction, axis: int, order: int) -> list[float]:
        """Those by one coordinate, from the value on, at the corner, as it is approached from inside."""
        lower, upper = self.region.bounds[self.region.coordinates[axis]]
        inset = max(_ASIDE * (upper - lower), 4 * _EPS * max(abs(lower), abs(upper)))
        inset *= -1.0 if self.upper and axis == self.waves.axes[1] else 1.0
        at = self.point.clone()
        at[0, axis] += inset
        jet = value.jet(at, closure([(axis,) * (order + 1)]))[:, 0, 0].tolist()
        return [jet[k] - inset * jet[k + 1] for k in range(order + 1)]

    def _sampled(self, value: KnownFunction, axis: int) -> Tensor:
        """Values along a coordinate."""
        lower, upper = self.region.bounds[self.region.coordinates[axis]]
        at = self.point.repeat(_SAMPLES, 1)
        at[:, axis] = torch.linspace(lower, upper, _SAMPLES, dtype=torch.float64)
        return value.jet(at, VALUE)[0]

    @property
    def _varies(self) -> bool:
        return not isinstance(self.value, FunctionValue) or callable(self.value.given)
