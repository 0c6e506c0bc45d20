"""Time windows: where they are cut, and what one hands over to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.conditions import AnyCondition, Initial
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives import chebyshev, fourier
from pinnlab.derivatives.differentiable import JetFunction
from pinnlab.derivatives.fourier import FourierSeries
from pinnlab.derivatives.indices import VALUE, Indices, closure
from pinnlab.domains import Region
from pinnlab.training.part import Part

_ACCURATE_SERIES = 1e-11
"""Relative error up to which a window's end state is handed over as a series."""
_ACCURATE_WAVES = 1e-8
"""The same for Fourier series of several coordinates, which are evaluated at every new point; networks are far from it."""


def handed_over(
    condition: AnyCondition | None, previous: Part, problem: Problem, frozen: Callable[[Slice], Any]
) -> AnyCondition | None:
    """An initial condition replaced by the end state of the previous window.

    Args:
        condition: of the problem; others than initial ones pass.
        previous: the finished model of the previous window, in the problem's unknowns and coordinates.
        problem: the whole problem.
        frozen: what each end state becomes, such as ``frozen``.
    """
    if not isinstance(condition, Initial):
        return condition
    values: dict[str, Any] = {}
    for unknown, key, _, _ in condition.targets(problem.context()):
        name = unknown + ("_" + "".join(key) if key else "")
        values[name] = frozen(Slice(previous, problem.unknowns.index(unknown), len(key)))
    return Initial(exact=condition.exact, weight=condition.weight, **values)


def frozen(end: Slice, periods: Mapping[int, float]) -> Any:
    """The end state as a number or a series: the slice itself would chain every window to all earlier ones.

    Args:
        end: a slice of the finished model.
        periods: {coordinate number: period} of coordinates in which the model is periodic by construction.
    """
    region = end.model.region
    if not region.space:
        return end.number()
    time = region.time_index
    columns = [i for i in range(len(region.coordinates)) if i != time]
    if set(columns) <= set(periods):
        accurate = _ACCURATE_SERIES if len(columns) == 1 else _ACCURATE_WAVES
        # a network in single precision is no smoother than that
        accurate = max(accurate, 16 * torch.finfo(end.model.parameters[0].dtype).eps)
        waves = _fourier_series(end, columns, periods, accurate)
        if waves.error < accurate:
            return waves
    series = chebyshev.interpolate(end, columns, region, {time: region.time_interval[1]})
    return series if series.error < _ACCURATE_SERIES else end


def _fourier_series(end: Slice, columns: Sequence[int], periods: Mapping[int, float], accurate: float) -> FourierSeries:
    bounds = list(end.model.region.bounds.values())

    def sample(positions: Tensor) -> Tensor:
        points = positions.new_tensor([upper for _, upper in bounds]).repeat(len(positions), 1)
        points[:, columns] = positions
        return end.jet(points, VALUE)[0, :, 0]

    lower, sides = [bounds[i][0] for i in columns], [periods[i] for i in columns]
    return fourier.interpolate(sample, columns, lower, sides, accurate)


def cuts_of(problem: Problem, windows: int | Sequence[float]) -> tuple[float, ...]:
    """Start, inner cuts and end of the windows; () for a single one.

    Raises:
        ValueError: the problem has no time, or cuts that do not lie inside in increasing order.
    """
    if windows == 1:
        return ()
    if not problem.domain.has_time:
        raise ValueError(
            f"windows={windows!r}: the problem has no time 't' to march through, from end to end; leave windows out."
        )
    start, end = problem.domain.time_interval
    if isinstance(windows, int):
        return tuple(start + (end - start) * k / windows for k in range(windows)) + (end,)
    cuts = (start, *(float(t) for t in windows), end)
    if any(a >= b for a, b in zip(cuts, cuts[1:], strict=False)):
        raise ValueError(f"windows={tuple(windows)}: give increasing times strictly inside ({start:g}, {end:g}).")
    return cuts


class Slice:
    """One unknown of a finished model on the slice at its last time: initial data for the next time window.

    Args:
        model: the finished model.
        unknown: which of its unknowns.
        order: 0 for the value, 1 for the velocity, and so on.
    """

    def __init__(self, model: Part, unknown: int, order: int = 0):
        self.model, self.unknown, self.order = model, unknown, order

    def number(self) -> float:
        """The value itself, where time is the only coordinate."""
        end = self.model.region.time_interval[1]
        return float(self.jet(torch.tensor([[end]], dtype=torch.float64), VALUE))

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) of the finished solution, without a graph."""
        time = (self.model.region.time_index,) * self.order
        wanted = [tuple(sorted((*index, *time))) for index in indices]
        wider = closure(wanted)
        at = points.to(self.model.parameters[0])
        jet = self.model.jet(at, wider)[[wider.index(index) for index in wanted]]
        return jet[:, :, self.unknown : self.unknown + 1].detach().to(points)


def by_window(
    points: Tensor, windows: Sequence[Region], whole: Region, inside: bool = False
) -> Iterator[tuple[int, Tensor]]:
    """Which points lie in which time window: (number of the window, mask (n,) of its points), where there are some.

    A point where two windows meet belongs to the one that was solved first, a point beyond the last one to none.

    Args:
        points: (n, d).
        windows: consecutive ones, in the order in which they were solved: backwards in time from a final state; a problem
            without time has one.
        whole: the region that they are parts of; points before or after it belong to its first and last window.
        inside: leave out points that are not in ``whole``.
    """
    which = torch.zeros(len(points), dtype=torch.long, device=points.device)
    if whole.has_time:
        sign, side = (-1.0, 0) if goes_backwards(windows, whole) else (1.0, 1)
        ends = [sign * window.time_interval[side] for window in windows]
        inner = ends[:-1] if ends[-1] == sign * whole.time_interval[side] else ends
        which = torch.bucketize((sign * points[:, whole.time_index]).contiguous(), points.new_tensor(inner))
    if inside:
        which = torch.where(whole.contains(points), which, -1)
    for k in range(len(windows)):
        mask = which == k
        if bool(mask.any()):
            yield k, mask


def goes_backwards(windows: Sequence[Region], whole: Region) -> bool:
    """Whether consecutive windows of a region follow one another from the last time to the first."""
    return windows[0].time_interval[0] > whole.time_interval[0]


def joined(models: Sequence[Part], whole: Region) -> Callable[[Tensor], Tensor]:
    """The models of consecutive time windows as one function (n, d) -> (n, m); NaN after the last one's end."""
    if len(models) == 1 and models[0].region == whole:
        return models[0].values

    def evaluate(points: Tensor) -> Tensor:
        values = points.new_full((len(points), len(models[0].unknowns)), torch.nan)
        for k, mask in by_window(points, [model.region for model in models], whole):
            values[mask] = models[k].values(points[mask]).to(values)
        return values

    return evaluate


def joined_jet(models: Sequence[Part], whole: Region, batch: int = 4096) -> JetFunction:
    """The derivatives (c, n, m) of the models of consecutive time windows; NaN after the last one's end.

    Args:
        models: in time order.
        whole: the region that they are parts of.
        batch: points at a time.
    """

    def jet(points: Tensor, indices: Indices) -> Tensor:
        found = points.new_full((len(indices), len(points), len(models[0].unknowns)), torch.nan)
        for k, mask in by_window(points, [model.region for model in models], whole):
            with torch.no_grad():
                parts = [models[k].jet(part, indices).detach() for part in points[mask].split(batch)]
            found[:, mask] = torch.cat(parts, dim=1).to(found)
        return found

    return jet
