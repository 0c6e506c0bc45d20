"""Which combinations of parameters data tell, where they do not tell the parameters one by one.

Letters: p parameters, k directions that data do not tell.
"""

from __future__ import annotations

import numpy as np

from pinnlab.algebra.confidence import involved

Array = np.ndarray
_NONE = 1e-3
"""Next to the largest component, what is none."""


def reduced(rows: Array) -> Array:
    """(k, p) the reduced row echelon form of independent rows (k, p), which has as many zeros as may be."""
    if not rows.size:
        return rows
    found, column = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300), 0
    for i in range(len(found)):
        while column < found.shape[1] and np.abs(found[i:, column]).max() <= _NONE:
            column += 1
        if column == found.shape[1]:
            return found[:i]
        largest = i + int(np.argmax(np.abs(found[i:, column])))
        found[[i, largest]] = found[[largest, i]]
        found[i] /= found[i, column]
        others = np.arange(len(found)) != i
        found[others] -= np.outer(found[others, column], found[i])
        column += 1
    return found


def sparse(directions: Array) -> Array:
    """(k, p) unit vectors that span what (k, p) span, with parameters that take no part in one at zero."""
    found = reduced(directions)
    if not len(found):
        return found
    found = np.where([involved(row) for row in found], found, 0.0)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def together(directions: Array) -> list[tuple[list[int], list[int]]]:
    """Directions (k, p) that share parameters, and these: pairs of their numbers."""
    found: list[tuple[list[int], list[int]]] = []
    for i, direction in enumerate(directions):
        mine, names = [i], set(np.flatnonzero(involved(direction)).tolist())
        for other in [pair for pair in found if names & set(pair[1])]:
            found.remove(other)
            mine, names = other[0] + mine, names | set(other[1])
        found.append((mine, sorted(names)))
    return found


def told_rows(directions: Array) -> Array:
    """(p - k, p): what does not change along directions (k, p), each row with a one where it ends.

    Of a + b, along which (1, -1) nothing changes, that is (1, 1).
    """
    k, p = directions.shape
    unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-300)
    _, _, rows = np.linalg.svd(unit, full_matrices=True)
    # from the last column on
    found = reduced(rows[k:, ::-1])[::-1, ::-1] if p > k else np.zeros((0, p))
    return np.where(np.abs(found) <= _NONE * np.abs(found).max(axis=1, keepdims=True, initial=1e-300), 0.0, found)
