"""Curves in the plane along which an equation jumps, however they are written: traced through a fine grid.

Letters: n points, k lines of a grid in each direction.

Every line of the grid is searched for jumps (``steps.py``), whose places are known to rounding. A cell of the grid with a
jump on two of its edges has the curve pass from one to the other; so the places are put in order. Where three jumps or
four lie on a cell's edges, curves cross or are closer to one another than the grid, and end there.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.declared import Declared, see
from pinnlab.declaration.discontinuities.steps import find_steps, line_ticks
from pinnlab.domains.splines import Spline

Array = np.ndarray
Edge = tuple[int, int, int]
"""Direction of a line of the grid, its number, and that of an interval on it."""
_LINES = 96
_NEAR = 0.4
"""Places that are closer than that are one, in widths of the grid's cells."""
_CORNER = 0.5
"""The turn, in radians, from one place to the next from which on a curve has a corner there."""
_SHORTEST = 6
"""Places that make a curve."""
_BEYOND = 1.5
"""How far open curves are continued, in widths of the grid's cells."""


def traced(declared: Declared) -> list[Spline]:
    """The curves along which a problem's equations jump, at half of its time.

    Args:
        declared: a problem on a region of the plane, or its product with time.
    """
    space = declared.domain.space
    lower, upper = (np.array([declared.domain.bounds[name][end] for name in space]) for end in (0, 1))
    places = _places(declared, lower, upper)
    width = float((upper - lower).max()) / _LINES
    found: list[Spline] = []
    for chain in _chains(places):
        points = _thinned(np.array([places[edge] for edge in chain]), _NEAR * width, chain[0] == chain[-1])
        if len(points) >= _SHORTEST:
            found += _curves(points, _BEYOND * width)
    return found


def _places(declared: Declared, lower: Array, upper: Array) -> dict[Edge, Array]:
    """{edge of the grid: (2,) place of a jump on it}."""
    domain, ticks = declared.domain, line_ticks(_LINES)
    k, space = len(ticks), domain.space
    columns = [domain.coordinates.index(name) for name in space]
    low, high = (torch.tensor(side, dtype=torch.float64) for side in (lower, upper))

    def points_of(lines: Tensor, positions: Tensor) -> Tensor:
        across, along = ticks[lines % k], positions
        flat = (lines < k)[:, None]
        unit = torch.where(flat, torch.stack([along, across], 1), torch.stack([across, along], 1))
        points = torch.empty(len(lines), len(domain.coordinates), dtype=torch.float64)
        points[:, columns] = low + unit * (high - low)
        if domain.has_time:
            points[:, domain.time_index] = sum(domain.time_interval) / 2
        return points

    def values(lines: Tensor, positions: Tensor) -> Tensor:
        points = points_of(lines, positions)
        return torch.where(domain.contains(points), see(declared, points, 0).values, torch.nan)

    found: dict[Edge, Array] = {}
    for step in find_steps(values, ticks, torch.arange(2 * k)):
        interval = int(torch.searchsorted(ticks, torch.tensor(step.position, dtype=torch.float64))) - 1
        place = points_of(torch.tensor([step.line]), torch.tensor([step.position], dtype=torch.float64))[0, columns]
        found[step.line // k, step.line % k, interval] = place.numpy()
    return found


def _chains(places: dict[Edge, Array]) -> list[list[Edge]]:
    """Edges of the grid in the order in which curves pass them; of a closed curve the first one is the last as well."""
    beside: dict[Edge, list[Edge]] = {edge: [] for edge in places}
    cells: dict[tuple[int, int], list[Edge]] = {}
    for edge in places:
        direction, line, interval = edge
        for before in (line - 1, line):
            cells.setdefault((interval, before) if direction == 0 else (before, interval), []).append(edge)
    for edges in cells.values():
        if len(edges) == 2:
            beside[edges[0]].append(edges[1])
            beside[edges[1]].append(edges[0])
    left, chains = set(places), []
    # open curves are followed from their ends
    for start in sorted(places, key=lambda edge: len(beside[edge])):
        if start not in left:
            continue
        chain = [start]
        left.discard(start)
        while ahead := [edge for edge in beside[chain[-1]] if edge in left]:
            chain.append(ahead[0])
            left.discard(ahead[0])
        if len(chain) > 2 and start in beside[chain[-1]]:
            chain.append(start)
        chains.append(chain)
    return chains


def _thinned(points: Array, near: float, closed: bool) -> Array:
    """The points less those that are close to the one before; ends stay."""
    kept = [points[0]]
    for point in points[1:-1]:
        if np.linalg.norm(point - kept[-1]) > near and np.linalg.norm(point - points[-1]) > near:
            kept.append(point)
    return np.array([*kept, points[0] if closed else points[-1]])


def _curves(points: Array, beyond: float) -> list[Spline]:
    """Splines through (n, 2) points, from corner to corner; the ends of open ones are continued to reach what they meet."""
    closed = bool((points[0] == points[-1]).all())
    steps = np.diff(points, axis=0)
    if closed:
        steps = np.concatenate([steps, steps[:1]])
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    turns = np.abs((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi)
    corners = _peaks(turns, closed) + 1
    if closed and len(corners):
        points = np.concatenate([points[corners[0] : -1], points[: corners[0] + 1]])
        corners = corners - corners[0]
    cuts = [0, *(int(c) for c in corners if 0 < c < len(points) - 1), len(points) - 1]
    parts = [points[a : b + 1] for a, b in zip(cuts, cuts[1:], strict=False)]
    corner = closed and len(corners) > 0
    if len(parts) > 1 or corner:
        parts = _met(parts, 2 * beyond, corner)
    found = []
    for i, part in enumerate(parts):
        if len(part) < 3:
            part = np.array([part[0], (part[0] + part[-1]) / 2, part[-1]])
        curve = Spline.through(part)
        first = 0.0 if closed or i > 0 else beyond
        last = 0.0 if closed or i + 1 < len(parts) else beyond
        found.append(Spline("", curve.spline, curve.first - first, curve.last + last))
    return found


def _peaks(turns: Array, closed: bool) -> Array:
    """Numbers of the turns that are corners: of two neighbours that share one, the larger."""
    before, after = np.roll(turns, 1), np.roll(turns, -1)
    if not closed:
        before[:1], after[-1:] = 0.0, 0.0
    whole = turns + np.minimum(np.maximum(before, after), turns)
    return np.flatnonzero((whole > _CORNER) & (turns >= before) & (turns > after))


def _met(parts: list[Array], reach: float, closed: bool) -> list[Array]:
    """The same parts with the true corners, in which their continuations meet, in place of the points nearest to them."""
    count = len(parts)
    for i in range(count if closed else count - 1):
        one, two = parts[i], parts[(i + 1) % count]
        if len(one) < 4 or len(two) < 4:
            continue
        # the point at the corner may lie on either side of it
        a, b = Spline.through(one[:-1]), Spline.through(two[1:])
        a = Spline("", a.spline, a.first, a.last + reach)
        b = Spline("", b.spline, b.first - reach, b.last)
        met = a.crossings(b)
        if len(met):
            corner = met[[np.linalg.norm(met - one[-1], axis=1).argmin()]]
            parts[i] = np.concatenate([one[:-1], corner])
            parts[(i + 1) % count] = np.concatenate([corner, two[1:]])
    return parts
