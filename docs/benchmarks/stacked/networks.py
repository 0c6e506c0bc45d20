"""Networks of equal shape with parameters of their own, evaluated as one.

Letters: B members, c derivatives, n points of a member, w and v widths, m values.

Points stand member after member, (B n, d). Only layers with parameters know of members: they see n points at a time.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pinnlab.declaration.ansatz import Ansatz
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.taylor import Jet, ParameterGradients
from pinnlab.networks.base import Linear, Network


class StackedLinear(nn.Module):
    """B affine layers side by side; each acts on its own member's points.

    Args:
        layer: gives sizes and initial values to all.
        members: B.

    Raises:
        TypeError: the layer is factorized.
    """

    def __init__(self, layer: Linear, members: int):
        super().__init__()
        if layer.scale is not None:
            raise TypeError("factorized=True: networks with factorized weights cannot be stacked; leave it out.")
        self.members = members
        self.weight = nn.Parameter(layer.weight.detach().expand(members, -1, -1).clone())
        self.bias = nn.Parameter(layer.bias.detach().expand(members, -1).clone())

    def forward(self, jet: Jet) -> Jet:
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if jet.tape is not None:
            weight, bias = weight.detach(), bias.detach()
        output = _Grouped.apply(jet.data, weight, bias)
        if jet.tape is not None:
            inputs = jet.data.detach()
            output = jet.tape.record(output, lambda cotangent: self._rows(inputs, cotangent))
        return jet.with_data(output)

    def _rows(self, inputs: Tensor, cotangent: Tensor) -> ParameterGradients:
        """Per-point gradients: {weight: (B n, v, w), bias: (B n, v)}."""
        weight = _matmul(cotangent.permute(1, 2, 0), inputs.transpose(0, 1))
        return {self.weight: weight, self.bias: cotangent[0]}


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    """Many small matrix products; NumPy does them two to six times as fast as torch on the CPU."""
    return torch.from_numpy(a.detach().numpy() @ b.detach().numpy())


class _Grouped(torch.autograd.Function):
    """(c, B n, w) -> (c, B n, v): every member's weight on its own points; the bias enters the values only."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(data, weight)
        c, total, w = data.shape
        output = _matmul(data.view(c, len(weight), -1, w), weight.transpose(1, 2))
        output[0] += bias[:, None]
        return output.view(c, total, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        data, weight = ctx.saved_tensors
        need_data, need_weight, need_bias = ctx.needs_input_grad
        apart = cotangent.reshape(len(cotangent), len(weight), -1, cotangent.shape[2])
        return (
            _matmul(apart, weight).view_as(data) if need_data else None,
            _matmul(apart.transpose(2, 3), data.view(*apart.shape[:3], -1)).sum(0) if need_weight else None,
            apart[0].sum(1) if need_bias else None,
        )


def stacked(network: nn.Module, members: int) -> Network:
    """B copies of a network as one, (B n, d) -> (B n, m).

    Args:
        network: a built ``Network`` all of whose parameters are those of linear layers, such as ``MLP``.
        members: B.

    Raises:
        TypeError: it is no such network.
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"network={type(network).__name__}(...): only pinnlab's networks can be stacked, such as pl.MLP()."
        )
    found = copy.deepcopy(network)
    for parent in list(found.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Linear):
                setattr(parent, name, StackedLinear(child, members))
    own = {id(p) for module in found.modules() if isinstance(module, StackedLinear) for p in module.parameters()}
    others = [name for name, p in found.named_parameters() if id(p) not in own]
    if others:
        raise TypeError(
            f"network={type(network).__name__}(...): its parameter {others[0]!r} belongs to no linear layer, so the "
            "network cannot be stacked; use pl.MLP()."
        )
    return found


class StackedAnsatz:
    """The exact conditions of B members, each at its own points.

    Args:
        parts: (B,) their ansatzes, over the same unknowns.
    """

    combine = staticmethod(Ansatz.combine)

    def __init__(self, parts: Sequence[Ansatz]):
        self.parts = tuple(parts)

    @property
    def is_trivial(self) -> bool:
        """Whether no member has an exact condition."""
        return all(part.is_trivial for part in self.parts)

    def prepare(self, points: Tensor, indices: Indices) -> tuple[Tensor, Tensor] | None:
        """Derivatives of offsets and factors, each (c, B n, m), at (B n, d) points."""
        if self.is_trivial:
            return None
        found = [
            part.prepare(own, indices) for part, own in zip(self.parts, points.chunk(len(self.parts)), strict=True)
        ]
        pairs = [pair for pair in found if pair is not None]
        return torch.cat([g for g, _ in pairs], dim=1), torch.cat([f for _, f in pairs], dim=1)
