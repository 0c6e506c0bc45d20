"""Deadlines on a clock that the test sets."""

from __future__ import annotations

import math

import pytest

from pinnlab.machine.deadline import Deadline, TimeIsUpError, multiplications_per_second


def test_it_is_looked_at_and_ahead_of() -> None:
    now = [10.0]
    deadline = Deadline.after(4.0, lambda: now[0])
    assert deadline.left == 4.0 and not deadline.passed and deadline.seconds == 4.0
    assert deadline.allows(3.9) and not deadline.allows(4.0)
    deadline.check()
    deadline.require(3.9, "a step")
    with pytest.raises(TimeIsUpError, match=r"a step would take about 5 s, of which 4 s are left"):
        deadline.require(5.0, "a step")
    now[0] = 14.0
    assert deadline.passed
    with pytest.raises(TimeIsUpError, match="the time is up"):
        deadline.check()


def test_a_share_of_what_is_left() -> None:
    now = [0.0]
    whole = Deadline.after(9.0, lambda: now[0])
    now[0] = 3.0
    first = whole.share(1 / 3)
    assert first.at == 5.0 and first.seconds == pytest.approx(2.0)


def test_sooner() -> None:
    now = [0.0]
    sooner = Deadline.after(9.0, lambda: now[0]).sooner(4.0)
    now[0] = 4.9
    sooner.check()
    now[0] = 5.0
    assert sooner.passed and sooner.seconds == 9.0


def test_one_that_never_comes() -> None:
    never = Deadline.after(None)
    never.check()
    assert never.allows(1e300) and never.share(0.5) is never.sooner(3.0) is never and math.isinf(never.seconds)


def test_a_processor_multiplies() -> None:
    assert 1e6 < multiplications_per_second() < 1e14
