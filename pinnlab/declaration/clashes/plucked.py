"""Kinks and jumps of a start inside a line on which waves travel: one half of each goes to the one side, one to the other.

Letters: d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.clashes.travelling import Medium, Pluck, Travelling, echoes
from pinnlab.declaration.clashes.waves import End, Waves
from pinnlab.declaration.discontinuities.breaks import Break
from pinnlab.declaration.discontinuities.regularity import breaks_of
from pinnlab.derivatives.indices import VALUE, closure
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Region

_SEEN = 2
"""Highest derivative whose jumps are looked for."""
_BESIDE = 1e-8
"""How far from a break, relative to the line, its two sides are looked at."""
_SAMPLES = 257
_HIGH = 3.0
"""Times the unknown that powers of the distance may become before they fade."""


def breaks_of_start(start: KnownFunction, region: Region, waves: Waves) -> list[Break]:
    """Where a start, or a derivative of it along the line, jumps."""
    time, line = waves.axes
    if isinstance(start, FunctionValue) and not callable(start.given):
        return []
    return [*breaks_of(start.jet, [line], region, {time: region.time_interval[0]}, {line: _SEEN})]


def jumps_at(start: KnownFunction, found: Break, order: int, length: float) -> list[float]:
    """By how much the derivatives of a start jump at a break, from the value on.

    Args:
        start: value or first derivative by time.
        found: the break.
        order: of the highest derivative.
        length: of the line.
    """
    indices, aside = closure([(found.axis,) * (order + 2)]), _BESIDE * length
    sides = torch.tensor([found.point, found.point], dtype=torch.float64)
    sides[:, found.axis] += aside * torch.tensor([-1.0, 1.0])
    below, above = start.jet(sides, indices)[:, :, 0].T.tolist()

    def at_break(jet: Sequence[float], k: int, back: float) -> float:
        return jet[k] + back * jet[k + 1] + back**2 / 2 * jet[k + 2]

    jumps = [at_break(above, k, -aside) - at_break(below, k, aside) for k in range(order + 1)]
    return [0.0 if k < found.order else jump for k, jump in enumerate(jumps)]


def plucks(
    starts: Sequence[KnownFunction], region: Region, waves: Waves, ends: Sequence[End], order: int
) -> list[Travelling]:
    """The waves of all breaks of a start.

    Args:
        starts: value and first derivative by time.
        region: a box of one coordinate of space.
        waves: on the line, which keep their form.
        ends: of the line, lower one first.
        order: up to which derivatives of the value jumps are taken out.
    """
    time, line = waves.axes
    (lower, upper), (first, last) = region.bounds[waves.names[1]], region.time_interval
    length, reach, found = upper - lower, waves.speed * (last - first), []
    size = _size(starts, region, waves)
    for rate, start in enumerate(starts):
        for each in breaks_of_start(start, region, waves):
            jumps = jumps_at(start, each, order - rate, length)
            # an antiderivative of the jumps of u_t goes to both sides with opposite signs
            half = [0.0, *(jump / (2 * waves.speed) for jump in jumps)] if rate else [jump / 2 for jump in jumps]
            fading = _fading(half, size)
            for side, end in enumerate((lower, upper)):
                sign = 1.0 if side == 0 else -1.0
                mine = [jump * sign**k * (-sign if rate else 1.0) for k, jump in enumerate(half)]
                place = [0.0, 0.0]
                place[line], place[time] = end, first
                distance = abs(each.position - end)
                pluck = Pluck(tuple(place), time, distance, waves.speed, tuple(mine), side == 0, fading)
                ways = echoes(length, reach + distance, ends[side].reflection, ends[1 - side].reflection)
                found.append(Travelling(pluck, line, sign, Medium(waves.speed), ways))
    return found


def _fading(jumps: Sequence[float], size: float) -> float:
    """A distance over which a polynomial of jumps fades before its higher powers are large."""
    limits = [
        (_HIGH * size * math.factorial(k) / abs(jump)) ** (1 / k) for k, jump in enumerate(jumps) if k > 1 and jump
    ]
    return min(limits, default=math.inf)


def _size(starts: Sequence[KnownFunction], region: Region, waves: Waves) -> float:
    """How large the unknown is by its start, with what u_t makes of it until waves have crossed the line."""
    lower, upper = region.bounds[waves.names[1]]
    at = torch.zeros(_SAMPLES, 2, dtype=torch.float64)
    at[:, waves.axes[0]] = region.time_interval[0]
    at[:, waves.axes[1]] = torch.linspace(lower, upper, _SAMPLES, dtype=torch.float64)
    value, rate = (float(start.jet(at, VALUE).abs().nan_to_num().max()) for start in starts)
    return max(value, rate * (upper - lower) / waves.speed)
