"""With which cells and functions experts on cut cells begin."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pinnlab.declaration.problem import Problem
from pinnlab.solvers.local_experts.basis import LocalBasis, RandomFeatures, TotalDegree


def local_basis(features: str, dimension: int, degree: int, seed: int) -> LocalBasis:
    """The functions of every expert: polynomials of a total degree, or about as many random features.

    Args:
        features: ``"chebyshev"`` or ``"tanh"``.
        dimension: of space.
        degree: total degree.
        seed: of random features.
    """
    if features == "tanh":
        side = max(3, round(math.comb(degree + dimension, dimension) ** (1 / dimension)) - 1)
        return RandomFeatures((side,) * dimension, seed)
    return TotalDegree(dimension, degree)


def first_counts(experts: Mapping[str, object] | None, problem: Problem, few: Mapping[int, int]) -> dict[str, int]:
    """{coordinate of space: cells along that side of the bounding box at the start}, nearly cubes.

    Args:
        experts: {coordinate: number} that were given.
        problem: whose sources may jump across coordinates.
        few: {number of dimensions: cells along the longest side}.
    """
    bounds = problem.domain.bounds
    sides = {name: bounds[name][1] - bounds[name][0] for name in problem.domain.space}
    length = max(sides.values()) / few[len(sides)]
    found = {name: max(1, round(side / length)) for name, side in sides.items()}
    found = {name: _meeting(problem, name, number) for name, number in found.items()}
    chosen = experts or {}
    return {name: number if isinstance(number := chosen.get(name, n), int) else n for name, n in found.items()}


def _meeting(problem: Problem, name: str, number: int) -> int:
    """So many cells along a coordinate, or some more where these then meet at all jumps of sources across it."""
    lower, upper = problem.domain.bounds[name]
    at = [j.position for j in problem.jumps if j.coordinate == name and j.position is not None]
    shares = [(position - lower) / (upper - lower) for position in at]
    tried = range(number, 3 * number + 1)
    return next((n for n in tried if all(abs(s * n - round(s * n)) < 1e-9 for s in shares)), number)
