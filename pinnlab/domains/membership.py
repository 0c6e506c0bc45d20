"""Which points a part of a region has, where several parts meet. Letters: n points, d coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnlab.domains.regions import Region


def in_part(points: Tensor, part: Region, whole: Region) -> Tensor:
    """(n,) whether each of the points (n, d) is in a part of the whole; where parts meet, the first of them has it."""
    moved, once = points.clone(), torch.ones(len(points), dtype=torch.bool)
    for i, name in enumerate(part.coordinates):
        (lower, upper), (start, end) = part.bounds[name], whole.bounds[name]
        if lower > start:
            once &= points[:, i] > lower
        if upper < end:
            # rounding must not put it outside of both
            moved[:, i] = torch.where(points[:, i] == upper, points.new_tensor((lower + upper) / 2), points[:, i])
    return part.contains(moved) & once
