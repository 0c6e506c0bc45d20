"""Maps of the unit cube onto a part of itself, for regions of which only membership is known.

Letters: n points, d coordinates, N cells per axis.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_TRIES = 24
_BATCH = 1 << 16


class CubePart:
    """A part of the unit cube [0, 1]^d, and a map of the whole cube onto it that keeps proportions of volume.

    A table holds how much of each cell of a grid belongs to the part, and the map is the inverse distribution function
    of that density, one coordinate after the other (Rosenblatt 1952): monotone in each coordinate, so that evenly
    spread points stay evenly spread. In cells that are cut by the part's boundary, a point that falls outside is moved
    about within its cell until it is inside.

    Args:
        inside: maps (n, d) points to an (n,) boolean mask.
        d: number of coordinates.
        samples: at how many points, about, ``inside`` is asked; what is thinner than their spacing may be missed.

    Attributes:
        share: volume of the part, estimated; 0 where no sample is inside.
    """

    def __init__(self, inside: Callable[[Tensor], Tensor], d: int, samples: int = 300_000):
        self.inside, self.d = inside, d
        side = min(4096, max(4, int(samples ** (1 / d) + 1e-9)))
        each = 4 if d <= 2 else 3 if d == 3 else 2
        self.cells = side // each
        axis = (torch.arange(each * self.cells, dtype=torch.float64) + 0.5) / (each * self.cells)
        lattice = torch.cartesian_prod(*[axis] * d).reshape(-1, d)
        found = torch.cat([inside(batch) for batch in lattice.split(_BATCH)])
        # (N^d, each^d): the samples of each cell
        by_cell = found.reshape([self.cells, each] * d).movedim(list(range(0, 2 * d, 2)), list(range(d)))
        by_cell = by_cell.reshape(self.cells**d, each**d)
        shares = by_cell.double().mean(dim=1)
        self.share = float(shares.mean())
        self._tables = [_cumulative(shares, self.cells, d, j) for j in range(d)]
        offsets = (torch.arange(each, dtype=torch.float64) + 0.5) / each
        # a sample of each cell that is inside, where there is one
        self._known = torch.cartesian_prod(*[offsets] * d).reshape(-1, d)[by_cell.double().argmax(dim=1)]
        golden = _root(d)
        self._step = torch.tensor([golden ** -(j + 1) for j in range(d)], dtype=torch.float64)

    def __call__(self, unit: Tensor) -> Tensor:
        """Map (n, d) float64 points of the cube into the part."""
        u = unit.clamp(0.0, 1.0 - 2.0**-53)
        cell = torch.zeros(len(u), dtype=torch.long)
        lower, within = torch.empty_like(u), torch.empty_like(u)
        for j, table in enumerate(self._tables):
            cumulative = table[cell]
            k = torch.searchsorted(cumulative, u[:, j : j + 1].contiguous(), right=True)
            above = cumulative.gather(1, k)[:, 0]
            below = torch.where(k > 0, cumulative.gather(1, (k - 1).clamp_min(0)), 0.0)[:, 0]
            lower[:, j] = k[:, 0] / self.cells
            within[:, j] = (u[:, j] - below) / (above - below)
            cell = cell * self.cells + k[:, 0]
        points = lower + within / self.cells
        wrong = ~self.inside(points)
        for _ in range(_TRIES):
            if not bool(wrong.any()):
                return points
            within[wrong] = (within[wrong] + self._step) % 1
            points[wrong] = lower[wrong] + within[wrong] / self.cells
            wrong[wrong.clone()] = ~self.inside(points[wrong])
        points[wrong] = lower[wrong] + self._known[cell[wrong]] / self.cells
        return points


def _cumulative(shares: Tensor, cells: int, d: int, j: int) -> Tensor:
    """(N^j, N): cumulative shares along axis j, given the cells along the axes before it."""
    along = shares.reshape(cells**j, cells, cells ** (d - j - 1)).sum(dim=2)
    total = along.cumsum(dim=1)
    return total / total[:, -1:].clamp_min(1e-300)


def _root(d: int) -> float:
    """The solution of x^(d+1) = x + 1, whose powers step evenly through the cube (Roberts 2018)."""
    x = 2.0
    for _ in range(60):
        x = (1 + x) ** (1 / (d + 1))
    return x
