"""Sides of a region that are periodic."""

from __future__ import annotations

import numpy as np

from pinnlab.declaration.problem import Problem
from pinnlab.domains.meshing.triangulation import Copied
from pinnlab.reference.grids.structure import periodic_unknowns


def periodic_sides(problem: Problem) -> dict[str, set[str]]:
    """{coordinate: unknowns that are periodic in it}."""
    found = {c: periodic_unknowns(problem, c) for c in problem.domain.space}
    return {c: unknowns for c, unknowns in found.items() if unknowns}


def copied_sides(problem: Problem) -> dict[str, Copied]:
    """{coordinate: its periodic ends}."""
    found = {}
    for name in periodic_sides(problem):
        lower, upper = problem.domain.bounds[name]
        shift = np.array([upper - lower if c == name else 0.0 for c in problem.domain.space])
        found[name] = Copied(name + "-", name + "+", shift)
    return found
