"""Random fields of the kind that the benchmark draws, from seeds."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


class RandomWaves:
    """A periodic Gaussian random field in the plane: a sum of waves whose amplitudes fall as (i^2 + j^2)^(-decay / 2).

    Its mean over a period is 0, its mean square 1.

    Args:
        waves: i and j run from -waves to waves.
        decay: 0 for white noise; 2 is the benchmark's.
        period: of both coordinates.
        seed: of the amplitudes.
    """

    def __init__(self, waves: int, decay: float, period: float, seed: int):
        rng = np.random.default_rng(seed)
        numbers = [(i, j) for i in range(waves + 1) for j in range(-waves, waves + 1) if i > 0 or j > 0]
        size = np.array([math.hypot(i, j) ** -decay for i, j in numbers])
        parts = rng.standard_normal((2, len(numbers))) * size
        parts *= math.sqrt(2 / (parts**2).sum())
        self.cosine, self.sine = (torch.from_numpy(part) for part in parts)
        self.numbers = 2 * math.pi / period * torch.tensor(numbers, dtype=torch.float64)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The field at points, in their shape."""
        like = {"dtype": x.dtype, "device": x.device}
        numbers, cosine, sine = (part.to(**like) for part in (self.numbers, self.cosine, self.sine))
        phase = x[..., None] * numbers[:, 0] + y[..., None] * numbers[:, 1]
        return torch.cos(phase) @ cosine + torch.sin(phase) @ sine
