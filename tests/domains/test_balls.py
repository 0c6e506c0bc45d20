from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pinnlab.domains import Ball
from pinnlab.domains.balls import directions
from pinnlab.domains.sampling import unit_points

DISC = Ball(center={"x": 1.0, "y": -2.0}, radius=0.5)


def unit(d: int, n: int = 4096) -> torch.Tensor:
    return unit_points("sobol", n, d, np.random.default_rng(0))


def test_a_disc_knows_its_names_and_bounding_box() -> None:
    assert DISC.coordinates == ("x", "y") and DISC.bounds == {"x": (0.5, 1.5), "y": (-2.5, -1.5)}
    assert DISC.pieces(None) == ("surface",) and DISC.face("surface") is None
    assert Ball({"x": 0, "y": 0}, 1, name="hole").pieces("hole") == ("hole",)
    assert repr(DISC) == "Ball(center={'x': 1.0, 'y': -2.0}, radius=0.5)"
    assert Ball({"x": 1, "y": -2}, 0.5) == DISC != Ball({"x": 1, "y": -2}, 0.6)


def test_points_by_hand() -> None:
    # a quarter of the area lies within half of the radius; a quarter turn points upwards
    given = torch.tensor([[0.25, 0.25], [1.0, 0.5]], dtype=torch.float64)
    expected = torch.tensor([[1.0, -1.75], [0.5, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(DISC.interior(given).points, expected)
    site = DISC.boundary("surface", given)
    torch.testing.assert_close(site.points, torch.tensor([[1.0, -1.5], [0.5, -2.0]], dtype=torch.float64))
    torch.testing.assert_close(site.normals, torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize("d", [2, 3, 4])
def test_points_are_spread_evenly(d: int) -> None:
    ball = Ball({name: 0.0 for name in "xyzw"[:d]}, 2.0)
    points = ball.interior(unit(d)).points
    assert bool(ball.contains(points).all())
    # the second moment of each coordinate in a ball of radius r is r^2 / (d + 2), on its surface r^2 / d
    torch.testing.assert_close(points.mean(0), torch.zeros(d, dtype=torch.float64), rtol=0, atol=2e-3)
    moments = points.T @ points / len(points)
    torch.testing.assert_close(moments, 4 / (d + 2) * torch.eye(d, dtype=torch.float64), rtol=0, atol=5e-3)
    site = ball.boundary("surface", unit(d))
    torch.testing.assert_close(site.points, 2 * site.normals)
    torch.testing.assert_close(site.normals.norm(dim=1), torch.ones(4096, dtype=torch.float64))
    assert site.normals is not None
    moments = site.normals.T @ site.normals / 4096
    torch.testing.assert_close(moments, torch.eye(d, dtype=torch.float64) / d, rtol=0, atol=3e-3)


def test_low_discrepancy_points_stay_so() -> None:
    # the share of a half disc, far more exact than the 1e-2 of as many independent points
    points = DISC.interior(unit(2)).points
    assert abs(float((points[:, 0] + points[:, 1] < -1.0).double().mean()) - 0.5) < 1e-3


def test_directions_in_space_follow_archimedes() -> None:
    found = directions(torch.tensor([[0.75, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([[0.5, math.sqrt(0.75), 0.0]], dtype=torch.float64))


def test_membership_is_of_the_closed_ball() -> None:
    points = torch.tensor([[1.0, -2.0], [1.5, -2.0], [1.5 + 1e-6, -2.0]], dtype=torch.float64)
    assert DISC.contains(points).tolist() == [True, True, False]
    torch.testing.assert_close(DISC.depth(points), torch.tensor([0.5, 0.0, -1e-6], dtype=torch.float64))
    assert bool(DISC.contains(DISC.boundary("surface", unit(2, 64)).points.float()).all())


def test_single_precision_in_single_precision_out() -> None:
    assert DISC.interior(unit(2, 8).float()).points.dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (({"x": 0.0, "y": 0.0}, 0.0), ValueError, r"Ball\(radius=0.0\): must be a positive number; write Ball"),
        (({"x": 0.0, "y": 0.0}, math.inf), ValueError, "positive number"),
        (({"x": 0.0, "y": math.nan}, 1.0), ValueError, "centre must be finite"),
        (({"x": 0.0}, 1.0), ValueError, r"two coordinates or more; an interval is a Box\(x=\(-1.0, 1.0\)\)"),
        (({"x": 0.0, "t": 0.0}, 1.0), ValueError, r"'t' is time; write Ball\(...\) \* Box\(t=\(start, end\)\)"),
        (((0.0, 0.0), 1.0), TypeError, r"Ball\(center=\(0.0, 0.0\), radius=1.0\): give \{coordinate: number\}"),
        (({"x": 0.0, "y": "a"}, 1.0), TypeError, "give"),
    ],
)
def test_bad_balls(arguments: tuple, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        Ball(*arguments)


def test_unknown_boundaries_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match="on='x' names no boundary of Ball.*its boundaries are 'surface'"):
        DISC.pieces("x")
