"""Measurements and equations, linearized by what is sought: what those who look for it see of a problem.

Letters: U coefficients of the unknowns, p of what is sought, n measurements, d coordinates, K cells, m unknowns, N basis
functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pinnlab.solvers.local_experts.inverse.sought import Sought

Array = np.ndarray
CONDITION = "condition"
"""The label of conditions on what is sought alone."""


class UndecidedError(ValueError):
    """The equations and conditions do not decide the unknowns."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """Measurements of one quantity, or a condition on what is sought, linearized.

    Attributes:
        label: its name.
        misfits: (n,) at the unknowns that the linearized equations ask for, divided by ``noise``.
        slopes: (n, p) their derivatives by what is sought.
        noise: the standard deviation that they are divided by; None where it is not known, and they are not divided.
        truncated: what polynomials of still higher degrees would change in them, about: root mean square.
        places: (n, d) where it was measured; of a condition there are none.
    """

    label: str
    misfits: Array
    slopes: Array
    noise: float | None
    truncated: float = 0.0
    places: Array | None = None


@dataclass(frozen=True, eq=False)
class Linearized:
    """Everything at one place.

    Attributes:
        step: (U,) to the unknowns that the linearized equations ask for.
        sensitivity: (U, p) their derivatives by what is sought.
        quantities: what is measured.
        residual: root of the sum of squares of the rows of equations and conditions, before the step.
    """

    step: Array
    sensitivity: Array
    quantities: tuple[Quantity, ...]
    residual: float


class System(Protocol):
    """The rows of a problem, which can be linearized anywhere."""

    @property
    def sought(self) -> Sequence[Sought]:
        """Functions and numbers."""
        ...

    def newton(self, unknowns: Array, weights: Array) -> tuple[Array, float]:
        """(U,) the step to unknowns that solve the linearized equations, and the size of what is left before it."""
        ...

    def linearized(self, unknowns: Array, weights: Array) -> Linearized:
        """Linearize at coefficients (K, m, N) of the unknowns and (p,) of what is sought."""
        ...


def bands(coefficients: Array, degrees: Sequence[int]) -> Array:
    """(..., 2): coefficients (n, p_1 + 1, ...) of the two highest degrees along any axis, and of the two below them."""
    away = np.full(tuple(p + 1 for p in degrees), 1000)
    for axis, p in enumerate(degrees):
        shape = [-1 if i == axis else 1 for i in range(len(degrees))]
        away = np.minimum(away, (p - np.arange(p + 1)).reshape(shape))
    return np.stack([coefficients * (away < 2), coefficients * ((away >= 2) & (away < 4))], axis=-1)


def extrapolated(last: float, before: float) -> float:
    """The size of the next terms of a series, of which two sizes are known: they fall as before, or not at all."""
    return float(last * min(1.0, last / before)) if before > 0 else float(last)
