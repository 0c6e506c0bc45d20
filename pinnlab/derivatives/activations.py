"""Activations with all the derivatives that Taylor propagation needs.

The recurrences follow from the differential equation that the activation satisfies (tanh' = 1 - tanh^2, and so on), so
that every derivative is a short formula in one or two functions of the value; only these are kept for a backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, pi, sqrt

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """f, called as ``f(a, order)``: gives ``[f(a), f'(a), ..., f^(order)(a)]``.

    Attributes:
        basis: of a, the functions that all derivatives are formulas in.
        derivatives: of these and the order, the list.
        plain_basis: ``basis`` for tensors without a graph and outside of ``torch.func``, where that is faster.
    """

    basis: Callable[[Tensor], tuple[Tensor, ...]]
    derivatives: Callable[[Sequence[Tensor], int], list[Tensor]]
    plain_basis: Callable[[Tensor], tuple[Tensor, ...]] | None = None

    def __call__(self, a: Tensor, order: int) -> list[Tensor]:
        return self.derivatives(self.basis(a), order)


def _numpy_tanh(a: Tensor) -> tuple[Tensor, ...]:
    """NumPy's tanh is faster than torch's on processors with AVX-512, and as accurate."""
    if a.device.type == "cpu" and not torch.compiler.is_compiling():
        return (torch.from_numpy(np.tanh(a.numpy())),)
    return (torch.tanh(a),)


def _tanh_derivatives(basis: Sequence[Tensor], order: int) -> list[Tensor]:
    """From y' = 1 - y^2, differentiated by Leibniz' rule."""
    s = list(basis)
    if order >= 1:
        s.append(1 - s[0] * s[0])
    for k in range(1, order):
        # d^k (1 - y^2): the symmetric half of Leibniz' sum, doubled
        total = s[0] * s[k]
        for i in range(1, (k + 1) // 2):
            total.addcmul_(s[i], s[k - i], value=comb(k, i))
        if k % 2 == 0:
            total.addcmul_(s[k // 2], s[k // 2], value=comb(k, k // 2) / 2)
        s.append(total.mul_(-2))
    return s


def _cycle(basis: Sequence[Tensor], order: int) -> list[Tensor]:
    """From f'' = -f."""
    s = list(basis)
    while len(s) <= order:
        s.append(-s[-2])
    return s[: order + 1]


def _sigmoid(basis: Sequence[Tensor], order: int) -> list[Tensor]:
    """From g' = g - g^2."""
    g = list(basis)
    for k in range(order):
        total = g[k]
        for i in range(k + 1):
            total = total.sub(g[i] * g[k - i], alpha=comb(k, i))
        g.append(total)
    return g


def _swish(basis: Sequence[Tensor], order: int) -> list[Tensor]:
    """Of a g(a), with the sigmoid g."""
    a, sigmoid = basis
    g = _sigmoid([sigmoid], order)
    return [a * g[0]] + [a * g[k] + k * g[k - 1] for k in range(1, order + 1)]


def _gelu(basis: Sequence[Tensor], order: int) -> list[Tensor]:
    """Of a P(a), with the normal distribution function P: P'' = -a P', and so on (Hermite polynomials)."""
    a, distribution, density = basis
    p = [distribution, density]
    for k in range(1, order):
        p.append(-a * p[k] - (k - 1) * p[k - 1])
    return [a * p[0]] + [a * p[k] + k * p[k - 1] for k in range(1, order + 1)]


def _normal(a: Tensor) -> tuple[Tensor, ...]:
    return a, torch.special.ndtr(a), torch.exp(-a * a / 2) / sqrt(2 * pi)


ACTIVATIONS = {
    "tanh": Activation(lambda a: (torch.tanh(a),), _tanh_derivatives, _numpy_tanh),
    "sin": Activation(lambda a: (torch.sin(a), torch.cos(a)), _cycle),
    "cos": Activation(lambda a: (torch.cos(a), -torch.sin(a)), _cycle),
    "swish": Activation(lambda a: (a, torch.sigmoid(a)), _swish),
    "sigmoid": Activation(lambda a: (torch.sigmoid(a),), _sigmoid),
    "gelu": Activation(_normal, _gelu),
}


def activation(name: str) -> Activation:
    """Look an activation up by name.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r} is unknown; choose one of {', '.join(map(repr, ACTIVATIONS))}.")
    return ACTIVATIONS[name]
