"""The order in which faces between groups are eliminated, and its cost."""

from __future__ import annotations

import numpy as np
import pytest
from neighbours import grid

from pinnlab.algebra.substructures import Front, Shares, cost, shared, substructures


def test_a_chain_of_three_by_hand() -> None:
    """Groups 0, 1 and 2 in a row: one face is eliminated when its two groups are done, the other one at last."""
    fronts = substructures({0: 1, 1: 1, 2: 1}, {(0, 1): 2, (1, 2): 2}, np.arange(3.0)[:, None])
    first, last = fronts
    assert len(first.own) == len(first.near) == 1 and len(first.groups) == 2 and first.fronts == ()
    assert last == Front(first.near, (), tuple({0, 1, 2} - set(first.groups)), (0,))


def test_the_cost_of_a_chain_by_hand() -> None:
    # two groups of 3 unknowns and a face of 2 numbers: 27/3 + 3 * 2 * 5 / 2 for each, then 8/3 for the face
    sizes, widths = {0: 3, 1: 3}, {(0, 1): 2}
    found = cost(substructures(sizes, widths, np.array([[0.0], [1.0]])), sizes, widths)
    assert found.work == pytest.approx(2 * (9 + 15) + 8 / 3) and found.entries == 2 * 3 * 5 + 4


@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 3), (1, 1)])
def test_every_face_is_eliminated_once_and_after_what_it_is_left_by(shape: tuple[int, ...]) -> None:
    pairs, places = grid(shape)
    sizes, widths = dict.fromkeys(range(len(places)), 4), dict.fromkeys(pairs, 2)
    fronts = substructures(sizes, widths, places)
    order = [face for front in fronts for face in front.own]
    assert sorted(order) == sorted(pairs)
    assert sorted(i for front in fronts for i in front.groups) == (list(sizes) if len(sizes) > 1 else [])
    assert all(other < number for number, front in enumerate(fronts) for other in front.fronts)
    turn = {face: number for number, face in enumerate(order)}
    for front in fronts:
        turns = [turn[face] for face in (*front.own, *front.near)]
        assert turns == sorted(turns)


def test_groups_that_nothing_joins_are_there_as_well() -> None:
    fronts = substructures({0: 1, 1: 1, 2: 1}, {(0, 2): 1}, np.array([[0.0], [1.0], [2.0]]))
    assert sorted(i for front in fronts for i in front.groups) == [0, 1, 2] and fronts[-1].near == ()


def test_graded_cells_are_joined_where_halves_cost_more() -> None:
    """Rings of cells around a corner: every straight cut runs through all of them."""
    places, pairs = [], []
    for ring in range(12):
        at = 0.5**ring * np.array([[0.75, 0.25], [0.75, 0.75], [0.25, 0.75]])
        places += list(at)
        pairs += [(3 * ring, 3 * ring + 1), (3 * ring + 1, 3 * ring + 2)]
        if ring:
            pairs += [(3 * ring - 3 + k, 3 * ring + j) for k, j in ((0, 0), (0, 1), (2, 1), (2, 2))]
    sizes, widths = dict.fromkeys(range(36), 10), {(min(p), max(p)): 10 for p in pairs}
    fronts = substructures(sizes, widths, np.array(places))
    # an order by rings leaves one ring's faces at a time
    assert max(len(front.near) for front in fronts) <= 6


def test_work_grows_with_the_power_three_halves_in_the_plane() -> None:
    found = []
    for n in (16, 32):
        pairs, places = grid((n, n))
        sizes, widths = dict.fromkeys(range(n * n), 0), dict.fromkeys(pairs, 1)
        found.append(cost(substructures(sizes, widths, places), sizes, widths).work)
    assert found[1] / found[0] < 4**1.5 * 1.4


def test_the_shares_of_a_chain_by_hand() -> None:
    """Four groups in a row: two processes take a half each, and both eliminate the face between the halves."""
    sizes, widths = dict.fromkeys(range(4), 6), {(0, 1): 2, (1, 2): 2, (2, 3): 2}
    fronts = [
        Front(((0, 1),), ((1, 2),), (0, 1), ()), Front(((2, 3),), ((1, 2),), (2, 3), ()), Front(((1, 2),), (), (), (0, 1)),
    ]  # fmt: skip
    assert shared(fronts, sizes, widths, 2) == Shares({0: 0, 1: 0, 2: 1, 3: 1}, (0, 1, None))
    assert shared(fronts, sizes, widths, 1) == Shares(dict.fromkeys(range(4), 0), (0, 0, 0))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_shares_are_even_and_whole(count: int) -> None:
    """What belongs to a process is made of its own parts only; the heaviest has little more than its part of the work."""
    pairs, places = grid((12, 10))
    sizes, widths = dict.fromkeys(range(len(places)), 90), dict.fromkeys(pairs, 20)
    fronts = substructures(sizes, widths, places)
    shares = shared(fronts, sizes, widths, count)
    assert sorted(shares.groups) == list(sizes) and set(shares.groups.values()) == set(range(count))
    for front, owner in zip(fronts, shares.fronts, strict=True):
        if owner is not None:
            assert {shares.groups[i] for i in front.groups} | {shares.fronts[k] for k in front.fronts} <= {owner}
    most = max(list(shares.groups.values()).count(rank) for rank in range(count))
    assert most <= 1.5 * len(sizes) / count


def test_groups_without_faces_are_shared_as_well() -> None:
    assert shared([], {0: 3, 1: 2}, {}, 2) == Shares({0: 0, 1: 1}, ())
