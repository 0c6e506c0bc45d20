"""Lengths of slabs: numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from pinnlab.solvers.plane_march.clock import SlabClock


def test_slabs_are_halves_of_halves() -> None:
    clock = SlabClock((1.0, 3.0), 2)
    assert clock.slab == 0.5 and clock.now == 1.0 and clock.length(3) == 0.25
    clock.advance()
    clock.shorten()
    assert (clock.now, clock.slab, clock.share) == (1.5, 0.25, 0.25)
    for _ in range(6):
        clock.advance()
    assert clock.done and clock.share == 1.0


def test_longer_slabs_begin_at_their_multiples() -> None:
    clock = SlabClock((0.0, 1.0), 4)
    clock.advance()
    # a slab of 1/8 does not begin at 1/16
    assert not clock.may_lengthen(True)
    clock.advance()
    assert clock.may_lengthen(True)


def test_longer_slabs_are_worth_a_factorization_where_many_are_to_come() -> None:
    clock = SlabClock((0.0, 1.0), 4)
    for _ in range(8):
        clock.advance()
    # eight are left
    assert clock.may_lengthen(True) and not clock.may_lengthen(False)


def test_after_a_slab_that_was_too_long_others_wait_each_time_twice_as_long() -> None:
    clock = SlabClock((0.0, 1.0), 6)
    clock.shorten()
    assert clock.waiting == 0 and clock.halvings == 7
    clock.advance()
    clock.advance()
    assert clock.may_lengthen(True)
    clock.shorten()
    waited = 0
    while not clock.may_lengthen(True):
        clock.advance()
        waited += 1
    assert waited == 4
    clock.shorten()
    assert clock.waiting == 8


def test_slabs_that_are_short_for_a_while_may_be_off_by_more() -> None:
    clock = SlabClock((0.0, 1.0), 5)
    assert clock.brief == 1.0
    clock.halvings = 7
    assert clock.brief == pytest.approx(2.0)
    clock.halvings = 8
    assert clock.brief == pytest.approx(math.sqrt(8))


def test_the_first_slab_is_not_shortened_for_ever() -> None:
    clock = SlabClock((0.0, 1.0), 4)
    clock.halvings = 14
    assert not clock.may_shorten
    clock.advance()
    assert clock.may_shorten and not clock.shortest


def test_a_state_goes_on() -> None:
    clock, other = SlabClock((0.0, 1.0), 4), SlabClock((0.0, 1.0), 4)
    clock.advance()
    clock.shorten()
    other.restore(clock.state())
    assert other.state() == clock.state() and other.now == clock.now


def test_a_leg_ends_where_something_is_switched_and_the_next_one_begins_anew() -> None:
    clock = SlabClock((0.0, 1.0), 3, (0.75,))
    assert clock.slab == 0.75 / 8 and clock.depth == pytest.approx(3 + math.log2(4 / 3))
    for _ in range(8):
        assert clock.leg == 0
        clock.advance()
    # a quarter of the time: one slab of an eighth of all would be half of it, and there are four at least
    assert (clock.leg, clock.now, clock.share, clock.halvings) == (1, 0.75, 0.75, 2)
    assert clock.begins and clock.may_shorten and not clock.done
    clock.shorten()
    clock.advance()
    assert clock.now == 0.75 + 0.25 / 8
    other = SlabClock((0.0, 1.0), 3, (0.75,))
    other.restore(clock.state())
    assert (other.now, other.slab, other.share) == (clock.now, clock.slab, clock.share)
    for _ in range(7):
        other.advance()
    assert other.done and other.share == 1.0
