"""The clock of a peer's training."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.bench.peers.recorder import Recorder


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def decay() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)), unknowns="u", equations=lambda u: u.t + u, conditions=[pl.Initial(u=1.0)],
        reference=lambda t: torch.exp(-t),
    )  # fmt: skip


def test_the_clock_stands_still_while_errors_are_measured() -> None:
    clock = Clock()
    recorder = Recorder(decay(), 10.0, clock)

    def function(at: Tensor) -> Tensor:
        clock.now += 50.0
        return torch.exp(-at) * 1.5

    clock.now += 30.0
    recorder.start(function, torch.float64)
    clock.now += 1.0
    assert not recorder.check() and recorder.seconds == 1.0
    clock.now += 0.05
    # not due yet
    assert not recorder.check() and len(recorder.curve["error"]) == 1
    clock.now += 8.95
    assert recorder.check() and recorder.late
    assert recorder.curve["seconds"] == pytest.approx([1.0, 10.0]) and recorder.seconds == pytest.approx(10.0)
    assert recorder.curve["error"] == pytest.approx([0.5, 0.5]) and recorder.curve["window"] == [0.0, 0.0]
    assert recorder.final_errors() == {"u": pytest.approx(0.5)}


def test_without_a_reference_times_are_recorded_alone() -> None:
    recorder = Recorder(decay().replace(reference=None), 1.0)
    recorder.start(torch.exp, torch.float64)
    recorder.check()
    assert len(recorder.curve["seconds"]) == 1 and recorder.final_errors() == {}


def test_a_compilation_is_not_training() -> None:
    clock = Clock()
    recorder = Recorder(decay(), 10.0, clock)
    recorder.start(torch.exp, torch.float64)
    clock.now += 4.0
    recorder.check()
    clock.now += 30.0
    recorder.go_on()
    clock.now += 1.0
    assert not recorder.check() and recorder.seconds == 5.0
