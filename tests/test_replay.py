"""Recording and replaying: on a CPU everything runs as it is; what a GPU does is tested in test_cuda.py."""

from __future__ import annotations

import torch

from pinnlab.replay import Replay


def test_on_the_cpu_the_function_is_called_each_time():
    calls, replay = [], Replay()

    def double(inputs):
        calls.append(1)
        return 2 * inputs[0]

    for k in range(6):
        x = torch.full((3,), float(k))
        torch.testing.assert_close(replay("double", double, [x], "same"), 2 * x)
    assert len(calls) == 6
