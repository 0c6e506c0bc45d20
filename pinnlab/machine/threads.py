"""How many CPU threads a solve may use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let torch and BLAS use at most so many threads inside the block.

    The arrays of a small network are too short to share well, and threads that wait for one another in a busy loop slow a
    run down many times over where other processes want the cores.
    """
    # imported here because threadpoolctl sets an environment variable when it is imported
    from threadpoolctl import threadpool_limits

    # SciPy has a BLAS of its own, which can be limited once it is loaded, and not before
    importlib.import_module("scipy.linalg")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: short arrays gain nothing from more, and on a busy machine lose a lot."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
