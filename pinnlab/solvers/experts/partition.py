"""The parts of a box that experts are responsible for: how users cut it, and points within the parts.

Letters: K experts, k some of them, n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.domains import Box, Region
from pinnlab.domains.cells import Cells

Cuts = Mapping[str, int | Sequence[float]]


def cut(region: Region, cuts: Cuts) -> Cells:
    """Cut a box into one cell per expert.

    Args:
        region: the box.
        cuts: {coordinate: number of equal parts, or the positions at which to cut}.

    Raises:
        TypeError: the region is no box, or cuts are neither numbers nor positions.
        ValueError: an unknown coordinate, fewer than one part, positions that do not increase inside the interval.
    """
    if not isinstance(region, Box):
        raise TypeError(f"experts={dict(cuts)!r}: experts share out a Box, this problem lives on {region!r}.")
    for name in cuts:
        if name not in region.coordinates:
            raise ValueError(
                f"experts={dict(cuts)!r}: {name!r} is none of the coordinates {', '.join(region.coordinates)}."
            )
    edges = {name: _edges(name, bounds, cuts.get(name, 1)) for name, bounds in region.bounds.items()}
    return Cells(edges, region.time)


def inner_cuts(cuts: Cuts | None, change: ChangeOfVariables) -> Cuts | None:
    """Cuts of the same parts in inner coordinates."""
    if cuts is None:
        return None
    return {name: given if isinstance(given, int) else change.positions(name, given) for name, given in cuts.items()}


def _edges(name: str, bounds: tuple[float, float], given: int | Sequence[float]) -> np.ndarray:
    """The edges along one coordinate."""
    lower, upper = bounds
    if isinstance(given, bool) or not isinstance(given, int | Sequence) or isinstance(given, str):
        raise TypeError(f"experts={{{name!r}: {given!r}}}: give a number of equal parts, or a tuple of positions.")
    if isinstance(given, int):
        if given < 1:
            raise ValueError(f"experts={{{name!r}: {given}}}: give at least one part.")
        inner = [lower + (upper - lower) * i / given for i in range(1, given)]
    else:
        inner = [float(position) for position in given]
    edges = np.array([lower, *inner, upper])
    if not (np.diff(edges) > 0).all():
        raise ValueError(
            f"experts={{{name!r}: {given!r}}}: give increasing positions strictly inside ({lower:g}, {upper:g})."
        )
    return edges


def in_unit_cube(cells: Cells, unit: Tensor, experts: Tensor | None = None) -> Tensor:
    """(k, n, d): points (n, d) of the unit cube mapped into each cell, as points of the whole box's unit cube.

    Args:
        cells: of the box.
        unit: (n, d).
        experts: (k,) which cells, all if None.
    """
    first, last = (np.array(ends) for ends in zip(*cells.region.bounds.values(), strict=True))
    lower, upper = (torch.from_numpy((corner - first) / (last - first)) for corner in (cells.lower, cells.upper))
    if experts is not None:
        lower, upper = lower[experts], upper[experts]
    lower, upper = lower.to(unit)[:, None], upper.to(unit)[:, None]
    return lower + unit * (upper - lower)


def on_nodes(cells: Cells, axes: Mapping[str, Tensor]) -> Cells:
    """The same cells with inner edges moved to the nearest nodes of a grid.

    Args:
        cells: of a box.
        axes: {coordinate: (s,) nodes}.

    Raises:
        ValueError: two edges fall on one node.
    """
    edges = {}
    for name, old in cells.edges.items():
        nodes = axes[name]
        inner = [float(nodes[int((nodes - position).abs().argmin())]) for position in old[1:-1]]
        edges[name] = np.array([old[0], *inner, old[-1]])
        if not (np.diff(edges[name]) > 0).all():
            raise ValueError(
                f"experts along {name!r}: {len(old) - 1} parts do not fit on {len(nodes)} nodes; use a finer grid "
                "or fewer experts."
            )
    return Cells(edges, cells.time)
