"""Numbers that are to be found as functions of free variables, so that they never leave their bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.declaration.parameters.kinds import Parameter, Unknown

_DECADE = 10.0
"""Ratio of positive bounds above which what is between them is looked at on a logarithmic scale."""
_FARTHEST = 30.0
"""Largest logit: beyond it a number is its bound, to rounding."""
_LARGEST = 600.0
"""Largest argument of an exponential."""


@dataclass(frozen=True)
class Free:
    """A number as an increasing function of a free variable z.

    Without bounds it is ``scale z``; above one bound ``low + scale exp(z)``, below one ``high - scale exp(-z)``; between
    two it is ``low + (high - low) / (1 + exp(-z))``, or the same of logarithms where positive bounds are far apart.

    Attributes:
        low, high: the bounds, or infinite.
        scale: of a number that has no two bounds.
    """

    low: float = -math.inf
    high: float = math.inf
    scale: float = 1.0

    @classmethod
    def of(cls, unknown: Unknown, scale: float = 1.0) -> Free:
        """That of a coefficient."""
        return cls(*(unknown.bounds or (-math.inf, math.inf)), scale)

    @property
    def is_free(self) -> bool:
        """Whether the number is the free variable."""
        return self.plain and self.scale == 1.0

    @property
    def plain(self) -> bool:
        """Whether there are no bounds."""
        return math.isinf(self.low) and math.isinf(self.high)

    @property
    def _between(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def _decades(self) -> bool:
        return self._between and 0 < _DECADE * self.low < self.high

    def value(self, z: Tensor) -> Tensor:
        """The number for a free variable, which can be differentiated."""
        if self.plain:
            return z if self.is_free else self.scale * z
        if self._decades:
            return self.low * torch.exp(math.log(self.high / self.low) * _share(z))
        if self._between:
            return self.low + (self.high - self.low) * _share(z)
        if math.isfinite(self.low):
            return self.low + self.scale * torch.exp(z.clamp(max=_LARGEST))
        return self.high - self.scale * torch.exp((-z).clamp(max=_LARGEST))

    def number(self, z: float) -> float:
        """``value`` of a float; that of an infinite one is a bound, or infinite."""
        if math.isinf(z):
            return self.high if z > 0 else self.low
        return float(self.value(torch.tensor(z, dtype=torch.float64)))

    def slope(self, z: float) -> float:
        """The derivative of the number by the free variable."""
        at = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        (found,) = torch.autograd.grad(self.value(at), at)
        return float(found)

    def free(self, number: float) -> float:
        """The free variable of a number between the bounds."""
        if self.plain:
            return number / self.scale
        if self._between:
            share = (number - self.low) / (self.high - self.low)
            if self._decades:
                share = math.log(number / self.low) / math.log(self.high / self.low)
            share = min(max(share, 1e-13), 1 - 1e-13)
            return math.log(share) - math.log1p(-share)
        if math.isfinite(self.low):
            return math.log(max(number - self.low, 1e-300) / self.scale)
        return -math.log(max(self.high - number, 1e-300) / self.scale)

    def bound_near(self, number: float, share: float = 1e-3) -> float | None:
        """The bound at which a number is, next to the distance of both, or to ``scale`` where there is one; else None."""
        for bound in (self.low, self.high):
            if math.isfinite(bound):
                size = self.high - self.low if self._between else self.scale
                off = abs(number - bound) / size
                if self._decades:
                    off = abs(math.log(number / bound)) / math.log(self.high / self.low)
                if off < share:
                    return bound
        return None

    def scaled(self, factor: float) -> Free:
        """That of the number in units in which it is ``factor`` times as large; the free variable stays the same."""
        return replace(self, low=self.low * factor, high=self.high * factor, scale=self.scale * factor)


def frees(parameters: Mapping[str, Parameter]) -> dict[str, Free]:
    """{name: the number as a function of a free variable} of the parameters that are to be found."""
    return {name: Free.of(value) for name, value in parameters.items() if isinstance(value, Unknown)}


def _share(z: Tensor) -> Tensor:
    return torch.sigmoid(z.clamp(-_FARTHEST, _FARTHEST))
