"""Pressures that no square has an integral of: where two velocities meet, such as a lid and a wall.

Near a corner with two velocities a flow is that of Goodier and Taylor: its stresses and its pressure grow as 1 / r (G. I.
Taylor, On scraping viscous fluid from a plane surface, 1962). The integral of 1 / r^2 over a part of the plane around the
corner is infinite, so that there is no relative error of such a pressure in L2. It has one outside of discs around the
corners, and that is what is measured.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from pinnlab.declaration.problem import Problem

Array = np.ndarray
_AROUND = 0.05
"""Radius of the discs in which a pressure does not count, relative to the region's size."""


@dataclass(frozen=True, eq=False)
class Aside:
    """Where unbounded unknowns do not count.

    Attributes:
        unknowns: that are unbounded.
        places: (k, d) at which they are.
        coordinates: of the plane.
        radius: of the discs around them.
    """

    unknowns: tuple[str, ...]
    places: Array
    coordinates: tuple[str, ...]
    radius: float

    @classmethod
    def of(cls, problem: Problem, pressures: Collection[str]) -> Aside | None:
        """The pressures of a steady flow in the plane whose velocities clash; None where none is unbounded.

        Args:
            problem: what is solved.
            pressures: among its unknowns.
        """
        domain = problem.domain
        if domain.has_time or len(domain.space) != 2 or not pressures:
            return None
        clashes = [clash for clash in problem.clashes.found if clash.unknown not in pressures]
        places = np.array([[clash.place[name] for name in domain.space] for clash in clashes])
        return cls(tuple(pressures), places, domain.space, _AROUND * domain.size) if len(places) else None

    def counts(self, points: Array) -> Array:
        """(n,) which of the points (n, d) are outside of the discs."""
        gaps = np.linalg.norm(points[:, None] - self.places, axis=2)
        return gaps.min(axis=1) > self.radius

    @property
    def names(self) -> str:
        """Of the unknowns, in words."""
        return " and ".join(self.unknowns)

    def __str__(self) -> str:
        """What is measured, in words."""
        names = ", ".join(self.coordinates)
        places = " and ".join("(" + ", ".join(f"{value:.4g}" for value in place) + ")" for place in self.places)
        return (
            f"{self.names} grows without bound at ({names}) = {places}, where velocities clash, and has no "
            f"L2 norm: its error is that outside of discs of radius {self.radius:.3g} there"
        )
