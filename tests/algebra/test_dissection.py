"""Orders of elimination: a factor is the same in any order, and dissection is cheaper on a large grid in space."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse.linalg
import torch

from pinnlab.algebra.blocks import BlockCholesky, elimination
from pinnlab.algebra.dissection import cheapest, cost, dissection


def grid(shape: tuple[int, ...]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Neighbours on a grid, and places."""
    places = np.array(list(itertools.product(*map(range, shape))), dtype=float)
    number = {tuple(p): i for i, p in enumerate(places.astype(int).tolist())}
    pairs = []
    for at, i in number.items():
        for axis in range(len(shape)):
            after = (*at[:axis], at[axis] + 1, *at[axis + 1 :])
            if after in number:
                pairs.append((number[after], i))
    return pairs, places


def test_the_cost_of_a_chain_by_hand() -> None:
    # three groups of two unknowns in a row: 8/3 + 4 * 2 + 2 * 2 * 4 / 2 for each of the first two, 8/3 for the last
    found = cost([(0, [1]), (1, [2]), (2, [])], {0: 2, 1: 2, 2: 2})
    assert np.isclose(found.work, 2 * (8 / 3 + 8 + 8) + 8 / 3) and found.entries == 8 + 8 + 4


def test_any_order_solves_as_a_sparse_lu_factorization_does() -> None:
    pairs, places = grid((4, 4, 3))
    rng, size = np.random.default_rng(0), 3
    blocks = {(i, i): 8 * np.eye(size) for i in range(len(places))}
    blocks |= {pair: rng.uniform(-0.4, 0.4, (size, size)) for pair in pairs}
    dense = np.zeros((len(places) * size,) * 2)
    for (i, j), block in blocks.items():
        dense[i * size : (i + 1) * size, j * size : (j + 1) * size] = block
        dense[j * size : (j + 1) * size, i * size : (i + 1) * size] = block.T
    right = rng.normal(size=len(dense))
    exact = scipy.sparse.linalg.splu(scipy.sparse.csc_matrix(dense)).solve(right)
    shared = {key: torch.from_numpy(block) for key, block in blocks.items()}
    for order in (None, dissection(pairs, places), elimination(range(len(places)), pairs)):
        found = BlockCholesky(shared, 0.0, order=order).solve(torch.from_numpy(right)).numpy()
        assert np.allclose(found, exact, rtol=1e-12, atol=1e-14)


def test_dissection_costs_less_than_fewest_neighbours_in_space() -> None:
    pairs, places = grid((9, 9, 9))
    sizes = dict.fromkeys(range(len(places)), 1)
    costs = [cost(order, sizes).work for order in (elimination(list(sizes), pairs), dissection(pairs, places))]
    assert cost(cheapest(sizes, pairs, places), sizes).work == min(costs)
    # every group once, and none before it is coupled to what was eliminated
    assert sorted(i for i, _ in dissection(pairs, places)) == list(sizes)


def test_work_grows_with_the_power_three_halves_in_the_plane() -> None:
    found = []
    for n in (16, 32):
        pairs, places = grid((n, n))
        found.append(cost(dissection(pairs, places), dict.fromkeys(range(n * n), 1)).work)
    assert found[1] / found[0] < 4**1.5 * 1.4
