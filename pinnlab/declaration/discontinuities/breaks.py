"""Where given functions, or derivatives of them, jump or do not exist: kinks, jumps, roots, tables.

Letters: n points, d coordinates, L lines, i intervals of a line, c orders of derivatives.

What is built into a field is differentiated as the equations ask. Automatic differentiation of ``max(x - 0.3, 0)`` gives
zero for the second derivative everywhere, and no residual sees what is missing at x = 0.3. So derivatives are sampled
along lines, and every interval in which third differences are large is halved, again and again. Where the function is
smooth, however steep, they shrink eightfold with each halving once the intervals are narrow enough; across a jump they
stay, and where a derivative is infinite they grow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.indices import Indices, closure

Array = np.ndarray
Jet = Callable[[Tensor, Indices], Tensor]
"""Derivatives (c, n, 1) of one function at (n, d) points."""

_INTERVALS = 128
_NARROWEST = 1e-11
"""Width of the last intervals, relative to the line."""
_BACK = 10
"""Halvings over which the last differences are compared."""
_KEPT = 0.3
"""Share of its difference that a jump keeps over them; the fourth root of a distance keeps less."""
_SIGNIFICANT = 1e-6
"""Jumps below it, relative to what the derivative varies by, are none."""
_FAR = 1e3
"""A difference so much larger than what the derivative usually varies by is one of an infinite derivative."""
_MOST = 4096
"""Intervals that are followed at once."""
_SHIFT = 0.381966
"""Intervals begin at no round number, where kinks are: one that is hit exactly has a value of its own."""
_NODES = np.linspace(0.0, 1.0, 5)


@dataclass(frozen=True)
class Break:
    """The lowest derivative of a function that jumps or is infinite somewhere.

    Attributes:
        axis: number of the coordinate that is differentiated by.
        order: of the derivative; 0 is the value, 1 the slope.
        point: where, (d,).
        infinite: whether it grows without bound there.
    """

    axis: int
    order: int
    point: tuple[float, ...]
    infinite: bool = False

    @property
    def position(self) -> float:
        """Along the coordinate."""
        return self.point[self.axis]


def find_breaks(jet: Jet, lines: Tensor, axis: int, bounds: tuple[float, float], order: int) -> list[Break]:
    """Breaks of a function's derivatives by one coordinate, along lines, sorted by position.

    Args:
        jet: the function with its derivatives, finite almost everywhere.
        lines: (L, d) float64 points, one on each line; their own coordinate ``axis`` counts for nothing.
        axis: number of the coordinate along which the lines run.
        bounds: the coordinate's interval.
        order: highest derivative that is looked at.
    """
    indices = closure([(axis,) * order])
    lower, upper = bounds
    length = upper - lower
    narrowest = max(_NARROWEST * length, 64 * np.finfo(float).eps * max(abs(lower), abs(upper)))
    inset = max(1e-15 * length, 4 * np.finfo(float).eps * max(abs(lower), abs(upper)))

    def sample(line: Array, low: Array, high: Array) -> Array:
        """(c, i, 5) derivatives at equal distances in intervals."""
        points = lines[torch.from_numpy(line)].repeat_interleave(len(_NODES), dim=0)
        along = low[:, None] + (high - low)[:, None] * _NODES
        points[:, axis] = torch.from_numpy(along.reshape(-1))
        return jet(points, indices)[:, :, 0].numpy().reshape(len(indices), len(line), len(_NODES))

    inner = lower + length * (np.arange(_INTERVALS) + _SHIFT) / _INTERVALS
    edges = np.concatenate([[lower + inset], inner, [upper - inset]])
    line = np.repeat(np.arange(len(lines)), len(edges) - 1)
    low, high = np.tile(edges[:-1], len(lines)), np.tile(edges[1:], len(lines))
    tiny = slice(1, None, 4)
    noise = np.median(_differences(sample(line[tiny], low[tiny], low[tiny] + 1e-8 * length)), axis=1)
    values = sample(line, low, high)
    nowhere = np.flatnonzero(~np.isfinite(values).any(axis=(1, 2)))
    if len(nowhere):
        point = lines[0].tolist()
        point[axis] = float(inner[0])
        return [Break(axis, int(nowhere[0]), tuple(point), True)]
    sizes = _Sizes(values, noise, length)
    history = [_differences(values)]
    while len(line):
        keep = (history[-1] > sizes.least).any(axis=0)
        if keep.sum() > _MOST:
            with np.errstate(invalid="ignore"):  # infinite derivatives, which come first
                shrunk = history[-1] / np.maximum(history[-2] if len(history) > 1 else 1.0, sizes.least)
            ranks = np.where(keep, np.nan_to_num(shrunk.max(axis=0), nan=np.inf), -1.0)
            keep = np.zeros_like(keep)
            keep[np.argsort(-ranks, kind="stable")[:_MOST]] = True  # no more, where many have the same rank
        line, low, high, history = line[keep], low[keep], high[keep], [h[:, keep] for h in history]
        if not len(line) or (high - low).max() <= narrowest:
            break
        middle = (low + high) / 2
        line, low, high = np.tile(line, 2), np.concatenate([low, middle]), np.concatenate([middle, high])
        values = sample(line, low, high)
        sizes.widen(values)
        history = [*(np.tile(h, (1, 2)) for h in history[-_BACK:]), _differences(values)]
    found = []
    for k in range(len(line)):
        now, then = history[-1][:, k], history[0][:, k]
        stays = np.flatnonzero((now > sizes.least[:, 0]) & ~(now < _KEPT * then))
        if len(stays):
            first = int(stays[0])
            point = lines[line[k]].tolist()
            point[axis] = float((low[k] + high[k]) / 2)
            found.append(Break(axis, first, tuple(point), bool(~(now[first] < _FAR * sizes.usual[first]))))
    return _distinct(found, 1e3 * narrowest)


def unseen_order(jet: Jet, lines: Tensor, axis: int, bounds: tuple[float, float], order: int) -> int | None:
    """The lowest derivative that differs from the differences it should explain, on most short intervals of the lines.

    That is what a function does that leaves torch for NumPy, detaches a tensor or looks up a table.

    Args:
        jet, lines, axis, bounds, order: see ``find_breaks``.
    """
    lower, upper = bounds
    short = 1e-5 * (upper - lower)
    starts = lower + (upper - lower) * (np.arange(64) + _SHIFT) / 65
    points = lines.repeat_interleave(len(starts) * len(_NODES), dim=0)
    along = (starts[:, None] + short * _NODES).reshape(-1)
    points[:, axis] = torch.from_numpy(np.tile(along, len(lines)))
    jets = jet(points, closure([(axis,) * order]))[:, :, 0].numpy().reshape(order + 1, -1, len(_NODES))
    noise = np.median(_differences(jets), axis=1)
    boole = np.array([7.0, 32.0, 12.0, 32.0, 7.0]) / 90
    for k in range(order):
        rise = jets[k, :, -1] - jets[k, :, 0]
        rounding = np.maximum(1e4 * np.finfo(float).eps * np.abs(jets[k]).max(axis=1), 1e2 * noise[k])
        counts = np.isfinite(rise) & (np.abs(rise) > rounding)
        missing = np.abs(rise - short * jets[k + 1] @ boole)
        if counts.sum() > 8 and np.median(missing[counts] / np.abs(rise[counts])) > 0.1:
            return k + 1
    return None


class _Sizes:
    """How large derivatives are, and which of their third differences count: relative to that, whatever the units.

    Args:
        values: first samples (c, i, 5).
        noise: (c,) third differences on intervals too short for anything but rounding.
        length: of the line.

    Attributes:
        usual: (c,) what most samples of a derivative vary by.
    """

    def __init__(self, values: Array, noise: Array, length: float):
        finite = np.where(np.isfinite(values), values, np.nan).reshape(len(values), -1)
        self.usual = np.subtract(*np.nanquantile(finite, (0.98, 0.02), axis=1))
        powers = length ** -np.arange(len(values), dtype=float)
        rounding = 1e3 * np.finfo(float).eps * np.nanmax(np.abs(finite[0]))
        self.usual = np.maximum(self.usual, self.usual[0] * powers)
        self._floor = np.maximum(rounding * powers, 1e2 * np.where(np.isfinite(noise), noise, 0.0))
        self._lower, self._upper = np.nanmin(finite, axis=1), np.nanmax(finite, axis=1)

    @property
    def least(self) -> Array:
        """(c, 1) third differences that count."""
        return np.maximum(_SIGNIFICANT * np.maximum(self.usual, self._upper - self._lower), self._floor)[:, None]

    def widen(self, values: Array) -> None:
        """Take more samples into account."""
        finite = np.where(np.isfinite(values), values, np.nan).reshape(len(values), -1)
        self._lower = np.fmin(self._lower, np.nanmin(finite, axis=1))
        self._upper = np.fmax(self._upper, np.nanmax(finite, axis=1))


def _differences(values: Array) -> Array:
    """(c, i) largest third difference of (c, i, 5) values; infinite where a value is not finite.

    Zero where none is: a derivative that does not exist along a stretch, as of a root that torch cuts off, breaks at
    the ends of it.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.abs(np.diff(values, 3, axis=2)).max(axis=2)
    finite = np.isfinite(values)
    return np.where(finite.all(axis=2), found, np.where(finite.any(axis=2), np.inf, 0.0))


def _distinct(found: list[Break], near: float) -> list[Break]:
    """Breaks sorted by position; of several in one place that of the lowest order."""
    kept: list[Break] = []
    for each in sorted(found, key=lambda b: (b.position, b.order)):
        if kept and each.position - kept[-1].position <= near:
            if each.order < kept[-1].order:
                kept[-1] = each
        else:
            kept.append(each)
    return kept
