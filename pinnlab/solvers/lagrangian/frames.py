"""Frames of labels: where characteristics are, and fields of labels with derivatives by position and time.

Letters: n points.

A label xi is where a characteristic starts: X(xi, t) = xi + V t + D(xi, t), with X(xi, 0) = xi and the mean velocity V of
the initial state, a Galilean shift that keeps D small (V = 0 where all of the motion is to be
learned). Derivatives keep their Eulerian meaning: with J = dX/dxi,

    d/dx = J^-1 d/dxi,      d/dt at fixed x = d/dt at fixed xi - dX/dt d/dx.

Source: Mojgani, Balajewicz & Hassanzadeh, arXiv 2205.02902.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinnlab.derivatives.fields import Field, Key

PREFIX = "displacement_"
"""The unknown ``displacement_x`` is D along x."""


@dataclass(frozen=True)
class Drift:
    """The Galilean shift of all characteristics.

    Attributes:
        start: the first time.
        velocity: {coordinate of space: its velocity}.
        time: the coordinate that is time.
        begins: whether displacements from it are to begin with the velocity of the start, where no unknown decides that.
    """

    start: float
    velocity: Mapping[str, float]
    time: str = "t"
    begins: bool = True


@dataclass(frozen=True, eq=False)
class Frame:
    """Where labels are, and how fields of labels are differentiated by fixed coordinates.

    Args:
        positions: {coordinate of space: X as a field of labels and time}.
        coordinates: of the problem, in its order.
        label_diffusion: derivatives of second and higher order in space are by label, as in the paper's released code;
            the same as those by position only where J = 1.
        speeds: {coordinate of space: a field or number that is taken for dX/dt}; dX/dt itself where not given.
        time: the coordinate that is time.
    """

    positions: Mapping[str, Field]
    coordinates: Key
    label_diffusion: bool = False
    speeds: Mapping[str, Any] = field(default_factory=dict)
    time: str = "t"

    @classmethod
    def of(cls, fields: Mapping[str, Field], drift: Drift, label_diffusion: bool = False) -> Frame:
        """The frame of labels, time and displacements, all among ``fields``, in a drift."""
        positions = {c: _position(fields, c, drift) for c in drift.velocity}
        return cls(positions, fields[drift.time].coordinates, label_diffusion, time=drift.time)

    def jacobian(self) -> dict[tuple[str, str], Field]:
        """{(c, k): dX_c / dxi_k}."""
        names = tuple(self.positions)
        return {(c, k): self.positions[c].d(k) for c in names for k in names}

    @cached_property
    def inverse(self) -> dict[tuple[str, str], Field]:
        """{(k, c): dxi_k / dx_c}, the inverse of the Jacobian."""
        names, j = tuple(self.positions), self.jacobian()
        if len(names) == 1:
            (x,) = names
            return {(x, x): _reciprocal(j[x, x])}
        x, y = names
        scale = _reciprocal(_sum(_product(j[x, x], j[y, y]), _scaled(_product(j[x, y], j[y, x]), -1.0)))
        return {
            (x, x): _product(j[y, y], scale),
            (x, y): _scaled(_product(j[x, y], scale), -1.0),
            (y, x): _scaled(_product(j[y, x], scale), -1.0),
            (y, y): _product(j[x, x], scale),
        }

    def eulerian(self, field: Field) -> Field:
        """A field of labels as a field whose derivatives are by position, or by time at a fixed position."""

        def by_position(name: str) -> Field:
            first, *others = (_product(self.inverse[k, name], field.d(k)) for k in self.positions)
            return _sum(first, *others)

        def derive(name: str) -> Field:
            if name == self.time:
                carried = (_product(self._speed(c), by_position(c)) for c in self.positions)
                return self.eulerian(_sum(field.d(self.time), *(_scaled(part, -1.0) for part in carried)))
            slope = self.eulerian(by_position(name))
            if not self.label_diffusion:
                return slope
            labelled = field.d(name)
            return Field(
                slope.value, self.coordinates, lambda by: slope.d(by) if by == self.time else labelled.d(by), slope.name
            )

        return Field(field.value, self.coordinates, derive, field.name)

    def _speed(self, name: str) -> Field:
        position = self.positions[name]
        speed = self.speeds.get(name, position.d(self.time))
        return speed if isinstance(speed, Field) else _constant(speed, position)


# The chain rule's own arithmetic: what torch's forward mode would give for any function of fields, several times faster.


def _sum(first: Field, *others: Field) -> Field:
    value = first.value
    for other in others:
        value = value + other.value
    return Field(value, first.coordinates, lambda name: _sum(first.d(name), *(other.d(name) for other in others)))


def _scaled(field: Field, factor: float) -> Field:
    return Field(field.value * factor, field.coordinates, lambda name: _scaled(field.d(name), factor))


def _product(a: Field, b: Field) -> Field:
    return Field(a.value * b.value, a.coordinates, lambda name: _sum(_product(a.d(name), b), _product(a, b.d(name))))


def _constant(number: float | Tensor, like: Field) -> Field:
    return Field(torch.zeros_like(like.value) + number, like.coordinates, lambda name: _constant(0.0, like))


def _reciprocal(field: Field) -> Field:
    def derive(name: str) -> Field:
        return _scaled(_product(_product(result, result), field.d(name)), -1.0)

    result = Field(1 / field.value, field.coordinates, derive)
    return result


def _position(fields: Mapping[str, Field], name: str, drift: Drift) -> Field:
    """X along one coordinate, its derivatives those of the displacement and constants."""
    displacement, velocity = fields[PREFIX + name], drift.velocity[name]
    constants = {name: 1.0, drift.time: velocity}

    def derive(by: str) -> Field:
        slope = displacement.d(by)
        return Field(slope.value + constants.get(by, 0.0), slope.coordinates, slope.d, slope.name)

    value = fields[name].value + (velocity * (fields[drift.time].value - drift.start) + displacement.value)
    return Field(value, displacement.coordinates, derive, name)
