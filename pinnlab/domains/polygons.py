"""Polygons in the plane.

Letters: n points, v vertices.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.domains.naming import TIME, Named
from pinnlab.domains.regions import Bounds, Region
from pinnlab.domains.simplices import Simplices, whole_face
from pinnlab.domains.sites import Site, on_cpu

Point = tuple[float, float]


@dataclass(frozen=True, init=False, repr=False)
class Polygon(Region):
    """A region of the plane bounded by straight edges: ``Polygon([(0, 0), (1, 0), (0, 1)])``.

    Args:
        vertices: three or more (x, y) in order along the boundary, either way round; the last is joined to the first.
        names: of the two coordinates.
        edges: names for ``on=``, one per edge, the first from vertex 0 to vertex 1; edges may share a name. By default
            ``"edge0"``, ``"edge1"`` and so on.

    Raises:
        TypeError: vertices that are no pairs of numbers.
        ValueError: fewer than three vertices, edges that cross or touch, a vertex that stands twice, wrong names.
    """

    vertices: tuple[Point, ...]
    names: tuple[str, str]
    edges: tuple[str, ...]
    coordinates: tuple[str, ...] = field(init=False, compare=False)
    bounds: Bounds = field(init=False, compare=False)

    def __init__(
        self,
        vertices: Sequence[Sequence[float]],
        names: Sequence[str] = ("x", "y"),
        edges: Sequence[str] | None = None,
    ) -> None:
        usual = "write Polygon([(0, 0), (1, 0), (0, 1)])"
        try:
            at = np.asarray([[float(c) for c in vertex] for vertex in vertices])
        except (OverflowError, TypeError, ValueError):
            raise TypeError(f"Polygon({vertices!r}): vertices are pairs of numbers; {usual}.") from None
        if at.ndim != 2 or at.shape[1] != 2 or len(at) < 3:
            raise ValueError(f"Polygon(...): got vertices of shape {at.shape}; give three pairs or more; {usual}.")
        if not np.isfinite(at).all():
            raise ValueError(
                f"Polygon(...): vertex {int(np.argmin(np.isfinite(at).all(axis=1)))} is not finite; {usual}."
            )
        names = tuple(names)
        if len(names) != 2 or names[0] == names[1] or TIME in names:
            raise ValueError(
                f"Polygon(names={names!r}): give the names of two coordinates in space; for time, multiply the polygon by "
                "Box(t=(start, end))."
            )
        edges = tuple(f"edge{i}" for i in range(len(at))) if edges is None else tuple(edges)
        if len(edges) != len(at):
            raise ValueError(f"Polygon(edges={edges!r}): {len(edges)} names for {len(at)} edges; give one per edge.")
        if not all(isinstance(name, str) for name in (*names, *edges)):
            raise TypeError(f"Polygon(names={names!r}, edges={edges!r}): names are texts.")
        _check_simple(at)
        set_ = object.__setattr__
        set_(self, "vertices", tuple((float(x), float(y)) for x, y in at))
        set_(self, "names", names)
        set_(self, "edges", edges)
        set_(self, "coordinates", names)
        lower, upper = at.min(axis=0).tolist(), at.max(axis=0).tolist()
        set_(self, "bounds", {name: (lower[i], upper[i]) for i, name in enumerate(names)})

    def __repr__(self) -> str:
        if len(self.vertices) <= 12:
            return f"Polygon([{', '.join(f'({x:g}, {y:g})' for x, y in self.vertices)}])"
        return f"Polygon({len(self.vertices)} vertices, {zlib.crc32(repr(self.vertices).encode()):08x})"

    @property
    def named_pieces(self) -> Named:
        return {name: (name,) for name in dict.fromkeys(self.edges)}

    @cached_property
    def corners(self) -> Tensor:
        """(v, 2)."""
        return torch.tensor(self.vertices, dtype=torch.float64)

    @cached_property
    def _triangles(self) -> Simplices:
        return Simplices(self.corners[torch.from_numpy(triangulated(self.corners.numpy()))])

    @cached_property
    def _sides(self) -> dict[str, tuple[Simplices, Tensor]]:
        """Of each boundary piece its edges, and their outward normals (k, 2)."""
        segments = torch.stack([self.corners, self.corners.roll(-1, 0)], dim=1)
        along = segments[:, 1] - segments[:, 0]
        turn = 1.0 if _signed_area(self.corners.numpy()) > 0 else -1.0
        normals = turn * torch.stack([along[:, 1], -along[:, 0]], dim=1) / along.norm(dim=1, keepdim=True)
        found = {}
        for name in self.named_pieces:
            mine = torch.tensor([edge == name for edge in self.edges])
            found[name] = Simplices(segments[mine]), normals[mine]
        return found

    @property
    def simplices(self) -> Tensor:
        """(k, 3, 2) corners of triangles that fill it."""
        return self._triangles.corners

    @property
    def sides(self) -> dict[str, tuple[Tensor, Tensor]]:
        """{boundary piece: (k, 2, 2) ends of its edges, (k, 2) their outward normals}."""
        return {name: (edges.corners, normals) for name, (edges, normals) in self._sides.items()}

    def face(self, piece: str) -> tuple[int, float, float] | None:
        return whole_face(self._sides[piece][0], self.bounds)

    def interior(self, unit: Tensor) -> Site:
        return Site(self._triangles.place(on_cpu(unit))[0].to(unit))

    def boundary(self, piece: str, unit: Tensor) -> Site:
        simplices, normals = self._sides[piece]
        points, which = simplices.place(on_cpu(unit))
        return Site(points.to(unit), normals[which].to(unit))

    def depth(self, points: Tensor) -> Tensor:
        start = self.corners.to(points)
        along = start.roll(-1, 0) - start
        found = []
        for part in points.split(max(1, (1 << 20) // len(start))):
            gap = part[:, None] - start
            share = ((gap * along).sum(dim=2) / (along * along).sum(dim=1)).clamp(0, 1)
            distance = (gap - share[:, :, None] * along).norm(dim=2).amin(dim=1)
            # a ray to the right crosses the boundary an odd number of times
            below, after = gap[:, :, 1] < 0, (gap - along)[:, :, 1] < 0
            beyond = (gap[:, :, 0] * along[:, 1] < gap[:, :, 1] * along[:, 0]) == (along[:, 1] > 0)
            odd = ((below != after) & beyond).sum(dim=1) % 2 == 1
            found.append(torch.where(odd, distance, -distance))
        return torch.cat(found)

    def to_data(self) -> dict[str, Any]:
        return {
            "kind": "polygon",
            "vertices": [list(vertex) for vertex in self.vertices],
            "names": list(self.names),
            "edges": list(self.edges),
        }


def triangulated(vertices: np.ndarray) -> np.ndarray:
    """(v - 2 or fewer, 3) vertex numbers of triangles that cover a simple polygon (v, 2), by cutting off ears."""
    count = len(vertices)
    step = 1 if _signed_area(vertices) > 0 else -1
    after, before = (np.arange(count) + step) % count, (np.arange(count) - step) % count
    tiny = 1e-14 * float(np.ptp(vertices, axis=0).max()) ** 2
    turns = _cross(vertices - vertices[before], vertices[after] - vertices)
    left = np.ones(count, dtype=bool)

    def fatness(i: int) -> float:
        """How good a triangle an ear is; infinite where three vertices lie in a line, below zero where there is no ear."""
        if abs(turns[i]) <= tiny:
            return np.inf
        a, b, c = vertices[before[i]], vertices[i], vertices[after[i]]
        if turns[i] < 0 or _any_within(vertices[left & (turns < 0)], a, b, c):
            return -1.0
        longest = max(float(((q - p) ** 2).sum()) for p, q in ((a, b), (b, c), (c, a)))
        return float(turns[i]) / longest

    quality = np.array([fatness(i) for i in range(count)])
    found = []
    for _ in range(count - 3):
        i = int(quality.argmax())
        if quality[i] <= 0:
            # cutting has made ears of vertices that were none when they were last looked at
            quality = np.array([fatness(j) if left[j] else -1.0 for j in range(count)])
            i = int(quality.argmax())
        p, q = int(before[i]), int(after[i])
        if np.isfinite(quality[i]):
            found.append([p, i, q])
        left[i], quality[i], after[p], before[q] = False, -1.0, q, p
        for j in (p, q):
            turns[j] = _cross(vertices[j] - vertices[before[j]], vertices[after[j]] - vertices[j])
        for j in (p, q):
            quality[j] = fatness(j)
    last = int(left.argmax())
    if abs(turns[last]) > tiny:
        found.append([int(before[last]), last, int(after[last])])
    return np.array(found)


def _any_within(points: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> bool:
    """Whether a point other than the corners lies in the closed triangle a, b, c (counter-clockwise)."""
    sides = [_cross(q - p, points - p) >= 0 for p, q in ((a, b), (b, c), (c, a))]
    corners = np.any([(points == p).all(axis=1) for p in (a, b, c)], axis=0)
    return bool((np.logical_and.reduce(sides) & ~corners).any())


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _signed_area(vertices: np.ndarray) -> float:
    """Positive where the vertices run counter-clockwise."""
    return 0.5 * float(_cross(vertices, np.roll(vertices, -1, axis=0)).sum())


def _check_simple(vertices: np.ndarray) -> None:
    """Raise ValueError where the boundary meets itself."""
    after = np.roll(vertices, -1, axis=0)
    repeated = np.flatnonzero((vertices == after).all(axis=1))
    if len(repeated):
        raise ValueError(
            f"Polygon(...): vertices {repeated[0]} and {(repeated[0] + 1) % len(vertices)} are the same point; give each "
            "once, and do not repeat the first at the end."
        )
    count = len(vertices)
    low, high = np.minimum(vertices, after), np.maximum(vertices, after)
    close = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2)
    for i, j in np.argwhere(np.triu(close, 1)).tolist():
        p, q, r, s = vertices[i], after[i], vertices[j], after[j]
        if j == i + 1 or (i == 0 and j == count - 1):
            # neighbours share a vertex; they overlap where the boundary turns back
            u, v = q - p, s - r
            meet = abs(_cross(u, v)) <= 1e-14 * np.linalg.norm(u) * np.linalg.norm(v) and float(u @ v) < 0
        else:
            meet = _meet(p, q, r, s)
        if meet:
            raise ValueError(
                f"Polygon(...): edges {i} and {j} meet; the boundary must not cross or touch itself: list the vertices in "
                "the order in which one walks around."
            )


def _meet(p: np.ndarray, q: np.ndarray, r: np.ndarray, s: np.ndarray) -> bool:
    """Whether the closed segments p q and r s have a point in common."""
    sides = [_side(p, q, r), _side(p, q, s), _side(r, s, p), _side(r, s, q)]
    if sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        return True
    ends = ((r, p, q), (s, p, q), (p, r, s), (q, r, s))
    return any(
        side == 0 and bool((np.minimum(a, b) <= e).all() and (e <= np.maximum(a, b)).all())
        for side, (e, a, b) in zip(sides, ends, strict=True)
    )


def _side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> int:
    """1 where r is to the left of the line from p to q, -1 to the right, 0 on it."""
    value = float(_cross(q - p, r - p))
    return 0 if abs(value) <= 1e-14 * float(np.abs(q - p).max() * np.abs(r - p).max()) else int(np.sign(value))
