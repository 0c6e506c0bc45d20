"""Ctrl-C while a library is being loaded."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C until the block has ended; for short blocks that cannot be left half done.

    In threads other than the main one, which Ctrl-C never reaches, the block is only run.

    Raises:
        KeyboardInterrupt: after the block, if Ctrl-C came meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, came = signal.getsignal(signal.SIGINT), []

    def keep(number: int, frame: Any) -> None:
        came.append((number, frame))

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):
        before(*came[0])


def load(*modules: str) -> None:
    """Load these modules whole: one that Ctrl-C stops half way raises an ImportError and cannot be loaded again."""
    if not sys.modules.keys() >= set(modules):
        with uninterrupted():
            for module in modules:
                importlib.import_module(module)
