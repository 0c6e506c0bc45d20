"""Which cells are halved: those in which the equations, or what joins cells, do not hold where no solve has looked.

Letters: K experts, k boxes, d coordinates.

What is off in an expert is counted in values of the unknowns: a residual times the square of half the cell, a misfit on
the boundary as it is. In a smooth solution the error is below that, by a hundred with polynomials of degree 12. Next to a
corner, where the solution is like r^a, it falls by 2^a only for each halving, and the error that it makes elsewhere by
about 2^2a; by 2^a only where the corner lies inside, and what is off there may be a source, whose field decays like a
logarithm. Cells that grow with the distance from the corner are needed there for more than economy: on even cells least
squares converge to a smoother function that solves the equations everywhere but at the corner, and is wrong.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from pinnlab.declaration.discontinuities.spots import Spot
from pinnlab.domains.trees import Tree
from pinnlab.solvers.cut_cells.corners import Corners
from pinnlab.solvers.cut_cells.layout import Layout

Array = np.ndarray
_SINGULAR, _FALL = 20.0, 0.75
"""Next to a corner where the solution is like r^a the error is what is off, times a number and the cell's size to this
share of a; measured on an L-shape."""
_SLOW = 3.0
"""Power of the size with which what is off falls as a cell is halved, below which the solution is singular there."""
_ROUGH = 1.2
"""That power below which second derivatives are not square integrable."""
_TYPICAL = 0.6
"""That power at a corner, as long as it is not known."""
_AT_ONCE = 6
"""Halvings towards a corner in one level."""
DEEPEST = 30
"""Halvings of the first cells."""
_SHARP = 0.84
"""Power of a corner below which cells are graded towards it before anything is solved."""
_CLASHING = 3
"""Halvings of the first cells towards corners where data clash: in one wide cell they spoil all that is around."""
_SPREAD = 0.02
"""Share of the largest estimate up to which cells may owe theirs to others."""
_NEAR = 2.0
"""Sides of a cell within which it is next to a corner."""
_OF_SPOT = 2.0
"""Widths of a small part in which data change, that the first cells there may have: their nodes see it then."""


class Marking:
    """Halves cells.

    Args:
        corners: of the boundary.
        tolerance: of the error, relative to the size of the unknowns.
        spots: small parts of space in which data change.
    """

    def __init__(self, corners: Corners, tolerance: float, spots: Sequence[Spot] = ()):
        self.spots = spots
        self.corners, self.powers, self.sources = corners.points, corners.powers, corners.sources
        self.clashing = () if corners.clashing is None else np.flatnonzero(corners.clashing)
        self.tolerance = tolerance
        self._before: dict[int, tuple[float, int]] = {}

    def begin(self, tree: Tree, most: int, deepest: int = DEEPEST) -> None:
        """Grade the first cells towards singular corners as deep as solutions need it there, somewhat where data clash, and
        towards spots until nodes see these.

        Args:
            tree: of boxes.
            most: experts, of which half are left for what follows.
            deepest: halvings at most.
        """
        sharp = np.flatnonzero(self.powers < _SHARP)
        for corner in sharp:
            fall = (1 if self.sources[corner] else 2) * self.powers[corner]
            depth = math.ceil(math.log2(100 / self.tolerance) / fall)
            self._deepen(tree, self.corners[corner], min(depth, deepest, most // (20 * len(sharp))))
        for corner in self.clashing:
            self._deepen(tree, self.corners[corner], min(_CLASHING, deepest))
        for spot in self.spots:
            self._deepen(tree, np.array(spot.center), min(_halvings(tree, spot), deepest))

    def sees(self, tree: Tree) -> bool:
        """Whether cells are small enough at all spots; what was not seen is not solved, whatever cells tell."""
        return all(_halvings(tree, spot) == 0 for spot in self.spots)

    @staticmethod
    def deepest(tree: Tree) -> int:
        """Of how many halvings the smallest boxes of a tree are."""
        return max(tree.places[leaf][0] for leaf in tree.leaves)

    def estimates(self, layout: Layout, off: Array) -> Array:
        """(K,) what each expert adds to the error, about, relative to the size of the unknowns."""
        sizes = layout.size()
        return np.array(
            [
                off[expert] * self._weight(layout.tree, mine, float(off[expert]), sizes[expert] / sizes.max())
                for expert, mine in enumerate(layout.members)
            ]
        )

    def _weight(self, tree: Tree, boxes: Sequence[int], off: float, share: float) -> float:
        """What an expert adds to the error over what it is off by.

        Args:
            tree: of boxes.
            boxes: of the expert.
            off: by which it is.
            share: of its size in that of the largest.
        """
        power = min(self._power(tree, box, off) for box in boxes)
        beside = [corner for box in boxes for corner in self._next_to(tree, box)]
        if not beside and power >= _SLOW:
            return 1.0
        at = [corner for box in boxes for corner in self._corners_of(tree, box, 0.0)]
        least = min((float(self.powers[corner]) for corner in beside), default=1.0)
        rough = power < _ROUGH or least < _SHARP
        weight = _SINGULAR * share ** (_FALL * max(0.0, min(power, least)))
        if not beside:
            return max(weight, 1.0) if rough else 1.0
        if self.sources[at].any():
            return max(weight, 1.0)
        return weight if rough and at else min(weight, 1.0)

    def __call__(self, tree: Tree, layout: Layout, off: Array, shares: Array) -> bool:
        """Halve the boxes of experts that are off by too much; whether there were any.

        Args:
            tree: of boxes.
            layout: of experts.
            off: (K,) by which they are.
            shares: (K,) what that adds to the error of the whole, relative to the size of the unknowns.
        """
        found = np.maximum(self.estimates(layout, off), shares)
        deep: dict[int, int] = {}
        boxes: list[int] = []
        # least squares spread what is off in a few cells over many
        marked = np.flatnonzero(~(found <= max(self.tolerance, _SPREAD * float(found.max()))))
        at = {
            corner for expert in marked for box in layout.members[expert] for corner in self._corners_of(tree, box, 0.0)
        }
        for expert in marked:
            over = math.log2(float(found[expert]) / self.tolerance) if np.isfinite(found[expert]) else 1.0
            for box in layout.members[expert]:
                beside = set(self._next_to(tree, box))
                # what is off beside a corner may come from the corner
                owed = bool(beside & at) and not self._corners_of(tree, box, 0.0)
                if tree.places[box][0] >= DEEPEST or owed:
                    continue
                boxes.append(box)
                power = self._power(tree, box, float(off[expert]))
                fall = (1 + _FALL) * (_TYPICAL if math.isinf(power) else max(power, 0.2))
                for corner in self._corners_of(tree, box, 0.0) if power < _SLOW or beside else ():
                    deep[corner] = max(deep.get(corner, 1), min(math.ceil(over / fall), _AT_ONCE))
        tree.split(boxes)
        for corner, times in deep.items():
            self._deepen(tree, self.corners[corner], times - 1)
        self._remember(tree, layout, off)
        return bool(boxes)

    def state(self) -> list[list[float]]:
        """What ``restore`` needs."""
        return [[float(box), off, float(level)] for box, (off, level) in self._before.items()]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Go on from a state."""
        self._before = {int(box): (off, int(level)) for box, off, level in state}

    def _deepen(self, tree: Tree, point: Array, times: int) -> None:
        for _ in range(times):
            tree.split(leaf for leaf in _around(tree, point) if tree.places[leaf][0] < DEEPEST)

    def _power(self, tree: Tree, box: int, off: float) -> float:
        """With which power of its size a box is off, from that of which it was made; infinite where that is not known."""
        before, level = self._before.get(box, (math.inf, -1))
        return math.log2(before / max(off, 1e-300)) / (tree.places[box][0] - level) if before < math.inf else math.inf

    def _next_to(self, tree: Tree, box: int) -> list[int]:
        """Numbers of the corners to which a box is next that was halved towards them."""
        return self._corners_of(tree, box, _NEAR) if tree.places[box][0] > 1 else []

    def _corners_of(self, tree: Tree, box: int, near: float) -> list[int]:
        """Numbers of the corners in a box, its sides included, or within some of its sides of it."""
        if not len(self.corners):
            return []
        lower, sides = (each[0] for each in tree.corners([box]))
        margin = (near + 1e-9) * sides
        within = (self.corners >= lower - margin) & (self.corners <= lower + sides + margin)
        return np.flatnonzero(within.all(axis=1)).tolist()

    def _remember(self, tree: Tree, layout: Layout, off: Array) -> None:
        """What leaves were off by, and how often they had been halved; new ones have that of the box they were made of."""
        fresh: dict[int, tuple[float, int]] = {}
        for expert, mine in enumerate(layout.members):
            for box in mine:
                waiting = [box] if tree.child[box] >= 0 else []
                while waiting:
                    first = tree.child[waiting.pop()]
                    for child in range(first, first + 2**tree.dimension):
                        if tree.child[child] < 0:
                            fresh[child] = float(off[expert]), tree.places[box][0]
                        else:
                            waiting.append(child)
        self._before = fresh


def _halvings(tree: Tree, spot: Spot) -> int:
    """How often the leaves at a spot have to be halved until their nodes see it."""
    sides = tree.corners(_around(tree, np.array(spot.center)))[1]
    return max(0, math.ceil(math.log2(float(sides.max()) / (_OF_SPOT * spot.width)) - 1e-9))


def _around(tree: Tree, point: Array) -> list[int]:
    """The leaves that hold a point, their sides included."""
    step = 1e-12 * np.array([np.diff(edges).min() for edges in tree.edges])
    near = np.array([point + step * np.array(side) for side in itertools.product((-1, 1), repeat=tree.dimension)])
    return sorted(set(tree.locate(near).tolist()))
