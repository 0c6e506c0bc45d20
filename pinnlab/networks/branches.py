"""Several networks side by side: one input, each its own outputs."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import Linear, Network


class Branches(Network):
    """Templates that share the coordinates' features and nothing else; their values stand one after the other.

    All values are zero at first: weights of the last layers start there.

    Args:
        parts: templates, such as ``MLP(depth=5)`` and ``MLP(depth=2)``.
        shares: number of values of each part.

    Raises:
        ValueError: numbers of parts and shares differ, or a part has a size already.
    """

    def __init__(self, parts: Sequence[Network], shares: Sequence[int]):
        super().__init__(None, None, None)
        if len(parts) != len(shares) or not all(part.is_template for part in parts):
            raise ValueError("Branches(parts, shares): give one share per part, and templates such as MLP(width=30).")
        self.parts, self.shares = nn.ModuleList(copy.deepcopy(part) for part in parts), tuple(shares)

    @property
    def width(self) -> int:
        """The widest layer."""
        return max(getattr(part, "width", 64) for part in self.parts)

    def make_layers(self, generator: torch.Generator | None) -> None:
        for part, share in zip(self.parts, self.shares, strict=True):
            assert isinstance(part, Network), "parts are templates"
            part.inputs, part.outputs = self.features, share
            part.make_layers(generator)
            last = [module for module in part.modules() if isinstance(module, Linear)][-1]
            for parameter in (last.weight, last.bias):
                nn.init.zeros_(parameter)

    def propagate(self, jet: Jet) -> Jet:
        values = []
        for part in self.parts:
            # a part whose parameters are frozen has no rows in a Jacobian
            trained = any(p.requires_grad for p in part.parameters())
            own = jet if trained else Jet(jet.data, jet.indices)
            features = own if part.embedding is None else part.embedding.propagate(own)
            values.append(part.propagate(features).data)
        return jet.with_data(torch.cat(values, dim=-1))
