"""Which data clash where they meet: a start with a boundary value, or the values of two pieces of the boundary.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.clashes.clash_layers import Given, Meeting, singular_part
from pinnlab.declaration.clashes.side_values import SideValue
from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.declaration.clashes.spreading import Spread, spread
from pinnlab.declaration.conditions import AnyCondition, Context, Dirichlet, Initial
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
    """

    unknown: str
    place: Mapping[str, float]
    values: tuple[float, float]
    owners: tuple[str, str]
    inside: bool = False

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
    """

    found: tuple[Clash, ...]
    singular: Mapping[str, SingularPart]

    @property
    def notes(self) -> tuple[str, ...]:
        """The clashes in sentences."""
        return tuple(map(str, self.found))

    @property
    def built_in(self) -> tuple[str, ...]:
        """What solvers do about them, in sentences."""
        return tuple(
            f"data of {unknown} clash: the layers that diffusion makes of jumps are built in, a smooth rest is solved for"
            for unknown in self.singular
        )

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
) -> Clashes:
    """The clashes between initial and boundary values, and between the boundary values of pieces that meet.

    Args:
        context: names and region of the problem.
        conditions: all of them.
        data: {parameter: number or function}, as data take them.
        equations: of the problem.
        values: {parameter: 0-dim tensor or function}, as equations take them.
        free: parameters without a fixed number; with one of them no part of a solution is known beforehand.
    """
    found: list[Clash] = []
    singular: dict[str, SingularPart] = {}
    for unknown in context.unknowns:
        mine = _OneUnknown(context, conditions, data, unknown)
        if not mine.given:
            continue
        found += mine.clashes()
        if free or not mine.is_smooth():
            continue

        def spread_at(points: Tensor, at: Tensor, unknown: str = unknown) -> Spread | None:
            return spread(equations, unknown, context.unknowns, context.region, values, points, {unknown: at})

        if mine.clashing:
            part = singular_part(context.region, mine.start, mine.given, mine.meetings, spread_at)
            singular |= {} if part is None else {unknown: part}
    return Clashes(tuple(found), singular)


class _OneUnknown:
    """The data of one unknown, and where they meet.

    Args:
        context, conditions, data: see ``find_clashes``.
        unknown: its name.
    """

    def __init__(self, context: Context, conditions: Sequence[AnyCondition], data: Mapping[str, Any], unknown: str):
        self.context, self.region, self.unknown = context, context.region, unknown
        self.start = self._start(conditions, data)
        self._parts = [
            SideValue(piece, _known(c.values[unknown], f"Dirichlet({unknown}=...)", context, data), c.part(self.region))
            for c in conditions
            if isinstance(c, Dirichlet) and unknown in c.values
            for piece in c.pieces(context)
        ]
        joints = [*junctions(self.region), *self._inside()]
        meeting = [(j, pair) for j in joints if (pair := self._sides(j)) is not None]
        sampled = {part: self._sampled(part) for part in self._parts}
        corners = [(j, pair, *self._corner(j, pair)) for j, pair in meeting]
        everything = [t for _, _, *numbers in sampled.values() for t in numbers if t is not None]
        everything += [t for _, _, _, a, b in corners for t in (a, b)]
        # data that begin at zero are rounding at the first time, and as large as they get later on
        everything += [_at(part.value, part.sites(self.region, _unit(self.region)).points) for part in self._parts]
        everything += [] if self.start is None else [_at(self.start, self.region.initial(_unit(self.region)).points)]
        size = max((float(t.abs().max()) for t in everything), default=0.0)
        self._least = _SIGNIFICANT * size
        made = {
            part: Given(part.piece, part.value, points, normals, *self._gap(at_side, at_start), part.part is None)
            for part, (points, normals, at_side, at_start) in sampled.items()
        }
        self.given = list(made.values())
        self._numbers = list(sampled.values())
        self._corners = {j: numbers for j, _, *numbers in corners}
        self.meetings = [
            Meeting(j, (made[first], made[second]), b - a, self._counts(b - a))
            for j, (first, second), _, a, b in corners
        ]

    @property
    def clashing(self) -> bool:
        """Whether there is a clash."""
        return any(each.clashes for each in self.given) or any(each.clashes for each in self.meetings)

    def clashes(self) -> list[Clash]:
        """All of them, each at one of the places where it is largest."""
        found, names = [], self.region.coordinates
        for each, (points, _, at_side, at_start) in zip(self.given, self._numbers, strict=True):
            if each.clashes and each.gap is not None:
                k = _worst(each.gap, points)
                assert at_start is not None, "there is a gap"
                place = dict(zip(names, points[k].tolist(), strict=True))
                owners = ("the initial value", f"the boundary {each.piece!r}")
                found.append(Clash(self.unknown, place, (float(at_start[k]), float(at_side[k])), owners))
        for meeting in self.meetings:
            if meeting.clashes:
                points, a, b = self._corners[meeting.junction]
                k = _worst(meeting.gap, points)
                place = dict(zip(names, points[k].tolist(), strict=True))
                first, second = (f"the boundary {piece!r}" for piece in meeting.junction.pieces)
                inside = first == second
                owners = (f"one part of {first}", "the other") if inside else (first, second)
                found.append(Clash(self.unknown, place, (float(a[k]), float(b[k])), owners, inside))
        return found

    def is_smooth(self) -> bool:
        """Whether the data themselves have the derivatives that a layer along them needs."""
        region, names = self.region, self.region.coordinates
        data = [(each.value, self._fixed(each.piece)) for each in self._parts]
        if self.start is not None:
            data.append((self.start, {region.time_index: region.time_interval[0]}))
        orders = {i: 2 for i, name in enumerate(names) if name != region.time} | {
            i: 1 for i, name in enumerate(names) if name == region.time
        }
        return not any(
            isinstance(value, FunctionValue) and callable(value.given) and irregularity(value, region, fixed, orders)
            for value, fixed in data
        )

    def _fixed(self, piece: str) -> dict[int, float]:
        face = self.region.face(piece)
        return {} if face is None else {face[0]: face[1]}

    def _start(self, conditions: Sequence[AnyCondition], data: Mapping[str, Any]) -> KnownFunction | None:
        for c in conditions:
            if isinstance(c, Initial):
                for unknown, key, given, _ in c.targets(self.context):
                    if unknown == self.unknown and not key:
                        return _known(given, c.name, self.context, data)
        return None

    def _sampled(self, part: SideValue) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Points and normals of a piece, at the first time, the boundary value and the initial one there."""
        site = part.sites(self.region, _unit(self.region))
        points = site.points.clone()
        if self.start is None:
            return points, site.outward, _at(part.value, points), None
        points[:, self.region.time_index] = self.region.time_interval[0]
        return points, site.outward, _at(part.value, points), _at(self.start, points)

    def _inside(self) -> Iterator[Junction]:
        """Where parts of one flat side meet."""
        places = {
            (part.piece, i, at) for part in self._parts for i, ends in part.ends(self.region).items() for at in ends
        }
        for place in sorted(places):
            if (junction := junction_along(self.region, *place)) is not None:
                yield junction

    def _sides(self, junction: Junction) -> tuple[SideValue, SideValue] | None:
        """What is given on both sides of a junction; None where that is less than two values, or more."""
        found = [[part for part in self._parts if part.reaches(self.region, junction, which)] for which in (0, 1)]
        if [len(each) for each in found] != [1, 1] or found[0][0] is found[1][0]:
            return None
        return found[0][0], found[1][0]

    def _corner(self, junction: Junction, sides: tuple[SideValue, SideValue]) -> tuple[Tensor, Tensor, Tensor]:
        """Points where two pieces meet, and the values of both."""
        points = self.region.interior(_unit(self.region)).points.clone()
        for i, position in junction.fixed:
            points[:, i] = position
        first, second = (_at(side.value, points) for side in sides)
        return points, first, second

    def _gap(self, at_side: Tensor, at_start: Tensor | None) -> tuple[Tensor | None, bool]:
        return (None, False) if at_start is None else (at_side - at_start, self._counts(at_side - at_start))

    def _counts(self, gap: Tensor) -> bool:
        return bool(gap.abs().max() > self._least)


def _known(given: Any, owner: str, context: Context, data: Mapping[str, Any]) -> KnownFunction:
    if isinstance(given, KnownFunction):
        return given
    names = context.names(given, owner)
    return FunctionValue(given, names, context.region.coordinates, tuple((k, v) for k, v in data.items() if k in names))


def _at(value: KnownFunction, points: Tensor) -> Tensor:
    """(n,); what is not finite counts as nothing."""
    with torch.no_grad():  # a function need not have derivatives where only its values count
        found = value.values(points) if isinstance(value, FunctionValue) else value.jet(points, VALUE)[0]
    return torch.nan_to_num(found[:, 0].double(), nan=0.0, posinf=0.0, neginf=0.0)


def _worst(gap: Tensor, points: Tensor) -> int:
    """The number of a point where a gap is about as large as anywhere, in the middle of such points."""
    large = (gap.abs() >= 0.99 * gap.abs().max()).nonzero()[:, 0]
    middle = points[large].mean(dim=0)
    return int(large[((points[large] - middle) ** 2).sum(dim=1).argmin()])


def _unit(region: Region) -> Tensor:
    return unit_points("sobol", _POINTS, len(region.coordinates), np.random.default_rng(0)).double()
