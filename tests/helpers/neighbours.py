"""Groups on grids, and which of them are neighbours."""

from __future__ import annotations

import itertools

import numpy as np


def grid(shape: tuple[int, ...]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Pairs of neighbours on a grid, the smaller number first, and (g, d) places."""
    places = np.array(list(itertools.product(*map(range, shape))), dtype=float)
    number = {tuple(p): i for i, p in enumerate(places.astype(int).tolist())}
    pairs = []
    for at, i in number.items():
        for axis in range(len(shape)):
            after = (*at[:axis], at[axis] + 1, *at[axis + 1 :])
            if after in number:
                pairs.append((i, number[after]))
    return pairs, places
