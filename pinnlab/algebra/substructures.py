"""In which order the faces between groups of unknowns are eliminated, and what that costs: known before it starts.

Letters: g groups of unknowns, such as cells, p_i unknowns of group i, q_f numbers of face f.

Groups are divided into halves by where they are, and the halves again, down to single groups, or neighbours are joined, and
what comes of it again. What two substructures have in common is eliminated when both are done, and what they have in common
with the rest is left (Przemieniecki 1963; nested dissection, George 1973). In the plane a factorization then takes n^1.5
multiplications for n groups and n log n memory, in space n^2 and n^1.33.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
_CUTS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
"""Shares of the groups below a cut that are tried."""
Face = tuple[int, int]
"""The two groups that it joins, the smaller number first."""


@dataclass(frozen=True)
class Front:
    """The elimination of what two substructures have in common.

    Attributes:
        own: faces that are eliminated.
        near: faces that are left, those first that are eliminated first.
        groups: the substructures that are single groups.
        fronts: the numbers of those that are fronts themselves.
    """

    own: tuple[Face, ...]
    near: tuple[Face, ...]
    groups: tuple[int, ...]
    fronts: tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """What a factorization takes.

    Attributes:
        work: multiplications.
        entries: numbers in the factor.
    """

    work: float
    entries: float


def cost(fronts: Sequence[Front], sizes: Mapping[int, int], widths: Mapping[Face, int]) -> Cost:
    """What it takes to eliminate all groups, whose own matrices are given, and then all faces.

    Args:
        fronts: in order.
        sizes: {group: p_i}.
        widths: {face: q_f}.
    """
    of_groups, of_fronts = _costs(fronts, sizes, widths)
    every = [*of_groups.values(), *of_fronts]
    return Cost(sum(each.work for each in every), sum(each.entries for each in every))


def _costs(
    fronts: Sequence[Front], sizes: Mapping[int, int], widths: Mapping[Face, int]
) -> tuple[dict[int, Cost], list[Cost]]:
    """Of each group, and of each front."""
    beside = dict.fromkeys(sizes, 0)
    for face, width in widths.items():
        for group in face:
            beside[group] += width
    of_groups = {i: _of_group(p, beside[i]) for i, p in sizes.items()}
    of_fronts = [_of_front(*(sum(widths[f] for f in faces) for faces in (front.own, front.near))) for front in fronts]
    return of_groups, of_fronts


def _of_group(p: int, q: int) -> Cost:
    """Of p unknowns next to q numbers of faces."""
    return Cost(p**3 / 3 + p * q * (p + q) / 2, float(p * (p + q)))


def _of_front(own: int, near: int) -> Cost:
    """Of numbers that are eliminated next to those that are left."""
    return Cost(own**3 / 3 + own**2 * near + own * near * (near + own) / 2, float(own * (own + near)))


@dataclass(frozen=True)
class Shares:
    """Which of several processes eliminates what.

    Attributes:
        groups: {group: process}.
        fronts: (number of fronts,) their processes; None where every process does the same work, since the front joins what
            several of them have.
    """

    groups: Mapping[int, int]
    fronts: tuple[int | None, ...]


def shared(fronts: Sequence[Front], sizes: Mapping[int, int], widths: Mapping[Face, int], processes: int) -> Shares:
    """Whole substructures to each process, and as few fronts as pay to all of them.

    The last fronts are taken apart, the one with most work in it first, until the heaviest process no longer ends earlier.

    Args:
        fronts, sizes, widths: of ``cost``; groups are 0 to g - 1.
        processes: at least one.
    """
    count, (of_groups, of_fronts) = len(sizes), _costs(fronts, sizes, widths)
    # substructures are numbered: groups first, then fronts
    made_of = [list[int]() for _ in range(count)] + [[*f.groups, *(count + k for k in f.fronts)] for f in fronts]
    own = [of_groups[i].work for i in range(count)] + [each.work for each in of_fronts]
    work = [*own]
    for number in range(count, len(own)):
        work[number] += sum(work[part] for part in made_of[number])
    parts = sorted(set(range(len(own))).difference(*made_of))
    common, best = 0.0, (math.inf, dict[int, int]())
    while common < best[0]:
        parts.sort(key=lambda part: (-work[part], part))
        owners, load = _dealt([work[part] for part in parts], processes)
        best = min(best, (common + load, dict(zip(parts, owners, strict=True))), key=lambda each: each[0])
        if processes == 1 or not made_of[parts[0]]:
            break
        common += own[parts[0]]
        parts = [*parts[1:], *made_of[parts[0]]]
    found, waiting = dict[int, int](), list(best[1].items())
    while waiting:
        number, owner = waiting.pop()
        found[number] = owner
        waiting += [(part, owner) for part in made_of[number]]
    return Shares({i: found[i] for i in range(count)}, tuple(map(found.get, range(count, len(own)))))


def _dealt(work: Sequence[float], processes: int) -> tuple[list[int], float]:
    """Which process takes each piece of work, the heaviest first: the one with the least so far; and the largest sum."""
    owners, loads = [], [0.0] * processes
    for each in work:
        owners.append(loads.index(min(loads)))
        loads[owners[-1]] += each
    return owners, max(loads)


def substructures(sizes: Mapping[int, int], widths: Mapping[Face, int], places: Array) -> list[Front]:
    """The cheaper one of two orders: by halves of halves, and by joining neighbours; graded cells like the second one.

    Args:
        sizes: {group: p_i}, of groups 0 to g - 1.
        widths: {face: q_f}.
        places: (g, d) where groups are.
    """
    joined: list[set[Face]] = [set() for _ in sizes]
    for face in widths:
        for group in face:
            joined[group].add(face)
    found = _divided(joined, widths, places), _joined(joined, widths)
    return min(found, key=lambda fronts: cost(fronts, sizes, widths).work)


class _Fronts:
    """Fronts in the order in which they are made, of substructures that are numbered: groups first, then fronts.

    Args:
        joined: the faces of each group.
    """

    def __init__(self, joined: Sequence[set[Face]]):
        self.left = dict(enumerate(joined))
        self.count = len(joined)
        self._made: list[tuple[set[Face], set[Face], tuple[int, int]]] = []

    def join(self, a: int, b: int) -> int:
        """Eliminate what two substructures have in common: the number of the new one."""
        one, other = self.left.pop(a), self.left.pop(b)
        self._made.append((one & other, one ^ other, (a, b)))
        number = self.count + len(self._made) - 1
        self.left[number] = one ^ other
        return number

    def all(self) -> list[Front]:
        """All of them, each right after what it is made of, so that little waits; what has nothing in common is last."""
        while len(self.left) > 1:
            a, b, *_ = self.left
            self.join(a, b)
        order, waiting = list[int](), [len(self._made) - 1] if self._made else []
        while waiting:
            order.append(waiting.pop())
            waiting += [k - self.count for k in self._made[order[-1]][2] if k >= self.count]
        order.reverse()
        place = {number: at for at, number in enumerate(order)}
        turn = {face: at for at, number in enumerate(order) for face in self._made[number][0]}
        found = []
        for own, near, of in (self._made[number] for number in order):
            fronts = tuple(place[k - self.count] for k in of if k >= self.count)
            last = tuple(sorted(near, key=lambda f: (turn[f], f)))
            found.append(Front(tuple(sorted(own)), last, tuple(k for k in of if k < self.count), fronts))
        return found


def _divided(joined: Sequence[set[Face]], widths: Mapping[Face, int], places: Array) -> list[Front]:
    """By nested dissection."""
    fronts = _Fronts(joined)

    def whole(groups: Array) -> int:
        if len(groups) == 1:
            return int(groups[0])
        below, above = _cut(groups, joined, widths, places)
        return fronts.join(whole(below), whole(above))

    whole(np.arange(len(joined)))
    return fronts.all()


def _cut(groups: Array, joined: Sequence[set[Face]], widths: Mapping[Face, int], places: Array) -> tuple[Array, Array]:
    """Two parts, about halves, with the least in common."""
    best: tuple[float, Array, Array] | None = None
    for axis in range(places.shape[1]):
        order = groups[np.argsort(places[groups, axis], kind="stable")]
        for first in sorted({max(1, int(share * len(order))) for share in _CUTS}):
            faces = [set().union(*(joined[i] for i in part)) for part in (order[:first], order[first:])]
            common = sum(widths[face] for face in faces[0] & faces[1])
            if best is None or common < best[0]:
                best = common, order[:first], order[first:]
    assert best is not None
    return best[1], best[2]


def _joined(joined: Sequence[set[Face]], widths: Mapping[Face, int]) -> list[Front]:
    """From single groups on: those two are joined next that leave the least in common with the rest."""
    fronts = _Fronts(joined)
    left, owners = fronts.left, {face: set(face) for face in widths}
    waiting: list[tuple[int, int, int]] = []

    def wait(a: int, b: int) -> None:
        heapq.heappush(waiting, (sum(widths[face] for face in left[a] ^ left[b]), min(a, b), max(a, b)))

    for face in widths:
        wait(*face)
    while waiting:
        _, a, b = heapq.heappop(waiting)
        if a in left and b in left:
            number = fronts.join(a, b)
            for face in left[number]:
                owners[face] = owners[face] - {a, b} | {number}
            for other in set().union(*(owners[face] for face in left[number])) - {number}:
                wait(other, number)
    return fronts.all()
