"""Features that are singular where conditions change along a side: networks need not learn what is known there.

Letters: n points, d coordinates.

Where a value ends on a straight side and a slope begins, a solution of a second-order elliptic equation behaves like the
square root of the distance: no smooth function resolves it, and strong residuals do not even notice that it is missing.
The functions below are harmonic, so that they add nothing to such an equation's leading part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import Embedding

_LEAST = 1e-14
"""Of the distance from the side: on it, one has to know on which side of the cut of a root one is."""


def _root(z: Tensor, k: int) -> Tensor:
    """The k-th derivative of the square root of z."""
    return math.prod(0.5 - m for m in range(k)) * z ** (0.5 - k)


def _logarithm(z: Tensor, k: int) -> Tensor:
    """The k-th derivative of log z."""
    return torch.log(z) if k == 0 else (-1.0) ** (k - 1) * math.factorial(k - 1) * z**-k


def _flux(z: Tensor, k: int) -> Tensor:
    """The k-th derivative of z log z."""
    if k < 2:
        return z * torch.log(z) if k == 0 else torch.log(z) + 1
    return (-1.0) ** k * math.factorial(k - 2) * z ** (1 - k)


KINDS: dict[str, tuple[Callable[[Tensor, int], Tensor], tuple[str, ...]]] = {
    "root": (_root, ("real", "imag")),
    "angle": (_logarithm, ("imag",)),
    "flux": (_flux, ("real", "imag")),
}
"""{what changes: (analytic function with its derivatives, which of its parts are features)}.

``root``: from a value to a slope; ``angle``: from one value to another; ``flux``: from one slope to another.
"""


@dataclass(frozen=True)
class Switch:
    """Where conditions change along a plane side.

    Attributes:
        kind: of ``KINDS``.
        along, across: numbers of the coordinates along the side and across it.
        at, side: their values there.
        inwards: 1 where the domain lies above the side, else -1.
        ratio: by which distances across the side are stretched, so that the equation looks the same in both directions.
        length: of the side.
    """

    kind: str
    along: int
    across: int
    at: float
    side: float
    inwards: float
    ratio: float
    length: float

    def features(self, points: Tensor, order: tuple[int, int]) -> Tensor:
        """(n, 1 or 2) a derivative of the features, of given orders along and across, at (n, d) points."""
        function, parts = KINDS[self.kind]
        z = torch.complex(
            (points[:, self.along] - self.at) / self.length,
            (self.inwards * self.ratio * (points[:, self.across] - self.side) / self.length).clamp_min(_LEAST),
        )
        factor = (1j * self.inwards * self.ratio) ** order[1] / self.length ** sum(order)
        value = factor * function(z, sum(order))
        return torch.stack([getattr(value, part) for part in parts], dim=1)


class SingularEmbedding(Embedding):
    """An embedding of coordinates with singular features beside it; it takes the coordinates themselves.

    Args:
        inner: makes the other features.
        switches: where conditions change.
    """

    def __init__(self, inner: Embedding, switches: Sequence[Switch]):
        super().__init__()
        self.inner, self.switches = inner, tuple(switches)

    def width(self, inputs: int) -> int:
        return self.inner.width(inputs) + sum(len(KINDS[s.kind][1]) for s in self.switches)

    def propagate(self, jet: Jet) -> Jet:
        points = jet.value.detach()
        made = [torch.cat([_derivative(s, points, index) for s in self.switches], dim=1) for index in jet.indices]
        return self.inner.propagate(jet).concatenate(jet.with_data(torch.stack(made)))


def _derivative(switch: Switch, points: Tensor, index: tuple[int, ...]) -> Tensor:
    along, across = index.count(switch.along), index.count(switch.across)
    found = switch.features(points, (along, across))
    return found if along + across == len(index) else torch.zeros_like(found)
