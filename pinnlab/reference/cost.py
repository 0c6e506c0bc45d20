"""What a factorization of a grid's equations costs, before it is begun."""

from __future__ import annotations

from pinnlab.machine.capacity import gigabytes, usable_memory
from pinnlab.machine.deadline import Deadline, multiplications_per_second

_LOOKED_AHEAD = 1000
"""Unknowns from which on a dense factorization takes long enough to look ahead at."""


class TooLargeError(RuntimeError):
    """A resolution whose matrices do not fit into the memory."""


def look_ahead(size: int, full: bool, deadline: Deadline, copies: int = 2, work: int = 1) -> None:
    """See to it that the next factorization ends in time and fits into the memory, if it is a dense one.

    Args:
        size: N of the matrix (N, N).
        full: whether it is dense; a sparse one is as quick as the level of refinement that has it was allowed.
        deadline: of the factorization.
        copies: real matrices that are held at a time.
        work: real factorizations that are made, N^3 / 3 multiplications each.

    Raises:
        TimeIsUpError: it would end too late.
        TooLargeError: it needs more memory than may be used.
    """
    if not full or size < _LOOKED_AHEAD:
        return
    need, most = 8.0 * copies * size**2, usable_memory()
    if need > most:
        raise TooLargeError(f"{size} unknowns need {gigabytes(need)} of memory, of which {gigabytes(most)} may be used")
    deadline.require(work * size**3 / 3 / (0.5 * multiplications_per_second()), f"factorizing {size} unknowns")
