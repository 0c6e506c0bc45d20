"""Which cells have an expert: boxes that meet the region, small remainders joined with a neighbour.

Letters: n points, d coordinates, K experts, k boxes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnlab.domains import Region
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.trees import Face, Tree
from pinnlab.solvers.cut_cells.places import Frames

Array = np.ndarray
SLIVER = 0.28
"""Share of a box up to which the region's part of it is joined with a neighbour's."""
_PROBES = 512
_INSIDE = 1e-7
"""How far inside of the boundary a node's cell is looked for, relative to the cell."""
_ROUNDED = (1e-9, 1e-6)
"""Distances, relative to the region's size, at which a cell is looked for beside points that rounding has put outside."""
_MARGIN = 0.02
"""Of a cell's box, by which an expert's frame is larger than its points."""


class Inside:
    """What of the boxes of a tree lies in a region, asked once for each box.

    Args:
        region: in space.
        tree: of boxes over it.
    """

    def __init__(self, region: Region, tree: Tree):
        self.region, self.tree = region, tree
        d = tree.dimension
        self.unit = unit_points("sobol", 8192, d, np.random.default_rng(0)).numpy()
        self._share: dict[int, float] = {}

    def holds(self, points: Array) -> Array:
        """(n,) whether points (n, d) are inside."""
        return (self.region.depth(torch.from_numpy(points)) > 0).numpy()

    def shares(self, boxes: Sequence[int]) -> Array:
        """(k,) share of each box that is inside, estimated."""
        new = [box for box in boxes if box not in self._share]
        if new:
            lower, sides = self.tree.corners(new)
            points = lower[:, None] + sides[:, None] * self.unit[:_PROBES]
            found = self.holds(points.reshape(-1, self.tree.dimension)).reshape(len(new), -1).mean(axis=1)
            self._share.update(zip(new, found.tolist(), strict=True))
        return np.array([self._share[box] for box in boxes])


@dataclass(frozen=True, eq=False)
class Layout:
    """The experts of a tree.

    Attributes:
        tree: of boxes.
        members: per expert the numbers of its boxes.
        home: (boxes of the tree,) the expert of each leaf, -1 where there is none.
        whole: (K,) whether the region fills the one box of an expert.
        share: {leaf: share of it that is inside}.
        faces: between leaves of different experts.
    """

    tree: Tree
    members: list[list[int]]
    home: Array
    whole: Array
    share: dict[int, float]
    faces: list[Face]

    @property
    def count(self) -> int:
        """K."""
        return len(self.members)

    def size(self) -> Array:
        """(K,) the longest side of each expert's largest box."""
        return np.array([self.tree.corners(mine)[1].max() for mine in self.members])

    def middles(self) -> Array:
        """(K, d) of the experts' boxes."""
        found = []
        for mine in self.members:
            lower, sides = self.tree.corners(mine)
            found.append((lower + sides / 2).mean(axis=0))
        return np.array(found)


def nodes_of_boundary(tree: Tree, points: Array, normals: Array) -> Array:
    """(n,) the leaf in which the region lies beside each node (n, d) of its boundary."""
    leaves = tree.locate(points)
    _, sides = tree.corners(leaves)
    return tree.locate(points - _INSIDE * sides.min(axis=1, keepdims=True) * normals)


