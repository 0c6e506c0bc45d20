from __future__ import annotations

from pinnlab.training.clock import Clock


def test_it_goes_on_from_what_was_used_before_and_counts_from_where_it_is_started() -> None:
    now = [100.0]
    watch = Clock(7.0, lambda: now[0])
    now[0] = 150.0
    assert watch.seconds == 7.0, "it stands until it is started"
    watch.start(since=148.0)
    assert watch.seconds == 9.0
    now[0] = 160.0
    assert watch.seconds == 19.0
    watch.start()
    now[0] = 161.0
    assert watch.seconds == 20.0, "started again it loses nothing"
