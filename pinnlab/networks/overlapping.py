"""Overlapping networks blended by smooth windows that add up to one: a partition of unity.

Letters: c derivatives, n points, d coordinates, m values, K parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.polynomial import Polynomial
from torch import Tensor, nn

from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.taylor import Jet, ParameterGradients, Tape
from pinnlab.networks.base import Embedding, Network
from pinnlab.networks.embeddings import Rescale

_SMOOTHNESS = 5
"""Continuous derivatives of a window."""

Bounds = Sequence[tuple[float, float]]


def _step() -> Polynomial:
    """The odd polynomial from 0 at -1 to 1 at 1 whose first derivatives vanish at both ends."""
    bump = Polynomial([1.0, 0.0, -1.0]) ** _SMOOTHNESS
    rise = bump.integ(lbnd=-1.0)
    return rise / rise(1.0)


_STEPS = [_step().deriv(order) if order else _step() for order in range(2 * _SMOOTHNESS + 2)]


def smooth_step(x: Tensor, centre: float, half: float, order: int) -> Tensor:
    """The step from 0 to 1 around ``centre``, or its derivative of some order; it is exact 0 and 1 beyond ``half``."""
    s = (x - centre) / half
    inner = torch.zeros_like(s)
    for coefficient in reversed(_STEPS[order].coef.tolist()):
        inner = inner * s + coefficient
    outside = (s >= 1).to(s) if order == 0 else torch.zeros_like(s)
    return torch.where(s.abs() < 1, inner / half**order, outside)


def window(points: Tensor, box: Bounds, outer: Bounds, half: Sequence[float], indices: Indices) -> Tensor:
    """Derivatives (c, n) of a part's window; those of all parts of a grid of boxes add up to one.

    Args:
        points: (n, d).
        box: (d,) bounds of the part.
        outer: (d,) bounds of the whole; a window does not fall off there.
        half: (d,) half the width of the overlap.
        indices: multi-indices.
    """
    factors: dict[tuple[int, int], Tensor] = {}

    def factor(i: int, order: int) -> Tensor:
        if (i, order) not in factors:
            x, (lower, upper) = points[:, i], box[i]
            up = _rise(x, lower, lower == outer[i][0], half[i], order)
            factors[i, order] = up - _rise(x, upper, False, half[i], order) if upper != outer[i][1] else up
        return factors[i, order]

    return torch.stack([torch.stack([factor(i, index.count(i)) for i in range(len(box))]).prod(0) for index in indices])


def _rise(x: Tensor, centre: float, always: bool, half: float, order: int) -> Tensor:
    if always:
        return torch.ones_like(x) if order == 0 else torch.zeros_like(x)
    return smooth_step(x, centre, half, order)


class Overlapping(Network):
    """One network per box, each on inputs scaled to its box and its margin; smooth windows blend them.

    Args:
        part: the template of each network.
        boxes: (K, d) bounds of boxes that tile the whole.
        overlap: width of the overlap as a share of the smaller of two neighbours' extents, in (0, 1].

    Raises:
        ValueError: an overlap out of range.

    Source: Moseley, Markham & Nissen-Meyer (FBPINNs), Adv. Comput. Math. 49 (2023) 62.
    """

    def __init__(self, part: Network, boxes: Sequence[Bounds], overlap: float):
        super().__init__(None, None, None)
        if not 0 < overlap <= 1:
            raise ValueError(f"overlap={overlap}: give a share of the subdomains' extent in (0, 1], such as 0.5.")
        self.part, self.overlap = part, overlap
        self.boxes = [[(float(lower), float(upper)) for lower, upper in box] for box in boxes]
        ends = np.array(self.boxes)
        self.outer = [(float(a), float(b)) for a, b in zip(ends[:, :, 0].min(0), ends[:, :, 1].max(0), strict=True)]
        self.margins = (0.5 * overlap * (ends[:, :, 1] - ends[:, :, 0]).min(0)).tolist()

    def built(
        self, inputs: int, outputs: int, embedding: Embedding | None, generator: torch.Generator | None = None
    ) -> Network:
        # every part scales its own inputs
        return super().built(inputs, outputs, None, generator)

    @property
    def width(self) -> int:
        """The widest layer."""
        return getattr(self.part, "width", 64)

    def make_layers(self, generator: torch.Generator | None) -> None:
        assert self.inputs is not None and self.outputs is not None
        self.parts = nn.ModuleList()
        for box in self.boxes:
            reach = [self._reach(i, *bounds) for i, bounds in enumerate(box)]
            rescale = Rescale([lower for lower, _ in reach], [upper for _, upper in reach])
            self.parts.append(self.part.built(self.inputs, self.outputs, rescale, generator))

    def _reach(self, i: int, lower: float, upper: float) -> tuple[float, float]:
        """Where the window of a box differs from zero along a coordinate."""
        low, high = self.outer[i]
        return max(low, lower - self.margins[i]), min(high, upper + self.margins[i])

    def propagate(self, jet: Jet) -> Jet:
        points, total = jet.data[0], None
        for part, box in zip(self.parts, self.boxes, strict=True):
            assert isinstance(part, Network)
            inside = torch.ones(len(points), dtype=torch.bool, device=points.device)
            for i, bounds in enumerate(box):
                low, high = self._reach(i, *bounds)
                inside &= (points[:, i] >= low) & (points[:, i] <= high)
            where = inside.nonzero()[:, 0]
            if not len(where):
                continue
            values = self._part_values(part, jet, where)
            weight = window(points[where], box, self.outer, self.margins, jet.indices)[:, :, None]
            blended = Jet(values, jet.indices) * Jet(weight, jet.indices)
            if total is None:
                total = blended.data.new_zeros(len(jet.indices), len(points), values.shape[2])
            total = total.index_add(1, where, blended.data)
        assert total is not None
        return jet.with_data(total)

    @staticmethod
    def _part_values(part: Network, jet: Jet, where: Tensor) -> Tensor:
        """One part's derivatives at the points it covers; on a tape, rows of the other points are zero."""
        own = None if jet.tape is None else Tape()
        start = Jet(jet.data[:, where], jet.indices, own)
        embedding = part.embedding
        found = part.propagate(start if embedding is None else embedding.propagate(start)).data
        if own is None or jet.tape is None:
            return found
        count = jet.data.shape[1]

        def rows(cotangent: Tensor) -> ParameterGradients:
            result: ParameterGradients = {}
            for parameter, value in own.pull_back(found, cotangent).items():
                result[parameter] = value.new_zeros(count, *value.shape[1:]).index_copy(0, where, value)
            return result

        return jet.tape.record(found.detach(), rows)
