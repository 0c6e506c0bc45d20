"""Boxes that are halved: who neighbours whom, where a point is, and that a tree comes back from what was halved."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.domains.trees import Tree


def graded(d: int) -> Tree:
    """A tree that is halved five times towards the point (0.3, ...)."""
    tree = Tree([0.0] * d, [1.0] * d, [2] * d)
    for _ in range(5):
        tree.split([int(tree.locate(np.full((1, d), 0.3))[0])])
    return tree


@pytest.mark.parametrize("d", [2, 3])
def test_leaves_fill_the_box_and_hold_their_points(d: int) -> None:
    tree = graded(d)
    lower, sides = tree.corners(tree.leaves)
    assert sides.prod(axis=1).sum() == pytest.approx(1.0, rel=1e-14)
    points = np.random.default_rng(0).random((500, d))
    low, side = tree.corners(tree.locate(points))
    assert ((low <= points) & (points <= low + side)).all()


@pytest.mark.parametrize("d", [2, 3])
def test_neighbours_differ_by_one_halving_at_most_and_share_a_side_of_the_smaller_one(d: int) -> None:
    tree = graded(d)
    area = np.zeros(d)
    for face in tree.faces():
        (low, high), sides = tree.corners([face.lower, face.upper])
        levels = [tree.places[i][0] for i in (face.lower, face.upper)]
        assert abs(levels[0] - levels[1]) <= 1
        assert low[face.axis] + sides[0, face.axis] == pytest.approx(high[face.axis], abs=1e-14)
        own = tree.corners([face.small])[1][0]
        area[face.axis] += own.prod() / own[face.axis]
    # every inner face once: what leaves have of sides, without the box's own, twice
    _, sides = tree.corners(tree.leaves)
    for axis in range(d):
        assert area[axis] == pytest.approx(((sides.prod(axis=1) / sides[:, axis]).sum() * 2 - 2) / 2, rel=1e-13)


def test_a_tree_comes_back_from_the_boxes_that_were_halved() -> None:
    tree = graded(2)
    again = Tree.over(tree.edges, tree.halved)
    assert again.places == tree.places and again.child == tree.child


def test_a_grid_that_is_not_even() -> None:
    tree = Tree.over([np.array([0.0, 0.9, 1.0]), np.array([0.0, 0.01, 1.0])])
    tree.split([0])
    lower, sides = tree.corners(tree.leaves)
    assert sides.prod(axis=1).sum() == pytest.approx(1.0, rel=1e-14)
    assert sides.min(axis=0).tolist() == pytest.approx([0.1, 0.005])
    assert tree.locate(lower + 0.3 * sides).tolist() == tree.leaves
    assert tree.locate(np.array([[-1.0, 2.0]])).tolist() == [1], "the nearest one outside"
