"""A part of a box, or of its boundary, that an integral is taken over: it has to end along the coordinates.

Letters: n points, d coordinates, k nodes of a patch, K patches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pinnlab.declaration.conditions.where import PartOfSide
from pinnlab.domains.patches import Patches
from pinnlab.domains.quadrature import Quadrature, quadrature
from pinnlab.domains.sampling import unit_points

_LINES = 6
_STEPS = 512
_HALVINGS = 60


def cuts_of(part: PartOfSide) -> dict[str, list[float]]:
    """{coordinate: where the part begins and ends along it}, found on some lines through the region."""
    return {name: _changes(part, i) for i, name in enumerate(part.region.coordinates)}


def quadrature_of_part(part: PartOfSide, sets: Sequence[Patches]) -> Quadrature:
    """Nodes and weights on those of some patches that lie in a part of a region, or of its boundary.

    Args:
        part: that a condition is about.
        sets: patches that end where the part ends.

    Raises:
        ValueError: the part is empty, or does not end along coordinates.
    """
    region = part.region
    found = []
    for patches in sets:
        whole = quadrature([patches])
        holds = part.holds(region.columns(torch.from_numpy(whole.points))).numpy()
        by_patch = holds.reshape(patches.count, -1)
        if (by_patch.any(axis=1) != by_patch.all(axis=1)).any():
            raise ValueError(
                f"{part.owner}: the part where it holds has to end along the coordinates, as with lambda x, y: (x < 0.5) & "
                "(y > 0.2), for a quadrature cannot see other edges well"
            )
        outward = None if whole.normals is None else whole.normals[holds]
        found.append(Quadrature(whole.points[holds], whole.weights[holds], outward))
    normals = [each.normals for each in found if each.normals is not None]
    together = Quadrature(
        np.concatenate([each.points for each in found]),
        np.concatenate([each.weights for each in found]),
        np.concatenate(normals) if normals else None,
    )
    if not len(together.weights):
        raise ValueError(f"{part.owner}: where holds nowhere; check the positions")
    return together


def _changes(part: PartOfSide, i: int) -> list[float]:
    """Where the mask changes along a coordinate, on some lines through the bounding box."""
    region = part.region
    lower, upper = (np.array(side) for side in zip(*region.bounds.values(), strict=True))
    starts = unit_points("sobol", _LINES, len(lower), np.random.default_rng(0)).double().numpy()
    found: list[float] = []
    for start in starts:

        def at(shares: np.ndarray, start: np.ndarray = start) -> np.ndarray:
            unit = np.tile(start, (len(shares), 1))
            unit[:, i] = shares
            return part.holds(region.columns(torch.from_numpy(lower + unit * (upper - lower)))).numpy()

        shares = np.linspace(0, 1, _STEPS + 1)
        mask = at(shares)
        places = np.flatnonzero(np.diff(mask))
        low, high, before = shares[places], shares[places + 1], mask[places]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            same = at(middle) == before
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        # a position that a user writes has few digits
        found += [float(f"{p:.12g}") for p in lower[i] + high * (upper[i] - lower[i])]
    return sorted(set(found))
