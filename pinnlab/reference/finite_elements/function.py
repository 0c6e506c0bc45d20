"""A function on finite elements, evaluated anywhere in the region.

Letters: p points, d coordinates, k elements, i functions of an element, v nodes, s instants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

from pinnlab.derivatives.axes import NodeAxis
from pinnlab.reference.finite_elements.space import Array, ElementSpace, shapes

_NEAR = (6, 24, 96)
"""Elements whose middles are nearest to a point, among which it is looked for."""


@dataclass(frozen=True, eq=False)
class ElementFunction:
    """Values at the nodes of quadratic elements, and in time at those of a collocation.

    Attributes:
        space: the elements.
        coordinates: names, in the domain's order.
        data: {unknown: (v,)}, or (s, v) where there is time.
        time: (name, axis), or None.
        start: {unknown: (p,)} at points of space, used at the first time itself.
    """

    space: ElementSpace
    coordinates: tuple[str, ...]
    data: Mapping[str, Array]
    time: tuple[str, NodeAxis] | None = None
    start: Callable[[Mapping[str, Array]], Mapping[str, Array]] | None = None

    @property
    def axes(self) -> tuple[str, ...]:
        """The coordinates' names."""
        return self.coordinates

    @cached_property
    def _middles(self) -> scipy.spatial.cKDTree:
        mesh = self.space.triangulation
        return scipy.spatial.cKDTree(mesh.nodes[mesh.elements].mean(axis=1))

    def locate(self, points: Array) -> tuple[Array, Array]:
        """(p,) numbers of the elements, and (p, d) reference coordinates there, of points (p, d)."""
        mesh = self.space.triangulation
        element, best = np.zeros(len(points), dtype=int), np.full(len(points), -np.inf)
        local = np.zeros_like(points)
        left = np.arange(len(points))
        for near in _NEAR:
            near = min(near, len(mesh.elements))
            found = self._middles.query(points[left], k=near)[1].reshape(len(left), near)
            corners = mesh.nodes[mesh.elements[found]]
            sides = np.stack([corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]], axis=-1)
            inner = np.linalg.solve(sides, (points[left][:, None] - corners[:, :, 0])[..., None])[..., 0]
            least = np.minimum(inner.min(axis=2), 1 - inner.sum(axis=2))
            pick = least.argmax(axis=1)
            rows = np.arange(len(left))
            better = least[rows, pick] > best[left]
            mine = left[better]
            element[mine], local[mine] = found[rows, pick][better], inner[rows, pick][better]
            best[mine] = least[rows, pick][better]
            # a curved side reaches a little beyond its chord
            left = np.flatnonzero(best < -1e-9)
            if not len(left):
                break
        return element, self._curved(points, element, local)

    def _curved(self, points: Array, element: Array, local: Array) -> Array:
        """Reference coordinates under the quadratic map, by Newton's method from those under the straight one."""
        at = self.space.nodes[:, self.space.inside.nodes[:, element]]
        for _ in range(6):
            values, slopes = shapes(local)
            gap = points - np.einsum("dip,pi->pd", at, values)
            if np.abs(gap).max(initial=0.0) < 1e-14 * np.abs(points).max(initial=1.0):
                break
            matrix = np.einsum("dip,pir->pdr", at, slopes)
            local = np.clip(local + np.linalg.solve(matrix, gap[..., None])[..., 0], -0.5, 1.5)
        return local

    def __call__(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values (p,) at points, each coordinate (p,)."""
        space = [name for name in self.coordinates if self.time is None or name != self.time[0]]
        points = np.stack([np.asarray(columns[name], dtype=float) for name in space], axis=1)
        distinct, which = np.unique(points, axis=0, return_inverse=True)
        element, local = self.locate(distinct)
        inside = shapes(local)[0]
        nodes = self.space.inside.nodes[:, element].T
        which = which.reshape(-1)
        if self.time is None:
            return {u: (values[nodes] * inside).sum(axis=1)[which] for u, values in self.data.items()}
        name, axis = self.time
        index, weights = axis.stencil(np.asarray(columns[name], dtype=float))
        found = {}
        for unknown, values in self.data.items():
            total = np.zeros(len(points))
            for w in range(index.shape[1]):
                total += weights[:, w] * (values[index[:, w, None], nodes[which]] * inside[which]).sum(axis=1)
            found[unknown] = total
        return self._with_start(columns, found)

    def _with_start(self, columns: Mapping[str, Array], found: dict[str, Array]) -> dict[str, Array]:
        assert self.time is not None
        if self.start is not None:
            first = columns[self.time[0]] == self.time[1].points[0]
            if first.any():
                rest = {n: v[first] for n, v in columns.items() if n != self.time[0]}
                for unknown, values in self.start(rest).items():
                    found[unknown][first] = values
        return found
