"""Polynomials in p parameters through values at Leja nodes, one node for each multi-index of a downward closed set.

Letters: N nodes, p parameters, q points, k degree.

Source: Chkifa, Cohen & Schwab, High-dimensional adaptive sparse polynomial interpolation and applications to parametric
PDEs, Foundations of Computational Mathematics 14 (2014): the hierarchical (Newton) form, and growth of the set by the
surpluses that were found.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray
Multi = tuple[int, ...]
"""A degree in each parameter."""
_CANDIDATES = 4001
"""Places on [-1, 1] among which a Leja node is chosen."""
_TINY = 1e-16
"""A surplus that vanishes by chance does not hide those above it."""


@functools.cache
def leja_node(k: int) -> float:
    """The k-th Leja node of [-1, 1]: 0, 1, -1, and then where the product of distances to those before is largest."""
    if k < 3:
        return (0.0, 1.0, -1.0)[k]
    places = np.linspace(-1.0, 1.0, _CANDIDATES)
    before = np.array([leja_node(j) for j in range(k)])
    with np.errstate(divide="ignore"):
        distances = np.log(abs(places[:, None] - before)).sum(axis=1)
    # the larger of two that mirror one another, whatever rounding says
    return float(places[np.flatnonzero(distances >= distances.max() - 1e-9)[-1]])


def newton(z: Tensor, most: int) -> Tensor:
    """(q, most + 1) Newton polynomials at (q,) places: the k-th is one at node k and zero at those before it."""
    columns = [torch.ones_like(z)]
    nodes = [leja_node(k) for k in range(most + 1)]
    for k in range(1, most + 1):
        scale = math.prod(nodes[k] - before for before in nodes[:k])
        product = torch.ones_like(z)
        for before in nodes[:k]:
            product = product * (z - before)
        columns.append(product / scale)
    return torch.stack(columns, dim=1)


@dataclass
class SparseGrid:
    """A downward closed set of multi-indices, in the order in which they were taken up.

    Attributes:
        count: p.
        indices: the N multi-indices, each with a node of its own.
        surpluses: of each, how far off the polynomial through those before it was there.
    """

    count: int
    indices: list[Multi] = field(default_factory=list)
    surpluses: list[float] = field(default_factory=list)

    def node(self, index: Multi) -> tuple[float, ...]:
        """The place (p,) in [-1, 1]^p that belongs to a multi-index."""
        return tuple(leja_node(k) for k in index)

    def add(self, index: Multi, surplus: float) -> None:
        """Take up a multi-index all of whose smaller neighbours are there."""
        self.indices.append(index)
        self.surpluses.append(surplus)

    def weights(self, places: Tensor) -> Tensor:
        """(q, N): the polynomial at (q, p) places is the sum of the nodes' values with these weights."""
        eye = torch.eye(len(self.indices), dtype=places.dtype)
        nodes = torch.tensor([self.node(index) for index in self.indices], dtype=places.dtype)
        # one at the own node, zero at all before it
        triangle = torch.tril(self._basis(nodes), diagonal=-1) + eye
        return torch.linalg.solve_triangular(triangle.mT, self._basis(places).mT, upper=True).mT

    def next(self) -> tuple[Multi, float]:
        """The multi-index that promises the largest surplus, and that surplus."""
        if not self.indices:
            return (0,) * self.count, math.inf
        known = dict(zip(self.indices, self.surpluses, strict=True))
        return max(((index, promise(known, index)) for index in self._margin()), key=lambda pair: pair[1])

    def _margin(self) -> Iterator[Multi]:
        known, seen = set(self.indices), set[Multi]()
        for index in self.indices:
            for d in range(self.count):
                above = (*index[:d], index[d] + 1, *index[d + 1 :])
                if above not in known and above not in seen and all(b in known for b in below(above)):
                    seen.add(above)
                    yield above

    def _basis(self, places: Tensor) -> Tensor:
        found = torch.ones(len(places), len(self.indices), dtype=places.dtype)
        for d in range(self.count):
            orders = [index[d] for index in self.indices]
            found = found * newton(places[:, d], max(orders))[:, orders]
        return found


def below(index: Multi) -> list[Multi]:
    """The multi-indices that are smaller by one in one parameter."""
    return [(*index[:d], k - 1, *index[d + 1 :]) for d, k in enumerate(index) if k]


def promise(known: Mapping[Multi, float], index: Multi) -> float:
    """The surplus to expect of a multi-index: the geometric mean of those below it."""
    logarithms = [math.log(max(known[each], _TINY)) for each in below(index)]
    return math.exp(sum(logarithms) / len(logarithms))
