"""Corners of a region of the plane at which a solution has unbounded derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.domains import Region
from pinnlab.domains.outlines import outline
from pinnlab.reference.finite_elements.conditions import Array, Essential, jumps_at


def corners_of(region: Region) -> list[tuple[Array, float, set[str]]]:
    """Of each corner of a region of the plane its place (2,), how much of its surroundings the region takes, its pieces."""
    curves = outline(region)
    ends = [(c.at(np.array([e]))[0], c.piece) for c in curves for e in (0.0, 1.0)]
    turn = np.linspace(0.0, 2 * np.pi, 128, endpoint=False)
    around = 1e-4 * region.size * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    found: list[tuple[Array, float, set[str]]] = []
    for point, _ in ends:
        if any(np.linalg.norm(point - other) < 1e-9 * region.size for other, _, _ in found):
            continue
        meeting = {piece for other, piece in ends if np.linalg.norm(point - other) < 1e-9 * region.size}
        share = float((region.depth(torch.from_numpy(point + around)) > 0).double().mean())
        found.append((point, share, meeting))
    return found


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
