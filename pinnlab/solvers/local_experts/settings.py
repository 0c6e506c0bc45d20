"""How a march adapts, and what one of its attempts was."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class MarchSettings:
    """How a march adapts.

    Attributes:
        tolerance: of the truncation error of a cell, relative to the size of each unknown.
        rounding: jumps of the initial state at the boundary above it, relative to its size, are rounded off.
        cells: {coordinate: positions of the edges at the start}; they stay edges.
        most_cells: in one slab.
        first_slab: share of the time interval that the first slab tries.
        weight: of initial, boundary and interface rows against those of the equations.
        bytes: that one slab may take.
        stops: times at which a slab has to end, because something is switched there.
        placed: coordinates whose edges were given by position, where kinks may be.
        becomes: how large each unknown is to become, as a similar march has told; None looks for its natural scale.
    """

    tolerance: float
    rounding: float
    cells: dict[str, Array]
    most_cells: int = 400
    first_slab: float = 0.02
    weight: float = 100.0
    bytes: float = math.inf
    stops: tuple[float, ...] = ()
    placed: frozenset[str] = frozenset()
    becomes: tuple[float, ...] | None = None


@dataclass(frozen=True)
class SlabAttempt:
    """One slab that was tried.

    Attributes:
        accepted: whether it was added to the pieces.
        misfit: root of the weighted sum of squares of all rows.
        cells: K.
    """

    accepted: bool
    misfit: float = math.nan
    cells: int = 0
