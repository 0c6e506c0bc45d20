"""How much memory a piece of work may take: half of what is free, and no more than a few gigabytes."""

from __future__ import annotations

import math
from pathlib import Path

_SHARE = 0.5
"""Of the free memory."""
MOST, OF_EXPERTS = 3 << 30, 6 << 30
"""Bytes at most, however much is free: the process itself, and what its libraries keep, come on top. Cells that are halved
where it is worth it make more of them than the grids of a classical solution."""
_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Limit and use of a control group, of version 2 and of version 1."""


def usable_memory(
    most: int = MOST, meminfo: Path = Path("/proc/meminfo"), groups: Path = Path("/sys/fs/cgroup")
) -> float:
    """Bytes that a piece of work may take; infinity is never said, even where the system tells nothing.

    Args:
        most: bytes, however much is free.
        meminfo: where Linux tells how much memory is available.
        groups: the control group of this process, whose limit counts where it is lower.
    """
    free = min([_available(meminfo), _addresses(), *(_left(groups / limit, groups / used) for limit, used in _GROUPS)])
    return min(_SHARE * free, float(most))


def _available(meminfo: Path) -> float:
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return 1024.0 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return math.inf


def _addresses() -> float:
    """What is left of the address space that the process was given (``ulimit -v``)."""
    try:
        import resource  # of POSIX only

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        return math.inf
    return math.inf if limit == resource.RLIM_INFINITY else max(0.0, float(limit - used))


def _left(limit: Path, used: Path) -> float:
    try:
        return max(0.0, float(limit.read_text()) - float(used.read_text()))
    except (OSError, ValueError):  # no such group, or "max"
        return math.inf


def gigabytes(size: float) -> str:
    """A number of bytes for messages."""
    return f"{size / 2**30:.2g} GiB"
