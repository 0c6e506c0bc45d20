"""The cells of space that a march uses at present: rows at stages, and what functions on them are like.

Letters: n points, s stages, d coordinates of space, k orders of derivatives by time, K experts, m unknowns, N basis
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.solvers.cut_cells.assembled import Assembled
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.cut_cells.piece import CutPiece
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.plane_march.rows import StageRows

Array = np.ndarray
Judges = list[tuple[Array, Array]]
"""Of terms with r residuals at n points: (r, n) weights, and (r,) numbers of the unknowns in whose values these are off."""
_WORST = 0.1
"""Share of the largest contribution to the error from which on an expert's cells are halved with the worst ones."""


class RowMaker(Protocol):
    """What makes rows of a problem on any tree, such as a ``CutDiscretization``.

    Attributes:
        problem: whose rows.
        basis: N functions of every expert.
        clock: the name of time.
        parameters: {name: value}.
    """

    problem: Problem
    basis: LocalBasis
    clock: str | None
    parameters: dict[str, Any]

    def assembled(self, inside: Inside) -> Assembled:
        """All rows on the cells of a tree."""
        ...


class SpaceCells:
    """Rows and measures on the cells of a tree.

    Args:
        made: makes rows of the problem on any tree.
        inside: the region of space, and the tree.
    """

    def __init__(self, made: RowMaker, inside: Inside):
        assert made.clock is not None
        self.made, self.tree, self.region = made, inside.tree.copy(), inside.region
        self.materials = inside.materials
        self.assembled = made.assembled(inside)
        self.layout = self.assembled.layout
        rows = self.assembled
        self.system = rows.system()
        self.groups = [StageRows(rows, made.clock) for rows in self.system.groups]
        self.held_out = [StageRows(rows, made.clock) for rows in self.assembled.held_out if rows.count]
        self.weights = self.layout.volumes()
        site = self.system.groups[0].sites[0]
        counts = np.diff(site.starts)
        self._point_weights = np.repeat(self.weights[site.experts] / counts, counts)

    @property
    def count(self) -> int:
        """K."""
        return self.layout.count

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, m, N)."""
        return self.count, len(self.made.problem.unknowns), self.made.basis.size

    def values(self, coefficients: Array) -> Array:
        """(m, n) values of functions (K, m, N) at the points of the equations."""
        site = self.system.groups[0].sites[0]
        return np.stack([site.derivative(coefficients[:, j], ()) for j in range(coefficients.shape[1])])

    def sizes(self, coefficients: Array) -> Array:
        """(m,) root mean squares over the region of functions (K, m, N), about: an expert's points count alike."""
        return np.sqrt(self.values(coefficients) ** 2 @ self._point_weights)

    def sampled(self, function: Callable[[Array], Array]) -> Array:
        """(K, m, N): a function (n, d) -> (n, m) on the cells."""
        return self.assembled.sampled(function)

    def misfit(self, function: Callable[[Array], Array], coefficients: Array) -> Array:
        """(K, m) root mean squares in each expert of what coefficients miss of a function, where they were not fitted."""
        site = self.assembled.held_out[0].sites[0]
        found = np.stack([site.derivative(coefficients[:, j], ()) for j in range(coefficients.shape[1])], axis=1)
        squares = np.nan_to_num(found - function(site.points)) ** 2
        counts = np.diff(site.starts)[:, None]
        result = np.zeros(coefficients.shape[:2])
        result[site.experts] = np.sqrt(np.add.reduceat(squares, site.starts[:-1], axis=0) / counts)
        return result

    def judges(self, levels: Sequence[Array], time: float, rate: float) -> Judges:
        """Factors of the rows that no solve has seen, linearized somewhere.

        Args:
            levels: k arrays (K, m, N), values and derivatives by time.
            time: at which they are.
            rate: d/dt, as a number, by which rows are weighted.
        """
        slopes = [group.slopes(levels, time) for group in self.held_out]
        return [
            (group.at_rate(each, rate)[1], group.owners(each))
            for group, each in zip(self.held_out, slopes, strict=True)
        ]

    def off(self, levels: Sequence[Array], time: float, judges: Judges, sizes: Array) -> Array:
        """(K,) by how much rows are off that no solve has seen, in values of the unknowns relative to their sizes.

        Args:
            levels: k arrays (K, m, N), values and derivatives by time.
            time: at which they are.
            judges: as ``judges`` finds them, of about the same coefficients.
            sizes: (m,) of the unknowns.
        """
        squares = np.zeros(self.count)
        for group, (weights, owners) in zip(self.held_out, judges, strict=True):
            residuals = group.residuals([level[None] for level in levels], np.array([time]))[:, 0]
            relative = residuals * weights / sizes[owners][:, None]
            squares += group.rows.mean_squares(relative, self.count)
        return np.sqrt(squares)

    def worst(self, off: Array) -> list[int]:
        """Boxes of the experts that contribute most to a root mean square over the region, the largest first.

        Args:
            off: (K,) by which experts are off.
        """
        share = off**2 * self.weights
        marked = np.flatnonzero(share > _WORST * share.max())
        marked = marked[np.argsort(-share[marked], kind="stable")]
        return [box for expert in marked for box in self.layout.members[expert]]

    def mean(self, off: Array) -> float:
        """The root mean square over the region of what experts (K,) are off by."""
        return float(np.sqrt((off**2 * self.weights).sum()))

    def functions(self, names: Sequence[str], coefficients: Array) -> CutPiece:
        """Functions (K, ..., N) on the cells."""
        flat = coefficients.reshape(self.count, -1, coefficients.shape[-1])
        return CutPiece(
            names, self.region, self.tree, self.materials, self.layout.home, self.assembled.frames, self.made.basis,
            flat, self.made.parameters,
        )  # fmt: skip


def on(cells: SpaceCells, coefficients: Array) -> Callable[[Array], Array]:
    """A function (n, d) -> (n, m) from coefficients (K, m, N) on cells."""
    names = [str(j) for j in range(coefficients.shape[1])]
    piece = cells.functions(names, coefficients)
    return lambda points: piece.values(torch.from_numpy(points)).numpy()


def moved(functions: Sequence[Array], before: SpaceCells, after: SpaceCells) -> list[Array]:
    """Functions (K, m, N) on other cells."""
    together = np.concatenate(functions, axis=1)
    return np.split(after.sampled(on(before, together)), len(functions), axis=1)
