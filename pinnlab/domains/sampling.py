"""How points are drawn in the unit cube, from an explicit NumPy generator.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.machine.interrupts import load

KINDS = ("adaptive", "sobol", "latin_hypercube", "uniform", "grid")


def unit_points(kind: str, n: int, d: int, rng: np.random.Generator) -> Tensor:
    """Draw (n, d) float64 points in [0, 1]^d.

    Args:
        kind: ``"sobol"`` (scrambled, low discrepancy; ``"adaptive"`` starts from it), ``"latin_hypercube"``,
            ``"uniform"`` (independent), or ``"grid"`` (cell centres of the smallest tensor grid with at least n
            points, the first n kept).
        n: number of points, at least 1.
        d: number of coordinates, at least 1.
        rng: the only source of randomness; its state is what a checkpoint stores.
    """
    check_kind(kind)
    if kind in ("sobol", "adaptive"):
        # torch's engine does not warn when n is no power of two, and is quick to set up
        engine = torch.quasirandom.SobolEngine(d, scramble=True, seed=int(rng.integers(2**31)))
        return engine.draw(n, dtype=torch.float64)
    if kind == "latin_hypercube":
        load("scipy.stats")
        return torch.from_numpy(scipy.stats.qmc.LatinHypercube(d, rng=rng).random(n))
    if kind == "uniform":
        return torch.from_numpy(rng.random((n, d)))
    side = math.ceil(n ** (1 / d) - 1e-9)
    axis = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    return torch.cartesian_prod(*[axis] * d).reshape(-1, d)[:n]


def near_large(pool: Tensor, sizes: Tensor, n: int, rng: np.random.Generator) -> Tensor:
    """Draw (n, d) float64 points of the unit cube near those of a pool, in proportion to how large something is there.

    Each point is one of the pool's, moved by a normal deviate of the pool's mean spacing, so that no point is used
    twice. With sizes the residual's modulus this is residual-adaptive sampling (Wu et al., arXiv 2207.10289, k = 1).

    Args:
        pool: (k, d) points of the unit cube.
        sizes: (k,) non-negative.
        n: number of points.
        rng: source of randomness.
    """
    pool = pool.to("cpu", torch.float64)
    k, d = pool.shape
    weights = sizes.cpu().numpy().astype(float)
    total = weights.sum()
    chosen = rng.choice(k, size=n, p=weights / total if np.isfinite(total) and total > 0 else None)
    moved = pool[torch.from_numpy(chosen)] + torch.from_numpy(rng.normal(0.0, 0.5 * k ** (-1 / d), (n, d)))
    # reflect at the faces
    return 1 - (1 - moved.abs()).abs()


def check_kind(kind: str) -> None:
    """Raise ValueError unless ``kind`` is one of ``KINDS``."""
    if kind not in KINDS:
        raise ValueError(f"sampling={kind!r} is unknown; choose one of {', '.join(map(repr, KINDS))}.")


def sort_by_time(points: Tensor, time: int) -> Tensor:
    """Order (n, d) points by column ``time``, so that consecutive equal chunks are slices of time."""
    return points[torch.argsort(points[:, time], stable=True)]
