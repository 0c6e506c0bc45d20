"""What joins neighbouring cells: values and derivatives, and fluxes where materials meet.

Letters: k cells, q points of a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.one_sided import beside
from pinnlab.declaration.discontinuities.transmission import Transmission
from pinnlab.declaration.problem import Problem
from pinnlab.domains.cells import Cells
from pinnlab.solvers.continuity import continuous_derivatives
from pinnlab.solvers.local_experts.rows import CellJets, CellNodes, Evaluate, ReferenceNodes


def between_cells(
    problem: Problem, cells: Cells, axis: int, below: ReferenceNodes, above: ReferenceNodes
) -> Iterator[tuple[list[CellNodes], Evaluate, bool]]:
    """Sites on both sides of faces across an axis, what is joined there, and whether it is fluxes.

    Args:
        problem: whose materials may meet at some of them.
        cells: all of them.
        axis: number of the coordinate.
        below, above: nodes on the upper face of the cell below and on the lower one of the cell above.
    """
    name = problem.domain.coordinates[axis]
    if cells.shape[axis] == 1:
        return
    lower, upper = cells.neighbours(axis)
    positions = cells.upper[lower, axis]
    met = {p: t for p in np.unique(positions) if (t := problem.joints.at(name, p)) is not None}
    for position in (*met, None):
        which = ~np.isin(positions, list(met)) if position is None else positions == position
        sites = [CellNodes(cells, lower[which], below), CellNodes(cells, upper[which], above)]
        evaluate = of_derivatives(problem, name)
        if position is not None:
            yield sites, of_transmission(problem, name, met[position], sites), True
        elif which.any() and evaluate is not None:
            yield sites, evaluate, False


def of_derivatives(problem: Problem, name: str) -> Evaluate | None:
    """Jumps (k q,) of values and derivatives, up to the equations' order less one; None where that is none."""
    matched = [(u, key) for u in problem.unknowns for key, _ in continuous_derivatives(name, problem.order_of(u, name))]

    def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
        return [jets[0][u][key] - jets[1][u][key] for u, key in matched]

    return evaluate if matched else None


def of_transmission(problem: Problem, name: str, transmission: Transmission, sites: Sequence[CellNodes]) -> Evaluate:
    """Jumps (k q,) of values and fluxes, each side's with its own coefficients."""
    bounds = problem.domain.bounds[name]
    below, above = (
        beside(problem.domain.columns(torch.from_numpy(site.points)), name, sign, bounds)
        for site, sign in zip(sites, (-1, 1), strict=True)
    )

    def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
        return transmission.mismatch((jets[0], below), (jets[1], above))

    return evaluate
