"""The parts of experts: where they are, and what cuts are refused."""

from __future__ import annotations

import pytest
import torch
from expert_layers import BOX, sobol

from pinnlab.solvers.experts.partition import cut, in_unit_cube, on_nodes


def test_parts_are_found_by_location() -> None:
    parts = cut(BOX, {"x": (0.5,), "t": 2})
    assert parts.shape == (2, 2) and parts.count == 4
    points = torch.tensor([[-1.0, 0.0], [0.4, 1.5], [0.6, 0.5], [1.0, 2.0]], dtype=torch.float64)
    assert parts.locate(points).tolist() == [0, 1, 2, 3]
    assert parts.lower[2].tolist() == [0.5, 0.0] and parts.upper[2].tolist() == [1.0, 1.0]
    assert [n.tolist() for n in parts.neighbours(0)] == [[0, 1], [2, 3]]
    assert [n.tolist() for n in parts.neighbours(1)] == [[0, 2], [1, 3]]


def test_points_of_the_unit_cube_go_into_each_part() -> None:
    parts = cut(BOX, {"x": 4})
    placed = BOX.interior(in_unit_cube(parts, sobol()(10)).flatten(0, 1)).points
    assert torch.equal(parts.locate(placed), torch.arange(4).repeat_interleave(10))


def test_parts_snap_to_nodes() -> None:
    axes = {"x": torch.linspace(-1, 1, 11, dtype=torch.float64), "t": torch.linspace(0, 2, 5, dtype=torch.float64)}
    assert on_nodes(cut(BOX, {"x": 3}), axes).edges["x"].tolist() == pytest.approx([-1, -0.4, 0.4, 1])
    with pytest.raises(ValueError, match="9 parts do not fit on 5 nodes; use a finer grid or fewer experts"):
        on_nodes(cut(BOX, {"t": 9}), axes)


@pytest.mark.parametrize(
    ("cuts", "error", "message"),
    [
        ({"y": 2}, ValueError, r"experts={'y': 2}: 'y' is none of the coordinates x, t"),
        ({"x": 0}, ValueError, r"experts={'x': 0}: give at least one part"),
        ({"x": 1.5}, TypeError, r"experts={'x': 1.5}: give a number of equal parts, or a tuple"),
        ({"x": (0.5, 0.1)}, ValueError, r"increasing positions strictly inside \(-1, 1\)"),
        ({"x": (2.0,)}, ValueError, r"increasing positions strictly inside"),
    ],
)
def test_bad_cuts(cuts: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cut(BOX, cuts)
