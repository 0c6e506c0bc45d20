"""Numbers of a family on [-1, 1]."""

from __future__ import annotations

import pytest
import torch

import pinnlab as pl
from pinnlab.solvers.parameter_collocation.variables import Axis, better_axis, numbers_at, place_of, quadratic


def test_a_wide_positive_number_goes_by_its_logarithm() -> None:
    axis = Axis.of("eps", pl.Uniform(0.001, 0.1))
    assert axis.logarithmic
    assert axis.number(0.0) == pytest.approx(0.01) and axis.place(0.01) == pytest.approx(0.0)
    assert axis.number(-1.0) == 0.001 and axis.number(1.0) == 0.1, "the bounds themselves"


@pytest.mark.parametrize("bounds", [(1.0, 4.9), (0.0, 1.0), (-2.0, 8.0)])
def test_others_go_as_they_are(bounds: tuple[float, float]) -> None:
    axis = Axis.of("k", pl.Uniform(*bounds))
    assert not axis.logarithmic and axis.number(0.0) == pytest.approx(sum(bounds) / 2)
    assert axis.place(axis.number(0.3)) == pytest.approx(0.3)


def test_several_at_once() -> None:
    axes = [Axis.of("a", pl.Uniform(0.0, 2.0)), Axis.of("b", pl.Uniform(1.0, 100.0))]
    numbers = numbers_at(axes, (0.5, 0.5))
    assert numbers == pytest.approx({"a": 1.5, "b": 10**1.5})
    assert place_of(axes, numbers) == pytest.approx([0.5, 0.5])


def test_a_parabola_by_hand() -> None:
    # 2 + 3 z - z^2 at 0.5 from -2, 2, 4
    assert sum(w * v for w, v in zip(quadratic(0.5), (-2.0, 2.0, 4.0), strict=True)) == pytest.approx(3.25)


@pytest.mark.parametrize(
    ("power", "logarithmic"), [(lambda a: 3 * a + 1, False), (lambda a: torch.log(a), True), (lambda a: 1 / a, True)]
)
def test_a_wide_number_is_taken_as_the_solution_depends_on_it(power: object, logarithmic: bool) -> None:
    axis = Axis.of("a", pl.Uniform(0.1, 10.0))
    places = (axis.lower, axis.number(0.0), axis.other.number(0.0), axis.upper)
    low, mine, others, high = (power(torch.tensor([a, 2 * a])) for a in places)  # type: ignore[operator]
    assert better_axis(axis, low, (mine, others), high).logarithmic is logarithmic
