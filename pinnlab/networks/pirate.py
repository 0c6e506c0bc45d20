"""PirateNet: gated residual blocks that start as the identity."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from pinnlab.derivatives.taylor import Jet, ParameterGradients
from pinnlab.machine.calls import explained_call
from pinnlab.networks.base import Embedding, LayeredNetwork


@explained_call()
class PirateNet(LayeredNetwork):
    """Residual blocks of three layers with two gates each and a trainable skip strength that starts at zero.

    Source: Wang, Li, Chen & Perdikaris, "PirateNets" (arXiv 2402.00326). With all strengths at zero the network is
    linear in the encoded features, so it begins shallow and deepens while it is trained.

    Args:
        inputs: number of coordinates d; None leaves the size to the solver.
        outputs: number of values m; None leaves it to the solver.
        width: neurons per layer.
        depth: residual blocks.
        activation: ``"tanh"``, ``"sin"`` or ``"swish"``.
        embedding: features of the coordinates; the paper uses ``FourierEmbedding(width // 2)``.
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
        depth: int = 2,
        activation: str = "tanh",
        embedding: Embedding | None = None,
        factorized: bool = False,
    ):
        super().__init__(
            inputs,
            outputs,
            width=width,
            depth=depth,
            activation=activation,
            embedding=embedding,
            factorized=factorized,
        )

    def make_layers(self, generator: torch.Generator | None) -> None:
        layer = partial(self.layer, generator=generator)

        self.encoder = layer(self.features, self.width)
        self.gate_u, self.gate_v = layer(self.width, self.width), layer(self.width, self.width)
        self.blocks = nn.ModuleList(
            nn.ModuleList(layer(self.width, self.width) for _ in range(3)) for _ in range(self.depth)
        )
        self.strengths = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in range(self.depth))
        self.last = layer(self.width, self.outputs or 1)

    def propagate(self, jet: Jet) -> Jet:
        state = self.encoder(jet).apply(self.activation)
        u, v = self.gate_u(state).apply(self.activation), self.gate_v(state).apply(self.activation)
        difference = u - v
        for (first, second, third), strength in zip(self.blocks, self.strengths, strict=True):
            gated = v + first(state).apply(self.activation) * difference
            gated = v + second(gated).apply(self.activation) * difference
            state = _blend(state, third(gated).apply(self.activation), strength)
        return self.last(state)


def _blend(skip: Jet, new: Jet, strength: nn.Parameter) -> Jet:
    """(1 - strength) * skip + strength * new."""
    change = new.data - skip.data
    if skip.tape is None:
        return skip.with_data(skip.data + strength * change)
    output, detached = skip.data + strength.detach() * change, change.detach()

    def rows(cotangent: Tensor) -> ParameterGradients:
        return {strength: (cotangent * detached).sum(dim=(0, 2))}

    return skip.with_data(skip.tape.record(output, rows))
