"""A mesh of a region, in the plane or in space, and the elements on a mesh.

Letters: d coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnlab.domains import Region
from pinnlab.domains.meshing.outlines import Curve
from pinnlab.domains.meshing.tetrahedra import Tetrahedra
from pinnlab.domains.meshing.tetrahedralization import tetrahedralize
from pinnlab.domains.meshing.triangulation import Copied, Triangulation, triangulate
from pinnlab.machine.capacity import usable_memory
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.finite_elements.multigrid import Prepare, linear_solver
from pinnlab.reference.finite_elements.space import Array, ElementSpace, Space
from pinnlab.reference.finite_elements.tetrahedra import TetrahedralSpace

Mesh = Triangulation | Tetrahedra
_DIRECT = 8000
"""Unknowns in space up to which a factorization is quicker than an iteration."""
_FILL = 12.0
"""Entries of a factorization in space, over the power 3/2 of the number of unknowns."""
_SECONDS = 2e-8
"""Of the same on a usual core, over the square of the number of unknowns."""
_SIDES = {2: 8, 3: 6}
"""Of the first elements along the longest side of the region."""


def first_size(region: Region) -> float:
    """Length of the first edges."""
    return region.size / _SIDES[len(region.coordinates)]


def meshed(
    region: Region,
    share: float,
    graded: Sequence[tuple[Array, float]],
    copied: Sequence[Copied] = (),
    inner: Sequence[Curve] = (),
    parts: Sequence[Region] = (),
) -> Mesh:
    """The first mesh, or one that is finer everywhere.

    Args:
        region: without time, of two or three coordinates.
        share: of the lengths of edges of the first mesh.
        graded: (point (2,), length of edges there) in the plane, (points (n, 3), length) in space, where edges are shorter
            besides where the region's own edges point inwards.
        copied: pieces of the boundary that get the nodes of others, in the plane.
        inner: curves that triangles are to follow, in the plane.
        parts: regions on whose boundaries tetrahedra are to have faces, in space.

    Raises:
        ValueError: no mesh keeps to the boundary, or pieces are to be copied in space.
    """
    size = first_size(region)
    if len(region.coordinates) == 2:
        return triangulate(region, size, graded, copied, inner, share)
    if copied:
        raise ValueError(
            f"reference_solution: {copied[0].of!r} and {copied[0].piece!r} are periodic; finite elements in space take no "
            "periodic sides. Pass a reference of your own as Problem(reference=...)."
        )
    return tetrahedralize(region, size, parts, share, graded)


def space_on(mesh: Mesh) -> Space:
    """Quadratic elements."""
    return TetrahedralSpace(mesh) if isinstance(mesh, Tetrahedra) else ElementSpace(mesh)


def solver_on(mesh: Mesh, fixed: Array, deadline: Deadline, gauges: int) -> Prepare | None:
    """How linear systems on a mesh are solved; None where factorizations that know nothing of it are best.

    Args:
        mesh: the finest one.
        fixed: (N,) entries of the state that conditions fix.
        deadline: of each solution.
        gauges: rows and columns at the end.
    """
    if not isinstance(mesh, Tetrahedra):
        return None
    return linear_solver(mesh, fixed, deadline, _DIRECT, gauges)


def look_ahead_on(mesh: Mesh, components: int, moving: bool, tied: bool, deadline: Deadline) -> None:
    """See to it that a level ends in time and fits into the memory, before it is begun.

    Args:
        mesh: of the level.
        components: of the state.
        moving: whether there is time.
        tied: whether nodes are tied to one another, which leaves no choice but factorizations.
        deadline: of the level.

    Raises:
        TimeIsUpError: a factorization in space would end too late.
        TooLargeError: it needs more memory than may be used.
    """
    if isinstance(mesh, Tetrahedra):
        unknowns = (len(mesh.nodes) + len(mesh.edges[0])) * components
        # multigrid has about two matrices, and one more for each complex number of a step
        need = 12.0 * 30 * unknowns * components * (12 if moving else 6)
        if tied:
            need = 12.0 * _FILL * unknowns**1.5
            deadline.require(_SECONDS * unknowns**2, f"factorizing {unknowns} unknowns")
    else:
        # fill of a factorization by nested dissection in the plane, in numbers
        unknowns = 2 * len(mesh.elements) * components
        need = float(8.0 * 31 * unknowns * np.log2(max(unknowns, 2)) * (4 if moving else 1))
    if need > usable_memory():
        raise TooLargeError(f"{unknowns} unknowns need {need / 1e9:.1f} GB")


def kind_of(mesh: Mesh) -> str:
    """What the elements are called."""
    return "tetrahedra" if isinstance(mesh, Tetrahedra) else "triangles"
