"""Real Fourier series of several coordinates: members of random fields, and what time windows of periodic domains hand over.

Letters: c derivatives, n points, d coordinates, k coordinates of a series, q Fourier functions of one coordinate, odd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.indices import VALUE, Indices

LARGEST = {1: 4096, 2: 512, 3: 64}
"""Nodes per coordinate at most, for k coordinates; 16 beyond."""
_ENTRIES = 2**22
"""Of an intermediate array: more points are evaluated in parts."""


@dataclass(frozen=True, eq=False)
class FourierSeries:
    """sum over j of coefficients[j] f_j1(x_1) ... f_jk(x_k), with f = 1, cos(w x), sin(w x), cos(2 w x), ...

    Attributes:
        columns: numbers of the k coordinates it depends on.
        lower: where each coordinate's functions start, x = 0.
        periods: of each coordinate, 2 pi / w.
        coefficients: (q_1, ..., q_k) float64.
        error: relative deviation from the function it stands for, on random points.
    """

    columns: tuple[int, ...]
    lower: tuple[float, ...]
    periods: tuple[float, ...]
    coefficients: Tensor
    error: float = 0.0

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points, computed in float64, differentiable."""
        orders = [tuple(index.count(column) for column in self.columns) for index in indices]
        own = [order if sum(order) == len(index) else None for order, index in zip(orders, indices, strict=True)]
        wanted = list(dict.fromkeys(order for order in own if order is not None))
        rows = max(1, _ENTRIES // max(1, math.prod(self.coefficients.shape[:-1])))
        parts = [self._derivatives(part, wanted) for part in points.to(torch.float64).split(rows)]
        found = dict(zip(wanted, map(torch.cat, zip(*parts, strict=True)), strict=True))
        zero = points.new_zeros(len(points), dtype=torch.float64)
        return torch.stack([zero if order is None else found[order] for order in own])[:, :, None].to(points.dtype)

    def _derivatives(self, points: Tensor, wanted: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """One (n,) for each tuple of k orders; sums over the last coordinates are shared."""
        sums: dict[tuple[int, ...], Tensor] = {(): self.coefficients.to(points)}
        for axis in reversed(range(len(self.columns))):
            x, period = points[:, self.columns[axis]] - self.lower[axis], self.periods[axis]
            functions = [fourier_functions(x, period, self.coefficients.shape[axis])]
            for _ in range(max((orders[axis] for orders in wanted), default=0)):
                functions.append(_differentiated(functions[-1], period))
            for orders in dict.fromkeys(orders[axis:] for orders in wanted):
                inner, mine = sums[orders[1:]], functions[orders[0]]
                if orders[1:]:
                    sums[orders] = (inner * mine.reshape(len(points), *[1] * axis, mine.shape[1])).sum(-1)
                else:
                    sums[orders] = torch.tensordot(mine, inner, dims=([1], [-1]))
        return [sums[orders] for orders in wanted]


def fourier_functions(x: Tensor, period: float, q: int, order: int = 0) -> Tensor:
    """(n, q): a derivative of 1, cos(w x), sin(w x), cos(2 w x), ... with w = 2 pi / period, at (n,) points; q is odd."""
    phase = x[:, None] * _frequencies(x, period, q)
    pairs = torch.stack([torch.cos(phase), torch.sin(phase)], dim=2)
    functions = torch.cat([torch.ones_like(x)[:, None], pairs.reshape(len(x), q - 1)], dim=1)
    for _ in range(order):
        functions = _differentiated(functions, period)
    return functions


def _differentiated(functions: Tensor, period: float) -> Tensor:
    """The derivatives of the (n, q) functions, which are of any order themselves."""
    n, q = functions.shape
    cosines, sines = functions[:, 1::2], functions[:, 2::2]
    frequencies = _frequencies(functions, period, q)
    pairs = torch.stack([-frequencies * sines, frequencies * cosines], dim=2)
    return torch.cat([torch.zeros_like(functions[:, :1]), pairs.reshape(n, q - 1)], dim=1)


def _frequencies(like: Tensor, period: float, q: int) -> Tensor:
    return 2 * math.pi / period * torch.arange(1, (q + 1) // 2, dtype=like.dtype, device=like.device)


def interpolate(
    sample: Callable[[Tensor], Tensor],
    columns: Sequence[int],
    lower: Sequence[float],
    periods: Sequence[float],
    accurate: float = 1e-11,
) -> FourierSeries:
    """The series of a periodic function, its nodes doubled until it is accurate or ``LARGEST`` is reached.

    Args:
        sample: (n, k) positions in float64 to (n,) values.
        columns: numbers of the k coordinates that positions stand for.
        lower: where each coordinate starts.
        periods: of each coordinate.
        accurate: relative deviation that is good enough; frequencies that matter less are dropped.
    """
    k = len(columns)
    corner, sides = (torch.tensor(given, dtype=torch.float64) for given in (lower, periods))
    trial = corner + sides * torch.from_numpy(np.random.default_rng(0).uniform(0.0, 1.0, (400, k)))
    exact = sample(trial)
    scale = float(exact.abs().max()) or 1.0
    best: FourierSeries | None = None
    limit = LARGEST.get(k, 16)
    size = min(32, limit)
    while True:
        unit = torch.cartesian_prod(*[torch.arange(size, dtype=torch.float64) / size] * k).reshape(-1, k)
        values = torch.cat([sample(part) for part in (corner + sides * unit).split(8192)])
        coefficients = _shortened(_transformed(values.reshape((size,) * k)), accurate / 10)
        series = FourierSeries(tuple(range(k)), tuple(lower), tuple(periods), coefficients)
        error = float((series.jet(trial, VALUE)[0, :, 0] - exact).abs().max()) / scale
        if best is None or error < best.error:
            best = FourierSeries(tuple(columns), tuple(lower), tuple(periods), coefficients, error)
        if error < accurate or size >= limit:
            return best
        size = min(2 * size, limit)


def _transformed(values: Tensor) -> Tensor:
    """(q, ..., q) coefficients of the series through values (q + 1, ..., q + 1) at equidistant nodes."""
    for axis, size in enumerate(values.shape):
        modes = torch.fft.rfft(values.movedim(axis, 0), dim=0)[: size // 2] / size
        pairs = torch.stack([2 * modes.real[1:], -2 * modes.imag[1:]], dim=1).reshape(-1, *modes.shape[1:])
        values = torch.cat([modes.real[:1], pairs]).movedim(0, axis)
    return values.contiguous()


def _shortened(coefficients: Tensor, share: float) -> Tensor:
    """Without the highest frequencies of each coordinate that together hold less than a share of the norm."""
    squares = coefficients.square()
    least = share**2 * squares.sum() / coefficients.ndim
    kept = []
    for axis, q in enumerate(coefficients.shape):
        others = [i for i in range(coefficients.ndim) if i != axis]
        marginal = squares.sum(others) if others else squares
        tails = marginal.flip(0).cumsum(0).flip(0)
        # functions come in pairs after the constant: tails[2 j + 1] belongs to frequencies above j
        kept.append(1 + 2 * int((tails[1:q:2] > least).sum()))
    return coefficients[tuple(slice(n) for n in kept)].contiguous()
