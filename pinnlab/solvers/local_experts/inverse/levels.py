"""How fine unknowns are resolved while functions are sought, and where functions cannot be sought."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.parameters.unknown_functions import UnknownFunction
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box

Array = np.ndarray
_JUMPING = {1: (64, 48, 32, 24, 16), 2: (18, 14, 12, 10)}
"""Per number of arguments, polynomial degrees of functions that jump, the best first."""
_RESOLVED = (5.0, 4.0, 3.0, 2.5, 2.0)
"""Degrees of unknowns next to that: what equations make of an exponential and its slope."""
_ROOM = 1500
"""Coefficients of the unknowns up to which finer ones are taken at once."""
_HIGHEST = 24
"""Degree above which cells are cut for functions that jump."""


@dataclass(frozen=True)
class Levels:
    """Cells and degrees of the unknowns: {coordinate: edges}, {coordinate: degree}, each level finer than the one before.

    Attributes:
        edges: of cells at the first level.
        degrees: at the first level; from ``fixed`` on they stay and cells are halved.
        fixed: the highest degree.
        cuts: {coordinate: positions} of further edges, at every level.
        jumping: degree of functions that jump.
    """

    edges: Mapping[str, Array]
    degrees: Mapping[str, int]
    fixed: int = 36
    cuts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    jumping: int = 0

    def at(self, level: int) -> tuple[dict[str, Array], tuple[int, ...]]:
        """Edges and degrees of a level."""
        edges, degrees = {}, []
        for name, first in self.edges.items():
            grown = self.degrees[name] * 1.4**level
            halved = max(0, math.ceil(math.log2(max(grown / self.fixed, 1.0))))
            cells = first
            for _ in range(halved):
                cells = np.sort(np.concatenate([cells, (cells[1:] + cells[:-1]) / 2]))
            edges[name] = np.unique(np.concatenate([cells, self.cuts.get(name, ())]))
            degrees.append(max(self.degrees[name], math.ceil(grown / 2**halved)))
        return edges, tuple(degrees)

    def cut(self, name: str, positions: Sequence[float]) -> Levels:
        """The same with further edges along a coordinate."""
        return replace(self, cuts={**self.cuts, name: (*self.cuts.get(name, ()), *positions)})

    def size(self, level: int) -> int:
        """Coefficients of one unknown."""
        edges, degrees = self.at(level)
        return math.prod((len(e) - 1) * (p + 1) for e, p in zip(edges.values(), degrees, strict=True))


def first_degrees(region: Box) -> dict[str, int]:
    """{coordinate: degree of the unknowns' polynomials at the first level}."""
    space = len(region.space)
    along = {0: 0, 1: 24, 2: 14}[space] if not region.has_time else {0: 0, 1: 14, 2: 9}[space]
    return {name: (20 if not space else 10) if name == region.time else along for name in region.coordinates}


def jump_levels(problem: Problem, levels: Levels) -> Levels:
    """Cells and degrees that resolve functions which jump, and the degree of these: as fine as there is room for.

    Equations have products of such functions' slopes with those of unknowns, and where they are not resolved, unknowns do
    not solve them.

    Args:
        problem: with functions to be found.
        levels: without such functions.
    """
    arguments = [f.on for f in problem.parameters.values() if isinstance(f, UnknownFunction) and f.jumps]
    if not arguments:
        return levels
    found, names = levels, {name for each in arguments for name in each}
    for degree in _JUMPING[max(map(len, arguments))]:
        for finer in _RESOLVED:
            edges, degrees = dict(levels.edges), dict(levels.degrees)
            for name in names:
                edges[name], degrees[name] = resolving(edges[name], max(math.ceil(finer * degree), degrees[name]))
            found = replace(levels, edges=edges, degrees=degrees, jumping=degree)
            if found.size(0) * len(problem.unknowns) <= _ROOM:
                return found
    return found


def resolving(edges: Array, degree: int) -> tuple[Array, int]:
    """Edges of cells, cut into equal parts, and a degree on them, that resolve what a degree on a single cell does."""
    parts = math.ceil(degree / _HIGHEST / (len(edges) - 1))
    shares = np.arange(parts) / parts
    finer = (edges[:-1, None] + np.diff(edges)[:, None] * shares).ravel()
    return np.append(finer, edges[-1]), math.ceil(degree / parts)


def function_obstacles(problem: Problem) -> Iterator[str]:
    """Why functions cannot be found here."""
    names = ", ".join(problem.unknown_functions)
    if len(problem.domain.space) > 2:
        yield f"HardConstraintMoE() finds functions such as {names} in at most two dimensions of space."
    if problem.forward is not problem:
        yield f"HardConstraintMoE() finds functions such as {names} forward in time: give Initial(...) and Data, no Final."
    if not any(isinstance(c, Data) for c in problem.conditions):
        yield f"{names} cannot be found without data; add Data(points=..., u=...)."
    for condition in problem.conditions:
        if isinstance(condition, Integral):
            yield f"HardConstraintMoE() takes no integrals beside functions to be found ({names}), such as {condition!r}."
        if isinstance(condition, Data) and condition.weight != 1:
            yield (
                f"{condition!r} has weight={condition.weight}, which has no effect where functions are to be found: how "
                "much data count follows from their noise; give sd=..., or leave weight out."
            )
