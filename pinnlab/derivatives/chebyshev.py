"""Chebyshev series of functions of named coordinates: exact data as plain numbers.

Letters: n points, d coordinates, c derivatives, k coordinates of a series, K coefficients per coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Region

LARGEST = {0: 1, 1: 2048, 2: 128, 3: 32}
"""K at most, for k coordinates; 12 beyond."""
_ENOUGH = 1e-12


@dataclass(frozen=True, eq=False)
class Series:
    """sum over j of coefficients[j] T_j1(s_1) ... T_jk(s_k), with s the coordinates mapped to [-1, 1].

    Attributes:
        columns: numbers of the k coordinates it depends on.
        intervals: their k intervals; NaN is returned outside, where a polynomial says nothing.
        coefficients: (K_1, ..., K_k) float64 on the CPU; 0-dim for a constant.
        error: relative deviation from the function it stands for, on random points.
    """

    columns: tuple[int, ...]
    intervals: tuple[tuple[float, float], ...]
    coefficients: Tensor
    error: float = 0.0

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points."""
        at = points.detach().to("cpu", torch.float64)
        basis = [
            _polynomials(at[:, column], *interval, size)
            for column, interval, size in zip(self.columns, self.intervals, self.coefficients.shape, strict=True)
        ]
        found = []
        for index in indices:
            orders = [index.count(column) for column in self.columns]
            if sum(orders) < len(index):
                found.append(at.new_zeros(len(at)))
            else:
                found.append(_sum(self._differentiated(orders), basis, len(at)))
        return torch.stack(found)[:, :, None].to(points)

    def _differentiated(self, orders: Sequence[int]) -> Tensor:
        result = self.coefficients.numpy()
        for axis, (order, (lower, upper)) in enumerate(zip(orders, self.intervals, strict=True)):
            if order:
                result = np.polynomial.chebyshev.chebder(result, order, 2 / (upper - lower), axis)
        return torch.from_numpy(np.ascontiguousarray(result))


@dataclass(frozen=True)
class BrokenSeries:
    """Series in one coordinate side by side: a function with kinks and jumps, smooth between them.

    Attributes:
        places: where one series ends and the next begins, ascending.
        parts: the series, one more than places.
    """

    places: tuple[float, ...]
    parts: tuple[Series, ...]

    @property
    def error(self) -> float:
        """The largest of its parts."""
        return max(part.error for part in self.parts)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points; at a place those of the part that begins there."""
        (column,) = self.parts[0].columns
        at = points[:, column].detach().cpu().contiguous()
        which = torch.searchsorted(torch.tensor(self.places, dtype=at.dtype), at, right=True).to(points.device)
        found = points.new_zeros(len(indices), len(points), 1)
        for number, part in enumerate(self.parts):
            mine = which == number
            if bool(mine.any()):
                found[:, mine] = part.jet(points[mine], indices)
        return found


def interpolate(value: KnownFunction, columns: Sequence[int], region: Region, fixed: Mapping[int, float]) -> Series:
    """The series of exact data, its resolution doubled until it is exact to rounding or ``LARGEST`` is reached.

    Args:
        value: the data.
        columns: numbers of the coordinates it depends on.
        region: gives their intervals.
        fixed: {number: position} of coordinates that the data are taken at.
    """
    bounds = list(region.bounds.values())
    intervals = tuple(bounds[i] for i in columns)

    def sample(unit: Tensor) -> Tensor:
        points = unit.new_tensor([lower for lower, _ in bounds]).repeat(len(unit), 1)
        for i, position in fixed.items():
            points[:, i] = position
        for j, i in enumerate(columns):
            lower, upper = bounds[i]
            points[:, i] = lower + (upper - lower) * (unit[:, j] + 1) / 2
        return value.jet(points, VALUE)[0, :, 0].detach()

    k = len(columns)
    trial = torch.from_numpy(np.random.default_rng(0).uniform(-1.0, 1.0, (400, k)))
    exact = sample(trial)
    scale = float(exact.abs().max()) or 1.0
    best: Series | None = None
    limit, size = LARGEST.get(k, 12), min(16, LARGEST.get(k, 12))
    while True:
        coefficients = _coefficients(sample, size, k)
        found = Series(tuple(range(k)), ((-1.0, 1.0),) * k, coefficients).jet(trial, VALUE)[0, :, 0]
        error = float((found - exact).abs().max()) / scale
        if best is None or error < best.error:
            best = Series(tuple(columns), intervals, coefficients, error)
        if error < _ENOUGH or size >= limit:
            return best
        size = min(2 * size, limit)


def _coefficients(sample: Callable[[Tensor], Tensor], size: int, k: int) -> Tensor:
    """(K, ..., K) of the interpolant at Chebyshev points of the first kind, without what is rounding only."""
    if k == 0:
        return sample(torch.zeros(1, 0, dtype=torch.float64))[0]
    nodes = torch.cos(math.pi * (torch.arange(size, dtype=torch.float64) + 0.5) / size)
    grid = torch.cartesian_prod(*[nodes] * k).reshape(-1, k)
    values = torch.cat([sample(part) for part in grid.split(8192)]).reshape((size,) * k)
    result = scipy.fft.dctn(values.numpy(), type=2) / size**k
    for axis in range(k):
        np.moveaxis(result, axis, 0)[0] /= 2
    large = np.argwhere(np.abs(result) > 4e-16 * np.abs(result).max(initial=0.0))
    kept = large.max(axis=0) + 1 if len(large) else np.ones(k, dtype=int)
    return torch.from_numpy(np.ascontiguousarray(result[tuple(slice(n) for n in kept)]))


def _polynomials(x: Tensor, lower: float, upper: float, size: int) -> Tensor:
    """T_0 ... T_(size-1) at x (n,), as (n, size)."""
    s = (2 * x - (lower + upper)) / (upper - lower)
    inside = s.abs() <= 1 + 1e-9
    angle = torch.acos(s.clamp(-1, 1))
    values = torch.cos(angle[:, None] * torch.arange(size, dtype=x.dtype))
    return torch.where(inside[:, None], values, torch.nan)


def _sum(coefficients: Tensor, basis: Sequence[Tensor], n: int) -> Tensor:
    """The series at n points, (n,), for basis matrices (n, >= K_i)."""
    if not basis:
        return coefficients.expand(n)
    shape = coefficients.shape
    total = (basis[0][:, : shape[0]] @ coefficients.reshape(shape[0], -1)).reshape(n, *shape[1:])
    for matrix, size in zip(basis[1:], shape[1:], strict=True):
        total = torch.einsum("nk,nk...->n...", matrix[:, :size], total)
    return total
