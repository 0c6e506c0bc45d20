"""A function on finite elements, evaluated anywhere in the region.

Letters: p points, d coordinates, k elements, i functions of an element, v nodes, s instants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.derivatives.axes import Axis, NodeAxis
from pinnlab.derivatives.indices import Indices
from pinnlab.domains import Region
from pinnlab.reference.base import with_start
from pinnlab.reference.finite_elements.space import Array, Space

_SHOWN = {2: 65, 3: 33, 4: 17}
"""Points per coordinate of a table of values, by the number of coordinates."""
_CHUNK = 200_000
"""Points that are evaluated at a time."""
_NEAR = (6, 24, 96)
"""Elements whose middles are nearest to a point, among which it is looked for."""


@dataclass(frozen=True, eq=False)
class ElementFunction:
    """Values at the nodes of quadratic elements, and in time at those of a collocation.

    Attributes:
        space: the elements.
        region: the domain, with time.
        data: {unknown: (v,)}, or (s, v) where there is time.
        time: (name, axis), or None.
        start: {unknown: (p,)} at points of space, used at the first time itself.
    """

    space: Space
    region: Region
    data: Mapping[str, Array]
    time: tuple[str, NodeAxis] | None = None
    start: Callable[[Mapping[str, Array]], Mapping[str, Array]] | None = None

    @cached_property
    def axes(self) -> Mapping[str, Axis]:
        """{coordinate: equidistant points}, in the domain's order; elements have none of their own."""
        ends, names = self.region.bounds, self.region.coordinates
        # the plane and time have as many as the plane
        count = _SHOWN[len(names) if len(self.region.space) == 3 else 2]
        return {name: NodeAxis(np.linspace(*ends[name], count), 2) for name in names}

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Their names, in the order of ``jet``."""
        return tuple(self.data)

    @cached_property
    def _middles(self) -> scipy.spatial.cKDTree:
        return scipy.spatial.cKDTree(self.space.corners.mean(axis=1))

    def locate(self, points: Array) -> tuple[Array, Array]:
        """(p,) numbers of the elements, and (p, d) reference coordinates there, of points (p, d)."""
        all_corners = self.space.corners
        element, best = np.zeros(len(points), dtype=int), np.full(len(points), -np.inf)
        other, local = element.copy(), np.zeros_like(points)
        left = np.arange(len(points))
        for near in _NEAR:
            near = min(near, len(all_corners))
            found = self._middles.query(points[left], k=near)[1].reshape(len(left), near)
            corners = all_corners[found]
            sides = np.moveaxis(corners[:, :, 1:] - corners[:, :, :1], -1, -2)
            inner = np.linalg.solve(sides, (points[left][:, None] - corners[:, :, 0])[..., None])[..., 0]
            least = np.minimum(inner.min(axis=2), 1 - inner.sum(axis=2))
            pick = least.argmax(axis=1)
            rows = np.arange(len(left))
            better = least[rows, pick] > best[left]
            mine = left[better]
            element[mine], local[mine] = found[rows, pick][better], inner[rows, pick][better]
            best[mine] = least[rows, pick][better]
            least[rows, pick] = -np.inf
            other[mine] = found[rows, least.argmax(axis=1)][better]
            # a curved side reaches a little beyond its chord
            left = np.flatnonzero(best < -1e-9)
            if not len(left):
                break
        local = self._curved(points, element, local)
        # between a curved side and its chord it may be the neighbour
        beyond = np.flatnonzero(_least(local) < -1e-9)
        if len(beyond):
            start = np.full((len(beyond), points.shape[1]), 1 / (points.shape[1] + 1))
            tried = self._curved(points[beyond], other[beyond], start)
            better = _least(tried) > _least(local[beyond])
            element[beyond[better]], local[beyond[better]] = other[beyond[better]], tried[better]
        return element, local

    def _curved(self, points: Array, element: Array, local: Array) -> Array:
        """Reference coordinates under the quadratic map, by Newton's method from those under the straight one."""
        at = self.space.nodes[:, self.space.element_nodes[:, element]]
        for _ in range(6):
            values, slopes = self.space.shapes(local)
            gap = points - np.einsum("dip,pi->pd", at, values)
            if np.abs(gap).max(initial=0.0) < 1e-14 * np.abs(points).max(initial=1.0):
                break
            matrix = np.einsum("dip,pir->pdr", at, slopes)
            local = np.clip(local + np.linalg.solve(matrix, gap[..., None])[..., 0], -0.5, 1.5)
        return local

    def __call__(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values (p,) at points, each coordinate (p,); NaN outside the region."""
        found = self._derived(
            {name: np.asarray(columns[name], dtype=float) for name in self.region.coordinates}, None, 0
        )
        first = None if self.time is None else (self.time[0], float(self.time[1].points[0]))
        return with_start(self.start, first, columns, found)

    def extended(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values (p,) of a steady function, outside of the region those of the nearest element's polynomial."""
        return self._derived(columns, None, 0, everywhere=True)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, p, m) at points (p, d): values and first derivatives by space, and their rates.

        Raises:
            ValueError: a second derivative by space, which quadratic elements do not have.
        """
        at = points.detach().to("cpu", torch.float64).numpy()
        names = self.region.coordinates
        columns, found = {name: at[:, i] for i, name in enumerate(names)}, []
        for index in indices:
            by = [names[i] for i in index]
            space = [name for name in by if name in self.region.space]
            if len(space) > 1:
                raise ValueError(
                    "a solution on quadratic finite elements has first derivatives by space, and no second ones."
                )
            each = self._derived(columns, space[0] if space else None, len(by) - len(space)) if index else self(columns)
            found.append(np.stack(list(each.values()), axis=1))
        return torch.from_numpy(np.stack(found)).to(points)

    def _derived(
        self, columns: Mapping[str, Array], by: str | None, rates: int, everywhere: bool = False
    ) -> dict[str, Array]:
        """Values (p,), or a derivative by a coordinate of space, or their rates."""
        space = self.region.space
        points = np.stack([columns[name] for name in space], axis=1)
        distinct, which = np.unique(points, axis=0, return_inverse=True)
        which = which.reshape(-1)
        element, local = self.locate(distinct)
        inside, slopes = self.space.shapes(local)
        nodes = self.space.element_nodes[:, element].T
        if by is not None:
            jacobian = np.einsum("dpi,pir->pdr", self.space.nodes[:, nodes], slopes)
            inside = np.einsum("pir,prd->dpi", slopes, np.linalg.inv(jacobian))[space.index(by)]
        rest = self.region.at_rest
        assert rest is not None
        if not everywhere:
            inside[~rest.contains(torch.from_numpy(distinct)).numpy()] = np.nan
        if self.time is None:
            return {u: (values[nodes] * inside).sum(axis=1)[which] for u, values in self.data.items()}
        name, axis = self.time
        index, weights = axis.stencil(columns[name], rates)
        found = {}
        for unknown, values in self.data.items():
            total = np.zeros(len(points))
            for first in range(0, len(points), _CHUNK):
                part = slice(first, first + _CHUNK)
                mine, own = nodes[which[part]], inside[which[part]]
                for w in range(index.shape[1]):
                    total[part] += weights[part, w] * (values[index[part, w, None], mine] * own).sum(axis=1)
            found[unknown] = total
        return found


def _least(local: Array) -> Array:
    """(p,) the smallest barycentric coordinate of reference coordinates (p, 2); negative outside of the triangle."""
    return np.minimum(local.min(axis=1), 1 - local.sum(axis=1))
