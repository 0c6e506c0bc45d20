"""The multilayer perceptron."""

from __future__ import annotations

import torch
from torch import nn

from pinnlab.derivatives.activations import activation as check_activation
from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import Embedding, Linear, Network, check_positive


class MLP(Network):
    """A fully connected network.

    Args:
        inputs: number of coordinates d; None leaves the size to the solver.
        outputs: number of values m; None leaves it to the solver.
        width: neurons per hidden layer.
        depth: hidden layers.
        activation: ``"tanh"``, ``"sin"`` or ``"swish"``.
        embedding: features of the coordinates, such as ``PeriodicEmbedding`` or ``FourierEmbedding``.
        factorized: random weight factorization of every layer.

    Raises:
        ValueError: a size below 1 or an unknown activation.
    """

    def __init__(
        self,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        width: int = 30,
        depth: int = 3,
        activation: str = "tanh",
        embedding: Embedding | None = None,
        factorized: bool = False,
    ):
        super().__init__(inputs, outputs, embedding)
        check_positive("MLP", width=width, depth=depth)
        check_activation(activation)
        self.width, self.depth, self.activation, self.factorized = width, depth, activation, factorized
        if not self.is_template:
            self.make_layers(None)

    def make_layers(self, generator: torch.Generator | None) -> None:
        widths = [self.features] + [self.width] * self.depth
        self.hidden = nn.ModuleList(
            Linear(a, b, self.factorized, generator) for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.last = Linear(self.width, self.outputs or 1, self.factorized, generator)

    def propagate(self, jet: Jet) -> Jet:
        for layer in self.hidden:
            jet = layer(jet).apply(self.activation)
        return self.last(jet)
