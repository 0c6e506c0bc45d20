"""Problems with known solutions for the finite elements: one module a subject, one function a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pinnlab as pl
from pinnlab.reference import Reference

Numbers = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Case:
    """A problem whose solution is known.

    Attributes:
        problem: for ``reference_solution``.
        exact: {coordinate: tensor} by name -> a tensor, or {unknown: tensor}; or another classical solution's function;
            None where there is none, and only the own estimate is told.
        tolerance: asked for.
        target: relative L2 error that is to be reached.
        numbers: the classical solution to {name: (what it gives, what the literature does)}.
    """

    problem: pl.Problem
    exact: Callable[..., Any] | None
    tolerance: float
    target: float
    numbers: Callable[[Reference], Numbers] | None = None


Cases = dict[str, Callable[[], Case]]
