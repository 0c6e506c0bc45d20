"""Which data clash where they meet: a start with a boundary value, or the values of two pieces of the boundary.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.clashes.clash_layers import Data, Given, Meeting, SpreadAt, singular_part
from pinnlab.declaration.clashes.layers import Leg
from pinnlab.declaration.clashes.legs import During, legs_of
from pinnlab.declaration.clashes.side_values import SideValue, known_value
from pinnlab.declaration.clashes.singular import Sent, SingularPart
from pinnlab.declaration.clashes.spreading import Spread, spread
from pinnlab.declaration.conditions import AnyCondition, Context, Dirichlet, Initial
from pinnlab.declaration.discontinuities.fluxes import Jump, apart
from pinnlab.declaration.discontinuities.regularity import irregularity
from pinnlab.declaration.terms import Term
from pinnlab.derivatives.indices import VALUE
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Region
from pinnlab.domains.junctions import Junction, junction_along, junctions
from pinnlab.domains.sampling import unit_points

_SIGNIFICANT = 1e-3
"""Share of the largest datum of an unknown from which on a gap between two of them is a clash."""
_POINTS = 64


@dataclass(frozen=True)
class Clash:
    """Two data that disagree where they meet; there the solution has no value.

    Attributes:
        unknown: whose data.
        place: {coordinate: position} of a point where both hold.
        values: both numbers.
        owners: what gave them, in words.
        inside: whether it is inside a side, where two parts of it meet.
        later: whether it begins after the first time, as a boundary value jumps.
    """

    unknown: str
    place: Mapping[str, float]
    values: tuple[float, float]
    owners: tuple[str, str]
    inside: bool = False
    later: bool = False

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {position:.4g}" for name, position in self.place.items())
        (a, b), (first, second) = self.values, self.owners
        return f"{self.unknown} has no value at {at}, where {first} gives {a:.4g} and {second} {b:.4g}"


@dataclass(frozen=True)
class Clashes:
    """All clashes of a problem.

    Attributes:
        found: one per pair of data that disagree.
        singular: {unknown: the part of it that is not smooth}, where that is known.
        travelling: derivatives of data that disagree, and kinks of them that travel, in sentences.
    """

    found: tuple[Clash, ...]
    singular: Mapping[str, SingularPart]
    travelling: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The clashes in sentences."""
        return (*map(str, self.found), *self.travelling)

    def built(self, waves: bool) -> tuple[Mapping[str, SingularPart], tuple[str, ...]]:
        """The known parts that a field may have added, and what is done about them, in sentences.

        Args:
            waves: whether those that travel are among them.
        """
        known = {unknown: part for unknown, part in self.singular.items() if waves or not part.waves}
        layers = "the layers that diffusion makes of jumps"
        said = (
            f"data of {unknown} clash: {'the waves that this sends out' if part.waves else layers} are built in, a smooth "
            "rest is solved for"
            for unknown, part in known.items()
        )
        return known, tuple(said)

    @property
    def waves(self) -> Mapping[str, SingularPart]:
        """{unknown: what travels in it}."""
        return {unknown: part for unknown, part in self.singular.items() if part.waves}

    def taken_out(self, dimensions: int) -> Mapping[str, SingularPart]:
        """{unknown: what local experts take out}: on a line, where they round off what spreads, it is waves only.

        Args:
            dimensions: of space.
        """
        return self.waves if dimensions < 2 else self.singular

    def with_waves(self, sent: Sent | None) -> Clashes:
        """The same with what travels in an unknown."""
        return self if sent is None else Clashes(self.found, {**self.singular, sent.unknown: sent.part}, sent.said)

    @property
    def resolved(self) -> bool:
        """Whether there are clashes, and the part of the solution that is not smooth is known for all of them."""
        return bool(self.found) and {each.unknown for each in self.found} <= set(self.singular)


def find_clashes(
    context: Context,
    conditions: Sequence[AnyCondition],
    data: Mapping[str, Any],
    equations: Term,
    values: Mapping[str, Any],
    free: Sequence[str],
    moments: Sequence[float] = (),
) -> Clashes:
    """The clashes between initial and boundary values, and between the boundary values of pieces that meet.

    Args:
        context: names and region of the problem.
        conditions: all of them.
        data: {parameter: number or function}, as data take them.
        equations: of the problem.
        values: {parameter: 0-dim tensor or function}, as equations take them.
        free: parameters without a fixed number; with one of them no part of a solution is known beforehand.
        moments: increasing times inside at which boundary values may jump. These clash with themselves, where the layers of
            it are known; else such jumps are left to solvers.
    """
    if not context.region.space:  # a state at one time meets nothing
        return Clashes((), {})
    found: list[Clash] = []
    singular: dict[str, SingularPart] = {}
    for unknown in context.unknowns:

        def spread_at(points: Tensor, at: Tensor, unknown: str = unknown) -> Spread | None:
            return spread(equations, unknown, context.unknowns, context.region, values, points, {unknown: at})

        def known(mine: _OneUnknown, spread_at: SpreadAt = spread_at) -> SingularPart | None:
            smooth = bool(mine.given) and not free and mine.is_smooth()
            return singular_part(context.region, mine.legs, spread_at) if smooth and mine.clashing else None

        mine = _OneUnknown(context, conditions, data, unknown)
        part = None
        if moments and mine.given:
            jumping = _OneUnknown(context, conditions, data, unknown, moments).jumping
            switched = _OneUnknown(context, conditions, data, unknown, jumping)
            part = known(switched) if jumping else None
            mine = mine if part is None else switched
        found += mine.clashes()
        part = known(mine) if part is None else part
        singular |= {} if part is None else {unknown: part}
    return Clashes(tuple(found), singular)


