"""Tensor cells: numbering, location, neighbours, halving and merging."""

import numpy as np

from pinnlab.solvers.local_experts.cells import Cells, halved, siblings

CELLS = Cells({"x": np.array([0.0, 1.0, 3.0]), "y": np.array([0.0, 2.0, 4.0, 5.0])})


def test_cells_are_numbered_row_major() -> None:
    assert CELLS.shape == (2, 3) and CELLS.count == 6
    np.testing.assert_array_equal(CELLS.intervals[4], [1, 1])
    np.testing.assert_array_equal(CELLS.lower[4], [1.0, 2.0])
    np.testing.assert_array_equal(CELLS.width[5], [2.0, 1.0])


def test_points_and_locate_are_inverse() -> None:
    reference = np.random.default_rng(0).uniform(-0.99, 0.99, (7, 2))
    points = CELLS.points(np.arange(6), reference)
    cells, back = CELLS.locate(points.reshape(-1, 2))
    np.testing.assert_array_equal(cells, np.repeat(np.arange(6), 7))
    np.testing.assert_allclose(back, np.tile(reference, (6, 1)), atol=1e-13, rtol=0)


def test_the_upper_end_belongs_to_the_last_cell() -> None:
    cells, reference = CELLS.locate(np.array([[3.0, 5.0]]))
    assert cells[0] == 5
    np.testing.assert_allclose(reference[0], [1.0, 1.0])


def test_sides_and_neighbours() -> None:
    np.testing.assert_array_equal(CELLS.side(0, upper=True), [3, 4, 5])
    np.testing.assert_array_equal(CELLS.side(1, upper=False), [0, 3])
    below, above = CELLS.neighbours(1)
    np.testing.assert_array_equal(below, [0, 1, 3, 4])
    np.testing.assert_array_equal(above, [1, 2, 4, 5])


def test_halved() -> None:
    np.testing.assert_allclose(halved(np.array([0.0, 1.0, 3.0]), np.array([False, True])), [0, 1, 2, 3])


def test_siblings_are_the_last_generation() -> None:
    coarsest = np.array([0.0, 1.0])
    edges = np.array([0.0, 0.25, 0.5, 1.0])
    # 0.25 splits [0, 0.5]; 0.5 has neighbours of different sizes
    assert siblings(edges, coarsest) == [1]
    # 0.25 | 0.5 | 0.75: [0.25, 0.75] was never one interval
    assert siblings(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), coarsest) == [1, 3]


def test_coarsest_edges_are_no_siblings() -> None:
    coarsest = np.array([0.0, 0.5, 1.0])
    assert siblings(coarsest, coarsest) == []
