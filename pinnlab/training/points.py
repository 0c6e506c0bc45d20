"""Collocation points of a residual system: drawn, drawn anew, and drawn where residuals are large.

Letters: n points, d coordinates, k points of a pool, q residuals of a block.

With adaptive sampling the sizes of the residuals are looked at now and then on a pool of several times as many points.
From then on half of the points of an equation are drawn near the pool's points, with probabilities that grow with the
residual there (``sampling.near_large``), and the other half evenly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.domains import Site
from pinnlab.domains.sampling import near_large, sort_by_time, unit_points
from pinnlab.training.blocks import Block

_POOL = 4
"""Points of the adaptive pool per collocation point."""

Pool = tuple[Tensor, Tensor]
"""Points (k, d) of the unit cube, and the residual's size (k,) there."""


class CollocationPoints:
    """Draws the points of blocks and puts them there.

    Args:
        blocks: what is asked to vanish; they get their first points here.
        sampling: how points are drawn, see ``sampling.KINDS``.
        seed: several numbers are allowed.
        like: gives dtype and device.

    Attributes:
        held_out: per block, sites that training never sees; they stay.
    """

    def __init__(self, blocks: Sequence[Block], sampling: str, seed: Sequence[int], like: Tensor):
        self._blocks, self._sampling, self._like = blocks, sampling, like
        self._counts = [block.n for block in blocks]
        self._pools: list[Pool | None] = [None for _ in blocks]
        self._rng = np.random.default_rng([*seed, 1])
        held_out = np.random.default_rng([*seed, 2])
        self.held_out = [
            _drawn(block, sampling, n, held_out, like) for block, n in zip(blocks, self._counts, strict=True)
        ]
        self.redraw()

    def redraw(self) -> None:
        """New points for all blocks but those with measured data."""
        for block, n, pool in zip(self._blocks, self._counts, self._pools, strict=True):
            if block.term.fixed is None or not block.sites:
                sites = _drawn(block, self._sampling, n, self._rng, self._like, pool)
                # what is recorded on a GPU reads new points from where the old ones were
                (block.replace if self._like.device.type == "cuda" and block.sites else block.place)(sites)

    def adapt(self, residuals: Callable[[Block], Tensor]) -> None:
        """With adaptive sampling: look at the residuals, and from now on draw half of the points where they are large.

        Args:
            residuals: (q, k) of a block at the points that it has when this is called.
        """
        if self._sampling != "adaptive":
            return
        for position, block in enumerate(self._blocks):
            if block.kind != "equation":
                continue
            d = len(block.region.coordinates)
            pool = unit_points("sobol", _POOL * self._counts[position], d, self._rng).to(self._like)
            self._pools[position] = pool, _sizes(block, pool, residuals)

    def state(self) -> dict[str, Any]:
        """Everything that the next draw depends on, and the points themselves; nothing in it changes later."""
        # on a GPU the next points may take the place of these in memory
        kept = torch.clone if self._like.device.type == "cuda" else torch.detach
        points = [
            [[kept(site.points), None if site.normals is None else kept(site.normals)] for site in block.whole]
            for block in self._blocks
        ]
        return {"rng": json.dumps(self._rng.bit_generator.state), "points": points, "pools": list(self._pools)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._rng.bit_generator.state = json.loads(state["rng"])
        for block, sites in zip(self._blocks, state["points"], strict=True):
            block.place(tuple(Site(points, normals) for points, normals in sites))
        self._pools = list(state["pools"])


def _sizes(block: Block, pool: Tensor, residuals: Callable[[Block], Tensor]) -> Tensor:
    """(k,) how large the residuals of a block are at points (k, d) of the unit cube."""
    with block.elsewhere(block.term.draw(lambda n: pool, len(pool))):
        return residuals(block).square().sum(0).sqrt()


def _drawn(
    block: Block, sampling: str, n: int, rng: np.random.Generator, like: Tensor, pool: Pool | None = None
) -> tuple[Site, ...]:
    """Sites of a block with n new points; half of them near large residuals where there is a pool."""
    names = block.region.coordinates

    def unit(count: int) -> Tensor:
        near = torch.empty(0, len(names), dtype=torch.float64) if pool is None else near_large(*pool, count // 2, rng)
        points = torch.cat([near, unit_points(sampling, count - len(near), len(names), rng)])
        # time slices of causal weights are runs of consecutive points
        points = sort_by_time(points, block.region.time_index) if block.region.has_time else points
        return points.to(like)

    return block.term.draw(unit, n)
