"""With which cells and functions experts on cut cells begin."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pinnlab.declaration.conditions import Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.solvers.local_experts.basis import LocalBasis, RandomFeatures, TotalDegree
from pinnlab.solvers.local_experts.layers import side_layers

Array = np.ndarray
_LAYERS, _GROWTH = 8.0, 3.0
"""Widths of a layer in the cell at its side, which polynomials of degree 14 resolve to eight digits; and how many times
farther from the side each cell ends than the one before."""
_THINNEST = 1e-7
"""The first cell at a side at least, relative to the region."""


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


def first_edges(experts: Mapping[str, object] | None, problem: Problem, few: Mapping[int, int]) -> dict[str, Array]:
    """{coordinate of space: edges of the cells at the start}: even ones, but for thin layers at the sides of a box.

    Args:
        experts: {coordinate: number} that were given.
        problem: steady.
        few: {number of dimensions: cells along the longest side}.
    """
    counts, bounds = first_counts(experts, problem, few), problem.domain.bounds
    edges = {name: np.linspace(*bounds[name], number + 1) for name, number in counts.items()}
    if not isinstance(problem.domain, Box) or len(counts) != 2 or any(problem.order(name) > 2 for name in counts):
        return edges
    periodic = {c.on for c in problem.conditions if isinstance(c, Periodic)}
    for name, ends in side_layers(problem).items():
        if name not in (experts or {}) and name not in periodic:
            edges[name] = graded_to_ends(edges[name], *ends)
    return edges


def graded_to_ends(edges: Array, lower: float, upper: float) -> Array:
    """Even edges, and closer ones towards ends with thin layers: cells grow in proportion to their distance from them.

    Args:
        edges: even ones.
        lower, upper: widths of the layers at the ends; infinity where there is none.
    """
    length, side = edges[-1] - edges[0], edges[1] - edges[0]
    closer: list[list[float]] = []
    for width in (lower, upper):
        away = max(_LAYERS * width, _THINNEST * length)
        mine = []
        while away < side / 2:
            mine.append(away)
            away *= _GROWTH
        closer.append(mine)
    return np.unique([*edges, *(edges[0] + d for d in closer[0]), *(edges[-1] - d for d in closer[1])])


def _meeting(problem: Problem, name: str, number: int) -> int:
    """So many cells along a coordinate, or some more where these then meet at all jumps of sources across it."""
    lower, upper = problem.domain.bounds[name]
    at = [j.position for j in problem.jumps if j.coordinate == name and j.position is not None]
    shares = [(position - lower) / (upper - lower) for position in at]
    tried = range(number, 3 * number + 1)
    return next((n for n in tried if all(abs(s * n - round(s * n)) < 1e-9 for s in shares)), number)
