from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from pinnlab.optimizers.line_search import strong_wolfe

pytestmark = pytest.mark.filterwarnings("error")

Phi = Callable[[float], tuple[float, float]]


def parabola(a: float) -> tuple[float, float]:
    return (a - 1.0) ** 2, 2.0 * (a - 1.0)


def far_valley(a: float) -> tuple[float, float]:
    """More and Thuente (ACM TOMS 20, 1994), function 1 with beta = 2: minimum at sqrt(2)."""
    bottom = a * a + 2.0
    return -a / bottom, (a * a - 2.0) / bottom**2


def quartic_power(a: float) -> tuple[float, float]:
    """More and Thuente, function 2 with beta = 0.004: flat, then steep; minimum at 1.596."""
    base = a + 0.004
    return base**5 - 2.0 * base**4, 5.0 * base**4 - 8.0 * base**3


def two_scales(a: float) -> tuple[float, float]:
    """Steep near zero, almost flat behind: |a - 1/4| rounded off, plus a gentle rise."""
    root = math.sqrt((a - 0.25) ** 2 + 1e-4)
    return root + 1e-3 * a, (a - 0.25) / root + 1e-3


def consistent_ripples(a: float) -> tuple[float, float]:
    return -a + 0.1 * a * a + 0.05 * math.sin(10.0 * a), -1.0 + 0.2 * a + 0.5 * math.cos(10.0 * a)


def walled(phi: Phi, wall: float, value: float) -> Phi:
    return lambda a: phi(a) if a < wall else (value, math.nan)


FUNCTIONS = [parabola, far_valley, quartic_power, two_scales, consistent_ripples]


@pytest.mark.parametrize("phi", FUNCTIONS)
@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize(("c1", "c2"), [(1e-4, 0.9), (1e-4, 0.1), (0.1, 0.2)])
def test_result_satisfies_both_wolfe_inequalities(phi: Phi, first: float, c1: float, c2: float) -> None:
    value, slope = phi(0.0)
    found = strong_wolfe(phi, value, slope, first=first, c1=c1, c2=c2, max_evaluations=60)
    assert found.satisfied and found.step > 0
    assert (found.value, found.slope) == phi(found.step)
    assert found.value <= value + c1 * found.step * slope
    assert abs(found.slope) <= c2 * abs(slope)


def test_a_good_first_step_costs_one_evaluation() -> None:
    found = strong_wolfe(parabola, *parabola(0.0))
    assert (found.step, found.evaluations) == (1.0, 1)


def test_interpolation_is_exact_on_a_parabola() -> None:
    found = strong_wolfe(parabola, *parabola(0.0), first=3.0, c2=1e-3)
    assert found.step == pytest.approx(1.0, abs=1e-12) and found.evaluations == 2


@pytest.mark.parametrize("wall_value", [math.nan, math.inf, -math.inf, 0.5])
@pytest.mark.parametrize("wall", [1.5, 0.7, 0.07])
def test_backs_off_from_values_that_are_not_finite(wall: float, wall_value: float) -> None:
    phi = walled(parabola, wall, wall_value)
    found = strong_wolfe(phi, *parabola(0.0), first=100.0, c2=0.98)
    assert 0 < found.step < wall and math.isfinite(found.value)
    assert found.satisfied and abs(found.slope) <= 0.98 * 2.0


def test_a_minimum_behind_a_wall_gives_decrease_without_the_curvature_condition() -> None:
    found = strong_wolfe(walled(parabola, 0.05, math.nan), *parabola(0.0), c2=0.1)
    assert not found.satisfied
    assert 0.04 < found.step < 0.05 and found.value <= 1.0 - 2e-4 * found.step


def test_a_function_without_lower_bound_stops_at_the_budget() -> None:
    found = strong_wolfe(lambda a: (-a, -1.0), 0.0, -1.0, c2=0.5, max_evaluations=7)
    assert found.evaluations == 7 and not found.satisfied
    assert found.step == 10.0**6 and found.value == -found.step, "ten times as far each time"


def test_no_decrease_anywhere_gives_step_zero() -> None:
    found = strong_wolfe(lambda a: (1.0 + a, -1.0), 1.0, -1.0)
    assert found.step == 0.0 and found.value == 1.0 and not found.satisfied


@pytest.mark.parametrize(("value", "slope"), [(1.0, 0.0), (1.0, 2.0), (math.nan, -1.0), (1.0, -math.inf)])
def test_start_without_descent_is_refused(value: float, slope: float) -> None:
    with pytest.raises(ValueError, match=r"strong_wolfe: value=.*slope=.*descent direction"):
        strong_wolfe(parabola, value, slope)
