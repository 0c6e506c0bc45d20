"""The multilayer perceptron."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import LayeredNetwork


class MLP(LayeredNetwork):
    """A fully connected network.

    Args:
        inputs: number of coordinates d; None leaves the size to the solver.
        outputs: number of values m; None leaves it to the solver.
        width: neurons per hidden layer.
        depth: hidden layers.
        activation: ``"tanh"``, ``"sin"``, ``"swish"``, ``"sigmoid"`` or ``"gelu"``.
        embedding: features of the coordinates, such as ``PeriodicEmbedding`` or ``FourierEmbedding``.
        factorized: random weight factorization of every layer.

    Raises:
        ValueError: a size below 1 or an unknown activation.
    """

    def make_layers(self, generator: torch.Generator | None) -> None:
        widths = [self.features] + [self.width] * self.depth
        self.hidden = nn.ModuleList(self.layer(a, b, generator) for a, b in itertools.pairwise(widths))
        self.last = self.layer(self.width, self.outputs or 1, generator)

    def propagate(self, jet: Jet) -> Jet:
        for layer in self.hidden:
            jet = layer(jet).apply(self.activation)
        return self.last(jet)
