"""One problem in two systems of units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

import pinnlab as pl

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Pair:
    """One problem in two systems of units.

    Attributes:
        si, hand: the problem in SI units, and with numbers near one.
        units: {coordinate: what one of the hand's units is in SI}.
        scales: {unknown: (offset, what one of the hand's units is in SI)}.
        truth: the true solution in the hand's units, as a function of columns (n,) in these; None takes a tight solution.
        coefficients: {coefficient to be found: (true value, what the hand's unit is in SI)}.
    """

    si: pl.Problem
    hand: pl.Problem
    units: Mapping[str, float]
    scales: Mapping[str, tuple[float, float]]
    truth: Callable[[Columns], dict[str, np.ndarray]] | None = None
    coefficients: Mapping[str, tuple[float, float]] = field(default_factory=dict)
