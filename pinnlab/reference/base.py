"""Reference: a classical numerical solution that can be evaluated anywhere.

Letters: p points asked for, w nodes of a stencil.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy
import torch

from pinnlab.declaration.arguments import signature_of
from pinnlab.declaration.complex_unknowns import joined
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.derivatives.axes import Axis, apply_along
from pinnlab.derivatives.differentiable import differentiable_jet
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.stencils import Array

_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Interpolant:
    """Values on a tensor grid, interpolated as accurately as they are.

    Attributes:
        axes: {coordinate: axis}, in the domain's order.
        bounds: {coordinate: (lower, upper)} of the domain.
        data: {unknown: array over the axes, in their order}.
        start: gives {unknown: (p,)} of the initial conditions at points of space, used at the first time itself: there
            a kink or a jump is still sharp, and no grid holds it as well as the function that defines it.
        time: the coordinate that is time, or None.
    """

    axes: Mapping[str, Axis]
    bounds: Mapping[str, tuple[float, float]]
    data: Mapping[str, Array]
    start: Callable[[Mapping[str, Array]], Mapping[str, Array]] | None = None
    time: str | None = None

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Their names, in the order of ``jet``."""
        return tuple(self.data)

    @cached_property
    def _refined(self) -> dict[str, Array]:
        refined = {}
        for unknown, values in self.data.items():
            for dim, axis in enumerate(self.axes.values()):
                values = axis.refine(values, dim)
            refined[unknown] = values
        return refined

    def on_tensor(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values over the tensor product of (p_i,) coordinates, in the domain's order."""
        result = {}
        stencils = [axis.stencil(columns[name]) for name, axis in self.axes.items()]
        for unknown, values in self._refined.items():
            # the axis that shrinks most goes first
            for dim in sorted(range(len(stencils)), key=lambda d: len(stencils[d][0]) / values.shape[d]):
                index, weights = stencils[dim]
                rows = np.repeat(np.arange(len(index)), index.shape[1])
                entries, shape = (weights.ravel(), (rows, index.ravel())), (len(index), values.shape[dim])
                matrix = scipy.sparse.csr_array(entries, shape=shape)
                values = apply_along(matrix, values, dim)
            result[unknown] = values
        return result

    def at_points(self, columns: Mapping[str, Array], orders: Mapping[str, int] | None = None) -> dict[str, Array]:
        """Values (p,) at scattered points, each coordinate (p,).

        Args:
            columns: the coordinates.
            orders: {coordinate: order} of the derivative that is wanted in place of the values.
        """
        orders = orders or {}
        points = len(next(iter(columns.values())))
        found = {unknown: np.empty(points) for unknown in self.data}
        probe = [axis.stencil(columns[name][:1])[0].shape[1] for name, axis in self.axes.items()]
        step = max(1, _CHUNK // int(np.prod(probe)))
        letters = "abcd"[: len(self.axes)]
        for first in range(0, points, step):
            part = slice(first, first + step)
            stencils = [axis.stencil(columns[name][part], orders.get(name, 0)) for name, axis in self.axes.items()]
            index = tuple(
                i.reshape(len(i), *(-1 if d == k else 1 for k in range(len(stencils))))
                for d, (i, _) in enumerate(stencils)
            )
            formula = f"p{letters}," + ",".join(f"p{c}" for c in letters) + "->p"
            for unknown, values in self._refined.items():
                found[unknown][part] = np.einsum(formula, values[index], *(w for _, w in stencils), optimize=True)
        return found

    def __call__(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values (p,) at points, each coordinate (p,); grids among the points are found and exploited.

        Raises:
            ValueError: a point outside the domain in a coordinate that is not periodic.
        """
        points = len(next(iter(columns.values())))
        if points == 0:
            return {unknown: np.empty(0) for unknown in self.data}
        distinct, inverse = {}, []
        for name, values in columns.items():
            lower, upper = self.bounds[name]
            slack = 1e-9 * (upper - lower)
            if not bool(np.isfinite(values).all()):
                raise ValueError(f"reference({name}=...): some values are not finite.")
            if not self.axes[name].periodic and (values.min() < lower - slack or values.max() > upper + slack):
                raise ValueError(
                    f"reference({name}=...): values from {values.min():g} to {values.max():g} leave the domain "
                    f"{name}=({lower:g}, {upper:g}); the reference solution is known inside only."
                )
            distinct[name], where = np.unique(values, return_inverse=True)
            inverse.append(where.reshape(-1))
        if np.prod([float(len(v)) for v in distinct.values()]) <= 2 * points:
            found = {u: values[tuple(inverse)] for u, values in self.on_tensor(distinct).items()}
        else:
            found = self.at_points(columns)
        first = None if self.time is None else (self.time, self.bounds[self.time][0])
        return with_start(self.start, first, columns, found)

    def jet(self, points: torch.Tensor, indices: Indices) -> torch.Tensor:
        """Derivatives (c, p, m) at points (p, d) inside the domain; the values are those that calling it gives."""
        at = points.detach().to("cpu", torch.float64).numpy()
        columns = {name: at[:, i] for i, name in enumerate(self.axes)}
        found = []
        for index in indices:
            orders = {name: index.count(i) for i, name in enumerate(self.axes)}
            each = self.at_points(columns, orders) if index else self(columns)
            found.append(np.stack(list(each.values()), axis=1))
        return torch.from_numpy(np.stack(found)).to(points)


def with_start(
    start: Callable[[Mapping[str, Array]], Mapping[str, Array]] | None,
    first: tuple[str, float] | None,
    columns: Mapping[str, Array],
    found: dict[str, Array],
) -> dict[str, Array]:
    """Values (p,) of the unknowns, at the first time those of the initial conditions.

    Args:
        start: gives {unknown: (p,)} at points of space; None where nobody does.
        first: (the coordinate that is time, its first value), or None.
        columns: each coordinate (p,).
        found: {unknown: (p,)}, which is changed.
    """
    if start is not None and first is not None:
        clock, begin = first
        mine = columns[clock] == begin
        if mine.any():
            for unknown, values in start({n: v[mine] for n, v in columns.items() if n != clock}).items():
                found[unknown][mine] = values
    return found


class Evaluated(Protocol):
    """What evaluates a reference."""

    @property
    def axes(self) -> Mapping[str, Axis]:
        """{coordinate: axis}, in the domain's order."""
        ...

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The real unknowns."""
        ...

    def __call__(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values (p,) at points, each coordinate (p,)."""
        ...

    def jet(self, points: torch.Tensor, indices: Indices) -> torch.Tensor:
        """Derivatives (c, p, m) at points (p, d)."""
        ...


@dataclass(frozen=True, eq=False)
class OuterInterpolant:
    """An interpolant of inner variables, in outer ones.

    Attributes:
        inner: the interpolant.
        change: of variables.
    """

    inner: Evaluated
    change: ChangeOfVariables

    @property
    def axes(self) -> Mapping[str, Axis]:
        """Those of inner coordinates."""
        return self.inner.axes

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Those of the inner interpolant."""
        return self.inner.unknowns

    def __call__(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """Values (p,) at points, each coordinate (p,).

        Raises:
            ValueError: as ``Interpolant``.
        """
        found = self.inner({name: self.change.coordinate(name).inner(x) for name, x in columns.items()})
        return {unknown: self.change.unknown(unknown).outer(values) for unknown, values in found.items()}

    def jet(self, points: torch.Tensor, indices: Indices) -> torch.Tensor:
        """Derivatives (c, p, m) at points (p, d) inside the domain."""
        names = tuple(self.axes)
        inner = self.inner.jet(self.change.inner_points(points, names), indices)
        return self.change.outer_jet(inner, indices, self.unknowns, names)


@dataclass(frozen=True, eq=False)
class Reference:
    """A classical solution: ``reference(x=..., t=...) -> {"u": array}``.

    NumPy in gives NumPy out, tensors in give tensors out (float64), which can be differentiated by the coordinates;
    shapes broadcast.

    Attributes:
        grid: {coordinate: nodes}, in the domain's order.
        values: {unknown: array over the tensor grid}, complex of a complex unknown.
        seconds: wall time of everything that was computed, the coarser solutions of the error estimate included.
        error_estimate: {unknown: relative L2 difference to the next coarser solution}; empty if it was not wanted. Of a
            complex unknown, one for each of its parts.
        method: what was used, in words.
        resolution: nodes per space axis (0 for an ordinary differential equation).
        interpolant: evaluates it.
        complex_unknowns: names of those that are complex.
        coefficients: {name: value} of unknown coefficients that were found beside integrals.
    """

    grid: dict[str, Array]
    values: dict[str, Array]
    seconds: float
    error_estimate: dict[str, float]
    method: str
    resolution: int
    interpolant: Evaluated = field(repr=False)
    complex_unknowns: tuple[str, ...] = field(default=(), repr=False)
    coefficients: dict[str, float] = field(default_factory=dict)

    @property
    def __signature__(self) -> inspect.Signature:
        # a problem binds its reference's arguments by name, so they must be readable
        return signature_of(self.interpolant.axes)

    def __call__(self, **coordinates: Any) -> dict[str, Any]:
        """Evaluate at points.

        Raises:
            ValueError: coordinates missing or unknown, or points outside the domain.
        """
        names = tuple(self.interpolant.axes)
        if set(coordinates) != set(names):
            raise ValueError(f"reference({', '.join(coordinates)}): give exactly the coordinates {', '.join(names)}.")
        given = {name: coordinates[name] for name in names}
        if not any(isinstance(value, torch.Tensor) and value.requires_grad for value in given.values()):
            return joined(at_coordinates(self.interpolant, given), self.complex_unknowns)
        tensors = torch.broadcast_tensors(*(torch.as_tensor(value, dtype=torch.float64) for value in given.values()))
        points = torch.stack([tensor.reshape(-1) for tensor in tensors], dim=1)
        values = differentiable_jet(self.interpolant.jet, points, VALUE)[0]
        parts = {
            u: v.reshape(tensors[0].shape) for u, v in zip(self.interpolant.unknowns, values.unbind(1), strict=True)
        }
        return joined(parts, self.complex_unknowns)


def at_coordinates(function: Callable[[dict[str, Array]], dict[str, Array]], coordinates: Mapping[str, Any]) -> dict:
    """A function of columns (p,) at coordinates of any shape; shapes broadcast.

    NumPy in gives NumPy out, tensors in give tensors out (float64, no gradient).
    """
    tensors = [v for v in coordinates.values() if isinstance(v, torch.Tensor)]
    plain = [v.detach().cpu().numpy() if isinstance(v, torch.Tensor) else np.asarray(v) for v in coordinates.values()]
    arrays = np.broadcast_arrays(*(v.astype(np.float64) for v in plain))
    found = function(dict(zip(coordinates, (a.reshape(-1) for a in arrays), strict=True)))
    shaped = {u: v.reshape(arrays[0].shape) for u, v in found.items()}
    if tensors:
        return {u: torch.from_numpy(v).to(tensors[0].device) for u, v in shaped.items()}
    return shaped


def relative_difference(
    coarse: Interpolant, fine: Interpolant, floors: Mapping[str, float] | None = None
) -> dict[str, float]:
    """{unknown: relative L2 difference} over space and time, by the trapezoidal rule on points of neither grid.

    The difference is relative to the unknown's size, or to the one that ``floors`` give it, if that is larger.

    Times are uniform, with a geometric approach to the first: what is sharp at the start should count with the time
    that it lasts.
    """
    dimensions = sum(name != fine.time for name in fine.axes)
    count = {0: 4001, 1: 1009, 2: 149, 3: 49, 4: 17}[dimensions]
    columns, weights = {}, []
    for name, (lower, upper) in fine.bounds.items():
        unit = np.linspace(0.0, 1.0, count)
        if name == fine.time and dimensions:
            unit = np.linspace(0.0, 1.0, 104 if dimensions == 1 else 42)
            unit = np.concatenate([[0.0], unit[1] * 2.0 ** np.arange(-16, 0), unit[1:]])
        columns[name] = lower + (upper - lower) * unit
        gaps = np.diff(unit, prepend=unit[0], append=unit[-1])
        weights.append((gaps[1:] + gaps[:-1]) / 2)
    rough, exact = coarse.on_tensor(columns), fine.on_tensor(columns)
    total = np.ones(())
    for weight in weights:
        total = total[..., None] * weight

    def norm(values: Array) -> float:
        return float(np.sqrt((total * values**2).sum()))

    least = {u: max((floors or {}).get(u, 0.0), np.finfo(float).tiny) for u in exact}
    return {u: norm(rough[u] - exact[u]) / max(norm(exact[u]), least[u]) for u in exact}
