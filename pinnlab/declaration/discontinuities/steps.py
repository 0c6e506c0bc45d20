"""Jumps of functions along lines, found by bisection.

Letters: l lines, k ticks on each, q functions, p points, s suspects.

A jump is told from a steep smooth layer by looking closer: across a jump the difference of two values stays what it is
while the interval between them shrinks to a ten-billionth of the line; across a layer it shrinks as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Along = Callable[[Tensor, Tensor], Tensor]
"""(numbers of lines (p,), positions on them (p,) between 0 and 1) -> values (q, p) of q functions."""

WIDTH = 1e-10
"""Of the interval that a jump is driven into before it is judged, relative to the line."""
SAME = 1e-8
"""Relative distance up to which two positions are one."""
_ROUNDS = 4
"""Of dividing that interval further: solvers that share a position share its error."""
_BESIDE = 1e-7
"""Distance from a jump within which its sides must be as good as constant, relative to the line."""
_PARTS = 16
"""Into which an interval is divided at a time."""
_MOST = 8
"""Suspects of one function that are followed on one line, those that stand out most; more where jumps are many."""
_FOLLOWED = 3
"""Of lines that are alike, those that are followed where the same function seems to jump in the same interval."""
_SMALLEST = 1e-7
"""Relative to the size of the function: smaller jumps are taken for rounding."""


@dataclass(frozen=True)
class Step:
    """A jump of one function on one line.

    Attributes:
        function: its number.
        line: its number.
        below, above: positions close to the jump on its two sides, between 0 and 1.
    """

    function: int
    line: int
    below: float
    above: float

    @property
    def position(self) -> float:
        """Where it is, between 0 and 1."""
        return (self.below + self.above) / 2


def line_ticks(k: int) -> Tensor:
    """(k,) increasing positions between 0 and 1 that miss simple fractions; the first and last are next to the ends."""
    inner = (torch.arange(k - 2, dtype=torch.float64) + 0.3819660113) / (k - 2)
    ends = torch.tensor([1e-6, 1 - 1e-6], dtype=torch.float64)
    return torch.cat([ends[:1], inner, ends[1:]])


def find_steps(along: Along, ticks: Tensor, alike: Tensor) -> list[Step]:
    """The jumps of functions along lines.

    Jumps that lie closer together than two ticks can hide each other.

    Args:
        along: the functions. Where one is not finite, no jump is looked for.
        ticks: (k,) increasing positions between 0 and 1.
        alike: (l,) a number for each line; lines with the same number are parallel.
    """
    k, lines = len(ticks), len(alike)
    found = along(torch.arange(lines).repeat_interleave(k), ticks.repeat(lines)).reshape(-1, lines, k)
    most = _MOST
    while True:
        steps = _driven(along, ticks, *_few(*_suspects(found, ticks, most), alike))
        crowd = Counter((step.function, step.line) for step in steps)
        # where most suspects are jumps, others may be waiting behind them
        if most >= k - 1 or 2 * max(crowd.values(), default=0) < most:
            return steps
        most *= 8


def _driven(along: Along, ticks: Tensor, function: Tensor, line: Tensor, first: Tensor) -> list[Step]:
    """The jumps among suspects, (s,) each: intervals are divided until they are as narrow as a jump is told by."""
    below, above = ticks[first], ticks[first + 1]
    parts = torch.linspace(0, 1, _PARTS + 1, dtype=torch.float64)
    change = torch.full_like(below, torch.inf)
    while len(below) and float((above - below).max()) > WIDTH:
        at = below[:, None] + (above - below)[:, None] * parts
        largest, where = _values(along, function, line, at).diff(dim=1).abs().nan_to_num(-1.0, -1.0, -1.0).max(dim=1)
        # what shrinks with the interval is no jump
        stays = (largest > 0) & ((largest > 0.2 * change) | change.isinf())
        below, above = at.gather(1, where[:, None])[:, 0], at.gather(1, where[:, None] + 1)[:, 0]
        function, line, below, above, change = (v[stays] for v in (function, line, below, above, largest))
    if not len(below):
        return []
    beside = torch.stack([below - _BESIDE, below, above, above + _BESIDE], dim=1).clamp(0, 1)
    settled = is_step(*_values(along, function, line, beside).unbind(1))
    function, line, below, above = (v[settled] for v in (function, line, below, above))
    for _ in range(_ROUNDS if len(below) else 0):
        at = below[:, None] + (above - below)[:, None] * parts
        where = _values(along, function, line, at).diff(dim=1).abs().argmax(dim=1)
        below, above = at.gather(1, where[:, None])[:, 0], at.gather(1, where[:, None] + 1)[:, 0]
    columns = (function, line, below, above)
    return [Step(*numbers) for numbers in zip(*(c.tolist() for c in columns), strict=True)]


def is_step(before: Tensor, below: Tensor, above: Tensor, after: Tensor) -> Tensor:
    """Whether values change between the two middle ones of four neighbouring points, and nowhere else; all (s,)."""
    jump, size = (above - below).abs(), torch.maximum(above.abs(), below.abs())
    quiet = torch.maximum((below - before).abs(), (after - above).abs()) <= 0.05 * jump
    return quiet & (jump > _SMALLEST * size) & jump.isfinite()


def _values(along: Along, function: Tensor, line: Tensor, at: Tensor) -> Tensor:
    """(s, r) values of each suspect's own function at its positions (s, r)."""
    s, r = at.shape
    found = along(line.repeat_interleave(r), at.reshape(-1)).reshape(-1, s, r)
    return found[function, torch.arange(s)]


def _suspects(values: Tensor, ticks: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers of function, line and first tick, (s,) each, of intervals over which (q, l, k) values change unexpectedly.

    At most ``most`` for each function and line. What is expected is the mean slope of the neighbouring intervals.
    """
    h = ticks.diff()
    change = values.diff(dim=2).nan_to_num(0.0, 0.0, 0.0)
    slope = change / h
    around = (
        torch.cat([slope[:, :, 1:2], slope[:, :, :-1]], dim=2) + torch.cat([slope[:, :, 1:], slope[:, :, -2:-1]], dim=2)
    ) / 2
    surprise = (change - h * around).abs()
    size = values.nan_to_num(0.0, 0.0, 0.0).abs().amax(dim=2, keepdim=True)
    suspicious = (surprise > 0.25 * change.abs()) & (change.abs() > _SMALLEST * size)
    ranked, place = torch.where(suspicious, surprise, 0.0).topk(min(most, change.shape[2]), dim=2)
    function, line, rank = (ranked > 0).nonzero().unbind(1)
    return function, line, place[function, line, rank]


def _few(function: Tensor, line: Tensor, first: Tensor, alike: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Some of (s,) suspects: a few of those that differ in nothing but which of parallel lines they lie on."""
    seen: Counter[tuple[int, ...]] = Counter()
    kept = []
    for i, mark in enumerate(zip(function.tolist(), alike[line].tolist(), first.tolist(), strict=True)):
        seen[mark] += 1
        if seen[mark] <= _FOLLOWED:
            kept.append(i)
    return function[kept], line[kept], first[kept]
