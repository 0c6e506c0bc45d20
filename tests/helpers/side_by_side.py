"""Processes of one solve as threads of one process, for tests of what they exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

from pinnlab.machine.processes import Processes

T = TypeVar("T")


class Threads(Processes):
    """One of R threads, whose sums are those of all.

    Args:
        rank, count: number of this one, and R.
        meeting: of all of them.
        values: what they have brought to it, shared by all.
    """

    def __init__(self, rank: int, count: int, meeting: threading.Barrier, values: dict[int, Tensor]):
        super().__init__(rank, count)
        object.__setattr__(self, "meeting", meeting)
        object.__setattr__(self, "values", values)

    def sum(self, value: Tensor) -> Tensor:
        here: Any = self
        here.values[self.rank] = value.detach().clone()
        here.meeting.wait()
        total = torch.stack([here.values[rank] for rank in range(self.count)]).sum(dim=0)
        here.meeting.wait()
        return total


def side_by_side(work: Callable[[Processes], T], count: int) -> list[T]:
    """What each of so many processes makes."""
    meeting, values = threading.Barrier(count, timeout=60), dict[int, Tensor]()

    def one(rank: int) -> T:
        try:
            return work(Threads(rank, count, meeting, values))
        except BaseException:
            meeting.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        return [each.result() for each in [pool.submit(one, rank) for rank in range(count)]]
