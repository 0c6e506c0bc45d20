"""Nodes and weights with which integrals over a region, or over a part of its boundary, are taken.

Letters: s nodes, d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from pinnlab.domains.boxes import Box

Array = np.ndarray
_ORDER = 8
"""Gauss-Legendre nodes of a panel."""
_PANELS = {1: 16, 2: 4, 3: 2}
"""Per number of dimensions, equal panels of every side; one in more dimensions."""
_MOST = 4096
"""Nodes in all, about, in more dimensions than three."""
FEWEST = 4
"""Nodes per side; with fewer nothing is resolved."""


@dataclass(frozen=True)
class Quadrature:
    """A sum that stands for an integral.

    Attributes:
        points: (s, d).
        weights: (s,); their sum is the length, area or volume.
        normals: (s, d) outward unit normals, on a boundary; else None.
    """

    points: Array
    weights: Array
    normals: Array | None = None

    @property
    def volume(self) -> float:
        """Length, area or volume of what is integrated over; one for a point."""
        return float(self.weights.sum())


def gauss(lower: float, upper: float, panels: int, order: int) -> tuple[Array, Array]:
    """Composite Gauss-Legendre nodes and weights, each (panels * order,)."""
    nodes, weights = legendre.leggauss(order)
    edges = np.linspace(lower, upper, panels + 1)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (nodes + 1)).ravel(), (half * weights).ravel()


def tensor(axes: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Points (s, d) and weights (s,) of all combinations of the nodes and weights of d axes."""
    points = np.stack([g.ravel() for g in np.meshgrid(*(x for x, _ in axes), indexing="ij")], axis=1)
    weights = np.ones(1)
    for _, w in axes:
        weights = np.multiply.outer(weights, w).ravel()
    return points, weights


def per_side(dimensions: int) -> tuple[int, int] | None:
    """(panels, nodes of a panel) of every side; None in too many dimensions for tensor products."""
    if dimensions in _PANELS:
        return _PANELS[dimensions], _ORDER
    order = math.floor(_MOST ** (1 / max(1, dimensions)) + 1e-9)
    return (1, order) if order >= FEWEST else None


def over_box(box: Box, rule: tuple[int, int]) -> Quadrature:
    """An integral over a box; ``rule``: panels and nodes of a panel, per side."""
    return Quadrature(*tensor([gauss(*box.bounds[name], *rule) for name in box.coordinates]))


def over_face(box: Box, piece: str, rule: tuple[int, int]) -> Quadrature:
    """An integral over one face of a box, such as ``"x-"``; in one dimension it is the value at the end."""
    index, position, sign = box.face(piece)
    axes = [gauss(*box.bounds[name], *rule) for name in box.coordinates]
    axes[index] = np.array([position]), np.ones(1)
    points, weights = tensor(axes)
    normals = np.zeros_like(points)
    normals[:, index] = sign
    return Quadrature(points, weights, normals)


def together(parts: Sequence[Quadrature]) -> Quadrature:
    """The sum of integrals over several pieces of a boundary."""
    if len(parts) == 1:
        return parts[0]
    normals = [part.normals for part in parts if part.normals is not None]
    return Quadrature(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate(normals) if len(normals) == len(parts) else None,
    )
