"""Integrals over a grid of a steady problem: their values, and the rows by which they depend on the unknowns.

Letters: c unknowns, g grid points, N = c g.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.conditions import Integral
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.axes import DifferentiableAxis, apply_along
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.derivatives.stencils import Array
from pinnlab.domains.columns import Columns, Coordinates
from pinnlab.domains.quadrature import gauss

_FINER = 4
"""Gauss nodes for each node of an axis, on which its interpolating polynomials are integrated."""
_PANEL = 8


def axis_weights(axis: DifferentiableAxis, lower: float, upper: float) -> Array:
    """(n,) weights of an axis' nodes with which sums are integrals."""
    if axis.periodic:
        return np.full(axis.size, (upper - lower) / axis.size)
    points, weights = gauss(lower, upper, max(1, _FINER * axis.size // _PANEL), _PANEL)
    index, stencil = axis.stencil(points)
    return np.bincount(index.ravel(), (weights[:, None] * stencil).ravel(), axis.size)


@dataclass(frozen=True, eq=False)
class _Place:
    """The whole grid, or a face of it: its end of one axis."""

    end: tuple[int, int] | None
    weights: Array
    columns: Columns
    normals: dict[str, Tensor] | None


class GridIntegral:
    """One integral of a steady problem on a grid.

    Args:
        problem: on a box.
        condition: which integral.
        axes: {space coordinate: axis}.
    """

    def __init__(self, problem: Problem, condition: Integral, axes: Mapping[str, DifferentiableAxis]):
        self.axes, self.unknowns = dict(axes), problem.unknowns
        self.parameters = problem.parameter_values()
        (self.term,) = condition.terms(problem.context())
        self.shape = tuple(axis.size for axis in axes.values())
        sides = [] if condition.on is None else [problem.domain.face(p) for p in problem.domain.pieces(condition.on)]
        ends = [(face[0], -1 if face[2] > 0 else 0) for face in sides if face is not None]
        bounds = problem.domain.bounds
        self.per_axis = [axis_weights(axis, *bounds[name]) for name, axis in axes.items()]
        self.places = [self._place(end) for end in ends] or [self._place(None)]
        self.volume = sum(float(place.weights.sum()) for place in self.places)

    def _place(self, end: tuple[int, int] | None) -> _Place:
        points, weights = [axis.points for axis in self.axes.values()], list(self.per_axis)
        normals = None
        if end is not None:
            points[end[0]], weights[end[0]] = points[end[0]][[end[1]]], np.ones(1)
        mesh = np.meshgrid(*points, indexing="ij")
        given = {n: torch.from_numpy(m.ravel().copy()) for n, m in zip(self.axes, mesh, strict=True)}
        columns = Columns(Coordinates(self.axes, None), given)
        total = np.ones(1)
        for w in weights:
            total = np.multiply.outer(total, w)
        if end is not None:
            like = next(iter(columns.values()))
            sign = 1.0 if end[1] else -1.0
            normals = {n: torch.full_like(like, sign if i == end[0] else 0.0) for i, n in enumerate(self.axes)}
        return _Place(end, total.ravel(), columns, normals)

    def linearized(self, state: Array, numbers: Mapping[str, float]) -> tuple[float, Array]:
        """The mean of the integrand less that of its value, and the row (N,), at a state (c, *shape)."""
        value, row = 0.0, np.zeros_like(state)
        for place in self.places:
            jets = {u: LazyJet(self._leaf(state[j], place)) for j, u in enumerate(self.unknowns)}
            given = {name: torch.tensor(number, dtype=torch.float64) for name, number in numbers.items()}
            scope = Scope.of_jets(jets, place.columns, {**self.parameters, **given}, place.normals)
            (found,) = self.term.evaluate((scope,)).values()
            value += float(found.detach().numpy() @ place.weights)
            (slopes,) = linearize([found], jets)
            for (unknown, key), slope in slopes.items():
                row[self.unknowns.index(unknown)] += self._adjoint(slope.numpy() * place.weights, key, place)
        return value / self.volume, row.ravel() / self.volume

    def value(self, state: Array, numbers: Mapping[str, float]) -> float:
        """The mean of the integrand less that of its value."""
        return self.linearized(state, numbers)[0]

    def _leaf(self, values: Array, place: _Place) -> Callable[[Key], Tensor]:
        def derive(key: Key) -> Tensor:
            found = values
            for dim, matrix in self._matrices(key, place):
                found = apply_along(matrix, found, dim)
            return torch.from_numpy(np.ascontiguousarray(found.ravel())).requires_grad_()

        return derive

    def _adjoint(self, weights: Array, key: Key, place: _Place) -> Array:
        found = weights.reshape([1 if place.end and d == place.end[0] else n for d, n in enumerate(self.shape)])
        for dim, matrix in self._matrices(key, place):
            found = apply_along(matrix.T, found, dim)
        return found

    def _matrices(self, key: Key, place: _Place) -> list[tuple[int, Array | scipy.sparse.csr_array]]:
        """(axis, matrix) of what is applied along each axis."""
        found = []
        for dim, (name, axis) in enumerate(self.axes.items()):
            order = key.count(name)
            matrix = axis.matrix(order) if order else None
            if place.end is not None and dim == place.end[0]:
                row = axis.size - 1 if place.end[1] else 0
                matrix = np.eye(axis.size)[[row]] if matrix is None else matrix[[row], :]
            if matrix is not None:
                found.append((dim, matrix))
        return found
