"""Where two flat pieces of a boundary meet: edges of boxes, vertices of polygons, also in products and set operations.

Letters: d coordinates.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from pinnlab.domains.boxes import Box
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Product, Region

Pair = tuple[float, float]


@dataclass(frozen=True)
class Junction:
    """Two pieces that meet at a vertex, seen in the plane of two coordinates.

    Attributes:
        pieces: their names; the interior is passed when one turns counter-clockwise from the first to the second.
        columns: numbers of the two coordinates.
        vertex: where they meet.
        directions: of both pieces, away from the vertex.
    """

    pieces: tuple[str, str]
    columns: tuple[int, int]
    vertex: Pair
    directions: tuple[Pair, Pair]

    @property
    def fixed(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """((coordinate number, position), ...) of the vertex."""
        return (self.columns[0], self.vertex[0]), (self.columns[1], self.vertex[1])

    def angles(self, scales: Pair) -> Pair:
        """(direction halfway between the pieces, angle between them) in coordinates divided by scales, in radians."""
        first, second = (math.atan2(y / scales[1], x / scales[0]) for x, y in self.directions)
        opening = (second - first) % (2 * math.pi)
        return first + opening / 2, opening


def junctions(region: Region) -> Iterator[Junction]:
    """Those of a region; none of curved pieces and meshes."""
    if isinstance(region, Box):
        yield from _of_box(region)
    elif isinstance(region, Polygon):
        yield from _of_polygon(region)
    elif isinstance(region, Product):
        start = 0
        for factor in region.factors:
            for each in junctions(factor):
                if all(region.named_pieces.get(piece) == (piece,) for piece in each.pieces):
                    yield replace(each, columns=(each.columns[0] + start, each.columns[1] + start))
            start += len(factor.coordinates)
    elif isinstance(region, Combination):
        for each in (*junctions(region.a), *junctions(region.b)):
            if all(region.named_pieces.get(piece) == (piece,) for piece in each.pieces) and _is_kept(region, each):
                yield each


def junction_along(region: Region, piece: str, along: int, position: float) -> Junction | None:
    """Two parts of a flat side, which meet at a position along a coordinate; None where the side is not flat.

    Args:
        region: the side's.
        piece: the side.
        along: number of a coordinate that varies on it.
        position: of the vertex, along that coordinate.
    """
    face = region.face(piece)
    if face is None:
        return None
    across, side, outward = face
    columns = (min(along, across), max(along, across))
    vertex = (position, side) if along < across else (side, position)
    inward = (0.0, -outward) if along < across else (-outward, 0.0)
    # counter-clockwise through the interior: the inward normal turned by a quarter, to the right and to the left
    directions = ((inward[1], -inward[0]), (-inward[1], inward[0]))
    return Junction((piece, piece), columns, vertex, directions)


def _of_box(box: Box) -> Iterator[Junction]:
    columns = [box.coordinates.index(name) for name in box.space]
    for i, j in itertools.combinations(columns, 2):
        for ends in itertools.product((0, 1), repeat=2):
            names = [box.coordinates[k] for k in (i, j)]
            vertex = (box.bounds[names[0]][ends[0]], box.bounds[names[1]][ends[1]])
            inward = [1.0 if end == 0 else -1.0 for end in ends]
            # the side across the first coordinate runs along the second
            sides = [(names[0] + "-+"[ends[0]], (0.0, inward[1])), (names[1] + "-+"[ends[1]], (inward[0], 0.0))]
            if inward[0] * inward[1] > 0:
                sides.reverse()
            (first, along), (second, beside) = sides
            yield Junction((first, second), (i, j), vertex, (along, beside))


def _of_polygon(polygon: Polygon) -> Iterator[Junction]:
    at, count = polygon.vertices, len(polygon.vertices)
    area = sum(x * b - a * y for (x, y), (a, b) in zip(at, (*at[1:], at[0]), strict=True))
    for k, (x, y) in enumerate(at):
        before, after = at[k - 1], at[(k + 1) % count]
        sides = [
            (polygon.edges[k], (after[0] - x, after[1] - y)),
            (polygon.edges[k - 1], (before[0] - x, before[1] - y)),
        ]
        if area < 0:
            sides.reverse()
        (first, along), (second, beside) = sides
        yield Junction((first, second), (0, 1), (x, y), (along, beside))


def _is_kept(region: Combination, junction: Junction) -> bool:
    """Whether the neighbourhood of a vertex between its sides, in the plane, lies in the region."""
    if len(region.coordinates) != 2:
        return False
    middle, opening = junction.angles((1.0, 1.0))
    step = 1e-6 * region.size
    angles = [middle + share * opening for share in (-0.49, -0.25, 0.0, 0.25, 0.49)]
    x, y = junction.vertex
    near = torch.tensor([[x + step * math.cos(a), y + step * math.sin(a)] for a in angles], dtype=torch.float64)
    return bool((region.depth(near) > 0).all())
