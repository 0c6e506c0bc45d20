"""Corners of a region of the plane at which a solution has unbounded derivatives."""

from __future__ import annotations

from collections.abc import Sequence

from pinnlab.declaration.problem import Problem
from pinnlab.domains import Region
from pinnlab.domains.outlines import corners_of
from pinnlab.reference.finite_elements.conditions import Array, Essential, jumps_at


def singular_corners(problem: Problem, region: Region, essential: Sequence[Essential]) -> list[Array]:
    """(2,) corners at which derivatives are unbounded: re-entrant ones, and where kinds of conditions, or values, change."""
    if len(region.coordinates) != 2:
        return []
    corners = corners_of(region)
    fixed = {piece: {e.unknown for e in essential if e.piece == piece} for _, _, pieces in corners for piece in pieces}
    found: list[Array] = []
    for point, share, meeting in corners:
        change = len({frozenset(fixed[piece]) for piece in meeting}) > 1
        if share > 0.52 or (change and share > 0.27) or jumps_at(problem, essential, meeting, point):
            found.append(point)
    return found
