"""Numbers of a family on [-1, 1]."""

from __future__ import annotations

import pytest

import pinnlab as pl
from pinnlab.solvers.parameter_collocation.variables import Axis, numbers_at, place_of


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
