"""Edges of intervals along one coordinate: halved where a solution asks for it, and merged again."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def halved(edges: Array, which: Array) -> Array:
    """Edges with the marked intervals (boolean) cut in the middle."""
    middles = ((edges[:-1] + edges[1:]) / 2)[which]
    return np.sort(np.concatenate([edges, middles]))


def siblings(edges: Array, coarsest: Array) -> list[int]:
    """Inner edges that halving put there last: removing one gives back an interval of the coarser generation.

    Args:
        edges: obtained from ``coarsest`` by halving intervals.
        coarsest: edges that stay.

    Returns:
        Positions in ``edges``.
    """
    found = []
    for k in range(1, len(edges) - 1):
        left, right = edges[k] - edges[k - 1], edges[k + 1] - edges[k]
        if abs(left - right) > 1e-9 * left:
            continue
        home = np.clip(np.searchsorted(coarsest, edges[k], side="right") - 1, 0, len(coarsest) - 2)
        start, length = coarsest[home], coarsest[home + 1] - coarsest[home]
        multiple = (edges[k - 1] - start) / (left + right)
        # the parent is dyadic if it starts at a multiple of its own length
        if start < edges[k] - 1e-12 * length and abs(multiple - round(multiple)) < 1e-6:
            found.append(k)
    return found
