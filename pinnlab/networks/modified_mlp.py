"""The modified multilayer perceptron, whose layers are gated by two encoders of the input."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import LayeredNetwork


class ModifiedMLP(LayeredNetwork):
    """H <- (1 - Z) * U + Z * V with Z = s(H W + b), and U, V two encoders of the input.

    Source: Wang, Teng & Perdikaris (arXiv 2001.04536), as used for causal training (arXiv 2203.07404, section 3).
    The gate acts from the second hidden layer on.

    Args and errors are those of ``MLP``.
    """

    def make_layers(self, generator: torch.Generator | None) -> None:
        layer = partial(self.layer, generator=generator)

        self.gate_u, self.gate_v = layer(self.features, self.width), layer(self.features, self.width)
        self.first = layer(self.features, self.width)
        self.hidden = nn.ModuleList(layer(self.width, self.width) for _ in range(self.depth - 1))
        self.last = layer(self.width, self.outputs or 1)

    def propagate(self, jet: Jet) -> Jet:
        u, v = self.gate_u(jet).apply(self.activation), self.gate_v(jet).apply(self.activation)
        difference = v - u
        state = self.first(jet).apply(self.activation)
        for layer in self.hidden:
            state = u + layer(state).apply(self.activation) * difference
        return self.last(state)
