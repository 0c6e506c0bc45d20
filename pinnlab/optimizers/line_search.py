"""A step length that satisfies the strong Wolfe conditions.

Along a descent direction d the loss is a function of one number, phi(a) = f(theta + a d). Accepted is a step a with

    phi(a) <= phi(0) + c1 a phi'(0)        (sufficient decrease)
    |phi'(a)| <= c2 |phi'(0)|              (curvature)

The second makes the quasi-Newton update well defined: it implies s.y >= (1 - c2) |s.g| > 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class LinePoint(NamedTuple):
    """A step length with value and slope of phi there; a non-finite value marks a point that could not be used."""

    step: float
    value: float
    slope: float

    @property
    def usable(self) -> bool:
        """Whether value and slope are finite."""
        return math.isfinite(self.value) and math.isfinite(self.slope)


@dataclass(frozen=True)
class LineSearch:
    """Result of a search.

    ``step`` is 0 if no step with sufficient decrease was found; ``satisfied`` says whether both conditions hold at
    ``step``; ``evaluations`` counts calls of phi.
    """

    step: float
    value: float
    slope: float
    satisfied: bool
    evaluations: int


def strong_wolfe(
    phi: Callable[[float], tuple[float, float]],
    value: float,
    slope: float,
    *,
    first: float = 1.0,
    c1: float = 1e-4,
    c2: float = 0.9,
    max_evaluations: int = 25,
) -> LineSearch:
    """Find a step by bracketing and safeguarded cubic interpolation (Nocedal and Wright, Numerical Optimization,
    2nd edition, section 3.5).

    ``phi`` maps a step length to value and slope; ``value`` and ``slope`` < 0 are phi(0) and phi'(0); ``first`` > 0 is
    the first step tried; 0 < ``c1`` < ``c2`` < 1. A non-finite value or slope at a trial point counts as an infinitely
    high wall there, so the search backs off. When evaluations run out, the best point with sufficient decrease is
    returned, with ``satisfied=False``.

    Raises ``ValueError`` if ``slope`` is not negative or ``value`` not finite.
    """
    if not (math.isfinite(value) and math.isfinite(slope) and slope < 0):
        raise ValueError(
            f"strong_wolfe: value={value!r}, slope={slope!r} at step 0: both must be finite and the slope negative, "
            "or no step length gives descent; pass a descent direction from a point with a finite loss."
        )

    evaluations = 0

    def evaluate(step: float) -> LinePoint:
        nonlocal evaluations
        evaluations += 1
        return LinePoint(step, *phi(step))

    def too_high(trial: LinePoint, low: LinePoint) -> bool:
        # Below rounding the bound equals phi(0), and standing still would pass for decrease.
        if not trial.usable or trial.value >= value or trial.value > value + c1 * trial.step * slope:
            return True
        # Values that differ by rounding alone say nothing; then slopes decide where to go.
        return trial.value > low.value + 4e-16 * abs(low.value)

    def flat(trial: LinePoint) -> bool:
        return abs(trial.slope) <= -c2 * slope

    def result(trial: LinePoint, satisfied: bool) -> LineSearch:
        return LineSearch(trial.step, trial.value, trial.slope, satisfied, evaluations)

    # Grow the step until an interval (low, high) must contain an acceptable one.
    low = LinePoint(0.0, value, slope)
    step = first
    while True:
        trial = evaluate(step)
        if too_high(trial, low):
            high = trial
            break
        if flat(trial):
            return result(trial, True)
        if trial.slope > 0:
            low, high = trial, low
            break
        step = _extrapolate(low, trial)
        low = trial
        if evaluations >= max_evaluations or not math.isfinite(step):
            return result(low, False)

    # Shrink it. Invariant: ``low`` has the lowest value seen with sufficient decrease, and phi falls from it towards
    # ``high``.
    while evaluations < max_evaluations:
        step = _interpolate(low, high)
        if step in (low.step, high.step):
            break
        trial = evaluate(step)
        if too_high(trial, low):
            high = trial
            continue
        if flat(trial):
            return result(trial, True)
        if trial.slope * (high.step - low.step) >= 0:
            high = low
        low = trial
    return result(low, False)


def _extrapolate(before: LinePoint, latest: LinePoint) -> float:
    """The next, longer step while phi still falls steeply: where the slope would vanish, within 2 and 10 times."""
    change = latest.slope - before.slope
    root = latest.step - latest.slope * (latest.step - before.step) / change if change > 0 else math.inf
    return min(max(root, 2.0 * latest.step), 10.0 * latest.step)


def _interpolate(low: LinePoint, high: LinePoint) -> float:
    """The minimum of the cubic through both ends, kept a tenth of the interval away from them."""
    width = high.step - low.step
    if not high.usable:
        return low.step + 0.1 * width
    slope_low, slope_high = low.slope * width, high.slope * width
    bend = slope_low + slope_high - 3.0 * (high.value - low.value)
    inside = bend * bend - slope_low * slope_high
    fraction = 0.5
    if inside >= 0 and math.isfinite(inside):
        root = math.sqrt(inside)
        denominator = slope_high - slope_low + 2.0 * root
        if denominator != 0:
            fraction = 1.0 - (slope_high + root - bend) / denominator
    return low.step + min(max(fraction, 0.1), 0.9) * width
