"""A boundary value of one unknown on a piece of the boundary, or on a part of it.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.conditions.where import PartOfSide
from pinnlab.declaration.terms import Context
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Region
from pinnlab.domains.junctions import Junction
from pinnlab.domains.sites import Site

_BESIDE = 1e-6
"""How far from where two pieces meet one looks at what holds, relative to the region."""


@dataclass(frozen=True, eq=False)
class SideValue:
    """A value that is prescribed.

    Attributes:
        piece: of the boundary.
        value: the data.
        part: where on the piece; None for all of it.
    """

    piece: str
    value: KnownFunction
    part: PartOfSide | None = None

    def sites(self, region: Region, unit: Tensor) -> Site:
        """Points of it, with normals, from (n, d) points of the unit cube."""
        return region.boundary(self.piece, unit) if self.part is None else self.part.draw(self.piece)(unit)

    def reaches(self, region: Region, junction: Junction, which: int) -> bool:
        """Whether it holds near a junction, on the first (0) or second (1) of the sides that meet there."""
        if junction.pieces[which] != self.piece:
            return False
        if self.part is None:
            return True
        face = region.face(self.piece)
        points = region.boundary(self.piece, torch.full((1, len(region.coordinates)), 0.5, dtype=torch.float64)).points
        for (i, position), along in zip(junction.fixed, junction.directions[which], strict=True):
            if face is None or i != face[0]:
                points[:, i] = position + _BESIDE * region.size * along
        return bool(self.part.holds(region.columns(points)).all())

    def ends(self, region: Region) -> dict[int, tuple[float, ...]]:
        """{number of a coordinate of space: where it ends along that, inside the piece}."""
        found = {} if self.part is None else self.part.ends(self.piece)
        return {region.coordinates.index(name): at for name, at in found.items() if name in region.space}


def known_value(given: Any, owner: str, context: Context, data: Mapping[str, Any]) -> KnownFunction:
    """What is given as a function of all coordinates.

    Args:
        given: a number or a function.
        owner: who gives it, in words.
        context: names of the problem.
        data: {parameter: number or function}.
    """
    if isinstance(given, KnownFunction):
        return given
    names = context.names(given, owner)
    return FunctionValue(given, names, context.region.coordinates, tuple((k, v) for k, v in data.items() if k in names))
