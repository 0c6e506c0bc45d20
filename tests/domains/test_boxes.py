from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from pinnlab.domains import Box, Region

BOX = Box(x=(-1.0, 3.0), y=(0.0, 0.5), t=(2.0, 4.0))
CORNERS = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.25, 0.5, 0.75]], dtype=torch.float64)


def test_a_box_knows_its_coordinates() -> None:
    assert BOX.coordinates == ("x", "y", "t") and BOX.space == ("x", "y") and BOX.has_time
    assert not Box(x=(0, 1)).has_time and Box(t=(0, 1)).space == ()
    assert Box(x=(0, 1)).bounds == {"x": (0.0, 1.0)}
    assert repr(BOX) == "Box(x=(-1, 3), y=(0, 0.5), t=(2, 4))"
    assert Box(x=(0, 1)) == Box(x=(0.0, 1.0)) != Box(x=(0, 2))
    assert BOX.replace(t=(2, 3)).bounds["t"] == (2.0, 3.0) and BOX.bounds["t"] == (2.0, 4.0)
    with pytest.raises(AttributeError, match="cannot assign to field 'bounds'"):
        BOX.bounds = {}  # type: ignore[misc]


def test_the_unit_cube_is_mapped_onto_the_box() -> None:
    site = BOX.interior(CORNERS)
    expected = [[-1.0, 0.0, 2.0], [3.0, 0.5, 4.0], [0.0, 0.25, 3.5]]
    assert site.points.tolist() == expected and site.normals is None
    assert list(BOX.columns(site.points)) == ["x", "y", "t"]
    assert BOX.columns(site.points)["t"].tolist() == [2.0, 4.0, 3.5]


@pytest.mark.parametrize(
    ("piece", "column", "position", "sign"),
    [("x-", 0, -1.0, -1.0), ("x+", 0, 3.0, 1.0), ("y-", 1, 0.0, -1.0), ("y+", 1, 0.5, 1.0)],
)
def test_faces_have_positions_and_outward_normals(piece: str, column: int, position: float, sign: float) -> None:
    site = BOX.boundary(piece, CORNERS)
    assert BOX.face(piece) == (column, position, sign)
    assert site.points[:, column].tolist() == [position] * 3
    others = [i for i in range(3) if i != column]
    assert torch.equal(site.points[:, others], BOX.interior(CORNERS).points[:, others])
    normals = torch.zeros(3, 3, dtype=torch.float64)
    normals[:, column] = sign
    assert torch.equal(site.normals, normals)


def test_the_initial_slice() -> None:
    points = BOX.initial(CORNERS).points
    assert points[:, 2].tolist() == [2.0] * 3 and points[:, 0].tolist() == [-1.0, 3.0, 0.0]


def test_membership_is_of_the_closed_box() -> None:
    inside = [[-1.0, 0.0, 2.0], [3.0, 0.5, 4.0], [0.0, 0.1, 3.0]]
    outside = [[-1.001, 0.1, 3.0], [0.0, 0.51, 3.0], [0.0, 0.1, 4.1]]
    found = BOX.contains(torch.tensor(inside + outside, dtype=torch.float64))
    assert found.tolist() == [True] * 3 + [False] * 3


def test_what_on_means() -> None:
    assert BOX.pieces(None) == ("x-", "x+", "y-", "y+"), "time has no boundary"
    assert BOX.pieces("x") == ("x-", "x+") and BOX.pieces("y+") == ("y+",)
    assert Box(t=(0, 1)).pieces(None) == ()
    with pytest.raises(ValueError, match="on='z' names no boundary.*'x', 'x-', 'x.'"):
        BOX.pieces("z")
    with pytest.raises(ValueError, match="on='t' is a boundary in time; use Initial"):
        BOX.pieces("t")
    with pytest.raises(ValueError, match="no space"):
        Box(t=(0, 1)).pieces("x")


@pytest.mark.parametrize(
    ("interval", "kind", "message"),
    [
        ((1.0, 1.0), ValueError, r"Box\(x=\(1, 1\)\): the interval is empty; write x=\(lower, upper\)"),
        ((2.0, 1.0), ValueError, r"Box\(x=\(2, 1\)\): the interval is reversed"),
        ((0.0, math.inf), ValueError, "bounds must be finite"),
        ((math.nan, 1.0), ValueError, "bounds must be finite"),
        (3.0, TypeError, r"Box\(x=3.0\): an interval is a pair of numbers"),
        ((0.0, 1.0, 2.0), TypeError, "pair of numbers"),
        (("a", "b"), TypeError, "pair of numbers"),
    ],
)
def test_bad_intervals(interval: object, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        Box(x=interval)  # type: ignore[arg-type]


def test_a_box_needs_coordinates() -> None:
    with pytest.raises(ValueError, match=r"Box\(\) got no coordinates; name at least one"):
        Box()


def test_a_region_is_an_interface() -> None:
    with pytest.raises(TypeError, match="abstract methods boundary, depth, interior"):
        Region()  # type: ignore[abstract]


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        ((0.0, 10**400), "an integer beyond the range of floats"),
        ((-1.7e308, 1.7e308), "leave the range of floats"),
        ((0.0, 1e-200), "leave the range of floats"),
        ((1.0, 1.0 + 1e-15), "measure x from its start"),
        ("12", "an interval is a pair of numbers"),
    ],
)
def test_intervals_beyond_floats_are_refused(interval: Any, reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        Box(x=interval)
