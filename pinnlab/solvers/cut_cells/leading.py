"""The leading part of a problem next to a corner of the plane, and the power with which solutions are singular there.

Letters: d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains.columns import Columns
from pinnlab.reference.grids.equations import Equations
from pinnlab.solvers.cut_cells.exponents import Ray, Row, least_exponent, span, weights

Array = np.ndarray
Condition = tuple[str, Term, Callable[[Mapping[str, Tensor]], Tensor] | None]
"""A boundary piece, the term that holds there, and where on it; None for everywhere."""
_CLOSE = 1e-5
"""Distance from a corner at which coefficients are taken, relative to the region: they may vanish in the corner itself."""


_INSIDE = 0.37
"""Place in the unit cube of a point at which equations are looked at."""


@dataclass(frozen=True, eq=False)
class Side:
    """A side of a corner.

    Attributes:
        piece: of the boundary.
        near: (d,) a point on it beside the corner.
        normal: (d,) outward, in the corner.
    """

    piece: str
    near: Array
    normal: Array

    def along(self, corner: Array) -> Array:
        """(d,) the direction in which it leaves the corner."""
        away = self.near - corner
        away = away - (away @ self.normal) * self.normal
        return np.asarray(away / np.linalg.norm(away))

    def is_first(self, corner: Array) -> bool:
        """Whether the region lies counter-clockwise of it."""
        x, y = self.along(corner)
        return float(np.array([-y, x]) @ self.normal) < 0


@dataclass(frozen=True, eq=False)
class LeadingPart:
    """Equations and conditions, linearized at made-up fields.

    Args:
        problem: of which they are.
        equations: its own.
        parameters: {name: number or function}.
        conditions: on the boundary.
        columns: points (n, d) of space by name, at the first instant where there is time.
    """

    problem: Problem
    equations: Equations
    parameters: Mapping[str, Any]
    conditions: Sequence[Condition]
    columns: Callable[[Array], Columns]

    def rougher(self) -> list[int]:
        """(m,) zero for the smoothest unknowns, less for rougher ones (``weights``); zeros where that cannot be told."""
        region = self.problem.domain.at_rest
        assert region is not None
        inside = region.interior(torch.full((1, len(region.coordinates)), _INSIDE, dtype=torch.float64))
        try:
            return weights(self._equations(inside.points.numpy()))[0]
        except ValueError:
            return [0] * len(self.problem.unknowns)

    def power(self, corner: Array, sides: Sequence[Side]) -> float:
        """The least power of the distance from a corner that is no whole number; infinite where that cannot be told."""
        if len(sides) != 2 or len(corner) != 2 or sides[0].is_first(corner) == sides[1].is_first(corner):
            return math.inf
        first, second = sorted(sides, key=lambda side: not side.is_first(corner))
        rays = [self._ray(corner, side) for side in (first, second)]
        middle = rays[0].angle + span(*rays) / 2
        inside = corner + _CLOSE * self.problem.domain.size * np.array([math.cos(middle), math.sin(middle)])
        equations = self._equations(inside[None])
        if any(not row for row in (*equations, *rays[0].rows, *rays[1].rows)):
            return math.inf
        try:
            return least_exponent(equations, *rays)
        except ValueError:
            return math.inf

    @torch.enable_grad()
    def _equations(self, at: Array) -> list[Row]:
        """At a point (1, d)."""
        jets = {u: made_up_jet(1, j) for j, u in enumerate(self.problem.unknowns)}
        return self._rows(self.equations.residuals(jets, self.columns(at)), jets)

    @torch.enable_grad()
    def _ray(self, corner: Array, side: Side) -> Ray:
        x, y = side.along(corner)
        columns, found = self.columns(side.near[None]), list[Row]()
        for piece, term, holds in self.conditions:
            if piece == side.piece and (holds is None or bool(holds(columns))):
                jets = {u: made_up_jet(1, j) for j, u in enumerate(self.problem.unknowns)}
                normals = dict(zip(self.problem.domain.space, torch.from_numpy(side.normal)[:, None], strict=True))
                scope = Scope.of_jets(jets, columns, self.parameters, normals)
                found += self._rows(list(term.evaluate((scope,)).values()), jets)
        return Ray(math.atan2(y, x), found)

    def _rows(self, residuals: Sequence[Tensor], jets: Mapping[str, Mapping]) -> list[Row]:
        """Without derivatives by time; empty where a factor is not finite."""
        unknowns, space, found = self.problem.unknowns, self.problem.domain.space, list[Row]()
        for slopes in linearize(residuals, jets):
            row = {
                (unknowns.index(u), tuple(map(key.count, space))): complex(value[0])
                for (u, key), value in slopes.items()
                if set(key) <= set(space)
            }
            found.append(row if np.isfinite(list(row.values())).all() else {})
        return found
