"""What the tests of optimizers share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pinnlab.optimizers import Step


@pytest.fixture
def run() -> Callable[..., list[Step]]:
    """(optimizer, objective, theta, count) -> so many steps, after each of which the inputs are as they were."""

    def steps(optimizer: Any, objective: Any, theta: Tensor, count: int) -> list[Step]:
        state, found = optimizer.init(objective, theta), []
        for _ in range(count):
            before = theta.clone(), copy.deepcopy(state)
            step = optimizer.step(objective, theta, state)
            assert torch.equal(theta, before[0]) and state == before[1], "inputs are left as they were"
            theta, state = step.theta, step.state
            found.append(step)
        return found

    return steps
