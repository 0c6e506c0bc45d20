"""In which order the groups of a sparse matrix of blocks are eliminated, and what that costs: known before it starts.

Letters: g groups of unknowns.

Groups that are places, such as cells, are best divided by nested dissection (George 1973): what separates two halves is
eliminated after both. In the plane a factorization then takes n^1.5 multiplications for n groups and n log n memory, in
space n^2 and n^1.33.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.algebra.blocks import Elimination, elimination

Array = np.ndarray
_FEW = 24
"""Groups that are left to the order of fewest neighbours."""


@dataclass(frozen=True)
class Cost:
    """What a factorization takes.

    Attributes:
        work: multiplications.
        entries: numbers in the factor.
    """

    work: float
    entries: float


def cost(order: Elimination, sizes: Mapping[int, int]) -> Cost:
    """What a Cholesky factorization takes.

    Args:
        order: of elimination.
        sizes: {group: its unknowns}.
    """
    work = entries = 0.0
    for i, near in order:
        own, beside = sizes[i], sum(sizes[j] for j in near)
        work += own**3 / 3 + own**2 * beside + own * beside * (beside + own) / 2
        entries += own * (own + beside)
    return Cost(work, entries)


def cheapest(sizes: Mapping[int, int], coupled: Collection[tuple[int, int]], places: Array) -> Elimination:
    """The cheaper one of two orders: of fewest neighbours, and of nested dissection.

    Args:
        sizes: {group: its unknowns}, of groups 0 to g - 1.
        coupled: pairs of groups.
        places: (g, d) where groups are.
    """
    found = [elimination(list(sizes), coupled), dissection(coupled, places)]
    return min(found, key=lambda order: cost(order, sizes).work)


def dissection(coupled: Collection[tuple[int, int]], places: Array) -> Elimination:
    """Groups in the order of nested dissection by where they are.

    Args:
        coupled: pairs of groups 0 to g - 1.
        places: (g, d).
    """
    near: dict[int, set[int]] = {i: set() for i in range(len(places))}
    for i, j in coupled:
        if i != j:
            near[i].add(j)
            near[j].add(i)
    return filled(_dissected(sorted(near), near, places), near)


def filled(order: Iterable[int], near: Mapping[int, set[int]]) -> Elimination:
    """An order of elimination with the groups that each one couples to when its turn comes."""
    left = {i: set(mine) for i, mine in near.items()}
    found = []
    for i in order:
        mine = left.pop(i)
        for j in mine:
            left[j] |= mine - {j}
            left[j].discard(i)
        found.append((i, sorted(mine)))
    return found


def _dissected(groups: Sequence[int], near: Mapping[int, set[int]], places: Array) -> list[int]:
    if len(groups) <= _FEW:
        own = set(groups)
        pairs = [(i, j) for i in groups for j in near[i] if j in own and i > j]
        return [i for i, _ in elimination(groups, pairs)]
    at = places[groups]
    axis = int(np.ptp(at, axis=0).argmax())
    below = set(np.array(groups)[np.argsort(at[:, axis], kind="stable")[: len(groups) // 2]].tolist())
    above = set(groups) - below
    # of the two sides of the cut the smaller one separates
    sides = [sorted(i for i in mine if near[i] & other) for mine, other in ((below, above), (above, below))]
    separator = min(sides, key=len)
    cut = set(separator)
    halves = [sorted(below - cut), sorted(above - cut)]
    return [i for half in halves if half for i in _dissected(half, near, places)] + _dissected_last(separator, near)


def _dissected_last(separator: Sequence[int], near: Mapping[int, set[int]]) -> list[int]:
    return sorted(separator, key=lambda i: (len(near[i]), i))
