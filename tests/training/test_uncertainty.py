"""Intervals and remarks of numbers that were found from data."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.algebra.confidence import Covariance
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.training.told import CURVED, PRODUCT, SUM, hardly_told
from pinnlab.training.uncertainty import Uncertainty, step_at

NONE = np.zeros((0, 2))


def made(frees, best, matrix, blind=NONE, **options):
    return Uncertainty(("a", "b"), np.array(best), frees, Covariance(np.array(matrix), blind), **options)


def test_intervals_are_symmetric_without_bounds_and_stay_within_them():
    found = made((Free(), Free(0.0)), [3.0, 0.0], [[0.01, 0.0], [0.0, 4.0]]).intervals(0.95)
    assert found["a"] == pytest.approx((3 - 0.1959964, 3 + 0.1959964))
    assert found["b"] == pytest.approx((math.exp(-3.919928), math.exp(3.919928)))


def test_few_measurements_make_intervals_wider():
    found = made((Free(), Free()), [0.0, 0.0], np.eye(2), freedom=1.0).intervals(0.95)
    assert found["a"] == pytest.approx((-12.7062, 12.7062), abs=1e-3)


def test_other_units():
    found = made((Free(), Free(0.0)), [3.0, 0.0], [[0.01, 0.0], [0.0, 4.0]]).scaled({"a": 10.0, "b": 1e-3})
    assert found.values == pytest.approx({"a": 30.0, "b": 1e-3})
    assert found.intervals()["a"] == pytest.approx((30 - 1.959964, 30 + 1.959964))


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_is_a_probability(level):
    with pytest.raises(ValueError, match="give a probability between 0 and 1"):
        made((Free(), Free()), [0.0, 0.0], np.eye(2)).intervals(level)


def test_sums_and_products_that_data_tell_are_named():
    # nothing changes along (1, -2): 2 a + b is told; along logarithms, a^2 b or so
    direction = np.array([[1.0, -2.0]]) / 5**0.5
    found = made((Free(), Free()), [2.0, 3.0], np.zeros((2, 2)), direction, paths=(SUM,))
    assert found.remarks == ("the data tell a and b only through 2 a + b",)
    assert found.intervals() == {"a": (-math.inf, math.inf), "b": (-math.inf, math.inf)}
    positive = made((Free(0.0), Free(0.0)), [0.3, 0.7], np.zeros((2, 2)), direction, paths=(PRODUCT,))
    assert positive.remarks == ("the data tell a and b only through a^2 b",)
    difference = made((Free(), Free()), [2.0, 3.0], np.zeros((2, 2)), np.array([[1.0, 1.0]]), paths=(SUM,))
    assert difference.remarks == ("the data tell a and b only through b - a",)
    # in other units the sum has other factors
    assert found.scaled({"a": 2.0}).remarks == ("the data tell a and b only through a + b",)
    alone = made((Free(), Free()), [2.0, 3.0], np.zeros((2, 2)), np.array([[0.0, 1.0]]), paths=(SUM,))
    assert alone.remarks == ("the data do not tell b: it leaves no trace in them",)
    assert alone.intervals()["a"] == (2.0, 2.0)


def three(frees, best, blind, paths):
    return Uncertainty(
        ("a", "b", "c"), np.array(best), frees, Covariance(np.zeros((3, 3)), np.array(blind)), paths=paths
    )


def test_combinations_of_several_numbers_are_named():
    # a + b + c is told: nothing changes along (1, -1, 0) and (0, 1, -1)
    plain, sums = (Free(), Free(), Free()), [[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]]
    found = three(plain, [1.0, 2.0, 3.0], sums, (SUM, SUM))
    assert found.remarks == ("the data tell a, b and c only through a + b + c",)
    # all logarithms at once: a common scale
    scale = [[1.0, 1.0, 1.0]]
    found = three((Free(0.0),) * 3, [0.1, 0.2, 0.3], scale, (PRODUCT,))
    assert found.remarks == ("the data tell a, b and c only through a^-1 b and a^-1 c",)
    found = three(plain, [1.0, 2.0, 3.0], scale, (CURVED,))
    assert found.remarks == ("the data do not tell a, b and c one by one, only combinations of them",)
    # one that leaves no trace beside two that do not share any with it
    found = three(plain, [1.0, 2.0, 3.0], [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], (SUM, SUM))
    assert found.remarks == (
        "the data tell a and c only through c - a", "the data do not tell b: it leaves no trace in them",
    )  # fmt: skip


def test_a_combination_that_data_tell_of_two_that_they_hardly_tell():
    # logarithms with deviations of 3 that fall together: the quotient is known to a hundredth
    together = np.array([[9.0, 9.0 - 5e-5], [9.0 - 5e-5, 9.0]])
    found = made((Free(0.0), Free(0.0)), [0.1, 0.2], together)
    assert found.remarks[-1] == "of a and b the data tell little but a^-1 b"
    assert hardly_told(("a", "b"), together, np.ones(2), {"a": 3.0, "b": 4.0}, [0, 1]) == [
        "of a and b the data tell little but b - a"
    ]
    assert hardly_told(("a", "b"), np.diag([9.0, 8.0]), np.ones(2), {"a": 3.0, "b": 4.0}, [0, 1]) == []


def test_files_of_before_are_read():
    data = made((Free(), Free()), [2.0, 3.0], np.eye(2), np.array([[1.0, -2.0]]), paths=(SUM,)).to_data()
    del data["paths"]
    again = Uncertainty.from_data({**data, "products": [False]})
    assert again.remarks == ("the data tell a and b only through 2 a + b",)


def test_numbers_at_a_bound():
    found = made((Free(0.0, 1.0), Free()), [20.0, 0.0], np.eye(2), held={"a": (1.1, 0.2)})
    low, high = found.intervals()["a"]
    assert low == pytest.approx(1.1 - 1.959964 * 0.2) and high == 1.0
    assert found.remarks[0] == "a is at its bound 1: the data want it beyond"


def test_what_data_hardly_tell_is_said():
    found = made((Free(0.0), Free()), [0.0, 0.0], np.diag([9.0, 0.01]))
    assert len(found.remarks) == 1 and "hardly tell a: its 95 % interval is 0.0028 to 358" in found.remarks[0]


def test_profiles_take_the_place_of_deviations():
    profile = (np.array([-1.0, 0.0, 2.0]), np.array([-4.0, 0.0, 4.0]))
    found = made((Free(), Free()), [5.0, 0.0], np.eye(2), profiles={"a": profile}).intervals(0.95)
    assert found["a"] == pytest.approx((5 - 1.959964 / 4, 5 + 1.959964 / 2))
    assert step_at(np.array([-1.0, 0.0, 1.0]), np.array([-4.0, 0.0, 0.0]), 2.0) == math.inf
    assert step_at(*profile, 8.0) == pytest.approx(4.0)


def test_files_give_it_back():
    found = made(
        (Free(0.0), Free(0.0)), [0.3, -9.0], np.eye(2), np.array([[1.0, 0.0]]), paths=(PRODUCT,), held={"b": (1.0, 2.0)},
        profiles={"a": (np.array([0.0, 1.0]), np.array([0.0, 2.0]))}, notes=("odd",), freedom=4.0,
    )  # fmt: skip
    again = Uncertainty.from_data(found.to_data())
    assert again.intervals() == found.intervals() and again.remarks == found.remarks