def laid_out(inside: Inside, points: Array, leaves: Array) -> Layout:
    """The experts of a tree.

    Args:
        inside: the region and the tree.
        points: (n, d) nodes of the boundary, dense enough for no cell that it meets to be without one.
        leaves: (n,) the leaf beside each.
    """
    tree = inside.tree
    boxes = tree.leaves
    shares = dict(zip(boxes, inside.shares(boxes).tolist(), strict=True))
    lower, sides = tree.corners(leaves)
    within = ((points - lower) / sides > 1e-6).all(axis=1) & ((points - lower) / sides < 1 - 1e-6).all(axis=1)
    crossed, touched = set(leaves[within].tolist()), set(leaves.tolist())
    used = [box for box in boxes if shares[box] > 0 or box in touched]
    volumes = dict(zip(used, tree.corners(used)[1].prod(axis=1).tolist(), strict=True))
    faces = [f for f in tree.faces() if f.lower in volumes and f.upper in volumes]
    group = {box: box for box in used}
    members = {box: [box] for box in used}
    small = sorted((box for box in used if shares[box] < SLIVER), key=lambda box: shares[box])
    if small:
        wanted = set(small)
        near: dict[int, list[tuple[float, int]]] = {}
        tested = [f for f in faces if f.lower in wanted or f.upper in wanted]
        for face, area in zip(tested, _open_areas(inside, tested), strict=True):
            for a, b in ((face.lower, face.upper), (face.upper, face.lower)):
                if a in wanted:
                    near.setdefault(a, []).append((area, b))
        for box in small:
            mine = group[box]
            volume = sum(shares[b] * volumes[b] for b in members[mine])
            if volume >= SLIVER * max(volumes[b] for b in members[mine]):
                continue
            others = [(area, shares[b] * volumes[b], b) for area, b in near.get(box, []) if group[b] != mine]
            others = [each for each in others if each[0] > 0] or [each for each in others if shares[box] == 0]
            if others:
                into = group[max(others)[2]]
                for b in members.pop(mine):
                    group[b] = into
                    members[into].append(b)
    order = sorted(members)
    number = {root: k for k, root in enumerate(order)}
    home = np.full(len(tree.places), -1)
    for box in used:
        home[box] = number[group[box]]
    lists = [sorted(members[root]) for root in order]
    whole = np.array([len(mine) == 1 and shares[mine[0]] == 1.0 and mine[0] not in crossed for mine in lists])
    return Layout(tree, lists, home, whole, shares, [f for f in faces if home[f.lower] != home[f.upper]])


def experts_at(tree: Tree, home: Array, points: Array, size: float) -> Array:
    """(n,) the expert of each point (n, d); -1 where there is none, nor next to it.

    Args:
        tree: of boxes.
        home: (boxes of the tree,) the expert of each leaf, -1 where there is none.
        points: (n, d).
        size: of the region.
    """
    found = home[tree.locate(points)]
    for near in _ROUNDED:
        for direction in itertools.product((-1.0, 0.0, 1.0), repeat=tree.dimension):
            lost = found < 0
            if not lost.any():
                return found
            found[lost] = home[tree.locate(points[lost] + near * size * np.array(direction))]
    return found


def _open_areas(inside: Inside, faces: Sequence[Face]) -> Array:
    """How much of each face lies in the region, about."""
    if not faces:
        return np.zeros(0)
    points = np.stack([face_points(inside.tree, face, inside.unit[:64, 1:]) for face in faces])
    held = inside.holds(points.reshape(-1, points.shape[2])).reshape(len(faces), -1).mean(axis=1)
    sides = inside.tree.corners([face.small for face in faces])[1]
    across = np.array([face.axis for face in faces])
    return held * sides.prod(axis=1) / sides[np.arange(len(faces)), across]


def face_points(tree: Tree, face: Face, unit: Array) -> Array:
    """(n, d) points of a face from (n, d - 1) of the unit cube."""
    lower, sides = (each[0] for each in tree.corners([face.small]))
    at = np.insert(unit, face.axis, 1.0 if face.small == face.lower else 0.0, axis=1)
    return lower + at * sides


def frames(layout: Layout, names: tuple[str, ...], points: Array, experts: Array) -> Frames:
    """The boxes in whose coordinates experts' functions are written: around their points, and no larger than their cells.

    Args:
        layout: of experts.
        names: of coordinates.
        points: (n, d) that experts are asked for.
        experts: (n,) of each.
    """
    low, high = np.empty((2, layout.count, len(names)))
    for k, mine in enumerate(layout.members):
        lower, sides = layout.tree.corners(mine)
        low[k], high[k] = lower.min(axis=0), (lower + sides).max(axis=0)
    near = np.full_like(low, np.inf), np.full_like(high, -np.inf)
    np.minimum.at(near[0], experts, points)
    np.maximum.at(near[1], experts, points)
    margin = _MARGIN * (high - low)
    cut = ~layout.whole[:, None] & np.isfinite(near[0])
    low, high = (
        np.where(cut, np.maximum(low, near[0] - margin), low),
        np.where(cut, np.minimum(high, near[1] + margin), high),
    )
    return Frames(names, (low + high) / 2, (high - low) / 2)
