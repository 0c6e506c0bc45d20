"""Which cells have an expert: what a box and a material have in common, small remainders joined with a neighbour.

Letters: n points, d coordinates, K experts, k boxes, M materials, one where there are none.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from pinnlab.domains import Region
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.trees import Face, Tree
from pinnlab.solvers.cut_cells.parts import Materials
from pinnlab.solvers.cut_cells.places import Frames

Array = np.ndarray
Cell = tuple[int, int]
"""A box and a material."""
SLIVER = 0.28
"""Share of a box up to which the region's part of it is joined with a neighbour's."""
_PROBES = 512
_INSIDE, _TOLD = 1e-7, 16.0
"""How far inside of the boundary a node's cell is looked for, relative to the cell; and how many roundings of coordinates
that is at least, where cells next to a corner are tiny."""
_ROUNDED = (1e-9, 1e-6)
"""Distances, relative to the region's size, at which a cell is looked for beside points that rounding has put outside."""
_MARGIN = 0.02
"""Of a cell's box, by which an expert's frame is larger than its points."""


class Inside:
    """What of the boxes of a tree lies in a region, asked once for each box.

    Args:
        region: in space.
        tree: of boxes over it.
        materials: its parts; one part if None.
    """

    def __init__(self, region: Region, tree: Tree, materials: Materials | None = None):
        self.region, self.tree = region, tree
        self.materials = materials or Materials(region.coordinates)
        d = tree.dimension
        self.unit = unit_points("sobol", 8192, d, np.random.default_rng(0)).numpy()
        self._share: dict[int, Array] = {}

    def parts(self, points: Array) -> Array:
        """(n,) in which material points (n, d) are; -1 outside of the region."""
        held = (self.region.depth(torch.from_numpy(points)) > 0).numpy()
        if self.materials.count == 1:
            return np.where(held, 0, -1)
        found = np.full(len(points), -1)
        found[held] = self.materials.at(points[held])
        return found

    def shares(self, boxes: Sequence[int]) -> Array:
        """(k, M) share of each box that is inside, of each material, estimated."""
        new = [box for box in boxes if box not in self._share]
        if new:
            lower, sides = self.tree.corners(new)
            points = lower[:, None] + sides[:, None] * self.unit[:_PROBES]
            found = self.parts(points.reshape(-1, self.tree.dimension)).reshape(len(new), -1)
            counts = [np.bincount(each[each >= 0], minlength=self.materials.count) / _PROBES for each in found]
            self._share.update(zip(new, counts, strict=True))
        return np.stack([self._share[box] for box in boxes])


@dataclass(frozen=True, eq=False)
class Layout:
    """The experts of a tree.

    Attributes:
        tree: of boxes.
        members: per expert the numbers of its boxes.
        material: (K,) of each expert.
        home: (boxes of the tree, M) the expert of each leaf and material, -1 where there is none.
        whole: (K,) whether an expert fills its one box.
        share: {(leaf, material): share of the leaf}.
        faces: between leaves in which a material has different experts, and the material.
    """

    tree: Tree
    members: list[list[int]]
    material: Array
    home: Array
    whole: Array
    share: dict[tuple[int, int], float]
    faces: list[tuple[Face, int]]

    @property
    def count(self) -> int:
        """K."""
        return len(self.members)

    def size(self) -> Array:
        """(K,) the longest side of each expert's largest box."""
        _, sides, starts = self._boxes
        return np.maximum.reduceat(sides.max(axis=1), starts)

    def volumes(self) -> Array:
        """(K,) share of each expert in the region, estimated."""
        _, sides, starts = self._boxes
        own = zip(self.members, self.material, strict=True)
        inside = np.array([self.share[box, part] for mine, part in own for box in mine])
        found = np.add.reduceat(inside * sides.prod(axis=1), starts)
        return found / found.sum()

    def middles(self) -> Array:
        """(K, d) of the experts' boxes."""
        lower, sides, starts = self._boxes
        counts = np.diff(np.append(starts, len(sides)))
        return np.add.reduceat(lower + sides / 2, starts, axis=0) / counts[:, None]

    @cached_property
    def _boxes(self) -> tuple[Array, Array, Array]:
        """Lower corners and sides (n, d) of all boxes, expert by expert, and (K,) where those of each begin."""
        starts = np.cumsum([0, *(len(mine) for mine in self.members)])[:-1]
        return *self.tree.corners([box for mine in self.members for box in mine]), starts


def leaves_beside(tree: Tree, points: Array, directions: Array) -> tuple[Array, Array]:
    """(n,) the leaf a little beside each of (n, d) points, and the places (n, d) that were looked at.

    Args:
        tree: of boxes.
        points: (n, d).
        directions: (n, d) of length one.
    """
    _, sides = tree.corners(tree.locate(points))
    moved = points + step_inside(points, sides.min(axis=1))[:, None] * directions
    return tree.locate(moved), moved


def step_inside(points: Array, sides: Array) -> Array:
    """(n,) how far one goes from points (n, d) of cells with sides (n,) to be inside of what is there."""
    return np.maximum(_INSIDE * sides, _TOLD * np.spacing(np.abs(points).max(axis=1)))


