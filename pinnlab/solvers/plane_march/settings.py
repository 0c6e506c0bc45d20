"""What one march aims at."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pinnlab.machine.processes import ALONE, Processes


@dataclass(frozen=True)
class SweepSettings:
    """What one march aims at.

    Attributes:
        tolerance: of the error of a slab, relative to the size of each unknown.
        stages: s.
        most: experts.
        weight: of boundary and face rows against those of the equations.
        bytes: that factorizations, and the slabs so far, may take.
        may_loosen: whether the march takes fewer cells, and a larger tolerance, where it would not end in time else.
        loosest: the largest tolerance that it takes then.
        processes: that share factorizations.
    """

    tolerance: float
    stages: int
    most: int
    weight: float = 100.0
    bytes: float = math.inf
    may_loosen: bool = False
    loosest: float = 0.2
    processes: Processes = ALONE

    @property
    def limit(self) -> float:
        """The largest tolerance that may be taken; zero where none may be but the own one."""
        return self.loosest if self.may_loosen else 0.0
