"""One term of a problem at the stages of a slab, and its linearization in each of the slab's problems of space.

Letters: n points, s stages, r residuals of the term, k orders of derivatives by time, K experts, m unknowns, N basis
functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.solvers.cut_cells.places import Places
from pinnlab.solvers.cut_cells.rows import Parts, PointRows
from pinnlab.solvers.local_experts.rows import CellJets

Array = np.ndarray


class StageRows:
    """A term at points of space and the stages of a slab.

    Args:
        rows: the term on cells of space.
        clock: the name of time.
    """

    def __init__(self, rows: PointRows, clock: str):
        self.rows, self.clock = rows, clock

    def residuals(self, levels: Sequence[Array], times: Array) -> Array:
        """(r, s, rows) residuals, not weighted.

        Args:
            levels: k arrays (s, K, m, N), coefficients of the unknowns and of their derivatives by time, at
            times: (s,).
        """
        with torch.no_grad():
            found = self.rows.evaluate(self._jets(levels, False), torch.from_numpy(times))
        return self.rows.gathered(np.stack([f.numpy() for f in found]).reshape(len(found), len(times), -1))

    def slopes(self, levels: Sequence[Array], time: float) -> list[Parts]:
        """Per site the dependence of residuals on derivatives, those by time among them, by reference coordinates.

        Args:
            levels: k arrays (K, m, N).
            time: at which they are taken.
        """
        jets = self._jets([level[None] for level in levels], True)
        found = self.rows.evaluate(jets, torch.tensor([time], dtype=torch.float64))
        linear: list[Coefficients] = [linearize(found, jet) for jet in jets]
        return [self.rows.parts(site, each) for site, each in enumerate(linear)]

    def at_rate(self, slopes: Sequence[Parts], rate: complex) -> tuple[list[Parts], Array]:
        """Per site the weighted dependence on derivatives by space where d/dt is a number, and (r, n) the weights.

        Args:
            slopes: as ``slopes`` finds them.
            rate: that number.
        """
        linear: list[Parts] = []
        for mine in slopes:
            parts: Parts = {}
            for (unknown, key), part in mine.items():
                order = key.count(self.clock)
                leaf = unknown, tuple(name for name in key if name != self.clock)
                own = part * rate**order if order else part
                parts[leaf] = parts[leaf] + own if leaf in parts else own
            linear.append(parts)
        scale = self.rows.row_scale(linear)
        return [{leaf: part * scale for leaf, part in parts.items()} for parts in linear], scale

    def owners(self, slopes: Sequence[Parts]) -> Array:
        """(r,) number of the unknown in whose values a row is off: whose rate is in it, else whose derivatives count most.

        Args:
            slopes: as ``slopes`` finds them.
        """
        count = max((len(part) for parts in slopes for part in parts.values()), default=0)
        size = np.zeros((2, count, len(self.rows.unknowns)))
        for parts in slopes:
            for (unknown, key), part in parts.items():
                mine = size[int({*key} == {self.clock}), :, self.rows.unknowns.index(unknown)]
                np.maximum(mine, np.sqrt((part**2).mean(axis=1)), out=mine)
        others, rates = size
        return np.where(rates.max(axis=1) > 0, rates.argmax(axis=1), others.argmax(axis=1))

    def _jets(self, levels: Sequence[Array], leaves: bool) -> list[CellJets]:
        return [
            {u: self._jet(site, [level[:, :, j] for level in levels], leaves) for j, u in enumerate(self.rows.unknowns)}
            for site in self.rows.sites
        ]

    def _jet(self, site: Places, levels: Sequence[Array], leaves: bool) -> LazyJet:
        """All derivatives (s n,) of one unknown, from (s, K, N) coefficients of it and of its derivatives by time."""

        def derive(key: Key) -> Tensor:
            order = key.count(self.clock)
            own = tuple(name for name in key if name != self.clock)
            found = site.derivative(levels[order], own).ravel()
            return torch.from_numpy(found).requires_grad_(leaves)

        return LazyJet(derive)
