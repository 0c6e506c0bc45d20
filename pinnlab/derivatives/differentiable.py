"""Jets that torch can differentiate by their points, whoever supplies them.

Letters: c derivatives, n points, d coordinates, m values.

What supplies a jet knows all derivatives already. So the gradient of a derivative by the points is made of the
derivatives that are one order higher, and nothing of the way in which they were found is recorded: networks, local
polynomials and characteristics are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinnlab.derivatives.indices import Indices, closure

JetFunction = Callable[[Tensor, Indices], Tensor]
"""(n, d) points and multi-indices to derivatives (c, n, m)."""


def differentiable_jet(jet: JetFunction, points: Tensor, indices: Indices) -> Tensor:
    """Derivatives (c, n, m) with a graph to the points, as often differentiable as ``jet`` knows derivatives.

    Args:
        jet: gives any downward-closed set of derivatives, point by point.
        points: (n, d).
        indices: which derivatives.
    """
    return _Jet.apply(points, jet, indices)


class _Jet(torch.autograd.Function):
    @staticmethod
    def forward(points: Tensor, jet: JetFunction, indices: Indices) -> Tensor:
        return jet(points.detach(), indices).detach()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        points, ctx.jet, ctx.indices = inputs
        ctx.save_for_backward(points)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor, None, None]:
        (points,) = ctx.saved_tensors
        indices, d = ctx.indices, points.shape[1]
        raised = [[tuple(sorted((*index, i))) for index in indices] for i in range(d)]
        every = closure(index for column in raised for index in column)
        # a jet again, so that the gradient can be differentiated as well
        jet = _Jet.apply(points, ctx.jet, every)
        columns = [(cotangent * jet[[every.index(index) for index in column]]).sum(dim=(0, 2)) for column in raised]
        return torch.stack(columns, dim=1), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], points: Tensor, jet: JetFunction, indices: Indices) -> Any:
        batch = points.movedim(in_dims[0], 0)
        found = _Jet.apply(batch.flatten(0, 1), jet, indices)
        return found.unflatten(1, batch.shape[:2]), 1
