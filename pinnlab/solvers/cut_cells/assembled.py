"""All rows on the cells of a tree.

Letters: n points, d coordinates, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.machine.processes import ALONE, Processes
from pinnlab.solvers.cut_cells.layout import Layout
from pinnlab.solvers.cut_cells.places import Frames
from pinnlab.solvers.cut_cells.rows import PointRows
from pinnlab.solvers.cut_cells.system import CellSystem

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Assembled:
    """All rows on the cells of a tree.

    Attributes:
        layout: of experts.
        frames: in which their functions are written.
        groups: rows, the equations' first.
        held_out: the same terms at points that no solve sees.
        mixing: per expert (N, N_e), combinations of functions that are orthogonal on its points.
        thinned: the same of polynomials up to a degree, or of all functions where these are no polynomials.
        counts: (K, m) how much values of an unknown in an expert count: those of stresses, which balance derivatives of
            displacements, grow without end next to a corner, and count less the smaller the cell.
        order: of the equations.
        on_face: independent functions of an expert on a flat face, at most.
        processes: that share factorizations.
    """

    layout: Layout
    frames: Frames
    groups: list[PointRows]
    held_out: list[PointRows]
    mixing: list[Array]
    thinned: Callable[[int], list[Array]]
    counts: Array
    order: int
    on_face: int
    processes: Processes = ALONE

    def system(self, mixing: Sequence[Array] | None = None) -> CellSystem:
        """The least squares of all rows, for other combinations of functions if they are given."""
        places = self.layout.middles()
        return CellSystem(
            self.groups, mixing or self.mixing, places, self.counts, self.order, self.on_face, self.processes
        )

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
