"""The pointwise linearization of equations: how residuals change with the jet of each unknown.

Letters: n points.

An equation is a pointwise function of values and derivatives. Its derivative with respect to each of them is one cheap
autograd call; together with whatever supplies the derivatives it is the Jacobian.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from pinnlab.derivatives.fields import Key

K = TypeVar("K")
Coefficients = list[dict[tuple[str, Key], Tensor]]
"""Per residual, its derivative (n,) by each derivative of each unknown that it uses."""


def linearize(residuals: Sequence[Tensor], jets: Mapping[str, Mapping[Key, Tensor]]) -> Coefficients:
    """The pointwise linearization of residuals (n,) whose jets are leaves that require gradients."""
    leaves = {(unknown, key): value for unknown, jet in jets.items() for key, value in jet.items()}
    return [gradients(residual, leaves) for residual in residuals]


def gradients(residual: Tensor, leaves: Mapping[K, Tensor]) -> dict[K, Tensor]:
    """The derivatives (n,) of a pointwise residual (n,) by leaves (n,); those on which it does not depend are left out."""
    if not residual.requires_grad or not leaves:
        return {}
    # a sum of real numbers needs no cotangent, for which torch imports a computer algebra system at its first call
    of, one = (residual, torch.ones_like(residual)) if residual.is_complex() else (residual.sum(), None)
    found = torch.autograd.grad(of, list(leaves.values()), one, retain_graph=True, allow_unused=True)
    # zeros of forward mode have no memory, and no NumPy array
    return {leaf: torch.empty_like(g).copy_(g) for leaf, g in zip(leaves, found, strict=True) if g is not None}
