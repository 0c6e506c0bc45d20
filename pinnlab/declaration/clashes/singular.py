"""The part of a solution that is not smooth because its data clash: amplitudes on sides times layers beside them, or waves.

Letters: c derivatives, n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.declaration.clashes.layers import Shape, Wedge, shape_jet
from pinnlab.declaration.clashes.travelling import Travelling
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.taylor import Jet

_ASIDE = {torch.float32: 1e-6, torch.float64: 1e-9}
"""Share of a coordinate's interval that is a little away from its end."""
_HAIR = {torch.float32: 1e-6, torch.float64: 1e-14}
"""The same for waves, whose derivatives are as large there as anywhere."""


@dataclass(frozen=True)
class Spread:
    """u_t = sum_i D_i u_ii + ..., or 0 = sum_i D_i u_ii + ..., near some points.

    Attributes:
        evolves: whether there is a time derivative; without one the D_i have a common factor that is arbitrary.
        diffusion: {coordinate number: D_i > 0}, means over the points.
    """

    evolves: bool
    diffusion: Mapping[int, float]


@dataclass(frozen=True)
class Pinned:
    """A sum of functions, each taken where some coordinates have given positions; it does not depend on these.

    Attributes:
        parts: (factor, function, ((coordinate number, position), ...)).
    """

    parts: tuple[tuple[float, KnownFunction, tuple[tuple[int, float], ...]], ...]

    def __add__(self, other: Pinned) -> Pinned:
        return Pinned((*self.parts, *other.parts))

    def __sub__(self, other: Pinned) -> Pinned:
        return Pinned((*self.parts, *((-factor, value, fixed) for factor, value, fixed in other.parts)))

    def at(self, *fixed: tuple[int, float]) -> Pinned:
        """The same with further coordinates given."""
        return Pinned(tuple((f, value, (*before, *fixed)) for f, value, before in self.parts))

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        total = points.new_zeros(len(indices), len(points), 1)
        for factor, value, fixed in self.parts:
            at, where = points.clone(), dict(fixed)
            for i, position in fixed:
                at[:, i] = position
            along = tuple(index for index in indices if not set(index) & set(where))
            total[[indices.index(index) for index in along]] += factor * value.jet(at, along)
        return total


@dataclass(frozen=True)
class Constant:
    """A number as a function."""

    number: float

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        found = points.new_zeros(len(indices), len(points), 1)
        found[indices.index(())] = self.number
        return found


@dataclass(frozen=True)
class SingularPart:
    """Amplitudes times layers, and waves, of one unknown.

    Attributes:
        terms: (amplitude, layer).
        waves: what sides have sent out.
    """

    terms: Sequence[tuple[KnownFunction, Shape]]
    waves: Sequence[Travelling] = ()

    def before(self, axis: int) -> SingularPart:
        """What there is of it inside at the first time, when layers have no width; itself for coordinates of space.

        Args:
            axis: number of a coordinate.
        """
        return SingularPart(
            [(a, shape) for a, shape in self.terms if isinstance(shape, Wedge) or shape.clock.time != axis], self.waves
        )

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        total = points.new_zeros(len(indices), len(points), 1)
        for amplitude, shape in self.terms:
            product = Jet(amplitude.jet(points, indices), indices) * Jet(shape_jet(shape, points, indices), indices)
            total = total + product.data.detach()
        return sum((wave.jet(points, indices) for wave in self.waves), total)


@dataclass(frozen=True)
class Remainder:
    """Data on a face less the singular part: what a smooth field has to meet.

    Attributes:
        value: the data.
        singular: what is taken from them.
        axis: number of the coordinate across the face.
        bounds: of all coordinates; where another face meets this one, the singular part has several values, and the one
            is taken that it has a little away from the other face.
    """

    value: KnownFunction
    singular: SingularPart
    axis: int
    bounds: tuple[tuple[float, float], ...]

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        layers, waves = SingularPart(self.singular.terms), SingularPart((), self.singular.waves)
        beside = layers.jet(self._beside(points, _ASIDE[points.dtype]), indices)
        return self.value.jet(points, indices) - beside - waves.jet(self._beside(points, _HAIR[points.dtype]), indices)

    def _beside(self, points: Tensor, share: float) -> Tensor:
        """Points (n, d) at least a share of each interval away from the other faces."""
        at = points.clone()
        for i, (lower, upper) in enumerate(self.bounds):
            if i != self.axis:
                step = share * (upper - lower)
                at[:, i] = at[:, i].clamp(lower + step, upper - step)
        return at


@dataclass(frozen=True)
class Sent:
    """What travels in a problem.

    Attributes:
        unknown: in which.
        part: of it.
        said: what disagrees, in sentences.
    """

    unknown: str
    part: SingularPart
    said: tuple[str, ...]
