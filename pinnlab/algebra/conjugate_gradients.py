"""Conjugate gradients with a preconditioner.

Letters: p unknowns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def conjugate_gradients(
    product: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    right: Array,
    turns: int,
    small: float = 0.0,
    start: Array | None = None,
    each: Callable[[], None] = lambda: None,
) -> Array:
    """About the solution (p,) of A x = b for a symmetric positive definite matrix A (Hestenes & Stiefel 1952).

    Args:
        product: A times (p,).
        precondition: an approximate inverse of A times (p,), symmetric and positive definite.
        right: b (p,).
        turns: at most.
        small: turns end where what is left of b, in the norm of the preconditioner, is this share of b.
        start: the first x; zero where none is given.
        each: called before each turn; what it raises ends them.
    """
    found, left, solved = np.zeros_like(right), right, precondition(right)
    first = float(right @ solved)
    if start is not None:
        found, left = start, right - product(start)
        solved = precondition(left)
    direction, size = solved, float(left @ solved)
    for _ in range(turns):
        if not size > small**2 * first:
            break
        each()
        image = product(direction)
        curvature = float(direction @ image)
        if not curvature > 0:
            break
        found, left = found + size / curvature * direction, left - size / curvature * image
        solved, before = precondition(left), size
        size = float(left @ solved)
        direction = solved + size / before * direction
    return found
