"""Cells that hold given functions, grown until they do: that needs no solve.

Letters: n points, d coordinates of space, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.solvers.plane_march.cells import SpaceCells

Array = np.ndarray
DEEPEST = 12
"""Halvings of the first cells."""


@dataclass(frozen=True, eq=False)
class Held:
    """Functions on cells.

    Attributes:
        cells: of space.
        values: of each function, (K, m, N).
        whole: whether the cells hold them.
    """

    cells: SpaceCells
    values: list[Array]
    whole: bool


def holding(
    grown: Callable[[Sequence[int]], SpaceCells],
    functions: Sequence[Callable[[Array], Array]],
    sizes: Array,
    allowed: float,
    most: int,
    fits: Callable[[SpaceCells], bool],
) -> Held:
    """Halve cells until functions are held by them, or there may be no more.

    Args:
        grown: cells, with these boxes halved; the first ones where there are none.
        functions: (n, d) -> (n, m) each.
        sizes: (m,) that unknowns reach.
        allowed: root mean square over the region of what cells may miss, relative to the sizes.
        most: experts.
        fits: whether there is memory for cells.
    """
    found, boxes = None, set[int]()
    while True:
        cells = grown(sorted(boxes))
        if found is not None and not fits(cells):
            return found
        values, boxes = [cells.sampled(function) for function in functions], set()
        for function, coefficients in zip(functions, values, strict=True):
            size = np.maximum(sizes, cells.sizes(coefficients))
            off = (cells.misfit(function, coefficients) / np.where(size > 0, size, 1.0)).max(axis=1)
            if cells.mean(off) > allowed:
                boxes |= {b for b in cells.worst(off) if cells.tree.places[b][0] < DEEPEST}
        found = Held(cells, values, not boxes)
        if not boxes or cells.count + (2**cells.tree.dimension - 1) * len(boxes) > most:
            return found
