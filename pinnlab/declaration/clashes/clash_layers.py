"""Where data clash: values of a start and of a boundary, or of two boundaries, that meet, and the layers that follow.

Letters: n points, d coordinates.

u = P + v: P has the jumps and solves the heat equation with the diffusivities of the user's equation at the side, and v is
smooth, or smoother. Where the equation is heat with constant diffusivities, and sides are flat, P holds all of the
singularity: layers along sides (with what a neighbouring side does to them), and angles about vertices for jumps between
two sides that the start does not have. Where a boundary value jumps in time, layers begin that add to those before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.declaration.clashes.layers import BallLayer, Clock, EdgeLayer, Leg, Shape, Side, SideLayer, Wedge
from pinnlab.declaration.clashes.singular import Constant, Pinned, SingularPart, Spread
from pinnlab.derivatives.indices import VALUE
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Ball, Combination, Product, Region
from pinnlab.domains.junctions import Junction

SpreadAt = Callable[[Tensor, Tensor], Spread | None]
"""How the unknown spreads at (n, d) points where it has the values (n,)."""
Term = tuple[KnownFunction, Shape]


@dataclass(frozen=True)
class Given:
    """A boundary value of one unknown, on one leg of time.

    Attributes:
        piece: where.
        value: the data.
        points, normals: (n, d) of the piece, at the leg's first time, with outward normals.
        gap: (n,) value less what was there before, at that time; None where there was nothing.
        clashes: whether the gap counts.
        whole: whether it is given on the whole piece.
        start: the leg's first time.
        before: what was there before: the initial value, or the value on the leg before.
        earlier: the same on the leg before; None on the first one.
    """

    piece: str
    value: KnownFunction
    points: Tensor
    normals: Tensor
    gap: Tensor | None
    clashes: bool
    whole: bool
    start: float
    before: KnownFunction | None
    earlier: Given | None = None

    def jump(self, *fixed: tuple[int, float]) -> Pinned:
        """Value less what was there before, where some coordinates are given, the leg's first time among them."""
        assert self.before is not None, "there is a gap"
        return Pinned(((1.0, self.value, fixed), (-1.0, self.before, fixed)))

    def late(self, *fixed: tuple[int, float], time: int) -> Pinned:
        """The sum of those of its jumps so far that count, where all coordinates but those along a side are given."""
        found: Pinned | None = None
        each: Given | None = self
        while each is not None:
            if each.clashes:
                mine = each.jump(*fixed, (time, each.start))
                found = mine if found is None else found + mine
            each = each.earlier
        return found or Pinned(())


@dataclass(frozen=True)
class Meeting:
    """Two boundary values at a junction, on one leg of time.

    Attributes:
        junction: where.
        sides: what is given on its pieces, there.
        points: (n, d) of it.
        values: (n,) each there.
        clashes: whether the gap between them counts.
    """

    junction: Junction
    sides: tuple[Given, Given]
    points: Tensor
    values: tuple[Tensor, Tensor]
    clashes: bool

    @property
    def gap(self) -> Tensor:
        """(n,) second value less first."""
        return self.values[1] - self.values[0]


@dataclass(frozen=True)
class Data:
    """The data of one unknown on a leg of time.

    Attributes:
        given: boundary values, one per piece.
        meetings: of those of them that meet.
        leg: of time; None for all of it.
    """

    given: Sequence[Given]
    meetings: Sequence[Meeting]
    leg: Leg | None = None


def singular_part(region: Region, legs: Sequence[Data], spread_at: SpreadAt) -> SingularPart | None:
    """P of one unknown; None where its jumps do not become layers of heat, or none is known for such a place.

    Args:
        region: the domain.
        legs: the data, leg after leg of time.
        spread_at: how the unknown spreads at the boundary.
    """
    found: list[Term] = []
    for data in legs:
        layers = _layers(region, data, spread_at)
        if layers is None:
            return None
        found += layers
    return SingularPart(tuple(found)) if found else None


def _layers(region: Region, data: Data, spread_at: SpreadAt) -> list[Term] | None:
    """What begins with a leg, and the angles that last for it; None where it is not known."""
    layers: list[Term] = []
    by_piece = {each.piece: each for each in data.given if each.whole}
    if any(each.clashes and not each.whole for each in data.given):
        return None
    for each in (g for g in data.given if g.clashes):
        assert each.gap is not None, "it clashes"
        middle = each.value.jet(each.points, VALUE)[0, :, 0] - each.gap / 2
        spread = spread_at(each.points, middle)
        if spread is None or not spread.evolves:
            return None
        found = _side_terms(region, each, by_piece, spread) or _ball_term(region, each, spread)
        if found is None:
            return None
        layers += found
    for meeting in (m for m in data.meetings if m.clashes):
        term = _wedge_term(region, meeting, data, spread_at)
        layers += [] if term is None else [term]
    return layers


