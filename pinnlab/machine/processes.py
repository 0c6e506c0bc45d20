"""Processes that work on one solve: which one this is, and the few exchanges between them, counted.

Letters: R processes.

Each holds the same parameters and takes the same steps; what they share out is the work between two steps. So nearly
every exchange is a sum. One process alone is the ordinary case, in which each exchange gives back what it got.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


class LostProcessError(RuntimeError):
    """Another process of the solve has ended or does not answer."""


@dataclass
class Traffic:
    """What one process has exchanged with the others.

    Attributes:
        calls: number of exchanges.
        bytes: size of what this process gave to them.
        seconds: time in them, waiting for slower processes included; on a GPU only the time to queue them.
    """

    calls: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Processes:
    """The processes of one solve, as one of them sees them.

    Args:
        rank: number of this one.
        count: R.
        group: a ``torch.distributed`` process group, the default one if None.
        device: of messages that are not tensors.

    Raises:
        LostProcessError: from every exchange, where another process has ended or does not answer within the group's
            time-out.
    """

    rank: int = 0
    count: int = 1
    group: Any = None
    device: torch.device = torch.device("cpu")
    traffic: Traffic = field(default_factory=Traffic, compare=False)

    @property
    def leads(self) -> bool:
        """Whether this is the one that prints and writes files."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum over processes, without a graph; the same bits in each."""
        if self.count == 1:
            return value.detach()
        total = value.detach().clone(memory_format=torch.contiguous_format)
        with self._exchange(total.numel() * total.element_size()):
            dist.all_reduce(total, group=self.group)
        return total

    def total(self, numbers: np.ndarray) -> np.ndarray:
        """The sum over processes of an array of real or complex numbers; the same bits in each."""
        if self.count == 1:
            return numbers
        whole = torch.from_numpy(np.ascontiguousarray(numbers)).to(self.device)
        found = self.sum(torch.view_as_real(whole) if whole.is_complex() else whole).cpu().numpy()
        return np.asarray(found.view(numbers.dtype)[..., 0] if whole.is_complex() else found)

    def sums(self, *values: Tensor) -> list[Tensor]:
        """Several sums of one floating-point type in one exchange."""
        if self.count == 1:
            return [value.detach() for value in values]
        total = self.sum(torch.cat([value.reshape(-1) for value in values]))
        parts = total.split([value.numel() for value in values])
        return [part.view(value.shape) for part, value in zip(parts, values, strict=True)]

    def sums_symmetric(self, *matrices: Tensor) -> list[Tensor]:
        """Several sums of symmetric matrices (p, p) in one exchange of little more than half of their size."""
        if self.count == 1:
            return [matrix.detach() for matrix in matrices]
        totals = [matrix.detach().clone(memory_format=torch.contiguous_format) for matrix in matrices]
        pairs = [pair for total in totals for pair in lower_parts(total)]
        for (part, mirror), found in zip(pairs, self.sums(*(part for part, _ in pairs)), strict=True):
            part.copy_(found)
            mirror.copy_(found.T)
        return totals

    def gather(self, rows: Tensor) -> tuple[Tensor, slice]:
        """The rows (n, ...) of all processes, one process after the other, and where this one's stand; n may differ."""
        if self.count == 1:
            return rows.detach(), slice(0, len(rows))
        counts = torch.zeros(self.count, dtype=rows.dtype, device=rows.device)
        counts[self.rank] = len(rows)
        ends = self.sum(counts).cumsum(0).to(torch.long).tolist()
        # sums with zeros are exact, and take rows of any number
        whole = rows.new_zeros(ends[-1], *rows.shape[1:])
        own = slice(ends[self.rank] - len(rows), ends[self.rank])
        whole[own] = rows
        return self.sum(whole), own

    def leading(self, number: float) -> float:
        """The leading process' number, in each."""
        if self.count == 1:
            return number
        return float(self.sum(torch.tensor([number if self.leads else 0.0], dtype=torch.float64, device=self.device)))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in one of the processes."""
        if self.count == 1:
            return flag
        return bool(self.sum(torch.tensor([float(flag)], device=self.device)))

    def first(self, value: T) -> T:
        """The leading process' plain data, in each."""
        if self.count == 1:
            return value
        box = [value]
        with self._exchange(0):
            dist.broadcast_object_list(box, group_src=0, group=self.group, device=self.device)
        return box[0]

    def collect(self, value: T) -> list[T]:
        """The plain data of all processes, in each."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        with self._exchange(0):
            dist.all_gather_object(found, value, group=self.group)
        return found

    def spread(self, function: Callable[[Any], T], items: Sequence[Any]) -> Iterator[T]:
        """``function`` of every item, each computed in one process, as many at a time as there are processes.

        The values arrive in the order of the items, in every process. They must be plain data, and ``function`` must not
        exchange anything: a solve in it is called with ``parallel="none"``.
        """
        for start in range(0, len(items), self.count):
            mine = start + self.rank
            for found in self.collect([function(item) for item in items[mine : mine + 1]]):
                yield from found

    @contextmanager
    def _exchange(self, size: int) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except RuntimeError as error:
            raise LostProcessError(
                f"process {self.rank} of {self.count}: another process of this solve has ended or does not answer "
                f"({str(error).splitlines()[0]}). Its own message, if it left one, says why. With checkpoint=... the run "
                "can be started again from where it was, and torchrun --max-restarts does so by itself."
            ) from error
        self.traffic.calls += 1
        self.traffic.bytes += size
        self.traffic.seconds += time.perf_counter() - started


ALONE = Processes()
"""One process: no exchange does anything."""


def portion(n: int, parts: int, k: int) -> slice:
    """The k-th of ``parts`` consecutive portions of n things, whose sizes differ by one at most; may be empty.

    Args:
        n: at least 0.
        parts: at least 1.
        k: from 0 to parts - 1.
    """
    return slice(n * k // parts, n * (k + 1) // parts)


def lower_parts(matrix: Tensor, smallest: int = 64) -> list[tuple[Tensor, Tensor]]:
    """Views that together cover the lower triangle of (p, p), each with the view of its mirror image.

    The diagonal is covered by squares of at most ``smallest`` rows, so that p (p + smallest) / 2 numbers are seen.
    """
    p = len(matrix)
    if p <= smallest:
        return [(matrix, matrix)]
    half = p // 2
    return [
        (matrix[half:, :half], matrix[:half, half:]),
        *lower_parts(matrix[:half, :half], smallest),
        *lower_parts(matrix[half:, half:], smallest),
    ]


class Lookout:
    """Decides for all processes together whether the time is up or somebody asked to stop.

    Clocks differ, and a process that stops by itself leaves the others waiting. The leading process' clock decides, and
    it also says how many steps may pass before the next look, so that quick steps do not wait for one another's clocks.

    Args:
        processes: which.
        every: seconds between looks, about.
    """

    def __init__(self, processes: Processes, every: float = 0.2):
        self.processes, self.every = processes, every
        self.asked = False
        self._steps, self._next, self._last = 0, 1, math.inf

    def late(self, now: float, deadline: float) -> bool:
        """Whether to stop after this step; to be called after every step.

        Args:
            now: seconds of training.
            deadline: when they are used up.

        Raises:
            KeyboardInterrupt: in all processes, where one was asked to stop.
        """
        if self.processes.count == 1:
            return now >= deadline
        self._steps += 1
        if self._steps < self._next:
            return False
        per_step = (now - self._last) / self._steps if now > self._last else 0.0
        ahead = min(self.every / per_step, 100.0) if per_step > 0 else 1.0
        leads = float(self.processes.leads)
        said = [leads * float(now >= deadline), leads * max(1.0, ahead // 1), float(self.asked)]
        late, following, asked = self.processes.sum(torch.tensor(said, device=self.processes.device)).tolist()
        self._steps, self._next, self._last = 0, int(following), now
        if asked:
            raise KeyboardInterrupt
        return bool(late)

    def restart(self) -> None:
        """Look after the next step again: steps of another stage may take much longer."""
        self._steps, self._next, self._last = 0, 1, math.inf

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep Ctrl-C for the next look, so that all processes stop at the same step; a second one stops at once."""
        if self.processes.count == 1 or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def ask(number: int, frame: Any) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
