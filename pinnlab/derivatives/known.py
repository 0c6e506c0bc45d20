"""Functions whose derivatives are known without a network: exact data, series, profiles that are added to a field.

Letters: c derivatives, n points, d coordinates.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from pinnlab.derivatives.indices import Indices


@runtime_checkable
class KnownFunction(Protocol):
    """One function of the coordinates with all its derivatives."""

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        ...
