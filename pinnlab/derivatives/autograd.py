"""Derivatives of any callable by nested reverse mode: slower than Taylor mode, but nothing is asked of the callable.

Letters: c derivatives, n points, d coordinates, m values, p parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pinnlab.derivatives.indices import Index, Indices


def autograd_jet(function: Callable[[Tensor], Tensor], points: Tensor, indices: Indices, keep: bool = True) -> Tensor:
    """Derivatives (c, n, m) of ``function``, which maps (n, d) points to (n, m) values point by point.

    Args:
        function: uses torch operations that can be differentiated as often as ``indices`` asks.
        points: (n, d).
        indices: a downward-closed set of multi-indices.
        keep: keep the graph, for gradients with respect to parameters.
    """
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        values = function(points)
        columns = [_derivatives(values[:, j], points, indices) for j in range(values.shape[1])]
        jet = torch.stack([torch.stack([column[i] for column in columns], dim=1) for i in indices])
    return jet if keep else jet.detach()


def _derivatives(value: Tensor, points: Tensor, indices: Indices) -> dict[Index, Tensor]:
    found: dict[Index, Tensor] = {(): value}
    gradients: dict[Index, Tensor] = {}
    for index in indices[1:]:
        parent = index[:-1]
        if parent not in gradients:
            gradients[parent] = _gradient(found[parent], points)
        found[index] = gradients[parent][:, index[-1]]
    return found


def _gradient(value: Tensor, points: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(value.sum(), points, create_graph=True, allow_unused=True)
    return torch.zeros_like(points) if gradient is None else gradient


def autograd_rows(
    jet: Tensor, cotangent: Tensor, parameters: Sequence[nn.Parameter], batch: int = 256
) -> dict[nn.Parameter, Tensor]:
    """Per-point gradients of sum(cotangent * jet), {parameter: (n, *parameter.shape)}, by batched reverse mode.

    Args:
        jet: (c, n, m) with a graph to ``parameters``.
        cotangent: (c, n, m).
        parameters: those whose rows are wanted.
        batch: points pulled back at once.
    """
    per_point = (jet * cotangent).sum(dim=(0, 2))
    n = len(per_point)
    pieces = []
    for start in range(0, n, batch):
        part = per_point[start : start + batch]
        seeds = torch.eye(len(part), dtype=part.dtype, device=part.device)
        pieces.append(
            torch.autograd.grad(part, parameters, seeds, is_grads_batched=True, retain_graph=True, allow_unused=True)
        )
    return {
        parameter: torch.cat([piece[i] for piece in pieces])
        for i, parameter in enumerate(parameters)
        if pieces[0][i] is not None
    }
