"""A box cut into cells: numbering, location, neighbours."""

import numpy as np
import torch

import pinnlab as pl
from pinnlab.domains.cells import Cells

CELLS = Cells({"x": np.array([0.0, 1.0, 3.0]), "y": np.array([0.0, 2.0, 4.0, 5.0])})


def test_cells_are_numbered_row_major() -> None:
    assert CELLS.shape == (2, 3) and CELLS.count == 6
    np.testing.assert_array_equal(CELLS.intervals[4], [1, 1])
    np.testing.assert_array_equal(CELLS.lower[4], [1.0, 2.0])
    np.testing.assert_array_equal(CELLS.width[5], [2.0, 1.0])


def test_points_and_locate_are_inverse() -> None:
    reference = np.random.default_rng(0).uniform(-0.99, 0.99, (7, 2))
    points = CELLS.points(np.arange(6), reference)
    cells = CELLS.locate(torch.from_numpy(points.reshape(-1, 2))).numpy()
    back = CELLS.reference(cells, points.reshape(-1, 2))
    np.testing.assert_array_equal(cells, np.repeat(np.arange(6), 7))
    np.testing.assert_allclose(back, np.tile(reference, (6, 1)), atol=1e-13, rtol=0)


def test_a_point_on_an_edge_belongs_to_the_upper_cell_and_one_outside_to_the_nearest() -> None:
    points = torch.tensor([[3.0, 5.0], [1.0, 0.0], [0.5, 4.0], [-1.0, 9.0]], dtype=torch.float64)
    assert CELLS.locate(points).tolist() == [5, 3, 2, 2]
    np.testing.assert_allclose(CELLS.reference(np.array([5]), np.array([[3.0, 5.0]])), [[1.0, 1.0]])


def test_boxes_and_seams() -> None:
    assert CELLS.region == pl.Box(x=(0.0, 3.0), y=(0.0, 5.0))
    assert CELLS.boxes[4] == pl.Box(x=(1.0, 3.0), y=(2.0, 4.0)) and len(CELLS.boxes) == 6
    assert CELLS.seams == {"x": (1.0,), "y": (2.0, 4.0)}
    assert CELLS.replace(x=np.array([0.0, 3.0])).seams == {"y": (2.0, 4.0)}


def test_derivatives_are_stretched_from_the_reference_cell() -> None:
    """Cell 4 is 2 wide and 2 high, cell 5 is 2 wide and 1 high: d/dy is 2 / height times d/ds."""
    assert CELLS.stretch(np.array([4, 5]), (0, 2)).tolist() == [1.0, 4.0]
    assert CELLS.stretch(np.array([0, 5]), (1, 1)).tolist() == [2.0, 2.0]


def test_sides_and_neighbours() -> None:
    np.testing.assert_array_equal(CELLS.side(0, upper=True), [3, 4, 5])
    np.testing.assert_array_equal(CELLS.side(1, upper=False), [0, 3])
    below, above = CELLS.neighbours(1)
    np.testing.assert_array_equal(below, [0, 1, 3, 4])
    np.testing.assert_array_equal(above, [1, 2, 4, 5])
