"""How singular solutions are where materials meet in a point of the plane: r^a with the least a > 0 that conduction allows.

Letters: s sectors of equal angle around a point, z points.

With u = r^a f(angle), div(k grad u) = 0 is the eigenvalue problem -(k f')' = a^2 k f around the point, or across the angle
in which the region lies there. Four quadrants of k = 1 and R in turn have a = 4 / pi arctan(R^-1/2) for R > 1
(Kellogg, Applicable Analysis 4, 1974).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy
import torch

from pinnlab.declaration.conditions import BoundaryCondition, Dirichlet
from pinnlab.declaration.problem import Problem
from pinnlab.reference.finite_elements.interfaces import interfaces, material_corners
from pinnlab.solvers.cut_cells.corners import Corners

Array = np.ndarray
Conductivities = Callable[[Array], list[Array]]
"""Points (n, d) to (n,) for each equation."""
_SECTORS, _CLOSE, _NEAR = 360, 1e-5, 1e-9
"""Sectors around a point, how far from it one looks into them, and up to which distance two points are one; relative to
the region."""
_TYPICAL = 0.5
"""Power where equations are not of second order."""


def least_power(conductivities: Array, angle: float, fixed: bool = False) -> float:
    """a, to about four digits where none of the conductivities is tiny.

    Args:
        conductivities: (s,) along the angle.
        angle: over all sectors; 2 pi goes around the point.
        fixed: whether values are prescribed at the ends of the angle, else fluxes.
    """
    s = len(conductivities)
    width, around = angle / s, angle > 2 * np.pi * (1 - 1e-9)
    stiffness, mass = np.zeros((2, s + 1, s + 1))
    for i, k in enumerate(conductivities):
        span = slice(i, i + 2)
        stiffness[span, span] += k / width * np.array([[1.0, -1.0], [-1.0, 1.0]])
        mass[span, span] += k * width / 6 * np.array([[2.0, 1.0], [1.0, 2.0]])
    if around:
        # the last node is the first one
        for matrix in (stiffness, mass):
            matrix[0] += matrix[-1]
            matrix[:, 0] += matrix[:, -1]
        stiffness, mass = stiffness[:-1, :-1], mass[:-1, :-1]
    elif fixed:
        stiffness, mass = stiffness[1:-1, 1:-1], mass[1:-1, 1:-1]
    values = scipy.linalg.eigh(stiffness, mass, eigvals_only=True, subset_by_index=(0, 1))
    # without fixed ends the constant comes first
    return float(np.sqrt(max(values[0 if fixed and not around else 1], 0.0)))


def with_materials(corners: Corners, problem: Problem, conductivities: Conductivities) -> Corners:
    """The corners of a region of the plane with those of its materials.

    Args:
        corners: of its boundary.
        problem: gives the equations.
        conductivities: of each equation at points.
    """
    region = problem.domain
    if len(region.coordinates) != 2 or not any(jump.flux for jump in problem.jumps):
        return corners
    points, powers, inner = list(corners.points), list(corners.powers), [False] * len(corners.points)
    clashing = [False] * len(points) if corners.clashing is None else corners.clashing.tolist()
    for place in material_corners(problem, interfaces(problem)):
        power = min(_powers(problem, conductivities, place), default=_TYPICAL)
        near = [i for i, other in enumerate(points) if np.abs(other - place).max() <= _NEAR * region.size]
        if near:
            powers[near[0]] = min(powers[near[0]], power)
        else:
            points.append(place)
            powers.append(power)
            clashing.append(False)
            inner.append(float(region.depth(torch.from_numpy(place[None]))) > _CLOSE * region.size)
    inside, clash = np.array(inner, dtype=bool), np.array(clashing, dtype=bool)
    return Corners(np.array(points).reshape(-1, 2), np.array(powers), inside, clash)


def _powers(problem: Problem, conductivities: Conductivities, place: Array) -> list[float]:
    """Of every equation, with each kind of ends that the boundary has."""
    region = problem.domain
    turn = 2 * np.pi * (np.arange(_SECTORS) + 0.5) / _SECTORS
    around = place + _CLOSE * region.size * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    inside = (region.depth(torch.from_numpy(around)) > 0).numpy()
    if not inside.all():
        # the sectors inside, in a row
        first = int(np.flatnonzero(inside & ~np.roll(inside, 1))[0]) if inside.any() else 0
        around, inside = np.roll(around, -first, axis=0), np.roll(inside, -first)
    kept = around[inside]
    if len(kept) < 2:
        return []
    conditions = [c for c in problem.conditions if isinstance(c, BoundaryCondition)]
    kinds = {isinstance(c, Dirichlet) for c in conditions} if len(kept) < _SECTORS else {False}
    angle = 2 * np.pi * len(kept) / _SECTORS
    return [least_power(k, angle, fixed) for k in conductivities(kept) for fixed in kinds]
