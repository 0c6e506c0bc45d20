"""Where the nodes of a mesh in space are put: corners, along edges, on surfaces, inside.

Letters: n points, v nodes, s surfaces.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy
import torch

from pinnlab.domains.meshing.spacing import Spacing, apart, filled
from pinnlab.domains.meshing.surfaces import Array, Features, Surface, twins
from pinnlab.domains.regions import Region
from pinnlab.domains.sampling import unit_points

_BEND = 0.6
"""Length of edges on a sphere or cylinder, in radii."""
_INWARD = 0.5
"""The same along edges that point inwards, where derivatives are unbounded, relative to others."""
_NARROW = 0.15
"""Least length where parts of the boundary are close, relative to other edges."""
_APART = 0.72
"""Least distance of points, relative to the length of edges."""
_CLEAR = 0.6
"""Least distance from edges, relative to their length."""
_BESIDE = 0.55
"""Least distance of points from surfaces, relative to the length of edges."""
_FINE = 1024
_BROKEN = 0.5
"""Distance between points of a curve from which on it is not the same one, relative to edges."""
_BATCH, _SAMPLES = 2048, 512
"""Points that are drawn at a time, and those at which lengths are asked for."""


def spacing_of(
    region: Region, found: Sequence[Surface], marks: Features, size: float, graded: Sequence[tuple[Array, float]] = ()
) -> Spacing:
    """Small where surfaces bend, between those that are close to one another but do not meet, and where it is asked for.

    Args:
        region: in space.
        found: its surfaces, and those inside.
        marks: where they meet.
        size: length of edges elsewhere.
        graded: (points (n, 3), length of edges there).
    """
    shown = [i for i, s in enumerate(found) if s.piece]
    same = twins(found)
    meeting = np.eye(len(found))
    for pair in marks.edges:
        meeting[pair] = meeting[pair[::-1]] = 1.0
    meeting = same @ meeting @ same
    drawn = {i: found[i].samples(region, _SAMPLES) for i in shown}
    points, sizes = [np.empty((0, 3))], [np.empty(0)]
    for i in shown:
        mine = np.full(len(drawn[i]), min(size, _BEND * found[i].radius))
        for j in shown:
            if not meeting[i, j]:
                gap = scipy.spatial.cKDTree(drawn[j]).query(drawn[i])[0]
                mine = np.minimum(mine, np.maximum(gap, _NARROW * size))
        small = mine < 0.999 * size
        points.append(drawn[i][small])
        sizes.append(mine[small])
    for (i, j), line in marks.edges.items():
        if marks.reentrant[i, j]:
            some = line[:: max(1, len(line) // _SAMPLES)]
            points.append(some)
            sizes.append(np.full(len(some), _INWARD * min(size, _BEND * found[i].radius, _BEND * found[j].radius)))
    for line, length in graded:
        points.append(line)
        sizes.append(np.full(len(line), length))
    at, small = np.concatenate(points), np.concatenate(sizes)
    order = np.argsort(small, kind="stable")
    kept = apart(at[order], 0.7 * small[order])
    return Spacing(size, at[order][kept], small[order][kept])


def scattered(region: Region, found: Sequence[Surface], marks: Features, sizes: Spacing) -> tuple[Array, Array]:
    """Nodes (v, 3), and (v, s) which surfaces they are on."""
    lines = [line[:: max(1, len(line) // _FINE)] for line in marks.edges.values()]
    tree = scipy.spatial.cKDTree(np.concatenate(lines)) if lines else None

    def clear(points: Array) -> Array:
        """Those outside of the balls over the pieces of edges, which thereby become edges of tetrahedra."""
        return points if tree is None else points[tree.query(points)[0] > _CLEAR * sizes(points)]

    nodes = marks.corners
    on = np.abs(np.stack([s.distance(nodes) for s in found], axis=1)) < 1e-7 * region.size
    for pair, points in marks.edges.items():
        mine = marks.corners[on[: len(marks.corners)][:, pair].all(axis=1)]
        new = _along(points, mine, sizes)
        nodes, on = np.concatenate([nodes, new]), np.concatenate([on, marked(len(new), len(found), pair)])
    for i, surface in enumerate(found):
        if surface.piece:

            def draw(number: int, surface: Surface = surface) -> Array:
                return clear(surface.samples(region, _BATCH, number))

            new = filled(draw, lambda at: _APART * sizes(at), nodes)
            nodes, on = np.concatenate([nodes, new]), np.concatenate([on, marked(len(new), len(found), (i,))])
    inside = [s for s in found if s.part is not None]

    def free(points: Array) -> Array:
        """Those that are clear of edges, and not too close to surfaces inside."""
        near = [s.holds(region, points, _BESIDE * sizes(points)) for s in inside]
        return clear(points[~np.any(near, axis=0)] if near else points)

    new = _inner(region, sizes, nodes, free)
    nodes, on = np.concatenate([nodes, new]), np.concatenate([on, marked(len(new), len(found), ())])
    return nodes, with_twins(found, on)


def with_twins(found: Sequence[Surface], on: Array) -> Array:
    """What is on a surface is on those that coincide with it."""
    return (on.astype(int) @ twins(found)) > 0


def marked(count: int, total: int, mine: Sequence[int]) -> Array:
    """(count, total) booleans: new nodes that are on some of the surfaces."""
    found = np.zeros((count, total), dtype=bool)
    found[:, list(mine)] = True
    return found


def _along(points: Array, corners: Array, sizes: Spacing) -> Array:
    """Points of a curve between its corners, evenly as far apart as edges are to be long.

    Args:
        points: (n, 3) many points of the curve, in any order.
        corners: (c, 3) those on it.
        sizes: of edges.
    """
    line, closed = _in_order(points, sizes)
    cuts = scipy.spatial.cKDTree(line).query(corners)[1] if len(corners) else np.empty(0, dtype=int)
    if closed and len(cuts):
        line, cuts = np.roll(line, -int(cuts[0]), axis=0), (cuts - cuts[0]) % len(line)
    breaks = np.flatnonzero(_steps(line[:-1], line[1:], sizes) > _BROKEN) + 1
    found = []
    ends = np.unique(np.concatenate([[0, len(line)], cuts, breaks])).tolist()
    for first, last in itertools.pairwise(ends):
        run = line[first : last + 1] if last not in breaks else line[first:last]
        if closed and last == len(line):
            run = np.concatenate([run, line[:1]])
        total = np.concatenate([[0.0], np.cumsum(_steps(run[:-1], run[1:], sizes))])
        count = max(3 if closed and not len(cuts) else 1, math.ceil(total[-1]))
        wanted = np.linspace(0.0, total[-1], count + 1)
        inner = wanted[:-1] if closed and not len(cuts) else wanted[1:-1]
        found.append(run[np.abs(total[:, None] - inner).argmin(axis=0)])
    return np.concatenate(found)


def _in_order(points: Array, sizes: Spacing) -> tuple[Array, bool]:
    """Points of a curve one after another, by the way along a line or the angle around their middle; whether it closes."""
    gap = points - points.mean(axis=0)
    _, extents, axes = np.linalg.svd(gap, full_matrices=False)
    x, y = gap @ axes[0], gap @ axes[1]
    if extents[1] < 1e-6 * extents[0]:
        return points[np.argsort(x, kind="stable")], False
    line = points[np.argsort(np.arctan2(y, x), kind="stable")]
    steps = _steps(np.roll(line, 1, axis=0), line, sizes)
    widest = int(steps.argmax())
    return np.roll(line, -widest, axis=0), bool(steps[widest] < _BROKEN)


def _steps(start: Array, end: Array, sizes: Spacing) -> Array:
    """(n,) distances between points, in lengths of edges there."""
    return np.linalg.norm(end - start, axis=1) / sizes((start + end) / 2)


def _inner(region: Region, sizes: Spacing, nodes: Array, clear: Callable[[Array], Array]) -> Array:
    """A body-centred lattice, finer and finer by halves where edges are to be short, and what fits between."""
    lower, upper = (np.array(side) for side in zip(*region.bounds.values(), strict=True))
    side = 1.05 * sizes.largest
    count = np.ceil((upper - lower) / side).astype(int)
    start = (lower + upper - count * side) / 2
    cells = np.stack(np.meshgrid(*(np.arange(c) for c in count), indexing="ij"), axis=-1).reshape(-1, 3)
    cube = np.array(list(itertools.product((0, 1), repeat=3)))
    found = []
    low = start + cells * side
    while len(low):
        large = sizes(low + side / 2) < 0.7 * side
        mine = low[~large]
        corners = (mine[:, None] + side * cube).reshape(-1, 3)
        _, first = np.unique(np.round(corners / (0.01 * side)), axis=0, return_index=True)
        found += [mine + side / 2, corners[np.sort(first)]]
        low, side = (low[large][:, None] + side / 2 * cube).reshape(-1, 3), side / 2
    lattice = np.concatenate(found)

    def inside(points: Array) -> Array:
        return clear(points[region.depth(torch.from_numpy(points)).numpy() > _BESIDE * sizes(points)])

    def draw(number: int) -> Array:
        if number == 0:
            return inside(lattice)
        unit = unit_points("sobol", _BATCH, 3, np.random.default_rng(number))
        return inside(region.interior(unit).points.numpy())

    return filled(draw, lambda at: _APART * sizes(at), nodes)
