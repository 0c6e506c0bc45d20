"""Nodes and weights, fixed once and for all, with which integrals over a region or a part of its boundary are taken.

Letters: n nodes, d coordinates, k dimensions of a patch, K patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from pinnlab.domains.patches import Array, Patches

_ORDER = 8
"""Gauss-Legendre nodes of a panel, where there are so many."""
_WANTED = {0: 1, 1: 128, 2: 1024}
"""Per number of dimensions, nodes in all, about; 4096 in more than two."""
_MANY = 4096
_FEWEST = 2
"""Nodes along each side of one of many patches."""
_FEWEST_ALONE = 4
"""The same of few: with fewer nothing is resolved."""
_MOST = 50_000


@dataclass(frozen=True)
class Quadrature:
    """A sum that stands for an integral.

    Attributes:
        points: (n, d).
        weights: (n,); their sum is the length, area or volume.
        normals: (n, d) outward unit normals, on a boundary; else None.
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
    """Points (n, k) and weights (n,) of all combinations of the nodes and weights of k axes."""
    points = np.stack([g.ravel() for g in np.meshgrid(*(x for x, _ in axes), indexing="ij")], axis=1)
    weights = np.ones(1)
    for _, w in axes:
        weights = np.multiply.outer(weights, w).ravel()
    return points, weights


def per_side(dimensions: int, patches: int) -> tuple[int, int]:
    """(panels, nodes of a panel) along each side of each of so many patches.

    Raises:
        ValueError: that would be too many in all.
    """
    if dimensions == 0:
        return 1, 1
    wanted = (_WANTED.get(dimensions, _MANY) / patches) ** (1 / dimensions)
    panels = max(1, round(wanted / _ORDER))
    order = _ORDER if wanted >= _ORDER else max(_FEWEST, int(wanted + 1e-9))
    if order < _FEWEST_ALONE and patches < 2 * dimensions:
        raise ValueError(f"there is no quadrature in {dimensions} dimensions")
    if (nodes := patches * (panels * order) ** dimensions) > _MOST:
        raise ValueError(f"a quadrature over {patches} parts would have {nodes} nodes, of which {_MOST} may be used")
    return panels, order


def quadrature(patches: Sequence[Patches]) -> Quadrature:
    """The sum over several sets of patches together.

    Raises:
        ValueError: too many dimensions, or too many patches.
    """
    count = sum(each.count for each in patches)
    parts = [_over(each, per_side(each.dimension, count)) for each in patches]
    normals = [part.normals for part in parts if part.normals is not None]
    return Quadrature(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate(normals) if len(normals) == len(parts) else None,
    )


def _over(patches: Patches, rule: tuple[int, int]) -> Quadrature:
    if patches.dimension:
        unit, weights = tensor([gauss(0.0, 1.0, *rule)] * patches.dimension)
    else:
        unit, weights = np.zeros((1, 0)), np.ones(1)
    which = np.repeat(np.arange(patches.count), len(unit))
    placed = patches.place(which, np.tile(unit, (patches.count, 1)))
    found, counted = placed.density * np.tile(weights, patches.count), placed.density > 0
    normals = None if placed.normals is None else placed.normals[counted]
    return Quadrature(placed.points[counted], found[counted], normals)
