"""Where the nodes of a mesh in space are put: corners, along edges, on surfaces, inside.

Letters: n points, v nodes, s surfaces.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import scipy
import torch

from pinnlab.domains.regions import Region
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.spacing import Spacing, apart, filled
from pinnlab.domains.surfaces import Array, Features, Surface, samples

_BEND = 0.6
"""Length of edges on a sphere or cylinder, in radii."""
_INWARD = 0.5
"""The same along edges that point inwards, where derivatives are unbounded, relative to others."""
_NARROW = 0.15
"""Least length where parts of the boundary are close, relative to other edges."""
_APART = 0.72
"""Least distance of points, relative to the length of edges."""
_BATCH = 2048


def spacing_of(region: Region, found: Sequence[Surface], marks: Features, size: float) -> Spacing:
    """Small where surfaces bend, and between those that are close to one another but do not meet."""
    shown = [i for i, s in enumerate(found) if s.piece]
    drawn = {i: samples(region, found[i].piece, 512) for i in shown}
    points, sizes = [np.empty((0, 3))], [np.empty(0)]
    for i in shown:
        mine = np.full(len(drawn[i]), min(size, _BEND * found[i].radius))
        for j in shown:
            if (min(i, j), max(i, j)) not in marks.edges and not found[i].coincides(found[j]):
                gap = scipy.spatial.cKDTree(drawn[j]).query(drawn[i])[0]
                mine = np.minimum(mine, np.maximum(gap, _NARROW * size))
        small = mine < 0.999 * size
        points.append(drawn[i][small])
        sizes.append(mine[small])
    for (i, j), line in marks.edges.items():
        if marks.reentrant[i, j]:
            points.append(line)
            sizes.append(np.full(len(line), _INWARD * min(size, _BEND * found[i].radius, _BEND * found[j].radius)))
    at, small = np.concatenate(points), np.concatenate(sizes)
    order = np.argsort(small, kind="stable")
    kept = apart(at[order], 0.7 * small[order])
    return Spacing(size, at[order][kept], small[order][kept])


def scattered(region: Region, found: Sequence[Surface], marks: Features, sizes: Spacing) -> tuple[Array, Array]:
    """Nodes (v, 3), and (v, s) which surfaces they are on."""
    nodes = marks.corners
    on = np.abs(np.stack([s.distance(nodes) for s in found], axis=1)) < 1e-7 * region.size
    for pair, points in marks.edges.items():
        mine = marks.corners[on[: len(marks.corners)][:, pair].all(axis=1)]
        new = _along(points, mine, sizes)
        nodes, on = np.concatenate([nodes, new]), np.concatenate([on, marked(len(new), len(found), pair)])
    for i, surface in enumerate(found):
        if surface.piece:

            def draw(number: int, surface: Surface = surface) -> Array:
                points = samples(region, surface.piece, _BATCH, number)
                return points[np.abs(surface.distance(points)) < 1e-7 * region.size]

            new = filled(draw, lambda at: _APART * sizes(at), nodes)
            nodes, on = np.concatenate([nodes, new]), np.concatenate([on, marked(len(new), len(found), (i,))])
    new = _inner(region, sizes, nodes)
    nodes, on = np.concatenate([nodes, new]), np.concatenate([on, marked(len(new), len(found), ())])
    return nodes, with_twins(found, on)


def with_twins(found: Sequence[Surface], on: Array) -> Array:
    """What is on a surface is on those that coincide with it."""
    same = np.array([[a.coincides(b) for b in found] for a in found])
    return (on.astype(int) @ same) > 0


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
    line, closed = _in_order(points)
    close = 10 * float(np.median(np.linalg.norm(np.diff(line, axis=0), axis=1)))
    cuts = scipy.spatial.cKDTree(line).query(corners)[1] if len(corners) else np.empty(0, dtype=int)
    if closed and len(cuts):
        line, cuts = np.roll(line, -int(cuts[0]), axis=0), (cuts - cuts[0]) % len(line)
    breaks = np.flatnonzero(np.linalg.norm(np.diff(line, axis=0), axis=1) > close) + 1
    found = []
    ends = np.unique(np.concatenate([[0, len(line)], cuts, breaks])).tolist()
    for first, last in itertools.pairwise(ends):
        run = line[first : last + 1] if last not in breaks else line[first:last]
        if closed and last == len(line):
            run = np.concatenate([run, line[:1]])
        steps = np.linalg.norm(np.diff(run, axis=0), axis=1)
        total = np.concatenate([[0.0], np.cumsum(steps / sizes((run[1:] + run[:-1]) / 2))])
        count = max(3 if closed and not len(cuts) else 1, math.ceil(total[-1]))
        wanted = np.linspace(0.0, total[-1], count + 1)
        inner = wanted[:-1] if closed and not len(cuts) else wanted[1:-1]
        found.append(run[np.abs(total[:, None] - inner).argmin(axis=0)])
    return np.concatenate(found)


def _in_order(points: Array) -> tuple[Array, bool]:
    """Points of a curve one after another, by the way along a line or the angle around their middle; whether it closes."""
    gap = points - points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(gap, full_matrices=False)
    x, y = gap @ axes[0], gap @ axes[1]
    if sizes[1] < 1e-6 * sizes[0]:
        return points[np.argsort(x, kind="stable")], False
    line = points[np.argsort(np.arctan2(y, x), kind="stable")]
    steps = np.linalg.norm(line - np.roll(line, 1, axis=0), axis=1)
    widest = int(steps.argmax())
    return np.roll(line, -widest, axis=0), bool(steps[widest] < 10 * np.median(steps))


def _inner(region: Region, sizes: Spacing, nodes: Array) -> Array:
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
        return points[region.depth(torch.from_numpy(points)).numpy() > 0.55 * sizes(points)]

    def draw(number: int) -> Array:
        if number == 0:
            return inside(lattice)
        unit = unit_points("sobol", _BATCH, 3, np.random.default_rng(number))
        return inside(region.interior(unit).points.numpy())

    return filled(draw, lambda at: _APART * sizes(at), nodes)
