"""A lock on an open file, by which processes that write to one file take turns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any


@contextmanager
def locked(file: IO[Any]) -> Iterator[None]:
    """Hold the only lock on an open file meanwhile, after waiting for who has it; where the system has none, go on."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
