from __future__ import annotations

import pytest

from pinnlab.training import clock
from pinnlab.training.clock import Clock


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, to be set by the test."""
    time = [100.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: time[0])
    return time


def test_it_counts_while_it_runs_only(at: list[float]) -> None:
    watch = Clock(7.0)
    at[0] += 50
    assert watch.now == watch.seconds == 7.0
    with watch.running():
        at[0] += 2
        assert watch.now == 9.0 and watch.seconds == 7.0, "seconds are those of the last stop"
        with watch.standing():
            at[0] += 30
            assert watch.now == watch.seconds == 9.0
        at[0] += 1
    at[0] += 10
    assert watch.now == watch.seconds == 10.0


def test_it_stands_after_a_failure(at: list[float]) -> None:
    watch = Clock()
    with pytest.raises(KeyboardInterrupt), watch.running():
        at[0] += 3
        with watch.standing():
            at[0] += 5
            raise KeyboardInterrupt
    at[0] += 10
    assert watch.now == 3.0
