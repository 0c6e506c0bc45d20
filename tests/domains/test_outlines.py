"""Boundaries as curves, cut where they meet."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.outlines import Arc, Segment, outline


def length(region: pl.domains.Region) -> float:
    return sum(curve.length for curve in outline(region))


def test_shares_and_parts_of_a_segment_and_an_arc() -> None:
    segment = Segment("side", np.array([0.0, 0.0]), np.array([4.0, 0.0]))
    assert segment.part(0.25, 0.5).at(np.array([0.0, 1.0])).tolist() == [[1.0, 0.0], [2.0, 0.0]]
    assert segment.share(np.array([[3.0, 1.0]])).tolist() == [0.75]
    arc = Arc("bow", np.zeros(2), 2.0, 0.0, math.pi)
    assert arc.length == pytest.approx(2 * math.pi)
    assert np.allclose(arc.at(np.array([0.5])), [[0.0, 2.0]])
    assert np.allclose(arc.share(np.array([[0.0, 7.0], [3.0, 3.0]])), [0.5, 0.25])
    assert arc.part(0.5, 1.0).first == pytest.approx(math.pi / 2)


def test_a_box_less_a_ball_inside_keeps_all_curves() -> None:
    region = pl.Box(x=(0.0, 2.0), y=(0.0, 1.0)) - pl.Ball({"x": 1.0, "y": 0.5}, 0.25)
    assert length(region) == pytest.approx(6.0 + 0.5 * math.pi)
    assert {curve.piece for curve in outline(region)} == set(region.pieces(None))


def test_a_ball_that_cuts_a_side_cuts_its_curves() -> None:
    # the circle of radius 1 around a corner of the square takes a quarter of itself, and 1 of two sides
    region = pl.Box(x=(0.0, 3.0), y=(0.0, 3.0)) - pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
    found = {piece: sum(c.length for c in outline(region) if c.piece == piece) for piece in region.pieces(None)}
    assert found == pytest.approx({"x-": 2.0, "y-": 2.0, "x+": 3.0, "y+": 3.0, "surface": math.pi / 2})


def test_two_balls_meet_at_the_points_where_their_circles_do() -> None:
    region = pl.Ball({"x": -0.5, "y": 0.0}, 1.0) | pl.Ball({"x": 0.5, "y": 0.0}, 1.0)
    # both circles lose the third inside the other
    assert length(region) == pytest.approx(2 * 2 * math.pi * 2 / 3)
    ends = np.concatenate([curve.at(np.array([0.0, 1.0])) for curve in outline(region)])
    meet = np.array([[0.0, math.sqrt(0.75)], [0.0, -math.sqrt(0.75)]])
    assert all(np.linalg.norm(ends - point, axis=1).min() < 1e-12 for point in meet)


def test_sides_that_lie_on_one_another_count_once_or_vanish() -> None:
    region = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) | pl.Box(x=(1.0, 2.0), y=(0.0, 0.5))
    assert length(region) == pytest.approx(1 + 1 + 0.5 + 1 + 0.5 + 2)
    notch = pl.Box(x=(0.0, 2.0), y=(0.0, 1.0)) - pl.Box(x=(0.0, 1.0), y=(0.0, 0.5))
    assert length(notch) == pytest.approx(6.0)


def test_every_piece_of_a_polygon_has_its_name() -> None:
    region = pl.Polygon([(0, 0), (2, 0), (2, 1), (0, 1)], edges=("floor", "wall", "roof", "wall"))
    assert [curve.piece for curve in outline(region)] == ["floor", "wall", "roof", "wall"]


def test_regions_that_are_not_of_the_plane_are_refused() -> None:
    with pytest.raises(TypeError, match="is no region of the plane"):
        outline(pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)))
    with pytest.raises(TypeError, match="is no region of the plane"):
        outline(pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0))


def test_normals_point_to_one_side_of_a_curve() -> None:
    region = pl.Ball({"x": 1.0, "y": 2.0}, 0.5)
    for curve in outline(region):
        at, out = curve.at(np.array([0.3])), curve.normals(np.array([0.3]))
        assert (
            float(region.depth(torch.from_numpy(at + 1e-3 * out)))
            < 0
            < float(region.depth(torch.from_numpy(at - 1e-3 * out)))
        )
