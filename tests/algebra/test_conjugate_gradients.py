"""Conjugate gradients: exact in as many turns as there are different eigenvalues, from any start."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.algebra.conjugate_gradients import conjugate_gradients

MATRIX = np.diag([1.0, 1.0, 4.0, 4.0])
RIGHT = np.array([1.0, 2.0, 3.0, 4.0])


def test_as_many_turns_as_different_eigenvalues() -> None:
    once = conjugate_gradients(MATRIX.dot, np.copy, RIGHT, 1)
    # the first step goes along b as far as b.b / b.A b = 30 / 105
    assert once == pytest.approx(RIGHT * 30 / 105)
    assert conjugate_gradients(MATRIX.dot, np.copy, RIGHT, 2) == pytest.approx([1.0, 2.0, 0.75, 1.0])


def test_one_turn_with_the_inverse() -> None:
    assert conjugate_gradients(MATRIX.dot, lambda b: b / MATRIX.diagonal(), RIGHT, 1) == pytest.approx(
        [1, 2, 0.75, 1.0]
    )


def test_a_start_that_is_right_is_left_alone() -> None:
    calls: list[int] = []
    found = conjugate_gradients(
        MATRIX.dot, np.copy, RIGHT, 5, 1e-12, np.array([1.0, 2.0, 0.75, 1.0]), lambda: calls.append(1)
    )
    assert found == pytest.approx([1.0, 2.0, 0.75, 1.0])
    assert not calls


def test_turns_end_where_little_is_left() -> None:
    calls: list[int] = []
    conjugate_gradients(MATRIX.dot, np.copy, RIGHT, 50, 1e-6, each=lambda: calls.append(1))
    assert len(calls) == 2


def test_what_each_turn_raises_ends_them() -> None:
    def up() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        conjugate_gradients(MATRIX.dot, np.copy, RIGHT, 5, each=up)
