"""Embeddings: what turns coordinates into features before the first layer.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import Embedding


class Rescale(Embedding):
    """Map a box to [-1, 1]^d.

    Args:
        lower: d lower bounds.
        upper: d upper bounds.
    """

    def __init__(self, lower: list[float], upper: list[float]):
        super().__init__()
        low, high = torch.tensor(lower, dtype=torch.float64), torch.tensor(upper, dtype=torch.float64)
        self.register_buffer("weight", torch.diag(2 / (high - low)))
        self.register_buffer("bias", -(high + low) / (high - low))

    def width(self, inputs: int) -> int:
        return inputs

    def propagate(self, jet: Jet) -> Jet:
        return jet.linear(self.weight, self.bias)


class PeriodicEmbedding(Embedding):
    """Exact periodicity: a periodic coordinate x becomes cos(k w x), sin(k w x), k = 1..harmonics, w = 2 pi / period.

    The other coordinates pass unchanged. Source: Dong & Ni (2021); papers on causal training use the same.

    Args:
        periods: {coordinate number: period}.
        harmonics: how many multiples of the base frequency, at least 1.

    Raises:
        ValueError: no periodic coordinate, a period that is not positive, or no harmonics.
    """

    def __init__(self, periods: Mapping[int, float], harmonics: int = 1):
        super().__init__()
        if not periods:
            raise ValueError("PeriodicEmbedding(periods={}): name at least one coordinate, such as {0: 2.0}.")
        for index, period in periods.items():
            if not (period > 0 and math.isfinite(period)):
                raise ValueError(f"PeriodicEmbedding(periods={{{index}: {period}}}): a period must be positive.")
        if harmonics < 1:
            raise ValueError(f"PeriodicEmbedding(harmonics={harmonics}): use at least 1.")
        self.periods, self.harmonics = dict(periods), harmonics

    def width(self, inputs: int) -> int:
        return inputs + len(self.periods) * (2 * self.harmonics - 1)

    def propagate(self, jet: Jet) -> Jet:
        d = jet.data.shape[2]
        rows = [
            (index, 2 * math.pi * k / period)
            for index, period in self.periods.items()
            for k in range(1, self.harmonics + 1)
        ]
        frequencies = jet.data.new_zeros(len(rows), d)
        for row, (index, frequency) in enumerate(rows):
            frequencies[row, index] = frequency
        phase = jet.linear(frequencies, None)
        others = [i for i in range(d) if i not in self.periods]
        return phase.apply("cos").concatenate(phase.apply("sin"), *([jet.select(others)] if others else []))


class FourierEmbedding(Embedding):
    """Random Fourier features cos(B x), sin(B x) with B drawn from N(0, scale^2) (Tancik et al., arXiv 2006.10739).

    Args:
        features: number of frequencies; the width is twice that.
        scale: standard deviation of the frequencies, for features scaled to [-1, 1].
        seed: the frequencies are fixed by it.

    Raises:
        ValueError: a number of features below 1 or a scale that is not positive.
    """

    def __init__(self, features: int = 64, scale: float = 1.0, seed: int = 0):
        super().__init__()
        if features < 1:
            raise ValueError(f"FourierEmbedding(features={features}): use at least 1.")
        if not scale > 0:
            raise ValueError(f"FourierEmbedding(scale={scale}): must be positive.")
        self.features, self.scale, self.seed = features, scale, seed

    def width(self, inputs: int) -> int:
        return 2 * self.features

    def frequencies(self, inputs: int) -> Tensor:
        """B, (features, inputs), float64, fixed by the seed."""
        generator = torch.Generator().manual_seed(self.seed)
        return self.scale * torch.randn(self.features, inputs, generator=generator, dtype=torch.float64)

    def propagate(self, jet: Jet) -> Jet:
        phase = jet.linear(self.frequencies(jet.data.shape[2]).to(jet.data), None)
        return phase.apply("cos").concatenate(phase.apply("sin"))
