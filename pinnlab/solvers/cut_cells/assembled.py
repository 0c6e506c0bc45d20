"""Points at which rows are taken on cut cells, and all rows there.

Letters: n points, d coordinates, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.solvers.cut_cells.layout import Layout
from pinnlab.solvers.cut_cells.places import Frames
from pinnlab.solvers.cut_cells.rows import PointRows

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points at which rows are taken.

    Attributes:
        interior: (n, d) points of equations, and (n,) their experts.
        boundary: {piece: points (n, d), normals (n, d), experts (n,)}.
        faces: of inner faces across each axis, and of seams where it is periodic.
    """

    interior: tuple[Array, Array]
    boundary: Mapping[str, tuple[Array, Array, Array]]
    faces: Sequence[FaceNodes]


@dataclass(frozen=True, eq=False)
class FaceNodes:
    """Points on faces across one axis.

    Attributes:
        axis: number of the coordinate.
        seam: whether they are ends of a periodic coordinate.
        points: (n, d) on the upper side of what lies below, and on the lower side of what lies above: the same but at seams.
        experts: (n,) below and above.
        number: (n,) of the faces.
    """

    axis: int
    seam: bool
    points: tuple[Array, Array]
    experts: tuple[Array, Array]
    number: Array


@dataclass(frozen=True, eq=False)
class Assembled:
    """All rows on the cells of a tree.

    Attributes:
        layout: of experts.
        frames: in which their functions are written.
        groups: rows, the equations' first.
        held_out: the same terms at points that no solve sees.
        mixing: per expert (N, N_e), combinations of functions that are orthogonal on its points.
    """

    layout: Layout
    frames: Frames
    groups: list[PointRows]
    held_out: list[PointRows]
    mixing: list[Array]

    def sampled(self, function: Callable[[Array], Array]) -> Array:
        """(K, m, N): a function (n, d) -> (n, m) on the cells; zero where it is not known."""
        site = self.groups[0].sites[0]
        values = np.nan_to_num(function(site.points))
        found = np.zeros((self.layout.count, values.shape[1], len(self.mixing[0])))
        value = (0,) * site.points.shape[1]
        for expert, nodes, first, last in zip(site.experts, site.nodes, site.starts, site.starts[1:], strict=False):
            mix = self.mixing[expert]
            fitted = np.linalg.lstsq(nodes.rows(value) @ mix, values[first:last], rcond=1e-10)[0]
            found[expert] = (mix @ fitted).T
        return found

    def constant(self, values: Array) -> Array:
        """(K, m, N): constants (m,)."""
        return self.sampled(lambda points: np.broadcast_to(values, (len(points), len(values))))

    def largest(self, coefficients: Array) -> float:
        """The largest value of any unknown at the points of the equations."""
        site = self.groups[0].sites[0]
        return max(float(np.abs(site.derivative(coefficients[:, j], ())).max()) for j in range(coefficients.shape[1]))
