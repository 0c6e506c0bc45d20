"""Exact conditions: u = G + F N, with G meeting the conditions and F vanishing where they hold.

Letters: c derivatives, n points, d coordinates, m unknowns.

G is built by successive correction. With P_i the interpolation, along coordinate i, of values given on its faces,
G_k = G_{k-1} + P_k (g_k - G_{k-1}) meets condition k and, where the data agree at corners, all earlier ones
(transfinite interpolation; Lagaris, Likas & Fotiadis 1998, Sukumar & Srivastava 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import VALUE, Index, Indices, closure
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.taylor import Jet


@dataclass(frozen=True)
class FunctionValue:
    """A number or function of named coordinates and parameters (numbers or functions) as exact data."""

    given: Any
    names: tuple[str, ...]
    coordinates: tuple[str, ...]
    parameters: tuple[tuple[str, Any], ...] = ()

    @property
    def depends_on(self) -> set[str]:
        """The coordinates it depends on, also through parameters that are functions."""
        functions = (v for _, v in self.parameters if isinstance(v, FunctionParameter))
        return {*self.names, *(name for f in functions for name in f.on)} & set(self.coordinates)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        if not callable(self.given):
            constant = points.new_zeros(len(indices), len(points), 1)
            constant[indices.index(())] = float(self.given)
            return constant
        known = self._as_it_is(points[:1])
        return autograd_jet(self.values, points, indices, keep=False) if known is None else known.jet(points, indices)

    def _as_it_is(self, at: Tensor) -> FunctionParameter | None:
        """The parameter that ``lambda u0: u0`` hands through unchanged, which knows its own derivatives."""
        functions = {name: p for name, p in self.parameters if isinstance(p, FunctionParameter)}
        if not functions:
            return None
        columns = self._columns(at)
        value = self.given(**{name: columns[name] for name in self.names})
        return next((p for name, p in functions.items() if columns[name] is value), None)

    def values(self, at: Tensor) -> Tensor:
        """(n, 1) at (n, d) points, in the operations of the given function."""
        if not callable(self.given):
            return at.new_full((len(at), 1), float(self.given))
        columns = self._columns(at)
        value = self.given(**{name: columns[name] for name in self.names})
        return torch.as_tensor(value, dtype=at.dtype, device=at.device).expand(len(at))[:, None]

    def _columns(self, at: Tensor) -> dict[str, Tensor]:
        """Coordinates and parameters at points, (n,) or 0-dim."""
        columns = {name: at[:, i] for i, name in enumerate(self.coordinates)}
        for name, parameter in self.parameters:
            columns[name] = parameter.at(at) if isinstance(parameter, FunctionParameter) else at.new_tensor(parameter)
        return columns


@dataclass(frozen=True)
class FaceValue:
    """One condition of a constraint: the ``order``-th derivative along the coordinate equals ``value`` there."""

    position: float
    value: KnownFunction
    order: int = 0


@dataclass(frozen=True)
class Constraint:
    """Exact data on one or two faces of a coordinate, or on the initial slice.

    Attributes:
        index: the coordinate's number.
        lower, upper: its interval.
        faces: where data are given.
        owners: the conditions they come from.
    """

    index: int
    lower: float
    upper: float
    faces: tuple[FaceValue, ...]
    owners: tuple[Any, ...]

    def basis(self, coordinate: Jet) -> list[Jet]:
        """The interpolation weights of the faces, as jets (c, n, 1)."""
        one = torch.zeros_like(coordinate.data)
        one[0] = 1
        unit = coordinate.with_data(one)
        if any(face.order for face in self.faces):
            return [self._affine(coordinate, self.lower, 1.0) if face.order else unit for face in self.faces]
        if len(self.faces) == 1:
            return [unit]
        width = self.upper - self.lower
        upward = self._affine(coordinate, self.lower, 1 / width)
        return [upward if face.position == self.upper else unit - upward for face in self.faces]

    def factor(self, coordinate: Jet) -> Jet:
        """A polynomial that vanishes on the faces, to the order of the data there; at most about 1."""
        width = self.upper - self.lower
        factors = [
            self._affine(coordinate, face.position, 1 / width if face.position == self.lower else -1 / width)
            for face in self.faces
        ]
        product = factors[0]
        for factor in factors[1:]:
            product = product * factor
        both_ends = len({face.position for face in self.faces}) == 2
        return product.with_data(4 * product.data) if both_ends else product

    @staticmethod
    def _affine(coordinate: Jet, origin: float, slope: float) -> Jet:
        data = coordinate.data * slope
        data[0] -= origin * slope
        return coordinate.with_data(data)


class Ansatz:
    """u = G + F N for m unknowns.

    Args:
        constraints: per unknown, its exact constraints; the last one is met even where corner data disagree.
        profiles: per unknown, what is added to G and not counted in the data of the constraints, or None.
    """

    def __init__(self, constraints: Sequence[Sequence[Constraint]], profiles: Sequence[KnownFunction | None] = ()):
        self.constraints = tuple(tuple(c) for c in constraints)
        self.profiles = tuple(profiles) or (None,) * len(self.constraints)

    @property
    def is_trivial(self) -> bool:
        """Whether u = N."""
        return not any(self.constraints) and not any(self.profiles)

    def prepare(self, points: Tensor, indices: Indices) -> tuple[Tensor, Tensor] | None:
        """Derivatives of G and F, each (c, n, m), at (n, d) points; they depend on no parameter."""
        if self.is_trivial:
            return None
        with torch.no_grad():
            offsets = [self._offset(c, len(c), points, indices) for c in self.constraints]
            factors = [self._factor(c, points, indices) for c in self.constraints]
            for offset, profile in zip(offsets, self.profiles, strict=True):
                if profile is not None:
                    offset.data.add_(profile.jet(points, indices))
            return torch.cat([j.data for j in offsets], dim=2), torch.cat([j.data for j in factors], dim=2)

    def offset(self, unknown: int, points: Tensor) -> Tensor:
        """Values (n, 1) of G of one unknown at (n, d) points, what a profile adds aside."""
        mine = self.constraints[unknown]
        return self._offset(mine, len(mine), points, VALUE).data[0]

    @staticmethod
    def combine(prepared: tuple[Tensor, Tensor] | None, network: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m) of the unknowns from those of the network."""
        if prepared is None:
            return network
        offset, factor = prepared
        return offset + (Jet(network, indices) * Jet(factor, indices)).data

    def _factor(self, constraints: Sequence[Constraint], points: Tensor, indices: Indices) -> Jet:
        coordinates = Jet.of_points(points, indices)
        product = _constant(coordinates, 1.0)
        for constraint in constraints:
            product = product * constraint.factor(coordinates.select([constraint.index]))
        return product

    def _offset(self, constraints: Sequence[Constraint], count: int, points: Tensor, indices: Indices) -> Jet:
        coordinates = Jet.of_points(points, indices)
        if count == 0:
            return _constant(coordinates, 0.0)
        total = self._offset(constraints, count - 1, points, indices)
        constraint = constraints[count - 1]
        for face, weight in zip(
            constraint.faces, constraint.basis(coordinates.select([constraint.index])), strict=True
        ):
            at = points.clone()
            at[:, constraint.index] = face.position
            # the data live on the face: derivatives across it are zero
            along = tuple(index for index in indices if constraint.index not in index)
            gap = face.value.jet(at, along)
            if count > 1:
                gap = gap - self._derivative(constraints, count - 1, at, along, (constraint.index,) * face.order)
            full = torch.zeros_like(total.data)
            full[[indices.index(index) for index in along]] = gap
            total = total + weight * Jet(full, indices)
        return total

    def _derivative(
        self, constraints: Sequence[Constraint], count: int, points: Tensor, indices: Indices, by: Index
    ) -> Tensor:
        if not by:
            return self._offset(constraints, count, points, indices).data.clone()
        wanted = [tuple(sorted((*index, *by))) for index in indices]
        wider = closure(wanted)
        jet = self._offset(constraints, count, points, wider)
        return jet.data[[wider.index(index) for index in wanted]]


def _constant(like: Jet, value: float) -> Jet:
    data = torch.zeros_like(like.data[:, :, :1])
    data[0] = value
    return like.with_data(data)
