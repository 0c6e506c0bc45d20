"""The first mesh of a region, in the plane or in space, and the elements on a mesh.

Letters: d coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnlab.domains import Region
from pinnlab.domains.tetrahedra import Tetrahedra
from pinnlab.domains.tetrahedralization import tetrahedralize
from pinnlab.domains.triangulation import Triangulation, triangulate
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.finite_elements.multigrid import Prepare, linear_solver
from pinnlab.reference.finite_elements.space import Array, ElementSpace, Space
from pinnlab.reference.finite_elements.tetrahedra import TetrahedralSpace

Mesh = Triangulation | Tetrahedra
_DIRECT = 8000
"""Unknowns in space up to which a factorization is quicker than an iteration."""
_SIDES = {2: 8, 3: 6}
"""Of the first elements along the longest side of the region."""


def first_size(region: Region) -> float:
    """Length of the first edges."""
    return region.size / _SIDES[len(region.coordinates)]


def meshed(region: Region, graded: Sequence[tuple[Array, float]]) -> Mesh:
    """The first mesh.

    Args:
        region: without time, of two or three coordinates.
        graded: in the plane, (point (2,), length of edges there); in space edges are shorter where the region's own edges
            point inwards.

    Raises:
        ValueError: no mesh keeps to the boundary.
    """
    size = first_size(region)
    return triangulate(region, size, graded) if len(region.coordinates) == 2 else tetrahedralize(region, size)


def space_on(mesh: Mesh) -> Space:
    """Quadratic elements."""
    return TetrahedralSpace(mesh) if isinstance(mesh, Tetrahedra) else ElementSpace(mesh)


def solver_on(mesh: Mesh, fixed: Array, deadline: Deadline, moving: bool) -> Prepare | None:
    """How linear systems on a mesh are solved; None where factorizations that know nothing of it are best.

    Args:
        mesh: the finest one.
        fixed: (N,) entries of the state that conditions fix.
        deadline: of each solution.
        moving: whether there is time, which takes several factorizations of complex numbers at once.
    """
    if not isinstance(mesh, Tetrahedra):
        return None
    return linear_solver(mesh, fixed, deadline, _DIRECT // 2 if moving else _DIRECT)


def memory_for(mesh: Mesh, components: int, moving: bool) -> float:
    """Bytes that a solution takes."""
    if isinstance(mesh, Tetrahedra):
        nodes = len(mesh.nodes) + len(mesh.edges[0])
        # entries of the matrices, of which multigrid has about two and each complex shift one more, and their sum
        return 12.0 * 30 * nodes * components**2 * (12 if moving else 6)
    # fill of a factorization by nested dissection in the plane, in numbers
    nodes = 2 * len(mesh.elements) * components
    return float(8.0 * 31 * nodes * np.log2(max(nodes, 2)) * (4 if moving else 1))


def kind_of(mesh: Mesh) -> str:
    """What the elements are called."""
    return "tetrahedra" if isinstance(mesh, Tetrahedra) else "triangles"
