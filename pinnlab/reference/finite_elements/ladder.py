"""The meshes on which a problem is solved one after the other, the last one as fine as there is time for."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pinnlab.declaration.discontinuities.spots import Spot
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Mesh as MeshRegion
from pinnlab.domains import Region
from pinnlab.domains.meshing.outlines import Curve
from pinnlab.domains.meshing.triangulation import Copied, Triangulation
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cuts import powers_at_crossings
from pinnlab.reference.finite_elements.conditions import Essential
from pinnlab.reference.finite_elements.contacts import Contacts
from pinnlab.reference.finite_elements.corners import singular_corners
from pinnlab.reference.finite_elements.inner_parts import inner_parts, off_parts
from pinnlab.reference.finite_elements.interfaces import crossings, interfaces, material_corners, off_curves
from pinnlab.reference.finite_elements.lines import singular_lines
from pinnlab.reference.finite_elements.meshing import Mesh, first_size, meshed
from pinnlab.reference.finite_elements.periodic import copied_sides
from pinnlab.reference.finite_elements.space import Array

_GROWTH = {2: 6.0, 3: 12.0}
"""How many times longer a level takes whose edges are half as long, by the number of dimensions."""
_SHARES = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
"""Lengths of edges on a last level, next to those of the one before."""
_SURE = 0.8
"""Part of the time that is left, which a level may be expected to take."""
_CORNER, _LINE = 1e-4, 0.25
"""Edges at a corner of the plane, and along a line in space, where derivatives are unbounded, relative to others."""


def last_share(seconds: float, meshing: float, left: float, dimensions: int) -> float | None:
    """How long edges may be next to those of a level, so that another one ends in time; None where hardly shorter.

    Args:
        seconds: that the level took.
        meshing: seconds that its first mesh took.
        left: seconds until the end.
        dimensions: 2 or 3.
    """
    for share in _SHARES:
        cost = seconds * share ** -math.log2(_GROWTH[dimensions]) + meshing * share**-dimensions
        if cost < _SURE * left:
            return share
    return None


_OF_SPOT = 0.25
"""Lengths of the first edges in a small part in which data change, next to its width."""


@dataclass(eq=False)
class Ladder:
    """Meshes of a region, finer and finer: each is the one before with its elements cut, as long as there is time.

    The last one is a mesh of its own, whose elements are smaller than those before by as much as there is time for.

    Attributes:
        region: without time.
        graded: points (2,) at which edges are shortest, or (n, 3) of a line.
        copied: periodic sides.
        curves: that triangles follow, in the plane.
        parts: regions whose boundaries tetrahedra follow, in space.
        contacts: along which triangles are cut apart.
        power: of the length of edges, with which errors are believed to fall at most.
        crossings: points (2,) at which materials cross, in the plane.
        slow: a power of the length of edges, with which a part of the error falls: of lines along which materials cross.
        spots: small parts of the region in which data change.
        fineness: how many times shorter than on the first solved level edges are on those after it.
        meshing: seconds that the first mesh took.
        cuts: how often the elements of the first mesh were cut.
        ended: whether the last mesh has been made.
    """

    region: Region
    graded: Sequence[Array]
    copied: tuple[Copied, ...]
    curves: Sequence[Curve]
    parts: Sequence[Region]
    contacts: Contacts
    power: float
    crossings: tuple[Array, ...] = ()
    slow: float = math.inf
    spots: tuple[Spot, ...] = ()
    fineness: list[float] = field(default_factory=list)
    meshing: float = 0.0
    cuts: int = 0
    ended: bool = False

    @classmethod
    def of(
        cls, problem: Problem, essential: Sequence[Essential], contacts: Contacts, like: Problem | None = None
    ) -> Ladder:
        """That of a problem.

        Args:
            problem: gives region and periodic sides.
            contacts: of the problem.
            essential: its conditions on values: edges are short where they end, or clash.
            like: a problem that jumps at the same places, and whose equations are quick to look at; None for the problem.
        """
        like = like or problem
        region = problem.domain.at_rest
        assert region is not None
        copied = tuple(copied_sides(problem).values())
        if len(region.coordinates) == 3:
            lines = singular_lines(problem, region, essential)
            parts = inner_parts(like, lines)
            # a mesh of one's own is not graded, and edges do not follow lines that are in no plane
            rough = bool(off_parts(like, parts)) or any(
                isinstance(region, MeshRegion) or not (line.is_edge or line.planes) for line in lines
            )
            # an error is as large as the square of what the power of the distance leaves at the shortest edges
            slow = 2 * min(powers_at_crossings(like, like.joints.across), default=math.inf)
            power, points = 1.0 if rough else math.inf, [line.points for line in lines]
            return cls(region, points, copied, (), parts, contacts, power, slow=slow, spots=like.spots)
        curves = interfaces(like)
        graded = [*singular_corners(problem, region, essential), *material_corners(like, curves)]
        power = 1.0 if off_curves(like, curves) else math.inf
        meeting = tuple(crossings(like, curves))
        return cls(region, graded, copied, curves, (), contacts, power, meeting, spots=like.spots)

    def _mesh(self, share: float) -> Mesh:
        small = (_LINE if len(self.region.coordinates) == 3 else _CORNER) * first_size(self.region)
        graded = [(point, small) for point in self.graded]
        for spot in self.spots:
            center = np.array(spot.center)
            graded.append((center if len(center) == 2 else center[None], _OF_SPOT * spot.width))
        mesh = meshed(self.region, share, graded, self.copied, self.curves, self.parts)
        return self.contacts.cut(mesh) if isinstance(mesh, Triangulation) else mesh

    def first(self) -> Mesh:
        """The coarsest one."""
        began = time.perf_counter()
        found = self._mesh(1.0)
        self.meshing = time.perf_counter() - began
        return found

    def plain(self) -> Mesh | None:
        """In space the first mesh without short edges along lines, for which there may be time; None where that was it."""
        if len(self.region.coordinates) == 2 or not self.graded:
            return None
        self.graded, self.power = (), min(self.power, 1.0)
        return self.first()

    def believed(self, changes: int) -> float:
        """The power of the length of edges with which errors are believed to fall at most, after so many changes.

        Two of them show the power. One does not, and along a line in space where a value ends errors fall with the first.
        """
        on_lines = len(self.region.coordinates) == 3 and bool(self.graded)
        return min(self.power, 1.0) if on_lines and changes == 1 else self.power

    def start(self) -> None:
        """Count from the mesh that was handed out last: it is the first one with a solution."""
        self.fineness.clear()

    def after(self, mesh: Mesh, seconds: float, deadline: Deadline) -> Mesh | None:
        """The next one; None where there is no time for one that would say more.

        Args:
            mesh: the one before.
            seconds: that were spent on it.
            deadline: when all is to be done.
        """
        dimensions, before = len(self.region.coordinates), self.fineness[-1] if self.fineness else 1.0
        if self.ended:
            return None
        if _GROWTH[dimensions] * seconds < _SURE * deadline.left:
            self.cuts += 1
            self.fineness.append(2 * before)
            return mesh.refined()
        share = last_share(seconds, self.meshing, deadline.left, dimensions)
        # a mesh of one's own has no other triangles
        if share is None or isinstance(self.region, MeshRegion):
            return None
        self.ended = True
        self.fineness.append(before / share)
        found = self._mesh(share)
        for _ in range(self.cuts):
            found = found.refined()
        return found
