"""Where pieces of a boundary meet, and the angle between them."""

from __future__ import annotations

import math

import pytest

import pinnlab as pl
from pinnlab.domains.junctions import junctions


def test_the_corners_of_a_rectangle():
    found = {each.vertex: each for each in junctions(pl.Box(x=(0, 2), y=(0, 1), t=(0, 1)))}
    assert set(found) == {(0, 0), (2, 0), (0, 1), (2, 1)}
    corner = found[2, 0]
    # counter-clockwise through the interior: from the side x = 2 (upwards) to the side y = 0 (to the left)
    assert corner.pieces == ("x+", "y-") and corner.fixed == ((0, 2), (1, 0))
    assert corner.angles((1.0, 1.0)) == pytest.approx((0.75 * math.pi, 0.5 * math.pi))
    assert all(each.angles((1.0, 3.0))[1] == pytest.approx(math.pi / 2) for each in found.values())


def test_boxes_in_space_have_twelve_edges():
    assert len(list(junctions(pl.Box(x=(0, 1), y=(0, 1), z=(0, 1))))) == 12


@pytest.mark.parametrize("turn", [1, -1])
def test_the_vertices_of_an_l_shape(turn):
    l_shape = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)][::turn]
    openings = {each.vertex: each.angles((1.0, 1.0))[1] for each in junctions(pl.Polygon(l_shape))}
    assert openings[1, 1] == pytest.approx(1.5 * math.pi)
    assert sum(openings.values()) == pytest.approx(4 * math.pi)


def test_products_and_holes():
    hole = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=0.3)
    region = pl.Box(t=(0, 1)) * (pl.Box(x=(-1, 1), y=(-1, 1)) - hole)
    assert [each.columns for each in junctions(region)] == [(1, 2)] * 4
    # a disc about a corner takes it away
    cut = pl.Box(x=(-1, 1), y=(-1, 1)) - pl.Ball(center={"x": 1.0, "y": 1.0}, radius=0.3)
    assert {each.vertex for each in junctions(cut)} == {(-1, -1), (1, -1), (-1, 1)}