def laid_out(inside: Inside, points: Array, leaves: Array, materials: Array) -> Layout:
    """The experts of a tree.

    Args:
        inside: the region, its materials and the tree.
        points: (n, d) nodes of the boundary and of the surfaces between materials, those twice, dense enough for no cell
            that they meet to be without one.
        leaves: (n,) the leaf beside each.
        materials: (n,) the material there.
    """
    tree = inside.tree
    shares = _shares(inside, tree.leaves)
    lower, sides = tree.corners(leaves)
    within = ((points - lower) / sides > 1e-6).all(axis=1) & ((points - lower) / sides < 1 - 1e-6).all(axis=1)
    crossed, touched = set(leaves[within].tolist()), set(zip(leaves.tolist(), materials.tolist(), strict=True))
    used = sorted({*shares, *touched})
    shares |= dict.fromkeys(touched - shares.keys(), 0.0)
    sizes = tree.corners([box for box, _ in used])[1].prod(axis=1)
    volumes = dict(zip(used, sizes.tolist(), strict=True))
    faces = _faces(tree, volumes)
    group = {cell: cell for cell in used}
    members = {cell: [cell] for cell in used}
    small = sorted((cell for cell in used if shares[cell] < SLIVER), key=lambda cell: shares[cell])
    if small:
        wanted = set(small)
        near: dict[Cell, list[tuple[float, Cell]]] = {}
        tested = [(f, m) for f, m in faces if (f.lower, m) in wanted or (f.upper, m) in wanted]
        for (face, m), area in zip(tested, _open_areas(inside, tested), strict=True):
            for a, b in (((face.lower, m), (face.upper, m)), ((face.upper, m), (face.lower, m))):
                if a in wanted:
                    near.setdefault(a, []).append((area, b))
        for cell in small:
            mine = group[cell]
            volume = sum(shares[b] * volumes[b] for b in members[mine])
            if volume >= SLIVER * max(volumes[b] for b in members[mine]):
                continue
            others = [(area, shares[b] * volumes[b], b) for area, b in near.get(cell, []) if group[b] != mine]
            others = [each for each in others if each[0] > 0] or [each for each in others if shares[cell] == 0]
            if others:
                into = group[max(others)[2]]
                for b in members.pop(mine):
                    group[b] = into
                    members[into].append(b)
    order = sorted(members)
    number = {root: k for k, root in enumerate(order)}
    home = np.full((len(tree.places), inside.materials.count), -1)
    for cell in used:
        home[cell] = number[group[cell]]
    lists = [sorted(box for box, _ in members[root]) for root in order]
    material = np.array([m for _, m in order])
    filled = [
        len(b) == 1 and shares[b[0], m] == 1.0 and b[0] not in crossed for b, (_, m) in zip(lists, order, strict=True)
    ]
    between = [(f, m) for f, m in faces if home[f.lower, m] != home[f.upper, m]]
    return Layout(tree, lists, material, home, np.array(filled), shares, between)


def _shares(inside: Inside, boxes: Sequence[int]) -> dict[Cell, float]:
    """Shares of boxes that materials have."""
    found = inside.shares(boxes)
    return {(boxes[k], int(m)): float(found[k, m]) for k, m in zip(*np.nonzero(found), strict=True)}


def _faces(tree: Tree, cells: Mapping[Cell, float]) -> list[tuple[Face, int]]:
    """Faces with the materials that are on both sides."""
    held: dict[int, list[int]] = {}
    for box, m in cells:
        held.setdefault(box, []).append(m)
    return [(f, m) for f in tree.faces() for m in held.get(f.lower, ()) if (f.upper, m) in cells]


def experts_at(tree: Tree, home: Array, points: Array, materials: Array, size: float) -> Array:
    """(n,) the expert of each point (n, d); -1 where there is none, nor next to it.

    Args:
        tree: of boxes.
        home: (boxes of the tree, M) the expert of each leaf and material, -1 where there is none.
        points: (n, d).
        materials: (n,) of each.
        size: of the region.
    """
    found = home[tree.locate(points), materials]
    for near in _ROUNDED:
        for direction in itertools.product((-1.0, 0.0, 1.0), repeat=tree.dimension):
            lost = found < 0
            if not lost.any():
                return found
            found[lost] = home[tree.locate(points[lost] + near * size * np.array(direction)), materials[lost]]
    # of a material's splinter that is smaller than the nodes are apart, what is beside it: unknowns are continuous
    lost = found < 0
    found[lost] = home[tree.locate(points[lost])].max(axis=1)
    return found


def _open_areas(inside: Inside, faces: Sequence[tuple[Face, int]]) -> Array:
    """How much of each face lies in a material, about."""
    if not faces:
        return np.zeros(0)
    points = np.stack([face_points(inside.tree, face, inside.unit[:64, 1:]) for face, _ in faces])
    materials = np.array([material for _, material in faces])
    parts = inside.parts(points.reshape(-1, points.shape[2])).reshape(len(faces), -1)
    sides = inside.tree.corners([face.small for face, _ in faces])[1]
    across = np.array([face.axis for face, _ in faces])
    held = (parts == materials[:, None]).mean(axis=1)
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
