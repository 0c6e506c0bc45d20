"""Memory of the CPU: freed arrays are kept for the next ones.

A step makes the same large arrays again and again. By default the C library returns them to the system and fetches them
anew, page by page, which takes 7 to 19 % of a step (``docs/benchmarks/memory.py``).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What glibc's ``mallopt`` calls them (malloc.h)."""
_USUAL = 1 << 25
"""Bytes of the largest array that is kept, where glibc's own rule, which follows the largest array freed, ends up."""
_KEPT = (1 << 30, _USUAL)
"""The same inside the block: the second is the most that older releases take."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let freed memory stay with this process inside the block, and return it to the system afterwards.

    Does nothing where the C library is not glibc, or where the user has set its ``MALLOC_...`` variables.
    """
    library: Any = ctypes.CDLL(None) if os.name == "posix" else None
    if not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim") or _chosen_by_user():
        yield
        return
    library.mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
    any(library.mallopt(_MMAP_THRESHOLD, size) for size in _KEPT)
    try:
        yield
    finally:
        library.mallopt(_TRIM_THRESHOLD, 2 * _USUAL)
        library.mallopt(_MMAP_THRESHOLD, _USUAL)
        library.malloc_trim(0)


def _chosen_by_user() -> bool:
    return any(name in os.environ for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"))
