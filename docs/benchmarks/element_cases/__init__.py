"""Problems with known solutions for the finite elements: one module a subject, one function a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pinnlab as pl


@dataclass(frozen=True)
class Case:
    """A problem whose solution is known.

    Attributes:
        problem: for ``reference_solution``.
        exact: {coordinate: tensor} by name -> a tensor, or {unknown: tensor}; or another classical solution's function.
        tolerance: asked for.
        target: relative L2 error that is to be reached.
        quantities: solution -> {name: (what it makes of it, what is right)}, of numbers that matter in practice.
    """

    problem: pl.Problem
    exact: Callable[..., Any]
    tolerance: float
    target: float
    quantities: Callable[[pl.Reference], dict[str, tuple[float, float]]] = lambda _: {}


Cases = dict[str, Callable[[], Case]]
