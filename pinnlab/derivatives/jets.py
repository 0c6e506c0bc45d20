"""Jets: all derivatives of one unknown at n points, each found under the names of the coordinates it is by.

Letters: c derivatives, n points, m unknowns.

``jet[("x", "x")]`` is the second derivative by x, ``jet[()]`` the value, each (n,). What supplies them (a network, a
grid, an expansion) hands over either one tensor of all derivatives, which ``named_jets`` takes apart, or a function that
computes a derivative when an equation asks for it, which ``LazyJet`` wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.names import Key, NamedJet


class LazyJet(dict[Key, Tensor]):
    """A jet whose derivatives are computed when they are first asked for, and kept: {derivative: (n,)}.

    Iterating over it gives the derivatives that were asked for so far, which tells what an equation uses.

    Args:
        derive: computes one derivative (n,), named by its coordinates in the domain's order.
    """

    def __init__(self, derive: Callable[[Key], Tensor]):
        super().__init__()
        self._derive = derive

    def __missing__(self, key: Key) -> Tensor:
        value = self[key] = self._derive(key)
        return value


def leaf_jet(jet: NamedJet) -> LazyJet:
    """The same derivatives as leaves of a graph, by which residuals can be differentiated."""
    return LazyJet(lambda key: jet[key].detach().clone().requires_grad_())


def made_up_jet(n: int, seed: int, positive: bool = True, scale: Callable[[Key], float] = lambda key: 1.0) -> LazyJet:
    """Random derivatives at n points, as leaves of a graph: what a dry run puts in the place of an unknown.

    Args:
        n: number of points.
        seed: of the random numbers, which follow one another in the order in which derivatives are asked for.
        positive: normal numbers' moduli plus a half, so that logarithms and roots are defined; else normal numbers.
        scale: divides the numbers of a derivative.
    """
    generator = torch.Generator().manual_seed(seed)

    def derive(key: Key) -> Tensor:
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        return ((noise.abs() + 0.5 if positive else noise) / scale(key)).requires_grad_()

    return LazyJet(derive)


def named_jets(
    jet: Tensor, indices: Indices, unknowns: Sequence[str], coordinates: Sequence[str]
) -> dict[str, dict[Key, Tensor]]:
    """{unknown: {derivative: (n,)}} of the derivatives (c, n, m) of m unknowns.

    Args:
        jet: (c, n, m), in the order of ``indices`` and ``unknowns``.
        indices: the derivatives, by numbers of coordinates.
        unknowns: m names.
        coordinates: their names, in the domain's order.
    """
    keys = [tuple(coordinates[i] for i in index) for index in indices]
    return {u: {key: jet[i, :, j] for i, key in enumerate(keys)} for j, u in enumerate(unknowns)}
