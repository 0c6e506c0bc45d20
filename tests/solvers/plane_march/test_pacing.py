"""What is left of a march, and what it affords: numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.plane_march.pacing import Pacing, seconds_to_plan, slabs_served


def add(pacing: Pacing, halvings: int) -> None:
    pacing.tried(1.0)
    pacing.added(halvings)


def test_short_slabs_are_expected_to_become_longer() -> None:
    pacing = Pacing(4)
    # 16 of a usual length, and two for each halving more
    assert pacing.slabs(0.0, 4) == 16 and pacing.slabs(0.0, 7) == 22 and pacing.slabs(0.5, 3) == 4


def test_short_slabs_are_expected_to_last_as_long_again() -> None:
    # a sixteenth of the time in slabs of 1/128, seven eighths in slabs of 1/16, and two for each halving more
    assert Pacing(4).slabs(1 / 16, 7) == 8 + 14 + 6
    assert Pacing(4).slabs(0.5, 7) == 64 + 6
    # or as long as since something was switched
    pacing = Pacing(4)
    pacing.since = 7 / 16
    assert pacing.slabs(0.5, 7) == 8 + 7 + 6


def test_slabs_of_one_length_for_some_time_have_settled() -> None:
    pacing = Pacing(4)
    for _ in range(4):
        assert not pacing.settled
        add(pacing, 7)
    assert pacing.settled
    add(pacing, 6)
    assert not pacing.settled


def test_time_of_attempts_counts_with_the_slab_that_follows() -> None:
    pacing = Pacing(4)
    pacing.tried(2.0)
    add(pacing, 4)
    assert pacing.seconds == 3.0
    add(pacing, 4)
    # 0.6 * 3 + 0.4 * 1
    assert pacing.seconds == pytest.approx(2.2) and pacing.needs(0.5, 4) == pytest.approx(8 * 2.2)


def test_experts_may_grow_as_far_as_the_rest_still_ends_in_time() -> None:
    pacing = Pacing(4)
    # 16 slabs of one second, 213 seconds left, of which six tenths count: 8 times as long, 4 times as many experts
    assert pacing.affords(0.0, 4, 1.0, 16 * 8 / 0.6) == pytest.approx(4.0)
    assert pacing.affords(0.0, 4, 1.0, 5.0) == 1.0
    assert pacing.affords(0.0, 4, 1.0, math.inf) == math.inf


def test_late_is_what_has_settled_and_would_end_after_the_deadline() -> None:
    pacing = Pacing(4)
    for _ in range(3):
        add(pacing, 6)
    assert not pacing.late(0.5, 6, 10.0)
    add(pacing, 6)
    assert pacing.late(0.5, 6, 10.0) and not pacing.late(0.5, 6, 45.0)
    assert not pacing.late(0.5, 6, math.inf)
    # at the start 16 slabs of a second, and four for two halvings more, are not by far too many
    assert not pacing.late(0.0, 6, 10.0) and pacing.late(0.0, 6, 6.0)


def test_the_tolerance_of_a_march_that_would_be_late_is_four_times_as_large() -> None:
    pacing = Pacing(4)
    for _ in range(4):
        add(pacing, 6)
    # 45 of 50 seconds may be planned with; 34 slabs of a second are to come
    assert pacing.tolerance(1e-2, 0.2, 0.5, 6, 50.0) == 1e-2
    assert pacing.tolerance(1e-2, 0.2, 0.5, 6, 10.0) == pytest.approx(4e-2)
    assert pacing.tolerance(1e-2, 0.02, 0.5, 6, 10.0) == 0.02
    assert pacing.tolerance(1e-2, 1e-3, 0.5, 6, 10.0) == 1e-2, "never a smaller one"


def test_slabs_share_the_factorizations_of_linear_problems() -> None:
    assert slabs_served(0.0) == slabs_served(1e-5) == math.inf
    assert slabs_served(0.05) == 3.0 and slabs_served(0.2) == 1.0
    # others are made again, and the mean over slabs shares them out
    for contraction, seconds in ((0.0, 1.0), (0.05, 3.0)):
        pacing = Pacing(4)
        pacing.tried(3.0, 2.0, contraction)
        pacing.added(4)
        assert pacing.seconds == seconds


def test_the_time_that_good_work_gets_is_planned_with_where_slabs_are_alike() -> None:
    deadline = Deadline(30.0, 60.0, lambda: 10.0, extra=30.0)
    assert seconds_to_plan(deadline, 0.0) == 50.0 and seconds_to_plan(deadline, 0.05) == 20.0
