"""Points at which residuals are evaluated, on their own and with normals.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Site:
    """Points at which residuals are evaluated.

    Attributes:
        points: (n, d), columns in the order of ``region.coordinates``.
        normals: (n, d) outward unit normals on a boundary (zero in time), or None in the interior.
    """

    points: Tensor
    normals: Tensor | None = None

    @property
    def outward(self) -> Tensor:
        """``normals`` of points on a boundary."""
        assert self.normals is not None, "points of the interior have no normals"
        return self.normals

    @property
    def side(self) -> tuple[int, bool]:
        """Which face of a box this is: number of the coordinate that is constant on it, and whether it is the upper end."""
        normal = self.outward[0]
        axis = int(normal.abs().argmax())
        return axis, bool(normal[axis] > 0)


def on_cpu(unit: Tensor) -> Tensor:
    """The same points in float64 on the CPU, where geometry is done."""
    return unit.detach().to("cpu", torch.float64)
