"""Where functions change within a small part of a line: steep layers, narrow pulses.

Letters: l lines, k ticks on each, q functions, s suspects, p positions.

Cells and grids begin coarse, and refine where what they find is rough; between their nodes a coefficient that rises within a
thousandth of the line looks like one that jumps, and a narrow source like none. So such places are looked for on fine ticks
before anything is solved. Each is told by where the function's total variation is: nearly all of what a window holds lies in
a small part of it, which is looked at again with new ticks until it is resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

WINDOW = 0.02
"""Width of the windows, relative to the line."""
_NARROW = 0.25
"""Share of its window up to which a layer is narrow."""
_HELD = 0.9
"""Of the variation in its window that a layer holds."""
_SMALLEST = 1e-3
"""Of the function's range that a layer changes it by."""
_MOST = 16
"""Layers of one function on one line."""
_PARTS = 64
_ROUNDS = 8
_THINNEST = 1e-8
"""Relative to the line: what is thinner is a jump."""
_FINER = 16
_BOUNDED = 1.3
"""How much more of a layer's variation so many times as many ticks may see."""
_TAIL = 2.0
"""How far layers reach beyond their cores, in widths of these: there an exponential has fallen by a million."""


@dataclass(frozen=True)
class Layer:
    """A narrow part of a line in which a function changes.

    Attributes:
        function, line: their numbers.
        lower, upper: where it begins and ends, between 0 and 1.
        peak: where, within it or at its end, the function is furthest from its value at the beginning.
    """

    function: int
    line: int
    lower: float
    upper: float
    peak: float


def find_layers(along: Callable[[Tensor, Tensor], Tensor], ticks: Tensor, lines: int) -> list[Layer]:
    """The narrow layers of functions along lines; what falls between two ticks is missed.

    Args:
        along: the functions. Where one is not finite, nothing is looked for.
        ticks: (k,) increasing positions between 0 and 1, close to evenly spaced, of which many fall into a window.
        lines: their number l.
    """
    k = len(ticks)
    found = along(torch.arange(lines).repeat_interleave(k), ticks.repeat(lines)).reshape(-1, lines, k)
    suspects = _suspects(found, max(1, int(_NARROW * WINDOW * k)), int(WINDOW * k))
    if not suspects:
        return []
    function, line, first, last = torch.tensor(suspects).unbind(1)

    def own(at: Tensor) -> Tensor:
        """(s, p) of each suspect's function on its line, at positions (s, p)."""
        values = along(line.repeat_interleave(at.shape[1]), at.reshape(-1)).reshape(-1, *at.shape)
        return values[function, torch.arange(len(function))]

    low, high = ticks[first], ticks[last]
    unit = torch.linspace(0, 1, _PARTS + 1, dtype=torch.float64)
    for _ in range(_ROUNDS):
        at = low[:, None] + (high - low)[:, None] * unit
        values = own(at)
        begin, end = _core(values, at)
        resolved = end - begin > 8 * (high - low) / _PARTS
        if bool(resolved.all()):
            break
        step = (high - low) / _PARTS
        low, high = torch.where(resolved, low, begin - step), torch.where(resolved, high, end + step)
    fine = low[:, None] + (high - low)[:, None] * torch.linspace(0, 1, _FINER * _PARTS + 1, dtype=torch.float64)
    # what varies more and more the closer one looks is singular, and no cell resolves it
    bounded = own(fine).diff(dim=1).abs().sum(dim=1) < _BOUNDED * values.diff(dim=1).abs().sum(dim=1)
    done = resolved & bounded & (end - begin > _THINNEST)
    reach = _TAIL * (end - begin)
    sides = torch.stack([begin - reach, end + reach], dim=1).clamp(0, 1)
    beside = own(sides)
    at, values = torch.cat([at, sides[:, 1:]], dim=1), torch.cat([values, beside[:, 1:]], dim=1)
    peak = at.gather(1, (values - beside[:, :1]).abs().argmax(dim=1, keepdim=True))[:, 0]
    columns = (function, line, begin - reach, end + reach, peak)
    return [Layer(*numbers) for numbers in zip(*(c[done].tolist() for c in columns), strict=True)]


def within(layers: Sequence[Layer]) -> Tensor:
    """(p,) positions that resolve layers, between 0 and 1."""
    parts = [torch.linspace(each.lower, each.upper, _PARTS + 1, dtype=torch.float64) for each in layers]
    found = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)
    return found[(found > 0) & (found < 1)]


def together(layers: Sequence[Layer], lines: int) -> list[list[Layer]]:
    """Layers that lie at the same place of several lines; of what moves from line to line there are none.

    Args:
        layers: of parallel lines.
        lines: how many there are.
    """
    groups: list[list[Layer]] = []
    for layer in sorted(layers, key=lambda each: each.lower):
        if groups and layer.lower < max(each.upper for each in groups[-1]):
            groups[-1].append(layer)
        else:
            groups.append([layer])

    def still(group: list[Layer]) -> bool:
        widest = max(each.upper - each.lower for each in group)
        whole = max(each.upper for each in group) - group[0].lower
        return whole < 2 * widest and (lines == 1 or len({each.line for each in group}) > 1)

    return [group for group in groups if still(group)]


def _suspects(values: Tensor, narrow: int, window: int) -> list[tuple[int, int, int, int]]:
    """(function, line, first tick, last tick) of narrow parts of windows that hold nearly all of the variation there.

    Args:
        values: (q, l, k).
        narrow, window: numbers of ticks.
    """
    total = torch.nn.functional.pad(values.diff(dim=2).abs().nan_to_num(0.0, 0.0, 0.0).cumsum(dim=2), (1, 0))
    size = values.nan_to_num(0.0, 0.0, 0.0)
    span = size.amax(dim=2) - size.amin(dim=2)
    inner, most = (total[..., narrow:] - total[..., :-narrow]).unfold(2, window - narrow + 1, narrow).max(dim=3)
    whole = (total[..., window:] - total[..., :-window])[..., ::narrow]
    counts = (inner >= _HELD * whole) & (whole > _SMALLEST * span[..., None])
    counts &= whole > 1e-9 * size.abs().amax(dim=2)[..., None]
    found: dict[tuple[int, int], dict[int, float]] = {}
    # windows that end inside a pulse hold less of it than others
    for f, line, w in sorted(counts.nonzero().tolist(), key=lambda at: -float(whole[tuple(at)])):
        first = w * narrow + int(most[f, line, w])
        places = found.setdefault((f, line), {})
        if all(abs(other - first) > narrow for other in places):
            places[first] = float(whole[f, line, w])
    last = values.shape[2] - 1
    return [
        (f, line, max(first - 1, 0), min(first + narrow + 1, last))
        for (f, line), places in found.items()
        for first in sorted(places, key=lambda place: -places[place])[:_MOST]
    ]


def _core(values: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Where 5 % and 95 % of the variation of values (s, p) at increasing positions (s, p) lie behind, (s,) each."""
    total = torch.nn.functional.pad(values.diff(dim=1).abs().nan_to_num(0.0, 0.0, 0.0).cumsum(dim=1), (1, 0))
    share = total / total[:, -1:].clamp_min(1e-300)
    last = at.shape[1] - 1
    first = torch.searchsorted(share, torch.full_like(share[:, :1], 0.05)).clamp(1, last) - 1
    end = torch.searchsorted(share, torch.full_like(share[:, :1], 0.95)).clamp(1, last)
    return at.gather(1, first)[:, 0], at.gather(1, end)[:, 0]
