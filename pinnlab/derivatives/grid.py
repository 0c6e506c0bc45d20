"""Derivatives of values on a tensor grid: spectral along periodic coordinates, finite differences along the others.

Letters: n points of the grid, d coordinates, p points asked for, s nodes along one axis.

Everything here is linear in the values and made of plain torch operations, so it can be differentiated any number of
times, batched and moved to any device.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.axes import Axis, FourierAxis, NodeAxis
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.stencils import derivative_weights
from pinnlab.domains import Box

_GATHERED = 8_000_000
"""Numbers that interpolation gathers at once."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A tensor grid over a box: ``Grid(Box(x=(0, 1), t=(0, 2)), {"x": 64, "t": 33}, periodic=("x",))``.

    Axes are equidistant. A periodic one leaves out its upper end, which is its lower end again, and is differentiated
    through its Fourier series; of odd derivatives the highest (Nyquist) mode is zero, as everywhere on a grid it is a
    sine. The others hold both ends and use finite differences, central inside and one-sided at the ends, all of the
    same order (weights by Welfert's recursion, ``stencils.py``).

    Args:
        region: the box.
        sizes: {coordinate: nodes}, one entry per coordinate; even numbers along periodic ones.
        periodic: names of periodic coordinates.
        order: of the finite differences; 2, 4, 6, ...

    Raises:
        TypeError: the region is no box.
        ValueError: a size is missing, too many, too small or odd where it must be even; an unknown periodic
            coordinate; an order that is no even number.
    """

    region: Box
    sizes: Mapping[str, int]
    periodic: Collection[str] = ()
    order: int = 4

    def __post_init__(self) -> None:
        if not isinstance(self.region, Box):
            raise TypeError(f"Grid(region={self.region!r}): a tensor grid needs a Box.")
        names = self.region.coordinates
        periodic = (self.periodic,) if isinstance(self.periodic, str) else tuple(self.periodic)
        if set(self.sizes) != set(names):
            raise ValueError(
                f"Grid(sizes={dict(self.sizes)!r}): give one size per coordinate of {self.region!r}, such as "
                f"{dict.fromkeys(names, 32)!r}."
            )
        for name in periodic:
            if name not in names:
                raise ValueError(
                    f"Grid(periodic={periodic!r}): {name!r} is none of the coordinates {', '.join(names)}."
                )
        if not isinstance(self.order, int) or self.order < 2 or self.order % 2:
            raise ValueError(f"Grid(order={self.order!r}): central differences have even orders; give 2, 4, 6, ...")
        for name in names:
            size, least = self.sizes[name], 2 if name in periodic else self.order + 1
            if size < least:
                raise ValueError(f"Grid(sizes={dict(self.sizes)!r}): {name!r} needs at least {least} nodes.")
            if name in periodic and size % 2:
                raise ValueError(
                    f"Grid(sizes={dict(self.sizes)!r}): {name!r} is periodic and has {size} nodes; give an even number."
                )
        object.__setattr__(self, "sizes", {name: int(self.sizes[name]) for name in names})
        object.__setattr__(self, "periodic", periodic)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes per coordinate, in the domain's order."""
        return tuple(self.sizes.values())

    @cached_property
    def axes(self) -> dict[str, Tensor]:
        """{coordinate: (s,) nodes}, float64."""
        return {name: torch.from_numpy(axis.points) for name, axis in self._axes.items()}

    @cached_property
    def points(self) -> Tensor:
        """(n, d): all nodes, the last coordinate running fastest, float64."""
        mesh = torch.meshgrid(*self.axes.values(), indexing="ij")
        return torch.stack([m.reshape(-1) for m in mesh], dim=1)

    @cached_property
    def _axes(self) -> dict[str, Axis]:
        axes: dict[str, Axis] = {}
        for name, (lower, upper) in self.region.bounds.items():
            size = self.sizes[name]
            if name in self.periodic:
                axes[name] = FourierAxis(lower, upper, size)
            else:
                axes[name] = NodeAxis(np.linspace(lower, upper, size), self.order + 2)
        return axes

    # -- derivatives ---------------------------------------------------------------------------------------------------

    def derivative(self, values: Tensor, key: Iterable[str]) -> Tensor:
        """One derivative of values ``(..., *shape)``, of the same shape; ``key`` such as ``("x", "x", "t")``.

        Raises:
            ValueError: values that do not end in the grid's shape, a coordinate that the grid does not have, or an axis
                with too few nodes for the stencil.
        """
        key = tuple(key)
        return self.jet(values, [key])[key]

    def jet(self, values: Tensor, keys: Iterable[Key]) -> dict[Key, Tensor]:
        """Several derivatives ``{key: (..., *shape)}`` of values ``(..., *shape)``; what they share is computed once.

        Raises:
            ValueError: as ``derivative``.
        """
        if tuple(values.shape[-len(self.shape) :]) != self.shape:
            raise ValueError(
                f"Grid: values of shape {tuple(values.shape)} do not end in the grid's shape {self.shape}."
            )
        known: dict[tuple[int, ...], Tensor] = {(): values}

        def reach(counts: tuple[int, ...]) -> Tensor:
            if counts not in known:
                inner = reach(counts[:-1])
                known[counts] = self._along(inner, len(counts) - 1, counts[-1]) if counts[-1] else inner
            return known[counts]

        found = {}
        for key in keys:
            for name in key:
                if name not in self.sizes:
                    raise ValueError(
                        f"derivative {key!r}: {name!r} is none of the coordinates {', '.join(self.sizes)}."
                    )
            found[key] = reach(tuple(key.count(name) for name in self.sizes))
        return found

    def _along(self, values: Tensor, number: int, count: int) -> Tensor:
        name = list(self.sizes)[number]
        dim = number - len(self.sizes)
        axis = self._axes[name]
        if isinstance(axis, FourierAxis):
            return _spectral(values, dim, axis, count)
        lower, upper = self.region.bounds[name]
        size = self.sizes[name]
        needed = max(self.order + count, 2 * _half_width(self.order, count) + 1)
        if size < needed:
            raise ValueError(
                f"Grid: derivative {name * count!r} of order {self.order} needs {needed} nodes along {name!r}, it has "
                f"{size}; give more, or a lower order=."
            )
        return _differences(values, dim, count, self.order, (upper - lower) / (size - 1))

    # -- interpolation -------------------------------------------------------------------------------------------------

    def interpolate(self, values: Tensor, points: Tensor) -> Tensor:
        """Values (..., p) at (p, d) points, from values ``(..., *shape)``: polynomials of degree ``order`` + 1 through the
        nearest nodes; the Fourier series along periodic coordinates. Linear in the values.

        Raises:
            ValueError: points with another number of columns, or outside the box along a coordinate that is not
                periodic.
        """
        if points.ndim != 2 or points.shape[1] != len(self.shape):
            raise ValueError(f"Grid.interpolate(points=...): shape {tuple(points.shape)}; give (p, {len(self.shape)}).")
        columns = points.detach().to("cpu", torch.float64).numpy().T
        for number, (name, axis) in enumerate(self._axes.items()):
            self._check_inside(name, columns[number])
            if axis.periodic:
                values = _refined(values, number - len(self.shape))
        distinct, inverse = zip(*(np.unique(c, return_inverse=True) for c in columns), strict=True)
        stencils = [axis.stencil(d) for axis, d in zip(self._axes.values(), distinct, strict=True)]
        if np.prod([float(len(d)) for d in distinct]) <= 2 * len(points):
            return _on_tensor(values, stencils, inverse)
        stencils = [(i[k], w[k]) for (i, w), k in zip(stencils, inverse, strict=True)]
        gathered = int(np.prod([i.shape[1] for i, _ in stencils])) * max(
            1, values.numel() // int(np.prod(values.shape[-len(stencils) :]))
        )
        step = max(1, _GATHERED // gathered)
        parts = [
            _at_points(values, [(i[first : first + step], w[first : first + step]) for i, w in stencils])
            for first in range(0, len(points), step)
        ]
        return torch.cat(parts, dim=-1)

    def _check_inside(self, name: str, values: np.ndarray) -> None:
        lower, upper = self.region.bounds[name]
        slack = 1e-9 * (upper - lower)
        if (
            name not in self.periodic
            and len(values)
            and not lower - slack <= values.min() <= values.max() <= upper + slack
        ):
            raise ValueError(
                f"Grid.interpolate(points=...): {name} from {values.min():g} to {values.max():g} leaves the grid on "
                f"({lower:g}, {upper:g})."
            )


def _half_width(order: int, count: int) -> int:
    """Nodes on each side of the central stencil of a derivative."""
    return (order + 2 * ((count + 1) // 2) - 1) // 2


def _differences(values: Tensor, dim: int, count: int, order: int, spacing: float) -> Tensor:
    """A derivative by finite differences along the negative dimension ``dim``."""
    half, size = _half_width(order, count), values.shape[dim]
    inner = np.arange(2 * half + 1, dtype=float)[None]
    middle = derivative_weights(inner, np.array([half]), count)[0] / spacing**count
    result = torch.zeros_like(values.narrow(dim, 0, size - 2 * half))
    for j, weight in enumerate(middle.tolist()):
        if weight:
            result = torch.add(result, values.narrow(dim, j, size - 2 * half), alpha=weight)
    wide = order + count
    nodes = np.tile(np.arange(wide, dtype=float), (half, 1))
    left = derivative_weights(nodes, np.arange(half), count) / spacing**count
    right = (-1) ** count * left[::-1, ::-1]
    ends = []
    for weights, start in ((left, 0), (right, size - wide)):
        matrix = torch.as_tensor(weights.copy(), dtype=values.dtype, device=values.device)
        part = torch.tensordot(values.narrow(dim, start, wide), matrix, dims=([dim], [1]))
        ends.append(part.movedim(-1, dim))
    return torch.cat([ends[0], result, ends[1]], dim=dim)


def _spectral(values: Tensor, dim: int, axis: FourierAxis, count: int) -> Tensor:
    """A derivative by the Fourier series along the negative dimension ``dim``."""
    symbol = (1j * axis.wavenumbers(real=True)) ** count
    if count % 2:
        symbol[-1] = 0.0
    spectrum = torch.fft.rfft(values, dim=dim)
    factor = torch.as_tensor(symbol, device=values.device).to(spectrum.dtype)
    return torch.fft.irfft(spectrum * factor.reshape(-1, *[1] * (-dim - 1)), n=axis.size, dim=dim)


def _refined(values: Tensor, dim: int) -> Tensor:
    """Values on the finer nodes to which the stencil of a ``FourierAxis`` refers."""
    size = values.shape[dim]
    spectrum = torch.fft.rfft(values, dim=dim)
    weight = spectrum.new_ones(spectrum.shape[dim])
    weight[-1] = 0.5  # the highest mode is two modes of the finer grid
    fine = 2 * size
    return torch.fft.irfft(spectrum * weight.reshape(-1, *[1] * (-dim - 1)), n=fine, dim=dim) * 2


Stencil = tuple[np.ndarray, np.ndarray]


def _on_tensor(values: Tensor, stencils: list[Stencil], inverse: Iterable[np.ndarray]) -> Tensor:
    """Interpolate to the tensor product of each axis' points, then pick the points asked for."""
    for number, (index, weights) in enumerate(stencils):
        dim = number - len(stencils)
        matrix = values.new_zeros(len(index), values.shape[dim])
        rows = torch.arange(len(index), device=values.device)[:, None]
        matrix[rows, torch.as_tensor(index, device=values.device)] = torch.as_tensor(weights).to(values)
        values = torch.tensordot(values, matrix, dims=([dim], [1])).movedim(-1, dim)
    where: Any = (..., *(torch.as_tensor(i.reshape(-1), device=values.device) for i in inverse))
    return values[where]


def _at_points(values: Tensor, stencils: list[Stencil]) -> Tensor:
    """Interpolate to scattered points, one row of each stencil per point."""
    d = len(stencils)
    indices: list[Any] = [...]
    for number, (index, _) in enumerate(stencils):
        shape = [len(index)] + [1] * d
        shape[number + 1] = index.shape[1]
        indices.append(torch.as_tensor(index.reshape(shape), device=values.device))
    found = values[tuple(indices)]
    for number, (_, weights) in reversed(list(enumerate(stencils))):
        factor = torch.as_tensor(weights).to(values)
        found = (found * factor.reshape(len(factor), *[1] * number, -1)).sum(-1)
    return found
