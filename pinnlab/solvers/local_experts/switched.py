"""What boundary conditions that jump in time do to the state of that time: it is rounded off like one that starts so.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.one_sided import hair
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Term
from pinnlab.derivatives.differentiable import differentiable_jet
from pinnlab.derivatives.indices import VALUE
from pinnlab.solvers.local_experts.corners import Rounding, SeamRounding, roundings
from pinnlab.solvers.local_experts.piece import Piece


class Switched:
    """The corrections of states at the times at which boundary conditions jump.

    Args:
        problem: whose.
        terms: of the boundary, places included that they are not about.
        tolerance: see ``roundings``.
    """

    def __init__(self, problem: Problem, terms: Sequence[Term], tolerance: float):
        self.problem, self.tolerance = problem, tolerance
        self._walls = [term for term in terms if term.kind == "boundary"]
        self._known: dict[float, list[Rounding | SeamRounding]] = {}

    def after(self, before: Piece) -> list[Rounding | SeamRounding]:
        """Those of the state with which a slab ends; none where nothing jumps at that time."""
        domain, end = self.problem.domain, before.region.time_interval[1]
        if not any(jump.coordinate == domain.clock and jump.position == end for jump in self.problem.jumps):
            return []
        if end not in self._known:
            states = {u: partial(_end_of, before, domain.time_index, j) for j, u in enumerate(self.problem.unknowns)}
            # where a condition that jumps has its later value
            at = end + hair(domain.time_interval)
            self._known[end] = roundings(self.problem, self._walls, states, self.tolerance, at)
        return self._known[end]


def _end_of(piece: Piece, time: int, unknown: int, points: Tensor) -> Tensor:
    """(n,) one unknown at the end of a piece, at the places of (n, d) points, with a graph to these."""
    ends = torch.zeros_like(points)
    ends[:, time] = piece.region.time_interval[1] - points[:, time].detach()
    return differentiable_jet(piece.jet, points + ends, VALUE)[0][:, unknown]
