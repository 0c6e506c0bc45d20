"""The leading part of a problem next to a corner of the plane, and the power with which solutions are singular there.

Letters: d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.jets import LazyJet, made_up_jet
from pinnlab.derivatives.names import Key
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains.columns import Columns
from pinnlab.reference.grids.equations import Equations
from pinnlab.solvers.cut_cells.exponents import Ray, Row, least_exponent, of_finite_energy, span, weights

Array = np.ndarray
Condition = tuple[str, Term, Callable[[Mapping[str, Tensor]], Tensor] | None]
"""A boundary piece, the term that holds there, and where on it; None for everywhere."""
_CLOSE = 1e-5
"""Distance from a corner at which coefficients are taken, relative to the region: they may vanish in the corner itself."""


_CLASH = 0.01
"""By how much values, or slopes, may miss those of a smooth function, in natural units."""
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

    @cached_property
    def rougher(self) -> list[int]:
        """(m,) zero for the smoothest unknowns, less for rougher ones (``weights``); zeros where that cannot be told."""
        try:
            return weights(self._somewhere, self._held)[0]
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
            return least_exponent(equations, rays[0], rays[1], self._held)
        except ValueError:
            return math.inf

    def clashes(self, corner: Array, sides: Sequence[Side]) -> bool:
        """Whether no smooth function has what is prescribed on the sides of a corner, so that energies are infinite there.

        Such are values that differ, and slopes of a stream function where a moving lid meets a wall. Of a steady problem in
        natural units, in which unknowns are about one.
        """
        if len(corner) != 2 or self.problem.domain.has_time:
            return False
        try:
            degree = int(of_finite_energy(self._somewhere, self._held))
        except ValueError:
            return False
        smooth = [
            (j, p, total - p)
            for j, rougher in enumerate(self.rougher)
            for total in range(degree + rougher + 1)
            for p in range(total + 1)
        ]
        rows, given = [], []
        # one unit of length for all sides, so that a monomial is the same on all of them
        radius = max(float(np.linalg.norm(side.near - corner)) for side in sides)
        for side in sides:
            for row, value in self._conditions(side):
                order = max((sum(by) - self.rougher[j] for j, by in row), default=math.inf)
                if order <= degree:
                    factor = radius**order / max(map(abs, row.values()))
                    scaled = {leaf: factor * v / radius ** sum(leaf[1]) for leaf, v in row.items()}
                    rows.append([applied(scaled, each, (side.near - corner) / radius) for each in smooth])
                    given.append(factor * value)
        if not rows:
            return False
        matrix, wanted = np.array(rows).reshape(len(rows), -1), np.array(given)
        left = matrix @ np.linalg.lstsq(matrix, wanted, rcond=None)[0] - wanted
        return bool(np.abs(left).max() > _CLASH * radius**degree)

    @cached_property
    def _somewhere(self) -> list[Row]:
        """The equations at a point inside."""
        return self._equations(self._inside)

    @cached_property
    def _inside(self) -> Array:
        """(1, d)."""
        region = self.problem.domain.at_rest
        assert region is not None
        return region.interior(torch.full((1, len(region.coordinates)), _INSIDE, dtype=torch.float64)).points.numpy()

    @cached_property
    def _held(self) -> list[int]:
        """Numbers of the unknowns that conditions on every piece of the boundary, which is not periodic, speak of."""
        normal, asked = np.eye(len(self.problem.domain.space))[0], dict[str, set[int]]()
        for piece, term, _ in self.conditions:
            rows = self._rows(term, self.columns(self._inside), normal)
            asked.setdefault(piece, set()).update(j for row, _ in rows for j, _ in row)
        return sorted(set(range(len(self.problem.unknowns))).intersection(*asked.values()))

    @torch.enable_grad()
    def _equations(self, at: Array) -> list[Row]:
        """At a point (1, d)."""
        jets = self._made_up()
        return [self._row(slopes) for slopes in linearize(self.equations.residuals(jets, self.columns(at)), jets)]

    def _made_up(self) -> dict[str, LazyJet]:
        return {u: made_up_jet(1, j) for j, u in enumerate(self.problem.unknowns)}

    def _ray(self, corner: Array, side: Side) -> Ray:
        x, y = side.along(corner)
        return Ray(math.atan2(y, x), [row for row, _ in self._conditions(side)])

    def _conditions(self, side: Side) -> list[tuple[Row, complex]]:
        """Those that hold on a side, each with what is prescribed."""
        columns = self.columns(side.near[None])
        return [
            found
            for piece, term, holds in self.conditions
            if piece == side.piece and (holds is None or bool(holds(columns)))
            for found in self._rows(term, columns, side.normal)
        ]

    @torch.enable_grad()
    def _rows(self, term: Term, columns: Columns, normal: Array) -> list[tuple[Row, complex]]:
        """A condition at a point, and what it prescribes."""
        jets, found = self._made_up(), []
        normals = dict(zip(self.problem.domain.space, torch.from_numpy(normal)[:, None], strict=True))
        residuals = list(term.evaluate((Scope.of_jets(jets, columns, self.parameters, normals),)).values())
        for slopes, residual in zip(linearize(residuals, jets), residuals, strict=True):
            of_jets = sum(value[0] * jets[u][key][0].detach() for (u, key), value in slopes.items())
            found.append((self._row(slopes), complex(of_jets - residual[0].detach())))
        return found

    def _row(self, slopes: Mapping[tuple[str, Key], Tensor]) -> Row:
        """Without derivatives by time; empty where a factor is not finite."""
        unknowns, space = self.problem.unknowns, self.problem.domain.space
        row = {
            (unknowns.index(u), tuple(map(key.count, space))): complex(value[0])
            for (u, key), value in slopes.items()
            if set(key) <= set(space)
        }
        return row if np.isfinite(list(row.values())).all() else {}


def applied(row: Row, monomial: tuple[int, int, int], at: Array) -> complex:
    """A row applied to x^p y^q in one unknown, at a point.

    Args:
        row: factors of derivatives.
        monomial: the number of the unknown, p and q.
        at: (2,).
    """
    unknown, *powers = monomial
    found = 0.0 + 0.0j
    for (j, by), factor in row.items():
        if j == unknown and all(k <= power for k, power in zip(by, powers, strict=True)):
            found += factor * math.prod(
                math.perm(power, k) * x ** (power - k) for k, power, x in zip(by, powers, at.tolist(), strict=True)
            )
    return found
