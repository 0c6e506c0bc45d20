"""Limits at a face from one of its sides: coefficients jump there, and rounding must not take those of the other side.

On its side a coefficient is smooth: of its values f(h) and f(2 h) at two small distances, 2 f(h) - f(2 h) is its limit up
to h^2 f'', and all that is made of coefficients has its limit so.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.domains.columns import Columns

JOINED = 5e-10
"""Distance from a jump up to which a cut lies on it, relative to the domain: positions are known to a fifth of that."""


def hair(bounds: tuple[float, float], dtype: torch.dtype = torch.float64) -> float:
    """The distance from a face at which the coefficients of one side are taken: a billionth of the domain's extent.

    Args:
        bounds: of the domain along the coordinate that is constant on the face; far from zero, it is some steps of rounding.
        dtype: of the points.
    """
    return max(2 * JOINED * (bounds[1] - bounds[0]), rounding(bounds, dtype))


def rounding(bounds: tuple[float, float], dtype: torch.dtype = torch.float64) -> float:
    """The distance from a jump's position at which one is surely on its side: some steps of rounding; see ``hair``."""
    return 64 * torch.finfo(dtype).eps * max(*map(abs, bounds), bounds[1] - bounds[0])


@dataclass(frozen=True)
class OneSided:
    """Points of a face as one of its sides sees them.

    Attributes:
        near: {coordinate: (n,)} a little inside the side.
        far: twice as far from the face.
    """

    near: Columns
    far: Columns

    def limit(self, values: Callable[[Columns], Sequence[Tensor]]) -> list[Tensor]:
        """Functions (n,) of coordinates at the face, as they continue from this side."""
        return [2 * near - far for near, far in zip(values(self.near), values(self.far), strict=True)]


def beside(columns: Columns, coordinate: str, sign: int, bounds: tuple[float, float]) -> OneSided:
    """Points (n,) on a face as one side sees them, one ``hair`` and two inside it.

    Args:
        columns: {coordinate: (n,)}.
        coordinate: constant on the face.
        sign: -1 for the side below, 1 for the one above.
        bounds: of the domain along it.
    """
    at = columns[coordinate]
    step = sign * hair(bounds, at.dtype)
    return OneSided(*(columns.replaced(**{coordinate: at + k * step}) for k in (1, 2)))
