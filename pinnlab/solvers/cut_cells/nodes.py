"""Points of cells at which rows are taken: of equations, on the boundary, between materials, on faces between cells.

Letters: n points, d coordinates, K experts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.domains import Region
from pinnlab.domains.meshing.surface_nodes import surface_nodes
from pinnlab.domains.patches import Patches
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.trees import Face, Tree
from pinnlab.solvers.cut_cells.layout import Inside, Layout, face_points, leaves_beside, step_inside
from pinnlab.solvers.cut_cells.parts import Materials, directed
from pinnlab.solvers.local_experts.basis import LocalBasis

Array = np.ndarray
_ROWS_WHOLE, _ROWS_CUT, _ROWS_SPREAD = 1.8, 2.5, 2.2
"""Points of the equations per basis function, in whole cells of the plane, in cut ones, and in whole ones of space."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points at which rows are taken.

    Attributes:
        interior: (n, d) points of equations, and (n,) their experts.
        boundary: {piece: points (n, d), normals (n, d), experts (n,)}.
        between: materials: points (n, d), normals (n, d), experts (n,) against and along these.
        faces: {axis: points (n, d), experts below and above (n,)}.
    """

    interior: tuple[Array, Array]
    boundary: Mapping[str, tuple[Array, Array, Array]]
    between: tuple[Array, Array, Array, Array]
    faces: Mapping[int, tuple[Array, Array, Array]]


@dataclass(frozen=True, eq=False)
class Surface:
    """Nodes of the boundary, or between materials.

    Attributes:
        points, normals: (n, d).
        leaves: (n,) beside each, against the normal.
        materials: (n,) there.
        beyond: the same two along the normal, between materials.
    """

    points: Array
    normals: Array
    leaves: Array
    materials: Array
    beyond: tuple[Array, Array] | None = None


class NodeMaker:
    """Finds the points of any tree's cells.

    Args:
        region: in space.
        materials: its parts.
        patches: {boundary piece: patches that cover it}.
        basis: the functions of every expert.
    """

    def __init__(
        self, region: Region, materials: Materials, patches: Mapping[str, Sequence[Patches]], basis: LocalBasis
    ):
        self.region, self.materials, self.patches, self.basis = region, materials, patches, basis
        d = self.d = len(region.coordinates)
        self.degree = max(basis.degrees)
        self.in_whole = _in_whole(basis, d)
        self.on_face = _tensor(self.degree + 2 if d == 2 else self.degree, d - 1)
        self.across_face = _uniform(4 * (self.degree + 2) if d == 2 else 2 * self.degree, d - 1)

    def boundary(self, tree: Tree, seed: int | None) -> dict[str, Surface]:
        """Nodes of each boundary piece; random ones where there is a seed."""
        found = {}
        for piece, patches in self.patches.items():
            placed = surface_nodes(patches, self._spacing(tree), self._along(seed), seed)
            normals = np.asarray(placed.normals)
            found[piece] = Surface(placed.points, normals, *self._beside(tree, placed.points, -normals))
        return found

    def between(self, tree: Tree, seed: int | None) -> Surface:
        """Nodes of the surfaces between materials."""
        points, normals = self.materials.surface(self.region, self._spacing(tree), self._along(seed), seed)
        normals = directed(normals)
        sides = [self._beside(tree, points, sign * normals) for sign in (-1.0, 1.0)]
        return Surface(points, normals, *sides[0], sides[1])

    def nodes(
        self, inside: Inside, layout: Layout, boundary: Mapping[str, Surface], between: Surface, held_out: bool
    ) -> Nodes:
        """All points, with their experts."""
        pieces = {}
        for piece, each in boundary.items():
            # beside a curve that just touches a box there may be no expert
            home = layout.home[each.leaves, each.materials]
            pieces[piece] = each.points[home >= 0], each.normals[home >= 0], home[home >= 0]
        assert between.beyond is not None
        ends = [layout.home[side] for side in ((between.leaves, between.materials), between.beyond)]
        faces: dict[int, tuple[Array, Array, Array]] = {}
        for axis in range(self.d):
            mine = [each for each in layout.faces if each[0].axis == axis]
            if mine:
                faces[axis] = self._face_nodes(inside, layout, mine, held_out)
        met = (ends[0] >= 0) & (ends[1] >= 0)
        crossing = between.points[met], between.normals[met], ends[0][met], ends[1][met]
        return Nodes(self._interior(inside, layout, held_out), pieces, crossing, faces)

    def _spacing(self, tree: Tree) -> Callable[[Array], Array]:
        return lambda points: tree.corners(tree.locate(points))[1].min(axis=1) / 2

    def _along(self, seed: int | None) -> int:
        along = self.degree + 2 if self.d == 2 else self.degree // 2 + 2
        return along if seed is None else max(2, along // 2)

    def _beside(self, tree: Tree, points: Array, directions: Array) -> tuple[Array, Array]:
        """(n,) leaves and materials a little beside points (n, d)."""
        leaves, moved = leaves_beside(tree, points, directions)
        return leaves, self.materials.at(moved)

    def _interior(self, inside: Inside, layout: Layout, held_out: bool) -> tuple[Array, Array]:
        tries: list[_Try] = []
        tree, pool = layout.tree, inside.unit[4096:] if held_out else inside.unit[:4096]
        wanted = max(30, self.basis.size // 2) if held_out else math.ceil(_ROWS_CUT * self.basis.size)
        for expert, (mine, material) in enumerate(zip(layout.members, layout.material, strict=True)):
            lower, sides = tree.corners(mine)
            if layout.whole[expert]:
                tries.append(_Try(expert, lower[0] + sides[0] * (pool[:wanted] if held_out else self.in_whole), None))
                continue
            own = np.array([layout.share[box, material] for box in mine])
            volumes = own * sides.prod(axis=1)
            for low, side, share, volume in zip(lower, sides, own, volumes, strict=True):
                if volume > 0:
                    count = max(4, math.ceil(wanted * volume / volumes.sum()))
                    tries.append(
                        _Try(expert, low + side * pool[: math.ceil(1.2 * count / share) + 20], int(material), count)
                    )
        held = _held(inside, [each for each in tries if each.material is not None])
        points = [each.points if each.material is None else each.points[next(held)][: each.count] for each in tries]
        return np.concatenate(points), np.repeat([each.of for each in tries], [*map(len, points)])

    def _face_nodes(
        self, inside: Inside, layout: Layout, faces: Sequence[tuple[Face, int]], held_out: bool
    ) -> tuple[Array, Array, Array]:
        rng = np.random.default_rng(2)
        tries: list[_Try] = []
        units, denser = list[Array](), dict[int, Array]()
        ends = np.array([[layout.home[face.lower, m], layout.home[face.upper, m]] for face, m in faces])
        half = self.degree // 2 + 1
        for number, (face, material) in enumerate(faces):
            unit = rng.random((half, self.d - 1)) if held_out else self.on_face
            if not layout.whole[ends[number]].all():
                dense = rng.random((2 * half, self.d - 1)) if held_out else self.across_face
                points = face_points(layout.tree, face, dense)
                step = np.zeros_like(points)
                side = layout.tree.corners([face.small])[1].min()
                step[:, face.axis] = step_inside(points, np.full(len(points), side))
                tries.append(_Try(number, np.concatenate([points + step, points - step]), material))
                denser[number] = dense
            units.append(unit)
        for each, held in zip(tries, _held(inside, tries), strict=True):
            open_ = held.reshape(2, -1).all(axis=0)
            if not open_.all():
                units[each.of] = denser[each.of][open_]
        nodes = [face_points(layout.tree, face, unit) for (face, _), unit in zip(faces, units, strict=True)]
        numbers = np.repeat(np.arange(len(faces)), [*map(len, nodes)])
        return np.concatenate(nodes), ends[numbers, 0], ends[numbers, 1]


@dataclass(frozen=True, eq=False)
class _Try:
    """Points (n, d) of an expert or a face, of which those count that are in a material; all if it is None.

    Attributes:
        of: number of the expert, or of the face.
        points: (n, d).
        material: where they have to be.
        count: how many are wanted; all if None.
    """

    of: int
    points: Array
    material: int | None
    count: int | None = None


def _held(inside: Inside, tries: Sequence[_Try]) -> Iterator[Array]:
    """Per try (n,) which points are where they have to be; a region is asked once for all of them."""
    if not tries:
        return
    sizes = [len(each.points) for each in tries]
    wanted = np.repeat([each.material for each in tries], sizes)
    held = inside.parts(np.concatenate([each.points for each in tries])) == wanted
    yield from np.split(held, np.cumsum(sizes)[:-1])


def _in_whole(basis: LocalBasis, d: int) -> Array:
    """(q, d) points of the equations in a whole cell, of the unit cube; Gauss's where they are not too many."""
    if d == 2:
        return _tensor(math.ceil(math.sqrt(_ROWS_WHOLE * basis.size)), d)
    # fewer than one more than the degree along a coordinate do not tell polynomials apart
    return unit_points("sobol", math.ceil(_ROWS_SPREAD * basis.size), d, np.random.default_rng(3)).numpy()


def _tensor(count: int, d: int) -> Array:
    """(count^d, d) Gauss-Legendre nodes of the unit cube."""
    axis = (np.polynomial.legendre.leggauss(count)[0] + 1) / 2
    return np.stack([g.ravel() for g in np.meshgrid(*[axis] * d, indexing="ij")], axis=1)


def _uniform(count: int, d: int) -> Array:
    """(count^d, d) evenly spread points of the unit cube."""
    axis = (np.arange(count) + 0.5) / count
    return np.stack([g.ravel() for g in np.meshgrid(*[axis] * d, indexing="ij")], axis=1)
