"""How large an unknown is: what its errors, and the misfits of its conditions, are measured by.

Letters: n points.

An unknown has up to three sizes. Its root mean square is large wherever there is an offset, such as a temperature in
kelvin; what a solver has to find is the variation around the mean. An unknown that vanishes has neither, and is measured
by the size with which it would matter: that at which its largest term in some equation were as large as the terms of the
other unknowns there. In terms, a derivative by x counts as a division by the domain's extent in x.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.algebra.largest import largest
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.pointwise import linearize

NOTHING = 1e-8
"""A variation below this part of the other sizes counts as none."""


def rms(values: Tensor) -> float:
    """Root mean square of (n,)."""
    return float(values.square().mean().sqrt())


def relative_size(size: float, scales: Sequence[float]) -> float:
    """``size`` by the largest of ``scales``; 0 for nothing in relation to nothing; NaN where one of them is NaN."""
    scale = largest(scales, default=0.0)
    if size == 0 or math.isnan(size) or math.isnan(scale):
        return size + 0 * scale
    return size / scale if scale > 0 else math.inf


@dataclass(frozen=True)
class Size:
    """How large one unknown is, in its own unit.

    Attributes:
        rms: root mean square over the domain.
        variation: root mean square of its distance from its mean.
        natural: at which it would matter in the equations; 0 where they do not say.
    """

    rms: float
    variation: float
    natural: float = 0.0

    @classmethod
    def of(cls, values: Tensor, natural: float = 0.0) -> Size:
        """The size of values (n,)."""
        return cls(rms(values), rms(values - values.mean()), natural)

    @property
    def varies(self) -> bool:
        """Whether the variation is more than nothing."""
        return self.variation > NOTHING * max(self.rms, self.natural)

    @property
    def constant(self) -> bool:
        """Whether there is a size, but no variation that counts."""
        return not self.varies and self.rms > NOTHING * self.natural

    @property
    def unit(self) -> float:
        """By what errors are judged: the variation, else the size, else the natural size; 0 where there is none."""
        return self.variation if self.varies else self.rms if self.constant else self.natural


def natural_sizes(
    residuals: Sequence[Tensor],
    jets: Mapping[str, Mapping[Key, Tensor]],
    values: Mapping[str, Size],
    lengths: Mapping[str, float],
    where: Tensor,
) -> tuple[dict[str, Size], list[float]]:
    """The sizes with the natural ones found, and how large the terms of each residual would naturally be.

    Args:
        residuals: (n,) each.
        jets: {unknown: {derivative: (n,)}}, leaves of the residuals.
        values: {unknown: size without a natural one}.
        lengths: {coordinate: extent of the domain}.
        where: (n,) which of the points count.
    """
    pulls, given = [], []
    for residual, slopes in zip(residuals, linearize(residuals, jets), strict=True):
        pull: dict[str, float] = {}
        linear = torch.zeros_like(residual)
        for (unknown, key), slope in slopes.items():
            stretch = math.prod(lengths[name] for name in key)
            pull[unknown] = max(pull.get(unknown, 0.0), rms(slope[where]) / stretch)
            linear = linear + slope * jets[unknown][key].detach()
        pulls.append(pull)
        given.append(rms((linear - residual.detach())[where]))
    found = {}
    for unknown, size in values.items():
        natural = 0.0
        for pull, source in zip(pulls, given, strict=True):
            others = [pull[v] * values[v].unit for v in pull if v != unknown]
            if pull.get(unknown, 0.0) > 0:
                natural = max(natural, max([source, *others]) / pull[unknown])
        found[unknown] = Size(size.rms, size.variation, natural)
    return found, [max((pull[u] * max(found[u].unit, found[u].natural) for u in pull), default=0.0) for pull in pulls]