def moments(region: Region, jumps: Callable[[], Sequence[Jump]]) -> tuple[float, ...]:
    """Increasing times inside at which something jumps, of a problem in the plane with time; else none.

    Args:
        region: its domain.
        jumps: looks for what jumps.
    """
    if not region.has_time or len(region.space) != 2:
        return ()
    found = [each.position for each in jumps() if each.coordinate == region.clock and each.layer is None]
    return apart((at for at in found if at is not None), region.time_interval)


class _OneUnknown:
    """The data of one unknown, and where they meet.

    Args:
        context, conditions, data: see ``find_clashes``.
        unknown: its name.
        moments: at which its boundary values may jump.
    """

    def __init__(
        self,
        context: Context,
        conditions: Sequence[AnyCondition],
        data: Mapping[str, Any],
        unknown: str,
        moments: Sequence[float] = (),
    ):
        self.context, self.region, self.unknown = context, context.region, unknown
        self.start = self._start(conditions, data)
        self._moments = moments
        self._parts = [
            SideValue(
                piece, known_value(c.values[unknown], f"Dirichlet({unknown}=...)", context, data), c.part(self.region)
            )
            for c in conditions
            if isinstance(c, Dirichlet) and unknown in c.values
            for piece in c.pieces(context)
        ]
        joints = [*junctions(self.region), *self._inside()]
        pairs = [(j, pair) for j in joints if (pair := self._sides(j)) is not None]
        self._least = _SIGNIFICANT * self._size([j for j, _ in pairs])
        times: Sequence[Leg | None] = legs_of(self.region, moments) if moments else [None]
        rows: list[list[Given]] = []
        for leg in times:
            rows.append([self._given(k, leg, rows[-1][k] if rows else None) for k in range(len(self._parts))])
        self.legs = [
            Data(row, [self._meeting(j, (row[first], row[second])) for j, (first, second) in pairs], leg)
            for row, leg in zip(rows, times, strict=True)
        ]

    def _given(self, number: int, leg: Leg | None, earlier: Given | None) -> Given:
        """The boundary value of a number on a leg of time, after what there was on the one before."""
        part = self._parts[number]
        site = part.sites(self.region, _unit(self.region))
        points, value = site.points.clone(), _during(part.value, leg)
        before = self.start if earlier is None else earlier.value
        start = self.region.time_interval[0] if self.region.has_time else 0.0
        if earlier is not None and leg is not None:
            start = leg.start
        gap = None
        if before is not None:
            points[:, self.region.time_index] = start
            gap = _at(value, points) - _at(before, points)
        clashes = gap is not None and self._counts(gap)
        return Given(part.piece, value, points, site.outward, gap, clashes, part.part is None, start, before, earlier)

    def _meeting(self, junction: Junction, sides: tuple[Given, Given]) -> Meeting:
        """Two boundary values where they meet."""
        points = self._along(junction)
        first, second = (_at(side.value, points) for side in sides)
        return Meeting(junction, sides, points, (first, second), self._counts(second - first))

    def _along(self, junction: Junction) -> Tensor:
        """Points (n, d) where two pieces meet."""
        points = self.region.interior(_unit(self.region)).points.clone()
        for i, position in junction.fixed:
            points[:, i] = position
        return points

    def _size(self, junctions: Sequence[Junction]) -> float:
        """How large the data are, at all times."""
        sites = [part.sites(self.region, _unit(self.region)).points for part in self._parts]
        found = [_at(part.value, points) for part, points in zip(self._parts, sites, strict=True)]
        # data that begin at zero are rounding at the first time, and as large as they get later on
        if self.start is not None:
            found.append(_at(self.start, self.region.initial(_unit(self.region)).points))
            for part, points in zip(self._parts, sites, strict=True):
                points[:, self.region.time_index] = self.region.time_interval[0]
                found += [_at(part.value, points), _at(self.start, points)]
        for junction in junctions:
            sides = self._sides(junction) or ()
            found += [_at(self._parts[k].value, self._along(junction)) for k in sides]
        return max((float(t.abs().max()) for t in found), default=0.0)

    @property
    def given(self) -> Sequence[Given]:
        """The boundary values at the first time."""
        return self.legs[0].given

    @property
    def clashing(self) -> bool:
        """Whether there is a clash."""
        return any(
            any(each.clashes for each in data.given) or any(each.clashes for each in data.meetings)
            for data in self.legs
        )

    @property
    def jumping(self) -> list[float]:
        """The moments at which boundary values do jump."""
        later = zip(self._moments, self.legs[1:], strict=True)
        return [moment for moment, data in later if any(each.clashes for each in data.given)]

    def clashes(self) -> list[Clash]:
        """All of them, each at one of the places where it is largest."""
        found = [self._of_moment(each) for data in self.legs for each in data.given if each.clashes]
        seen: set[Junction] = set()
        for data in self.legs:
            for meeting in data.meetings:
                if meeting.clashes and meeting.junction not in seen:
                    seen.add(meeting.junction)
                    found.append(self._of_meeting(meeting, data is not self.legs[0]))
        return found

    def _of_moment(self, each: Given) -> Clash:
        """That of a boundary value with what was there before."""
        assert each.gap is not None, "it clashes"
        k = _worst(each.gap, each.points)
        owners = ("the initial value", f"the boundary {each.piece!r}")
        if each.earlier is not None:
            owners = (f"the boundary {each.piece!r} until then", "from then on")
        after = float(_at(each.value, each.points)[k])
        place = self._place(each.points[k])
        values = after - float(each.gap[k]), after
        return Clash(self.unknown, place, values, owners, later=each.earlier is not None)

    def _of_meeting(self, meeting: Meeting, later: bool) -> Clash:
        """That of two boundary values."""
        k = _worst(meeting.gap, meeting.points)
        first, second = (f"the boundary {piece!r}" for piece in meeting.junction.pieces)
        inside = first == second
        owners = (f"one part of {first}", "the other") if inside else (first, second)
        a, b = (float(values[k]) for values in meeting.values)
        return Clash(self.unknown, self._place(meeting.points[k]), (a, b), owners, inside, later)

    def _place(self, point: Tensor) -> dict[str, float]:
        return dict(zip(self.region.coordinates, point.tolist(), strict=True))

    def is_smooth(self) -> bool:
        """Whether the data themselves have the derivatives that a layer along them needs."""
        region, names = self.region, self.region.coordinates
        orders = {i: 1 if name == region.time else 2 for i, name in enumerate(names)}
        data = []
        for leg in (each.leg for each in self.legs):
            during = region if leg is None else region.replace(**{region.clock: (leg.first, leg.last)})
            data += [(part.value, during, self._fixed(part.piece)) for part in self._parts]
        if self.start is not None:
            data.append((self.start, region, {region.time_index: region.time_interval[0]}))
        return not any(
            isinstance(value, FunctionValue) and callable(value.given) and irregularity(value, during, fixed, orders)
            for value, during, fixed in data
        )

    def _fixed(self, piece: str) -> dict[int, float]:
        face = self.region.face(piece)
        return {} if face is None else {face[0]: face[1]}

    def _start(self, conditions: Sequence[AnyCondition], data: Mapping[str, Any]) -> KnownFunction | None:
        for c in conditions:
            if isinstance(c, Initial):
                for unknown, key, given, _ in c.targets(self.context):
                    if unknown == self.unknown and not key:
                        return known_value(given, c.name, self.context, data)
        return None

    def _inside(self) -> Iterator[Junction]:
        """Where parts of one flat side meet."""
        places = {
            (part.piece, i, at) for part in self._parts for i, ends in part.ends(self.region).items() for at in ends
        }
        for place in sorted(places):
            if (junction := junction_along(self.region, *place)) is not None:
                yield junction

    def _sides(self, junction: Junction) -> tuple[int, int] | None:
        """Numbers of what is given on both sides of a junction; None where that is less than two values, or more."""
        found = [
            [k for k, part in enumerate(self._parts) if part.reaches(self.region, junction, which)] for which in (0, 1)
        ]
        if [len(each) for each in found] != [1, 1] or found[0] == found[1]:
            return None
        return found[0][0], found[1][0]

    def _counts(self, gap: Tensor) -> bool:
        return bool(gap.abs().max() > self._least)


def _during(value: KnownFunction, leg: Leg | None) -> KnownFunction:
    """Data on a leg of time; None for all of it."""
    return During(value, leg) if leg is not None and isinstance(value, FunctionValue) else value


def _at(value: KnownFunction, points: Tensor) -> Tensor:
    """(n,); what is not finite counts as nothing."""
    with torch.no_grad():  # a function need not have derivatives where only its values count
        found = value.values(points) if isinstance(value, FunctionValue | During) else value.jet(points, VALUE)[0]
    return torch.nan_to_num(found[:, 0].double(), nan=0.0, posinf=0.0, neginf=0.0)


def _worst(gap: Tensor, points: Tensor) -> int:
    """The number of a point where a gap is about as large as anywhere, in the middle of such points."""
    large = (gap.abs() >= 0.99 * gap.abs().max()).nonzero()[:, 0]
    middle = points[large].mean(dim=0)
    return int(large[((points[large] - middle) ** 2).sum(dim=1).argmin()])


def _unit(region: Region) -> Tensor:
    return unit_points("sobol", _POINTS, len(region.coordinates), np.random.default_rng(0)).double()