def _side_terms(region: Region, each: Given, others: dict[str, Given], spread: Spread) -> list[Term] | None:
    """The layer along a flat side, and what neighbours with a value do to it; None where the piece is no whole side.

    Also where two neighbours meet beside it, in space: what they do together is not known.
    """
    side = _side(region, each.piece, spread)
    if side is None:
        return None
    clock, amplitude = _clock(region, each), each.jump((side.axis, side.position), (region.time_index, each.start))
    found: list[Term] = [(amplitude, SideLayer(clock, side))]
    axes = set[int]()
    for other in others.values():
        beside = _side(region, other.piece, spread)
        if beside is not None and beside.axis != side.axis:
            at_edge = amplitude.at((beside.axis, beside.position))
            if float(at_edge.jet(each.points, VALUE).abs().max()) > 1e-9 * float(_largest(each.gap)):
                found.append((at_edge, EdgeLayer(clock, side, beside)))
                axes.add(beside.axis)
    return found if len(axes) < 2 else None


def _ball_term(region: Region, each: Given, spread: Spread) -> list[Term] | None:
    """The layer beside a sphere with the same jump all over; None for other pieces."""
    ball = _ball(region, each.points)
    assert each.gap is not None, "it clashes"
    rates = list(spread.diffusion.values())
    level = float(each.gap.mean())
    if ball is None or max(rates) > 1.001 * min(rates) or float((each.gap - level).abs().max()) > 1e-6 * abs(level):
        return None
    columns = tuple(region.coordinates.index(name) for name in ball.coordinates)
    apart = each.points[0, list(columns)] - torch.tensor(list(ball.center.values()), dtype=torch.float64)
    inside = float(apart @ each.normals[0, list(columns)]) > 0
    layer = BallLayer(_clock(region, each), columns, tuple(ball.center.values()), ball.radius, inside, rates[0])
    return [(Constant(level), layer)]


def _wedge_term(region: Region, meeting: Meeting, data: Data, spread_at: SpreadAt) -> Term | None:
    """The angle about a vertex times the jump that layers along its two sides do not have."""
    junction, (first, second) = meeting.junction, meeting.sides
    # in space the angle would jump in turn where the edge meets a side with a value
    if any(set(_axes(region, each.piece)) - set(junction.columns) for each in data.given):
        return None
    points = first.points.clone()
    for i, position in junction.fixed:
        points[:, i] = position
    middle = (first.value.jet(points, VALUE) + second.value.jet(points, VALUE))[0, :, 0] / 2
    spread = spread_at(points, middle)
    if spread is None or any(i not in spread.diffusion for i in junction.columns):
        return None
    i, j = junction.columns
    scales = (1.0, math.sqrt(spread.diffusion[j] / spread.diffusion[i]))
    direction, opening = junction.angles(scales)
    if _is_cut(region, junction, direction, scales):
        return None
    jump = Pinned(((1.0, second.value, junction.fixed), (-1.0, first.value, junction.fixed)))
    if first.before is not None and spread.evolves:
        late = [each.late(*junction.fixed, time=region.time_index) for each in (second, first)]
        jump = jump - late[0] + late[1]
        if float(jump.jet(points, VALUE).abs().max()) < 1e-9 * float(_largest(meeting.gap)):
            return None
    return jump, Wedge(junction.columns, junction.vertex, scales, direction, opening, data.leg)


def _is_cut(region: Region, junction: Junction, direction: float, scales: tuple[float, float]) -> bool:
    """Whether the ray on which the angle jumps, opposite to the middle between the sides, meets the region again."""
    at_rest = region.at_rest
    if at_rest is None or len(at_rest.coordinates) != 2:
        return at_rest is None
    steps = torch.linspace(1e-3, 2.0, 512, dtype=torch.float64) * region.size
    along = [-math.cos(direction) * scales[0], -math.sin(direction) * scales[1]]
    ray = torch.tensor(junction.vertex, dtype=torch.float64) + steps[:, None] * torch.tensor(along, dtype=torch.float64)
    return bool((at_rest.depth(ray) > 1e-6 * at_rest.size).any())


def _axes(region: Region, piece: str) -> list[int]:
    """Numbers of the coordinates along which normals of a piece may point."""
    return [region.coordinates.index(name) for name in region.normal_coordinates(piece)]


def _side(region: Region, piece: str, spread: Spread) -> Side | None:
    face = region.face(piece)
    if face is None or face[0] not in spread.diffusion:
        return None
    return Side(face[0], face[1], face[2], spread.diffusion[face[0]])


def _clock(region: Region, each: Given) -> Clock:
    lower, upper = region.time_interval
    return Clock(region.time_index, each.start, upper - lower)


def _largest(gap: Tensor | None) -> Tensor:
    assert gap is not None, "it clashes"
    return gap.abs().max()


def _balls(region: Region) -> list[Ball]:
    """The balls of which a region is made."""
    if isinstance(region, Ball):
        return [region]
    if isinstance(region, Combination):
        return [*_balls(region.a), *_balls(region.b)]
    return [ball for factor in region.factors for ball in _balls(factor)] if isinstance(region, Product) else []


def _ball(region: Region, points: Tensor) -> Ball | None:
    """The ball on whose surface points of a piece lie."""
    for ball in _balls(region):
        columns = [region.coordinates.index(name) for name in ball.coordinates]
        if len(columns) == len(region.space) and float(ball.depth(points[:, columns]).abs().max()) < 1e-9 * region.size:
            return ball
    return None
