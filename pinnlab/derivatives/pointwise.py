"""The pointwise linearization of equations: how residuals change with the jet of each unknown.

Letters: n points.

An equation is a pointwise function of values and derivatives. Its derivative with respect to each of them is one cheap
autograd call; together with whatever supplies the derivatives it is the Jacobian.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pinnlab.derivatives.fields import Key

Coefficients = list[dict[tuple[str, Key], Tensor]]
"""Per residual, its derivative (n,) by each derivative of each unknown that it uses."""


def linearize(residuals: Sequence[Tensor], jets: Mapping[str, Mapping[Key, Tensor]]) -> Coefficients:
    """The pointwise linearization of residuals (n,) whose jets are leaves that require gradients."""
    leaves = [(unknown, key) for unknown, jet in jets.items() for key in jet]
    tensors = [jets[unknown][key] for unknown, key in leaves]
    found: Coefficients = []
    for residual in residuals:
        if not residual.requires_grad:
            found.append({})
            continue
        gradients = torch.autograd.grad(residual.sum(), tensors, retain_graph=True, allow_unused=True)
        found.append({leaf: g for leaf, g in zip(leaves, gradients, strict=True) if g is not None})
    return found
