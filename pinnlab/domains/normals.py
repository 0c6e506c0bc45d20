"""Outward normals at given points of a boundary, of any region.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pinnlab.domains.regions import Region

_STEP = 1e-6
"""Over which the distance from the boundary is differentiated, relative to the region's size."""
_ON = 1e-6
"""Distance from the boundary up to which a point is on it, relative to the region's size."""


def outward_normals(region: Region, points: Tensor) -> Tensor:
    """(n, d) outward unit normals, zero in time, at points (n, d) of the boundary in space.

    Raises:
        ValueError: the region has no space; a point is not on the boundary, or at a corner, which has no normal.
    """
    rest = region.at_rest
    if rest is None or not region.space:
        raise ValueError(f"{region!r} has no boundary in space, and no normals.")
    columns = [region.coordinates.index(name) for name in rest.coordinates]
    at = points.detach().to("cpu", torch.float64)[:, columns]
    off = rest.depth(at).abs() > _ON * rest.size
    if bool(off.any()):
        raise ValueError(
            f"{int(off.sum())} of {len(at)} points are not on the boundary of {rest!r}, and have no normal."
        )
    step = _STEP * rest.size
    slopes = []
    for i in range(len(columns)):
        shift = torch.zeros_like(at)
        shift[:, i] = step
        slopes.append((rest.depth(at - shift) - rest.depth(at + shift)) / (2 * step))
    found = torch.stack(slopes, dim=1)
    sizes = found.norm(dim=1, keepdim=True)
    corner = (sizes[:, 0] - 1).abs() > 1e-3
    if bool(corner.any()):
        raise ValueError(f"{int(corner.sum())} of {len(at)} points are at corners of {rest!r}, which have no normal.")
    result = torch.zeros_like(points)
    result[:, columns] = (found / sizes).to(points)
    return result
