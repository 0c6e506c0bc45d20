"""Recording and replaying: on a CPU everything runs as it is; what a GPU does is tested in test_cuda.py."""

from __future__ import annotations

import torch

from pinnlab.machine.cuda_graphs import Replay, same


def test_on_the_cpu_the_function_is_called_each_time():
    calls, replay = [], Replay()

    def double(inputs):
        calls.append(1)
        return 2 * inputs[0]

    for k in range(6):
        x = torch.full((3,), float(k))
        torch.testing.assert_close(replay("double", double, [x], "same"), 2 * x)
    assert len(calls) == 6


def test_same_allows_for_rounding_and_nothing_more():
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    assert same((x + 1e-14, {0: x}), (x, {0: x}))
    assert not same((x + 1e-9, {0: x}), (x, {0: x}))
    assert not same(x[:2], x) and not same((x,), (x, x)) and not same({0: x}, {1: x})
    assert not same(x * float("nan"), x), "what is not a number agrees with nothing"
