"""Corners of a region of the plane at which a solution has unbounded derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.domains import Region
from pinnlab.domains.columns import columns_of
from pinnlab.domains.meshing.outlines import Curve, corners_of, outline
from pinnlab.reference.finite_elements.conditions import Array, Essential, jumps_at

_SAMPLES = 256
"""Along a curve, between which a part of it may end."""
_HALVINGS = 40


def singular_corners(problem: Problem, region: Region, essential: Sequence[Essential]) -> list[Array]:
    """(2,) points at which derivatives are unbounded: re-entrant corners, and where conditions or their values change."""
    corners = corners_of(region)
    fixed = {piece: {e.unknown for e in essential if e.piece == piece} for _, _, pieces in corners for piece in pieces}
    found: list[Array] = []
    for point, share, meeting in corners:
        change = len({frozenset(fixed[piece]) for piece in meeting}) > 1
        if share > 0.52 or (change and share > 0.27) or jumps_at(problem, essential, meeting, point):
            found.append(point)
    return found + [point for each in essential if each.holds is not None for point in _ends(problem, region, each)]


def _ends(problem: Problem, region: Region, given: Essential) -> list[Array]:
    """(2,) points at which the part of a piece ends on which a condition holds."""
    domain, holds = problem.domain, given.holds
    assert holds is not None
    first = domain.time_interval[0] if domain.has_time else 0.0
    found: list[Array] = []
    for curve in (c for c in outline(region) if c.piece == given.piece):

        def inside(shares: Array, curve: Curve = curve) -> Array:
            at = dict(zip(domain.space, curve.at(shares).T, strict=True))
            columns = {n: torch.as_tensor(at.get(n, np.full(len(shares), first))) for n in domain.coordinates}
            return holds(columns_of(domain, columns)).numpy()

        shares = np.linspace(0.0, 1.0, _SAMPLES + 1)
        mask = inside(shares)
        places = np.flatnonzero(mask[1:] != mask[:-1])
        low, high, before = shares[places], shares[places + 1], mask[places]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            same = inside(middle) == before
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        found += list(curve.at(high))
    return found
