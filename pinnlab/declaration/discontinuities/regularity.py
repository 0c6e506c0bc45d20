"""Whether data that are to be built into a field have the derivatives that the equations use.

Letters: d coordinates.

G of u = G + F N carries data into the domain unchanged. A kink in them would stay there for all times, invisible to
automatic differentiation, while the network learns around it to satisfy the equations everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.discontinuities.breaks import Break, Jet, find_breaks, unseen_order
from pinnlab.domains import Region
from pinnlab.domains.sampling import unit_points

_LINES = 24
"""Along each coordinate, where data depend on more than one."""
_ROUND = (0.25, 0.5, 0.75)
"""Shares of the other coordinates through which lines run besides: tips of cones are at such places."""
_DERIVATIVES = ("value", "slope", "second derivative", "third derivative")


def breaks_of(
    jet: Jet, axes: Sequence[int], region: Region, fixed: Mapping[int, float], orders: Mapping[int, int]
) -> Iterator[Break]:
    """Where derivatives of data jump or are infinite, coordinate by coordinate.

    Args:
        jet: the data with their derivatives.
        axes: numbers of the coordinates on which they depend.
        region: their domain.
        fixed: {coordinate number: position} on the face where they are given.
        orders: {coordinate number: highest derivative that counts}; others do not count.
    """
    for axis in axes:
        if axis in orders:
            bounds = region.bounds[region.coordinates[axis]]
            found = find_breaks(jet, _lines(axes, region, fixed), axis, bounds, orders[axis])
            yield from (each for each in found if _inside(each, region, fixed))


def irregularity(
    value: FunctionValue, region: Region, fixed: Mapping[int, float], orders: Mapping[int, int]
) -> str | None:
    """Why data cannot be built in, in words, such as ``its slope jumps at x = 0.3``; None where they can.

    Args:
        value: the data.
        region, fixed, orders: see ``breaks_of``.
    """
    axes = [i for i, name in enumerate(region.coordinates) if name in value.depends_on and i not in fixed]
    found = next(breaks_of(value.jet, axes, region, fixed, orders), None)
    if found is not None:
        return described(found, region, axes)
    for axis in axes:
        name, order = region.coordinates[axis], orders.get(axis, 0)
        lines, bounds = _lines(axes, region, fixed), region.bounds[name]
        unseen = unseen_order(value.jet, lines, axis, bounds, order) if order else None
        if unseen is not None:
            return f"torch does not see its {derivative_name(unseen)} along {name}; write it in operations of torch"
    return None


def described(found: Break, region: Region, axes: Sequence[int]) -> str:
    """A break in words, with its position along the coordinates on which the data depend."""
    names = region.coordinates
    at = ", ".join(f"{names[i]} = {round(found.point[i], 9) + 0.0:.6g}" for i in axes)
    along = f" along {names[found.axis]}" if len(axes) > 1 and found.order else ""
    return f"its {derivative_name(found.order)}{along} {'is infinite' if found.infinite else 'jumps'} at {at}"


def derivative_name(order: int) -> str:
    """In words."""
    return _DERIVATIVES[order] if order < len(_DERIVATIVES) else f"{order}th derivative"


def _lines(axes: Sequence[int], region: Region, fixed: Mapping[int, float]) -> Tensor:
    """(L, d) points on lines along one of the coordinates on which data depend, spread over the others."""
    bounds = [region.bounds[name] for name in region.coordinates]
    lower, upper = (torch.tensor(side, dtype=torch.float64) for side in zip(*bounds, strict=True))
    middle = torch.full((1, len(bounds)), 0.5, dtype=torch.float64)
    if len(axes) > 1:
        spread = unit_points("sobol", _LINES, len(bounds), np.random.default_rng(0))
        middle = torch.cat([spread, *(torch.full_like(middle, share) for share in _ROUND)])
    points = lower + (upper - lower) * middle
    for i, position in fixed.items():
        points[:, i] = position
    return points


def _inside(found: Break, region: Region, fixed: Mapping[int, float]) -> bool:
    """Whether a break lies in the region, and not only in the box around it."""
    point = torch.tensor([found.point], dtype=torch.float64)
    for i in fixed:
        point[0, i] = sum(region.bounds[region.coordinates[i]]) / 2
    return bool(region.contains(point))
