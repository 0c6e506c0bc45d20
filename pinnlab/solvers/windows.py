"""Time windows: where they are cut, and what one hands over to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnlab.chebyshev import interpolate
from pinnlab.conditions import Condition, Initial
from pinnlab.domains import TIME
from pinnlab.model import Slice, Trainable
from pinnlab.problem import Problem

_ACCURATE_SERIES = 1e-11
"""Relative error up to which a window's end state is handed over as a series."""


def handed_over(condition: Condition | None, previous: Trainable, problem: Problem) -> Condition | None:
    """An initial condition replaced by the end state of the previous window."""
    if not isinstance(condition, Initial):
        return condition
    values: dict[str, Any] = {}
    for unknown, key, _, _ in condition.targets(problem.context()):
        end = Slice(previous, problem.unknowns.index(unknown), len(key))
        name = unknown + ("_" + TIME * len(key) if key else "")
        values[name] = _frozen(end, previous, problem)
    return Initial(exact=condition.exact, weight=condition.weight, **values)


def _frozen(end: Slice, previous: Trainable, problem: Problem) -> Any:
    """The end state as a number or a series: the slice itself would chain every window to all earlier ones."""
    if not problem.domain.space:
        return end.number()
    coordinates = problem.domain.coordinates
    time = coordinates.index(TIME)
    columns = [i for i in range(len(coordinates)) if i != time]
    series = interpolate(end, columns, previous.region, {time: previous.region.bounds[TIME][1]})
    return series if series.error < _ACCURATE_SERIES else end


def cuts_of(problem: Problem, windows: int | Sequence[float]) -> tuple[float, ...]:
    """Start, inner cuts and end of the windows; () for a single one.

    Raises:
        ValueError: the problem has no time, or cuts that do not lie inside in increasing order.
    """
    if windows == 1:
        return ()
    if not problem.domain.has_time:
        raise ValueError(f"windows={windows!r}: the problem has no time 't' to march through; leave windows out.")
    start, end = problem.domain.bounds[TIME]
    if isinstance(windows, int):
        return tuple(start + (end - start) * k / windows for k in range(windows)) + (end,)
    cuts = (start, *(float(t) for t in windows), end)
    if any(a >= b for a, b in zip(cuts, cuts[1:], strict=False)):
        raise ValueError(f"windows={tuple(windows)}: give increasing times strictly inside ({start:g}, {end:g}).")
    return cuts
