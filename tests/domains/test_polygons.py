from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pinnlab.domains import Polygon
from pinnlab.domains.polygons import triangulated
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.simplices import volumes

ELL = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
SPIRAL = [(0, 0), (5, 0), (5, 5), (1, 5), (1, 2), (3, 2), (3, 3), (2, 3), (2, 4), (4, 4), (4, 1), (0, 1)]
UNIT = unit_points("sobol", 4096, 2, np.random.default_rng(0))


def star(n: int) -> list[tuple[float, float]]:
    angles = np.arange(2 * n) * math.pi / n
    radii = np.where(np.arange(2 * n) % 2, 0.3, 1.0)
    return [(float(r * np.cos(a)), float(r * np.sin(a))) for r, a in zip(radii, angles, strict=True)]


def shoelace(vertices: list) -> float:
    x, y = np.array(vertices, dtype=float).T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


@pytest.mark.parametrize("vertices", [ELL.vertices, ELL.vertices[::-1], SPIRAL, star(7), star(40)])
def test_triangles_cover_a_polygon_once(vertices: list) -> None:
    at = np.array(vertices, dtype=float)
    corners = torch.from_numpy(at[triangulated(at)])
    assert float(volumes(corners).sum()) == pytest.approx(shoelace(vertices), rel=1e-12)
    polygon = Polygon(vertices)
    assert bool(polygon.contains(corners.mean(dim=1)).all()), "no triangle lies outside"


def test_vertices_in_a_line_are_no_ears() -> None:
    at = np.array([(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (0, 2)], dtype=float)
    assert float(volumes(torch.from_numpy(at[triangulated(at)])).sum()) == pytest.approx(4.0)


def test_points_are_spread_evenly() -> None:
    points = ELL.interior(UNIT).points
    assert bool(ELL.contains(points).all())
    for corner in ([0, 0], [1, 0], [0, 1]):
        lower = torch.tensor(corner, dtype=torch.float64)
        share = float(((points >= lower) & (points < lower + 1)).all(dim=1).double().mean())
        assert share == pytest.approx(1 / 3, abs=4e-3)


@pytest.mark.parametrize("vertices", [ELL.vertices, ELL.vertices[::-1]])
def test_edges_have_names_and_outward_normals(vertices: list) -> None:
    polygon = Polygon(vertices)
    assert polygon.pieces(None) == tuple(f"edge{i}" for i in range(6))
    for i, piece in enumerate(polygon.pieces(None)):
        site = polygon.boundary(piece, UNIT[:100])
        assert site.normals is not None
        along = torch.tensor(vertices[(i + 1) % 6]) - torch.tensor(vertices[i])
        assert float((site.normals @ along.double()).abs().max()) < 1e-14
        assert bool((polygon.depth(site.points - 1e-6 * site.normals) > 0).all())
        assert bool((polygon.depth(site.points + 1e-6 * site.normals) < 0).all())
        assert float(polygon.depth(site.points).abs().max()) < 1e-15


def test_edges_may_share_a_name() -> None:
    polygon = Polygon([(0, 0), (2, 0), (0, 1)], names=("y", "z"), edges=("wall", "inlet", "wall"))
    assert polygon.coordinates == ("y", "z") and polygon.bounds == {"y": (0.0, 2.0), "z": (0.0, 1.0)}
    assert polygon.pieces("wall") == ("wall",) and polygon.pieces(None) == ("wall", "inlet")
    points = polygon.boundary("wall", UNIT).points
    assert float((points[:, 1] == 0).double().mean()) == pytest.approx(2 / 3, abs=1e-3), "in proportion to length"


def test_whole_faces_of_the_bounding_box_are_found() -> None:
    faces = [ELL.face(piece) for piece in ELL.pieces(None)]
    assert faces == [(1, 0.0, -1.0), None, None, None, None, (0, 0.0, -1.0)]
    assert ELL.normal_coordinates("edge0") == ("y",) and ELL.normal_coordinates("edge1") == ("x", "y")


def test_depth_is_the_distance() -> None:
    points = torch.tensor([[0.5, 0.5], [1.5, 0.75], [1.25, 1.5], [0.9, 0.8], [-1.0, 3.0]], dtype=torch.float64)
    expected = [0.5, 0.25, -0.25, math.hypot(0.1, 0.2), -math.sqrt(2)]
    torch.testing.assert_close(ELL.depth(points), torch.tensor(expected, dtype=torch.float64))
    inner = Polygon(SPIRAL)
    at = torch.tensor([[0.5, 3.0], [2.5, 2.5], [1.5, 3.0], [4.5, 0.5], [2.5, 3.5]], dtype=torch.float64)
    assert inner.contains(at).tolist() == [False, True, True, True, False]


def test_values_compare() -> None:
    assert Polygon([(0, 0), (1, 0), (0, 1)]) == Polygon([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
    assert Polygon([(0, 0), (1, 0), (0, 1)]) != Polygon([(0, 0), (1, 0), (0, 2)])
    assert repr(Polygon([(0, 0), (1, 0), (0, 1)])) == "Polygon([(0, 0), (1, 0), (0, 1)])"
    assert repr(Polygon(star(7))).startswith("Polygon(14 vertices, ") and repr(Polygon(star(7))) != repr(
        Polygon(star(8))
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            {"vertices": [(0, 0), (1, 1), (1, 0), (0, 1)]},
            ValueError,
            "edges 0 and 2 meet; .* list the vertices in the order",
        ),
        ({"vertices": [(0, 0), (2, 0), (2, 1), (1, 0), (0, 1)]}, ValueError, "edges 0 and 2 meet"),
        ({"vertices": [(0, 0), (2, 0), (1, 0)]}, ValueError, "edges 0 and 1 meet"),
        (
            {"vertices": [(0, 0), (1, 0), (0, 1), (0, 0)]},
            ValueError,
            "vertices 3 and 0 are the same point; .* do not repeat",
        ),
        ({"vertices": [(0, 0), (1, 0)]}, ValueError, r"got vertices of shape \(2, 2\); give three pairs or more"),
        ({"vertices": [(0, 0), (1, 0), (0, math.nan)]}, ValueError, "vertex 2 is not finite"),
        ({"vertices": [(0, 0, 0), (1, 0, 0), (0, 1, 0)]}, ValueError, r"shape \(3, 3\)"),
        ({"vertices": 3}, TypeError, "vertices are pairs of numbers; write Polygon"),
        ({"vertices": [(0, 0), (1, 0), ("a", 1)]}, TypeError, "pairs of numbers"),
        ({"vertices": [(0, 0), (1, 0), (0, 1)], "names": ("x", "t")}, ValueError, r"multiply the polygon by Box\(t="),
        ({"vertices": [(0, 0), (1, 0), (0, 1)], "names": ("x",)}, ValueError, "names of two coordinates"),
        (
            {"vertices": [(0, 0), (1, 0), (0, 1)], "edges": ("a", "b")},
            ValueError,
            "2 names for 3 edges; give one per edge",
        ),
    ],
)
def test_bad_polygons(arguments: dict, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        Polygon(**arguments)
