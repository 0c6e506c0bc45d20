"""Set operations, products, and the tables of membership behind them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pinnlab.domains import Ball, Box, Combination, Mesh, Polygon, Product, Region, from_data
from pinnlab.domains.cube_parts import CubePart
from pinnlab.domains.sampling import unit_points

SQUARE = Box(x=(0.0, 1.0), y=(0.0, 1.0))
DISC = Ball({"x": 0.5, "y": 0.5}, 0.25)
CORNER = Ball({"x": 1.0, "y": 1.0}, 0.5)
WIDE = Box(x=(0.5, 2.0), y=(0.0, 1.0))
ROW = Ball({"x": -1.0, "y": 0.0}, 0.5, name="left") | Ball({"x": 1.0, "y": 0.0}, 0.5, name="right")


def unit(d: int, n: int = 4096) -> torch.Tensor:
    return unit_points("sobol", n, d, np.random.default_rng(0))


# -- tables --------------------------------------------------------------------------------------------------------------


def test_a_part_that_is_everything_is_mapped_to_itself() -> None:
    part = CubePart(lambda u: torch.ones(len(u), dtype=torch.bool), 2)
    assert part.share == 1.0
    torch.testing.assert_close(part(unit(2)), unit(2))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_part_keeps_proportions_and_evenness(d: int) -> None:
    part = CubePart(lambda u: u.sum(dim=1) < 1, d)
    assert part.share == pytest.approx(1 / math.factorial(d), rel=2e-2)
    points = part(unit(d))
    assert bool(part.inside(points).all())
    torch.testing.assert_close(points.mean(0), torch.full((d,), 1 / (d + 1)).double(), rtol=0, atol=4e-3)
    random = part(unit_points("uniform", 4096, d, np.random.default_rng(1)))

    def quarter(at: torch.Tensor) -> float:
        return abs(float((at[:, 0] < 1 - 0.75 ** (1 / d)).double().mean()) - 0.25)

    assert quarter(points) < 1e-3 < quarter(random)


def test_a_part_is_the_same_map_every_time_and_takes_the_ends_of_the_cube() -> None:
    part = CubePart(lambda u: (u - 0.4).norm(dim=1) < 0.3, 2)
    ends = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    found = part(ends)
    assert bool(part.inside(found).all()) and torch.equal(found, part(ends))


def test_points_that_come_close_stay_close() -> None:
    part = CubePart(lambda u: (u - 0.5).norm(dim=1) > 0.3, 2)
    step = (part(unit(2) * 0.99 + 1e-6) - part(unit(2) * 0.99)).norm(dim=1)
    assert float(step.max()) < 1 / part.cells, "within a cell"


def test_an_empty_part_says_so() -> None:
    assert CubePart(lambda u: torch.zeros(len(u), dtype=torch.bool), 2).share == 0


# -- set operations ------------------------------------------------------------------------------------------------------

COMBINED = {
    "square minus disc": (SQUARE - DISC, 1 - math.pi / 16, ["x-", "x+", "y-", "y+", "surface"]),
    "square minus quarter": (SQUARE - CORNER, 1 - math.pi / 16, ["x-", "x+", "y-", "y+", "surface"]),
    "square and quarter": (SQUARE & CORNER, math.pi / 16, ["x+", "y+", "surface"]),
    "two boxes": (SQUARE | WIDE, 2.0, ["x-", "x+", "y-#1", "y+#1", "y-#2", "y+#2"]),
    "two discs": (ROW, math.pi / 2, ["left", "right"]),
    "two holes": (SQUARE - Ball({"x": 0.3, "y": 0.3}, 0.1) - Ball({"x": 0.7, "y": 0.7}, 0.1), 1 - math.pi / 50,
                  ["x-", "x+", "y-", "y+", "surface#1", "surface#2"]),
    "triangle minus disc": (Polygon([(0, 0), (1, 0), (0, 1)]) - Ball({"x": 0.0, "y": 0.0}, 0.5), 0.5 - math.pi / 16,
                            ["edge0", "edge1", "edge2", "surface"]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMBINED)
def test_interior_and_boundary_of_set_operations(name: str) -> None:
    region, area, pieces = COMBINED[name]
    width = math.prod(upper - lower for lower, upper in region.bounds.values())
    assert isinstance(region, Combination) and region._part.share * width == pytest.approx(area, rel=2e-3)
    points = region.interior(unit(2)).points
    assert bool(region.contains(points).all())
    assert list(region.pieces(None)) == pieces
    for piece in pieces:
        site = region.boundary(piece, unit(2, 512))
        assert site.normals is not None
        torch.testing.assert_close(site.normals.norm(dim=1), torch.ones(512, dtype=torch.float64))
        assert bool(region.contains(site.points).all()), "the region is closed"
        assert bool((region.depth(site.points - 1e-5 * site.normals) > 0).double().mean() > 0.995), piece
        assert bool((region.depth(site.points + 1e-5 * site.normals) < 0).double().mean() > 0.995), piece


def test_normals_of_a_hole_point_into_it() -> None:
    site = (SQUARE - DISC).boundary("surface", unit(2, 64))
    assert site.normals is not None
    torch.testing.assert_close(site.normals, (torch.tensor([0.5, 0.5]) - site.points) / 0.25)


def test_names_that_both_use_mean_both() -> None:
    region = SQUARE - Ball({"x": 0.3, "y": 0.3}, 0.1) - Ball({"x": 0.7, "y": 0.7}, 0.1)
    assert region.pieces("surface") == ("surface#1", "surface#2") and region.pieces("surface#2") == ("surface#2",)
    assert region.pieces("x") == ("x-", "x+")
    assert (SQUARE | WIDE).pieces("y") == ("y-#1", "y+#1", "y-#2", "y+#2")
    with pytest.raises(ValueError, match=r"on='hole' names no boundary of .*; its boundaries are .*'surface'"):
        region.pieces("hole")


def test_pieces_inside_another_region_are_no_boundary() -> None:
    union = Box(x=(0.0, 1.0), y=(0.0, 1.0)) | Ball({"x": 0.5, "y": 0.5}, 0.1)
    assert union.pieces(None) == ("x-", "x+", "y-", "y+")


def test_whole_faces_stay_faces() -> None:
    assert (SQUARE - DISC).face("x-") == (0, 0.0, -1.0)
    cut = SQUARE - CORNER
    assert cut.face("x-") == (0, 0.0, -1.0) and cut.face("x+") is None and cut.face("surface") is None


def test_set_operations_on_meshes() -> None:
    nodes = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    mesh = Mesh(nodes, np.array([[0, 1, 2], [0, 2, 3]]), {"bottom": np.array([[0, 1]])})
    region = mesh - DISC
    assert region.pieces(None) == ("bottom", "untagged", "surface")
    assert region._part.share == pytest.approx(1 - math.pi / 16, rel=2e-3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: SQUARE & Ball({"x": 3.0, "y": 3.0}, 1.0),
            r"\(Box.* & Ball.*\) is empty; check the positions and sizes",
        ),
        (lambda: DISC - SQUARE, "is empty"),
        (lambda: SQUARE & Ball({"x": -0.5, "y": -0.5}, 0.6), "is empty"),
        (
            lambda: SQUARE - Ball({"x": 0.0, "z": 0.0}, 1.0),
            r"coordinates \(x, y\) and \(x, z\); .* same ones in the same",
        ),
        (lambda: SQUARE - Ball({"y": 0.0, "x": 0.0}, 1.0), "in the same order"),
        (lambda: Box(x=(0, 1), t=(0, 1)) - Box(x=(0, 1), t=(0, 1)), r"multiply the result by Box\(t=\(start, end\)\)"),
        (lambda: SQUARE * Ball({"x": 0.0, "z": 0.0}, 1.0), "factors of a product share 'x'; multiply regions of diff"),
        (lambda: SQUARE * Box(x=(0, 1)), "share 'x'"),
    ],
)
def test_bad_combinations(build: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()  # type: ignore[operator]


def test_regions_combine_with_regions_only() -> None:
    for operation in (lambda: SQUARE - 3, lambda: SQUARE * 3, lambda: SQUARE | "x", lambda: SQUARE & None):
        with pytest.raises(TypeError, match="unsupported operand"):
            operation()


# -- products ------------------------------------------------------------------------------------------------------------

CYLINDER = DISC * Box(t=(1.0, 3.0))


def test_boxes_multiply_to_a_box() -> None:
    assert Box(x=(0, 1)) * Box(t=(0, 2)) == Box(x=(0, 1), t=(0, 2))


def test_a_disc_over_time() -> None:
    assert CYLINDER.coordinates == ("x", "y", "t") and CYLINDER.space == ("x", "y") and CYLINDER.has_time
    assert CYLINDER.bounds == {"x": (0.25, 0.75), "y": (0.25, 0.75), "t": (1.0, 3.0)}
    assert CYLINDER.pieces(None) == ("surface",), "time has no boundary"
    u = unit(3, 256)
    points = CYLINDER.interior(u).points
    assert torch.equal(points[:, :2], DISC.interior(u[:, :2]).points)
    torch.testing.assert_close(points[:, 2], 1 + 2 * u[:, 2])
    site = CYLINDER.boundary("surface", u)
    assert site.normals is not None and bool((site.normals[:, 2] == 0).all())
    torch.testing.assert_close(site.points[:, 2], 1 + 2 * u[:, 2])
    assert CYLINDER.initial(u).points[:, 2].unique().tolist() == [1.0]
    assert CYLINDER.contains(torch.tensor([[0.5, 0.5, 1.0], [0.5, 0.5, 0.9], [0.0, 0.5, 2.0]])).tolist() == [
        True,
        False,
        False,
    ]
    with pytest.raises(ValueError, match="on='t' is a boundary in time; use Initial"):
        CYLINDER.pieces("t")


def test_time_can_stand_first_and_intervals_can_change() -> None:
    region = Box(t=(0.0, 1.0)) * DISC
    assert region.coordinates == ("t", "x", "y") and region.initial(unit(3, 8)).points[:, 0].unique().tolist() == [0.0]
    assert region.boundary("surface", unit(3, 8)).points[:, 0].tolist() == unit(3, 8)[:, 0].tolist()
    assert region.replace(t=(0.5, 1.0)) == Box(t=(0.5, 1.0)) * DISC
    with pytest.raises(ValueError, match=r"replace\(x\): Ball.* has no interval of its own"):
        region.replace(x=(0.0, 1.0))


def test_a_cylinder_has_faces_and_a_surface() -> None:
    region = Ball({"x": 0.0, "y": 0.0}, 1.0) * Box(z=(0.0, 2.0)) * Box(t=(0.0, 1.0))
    assert isinstance(region, Product) and len(region.factors) == 3
    assert region.pieces(None) == ("surface", "z-", "z+") and region.pieces("z") == ("z-", "z+")
    assert region.face("z+") == (2, 2.0, 1.0) and region.face("surface") is None
    assert region.normal_coordinates("z+") == ("z",) and region.normal_coordinates("surface") == ("x", "y", "z")
    site = region.boundary("z-", unit(4, 64))
    assert site.normals is not None and site.normals.unique(dim=0).tolist() == [[0.0, 0.0, -1.0, 0.0]]
    assert bool((site.points[:, :2].norm(dim=1) <= 1).all())


def test_products_of_set_operations() -> None:
    region = (SQUARE - DISC) * Box(t=(0.0, 1.0))
    points = region.interior(unit(3, 512)).points
    assert bool(region.contains(points).all()) and region.face("y+") == (1, 1.0, 1.0)
    assert repr(region) == f"({SQUARE!r} - {DISC!r}) * Box(t=(0, 1))"


# -- files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "region",
    [
        SQUARE,
        DISC,
        Polygon([(0, 0), (1, 0), (0, 1)], edges=("a", "b", "a")),
        (SQUARE - DISC) * Box(t=(0.0, 1.0)),
        Mesh([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.array([[0, 1, 2]]), {"a": np.array([[0, 1]])}),
    ],
    ids=lambda region: type(region).__name__,
)
def test_regions_become_plain_data_and_back(region: Region) -> None:
    assert from_data(region.to_data()) == region


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="a region of kind 'sponge' is not known"):
        from_data({"kind": "sponge"})


def test_what_is_cut_out_leaves_no_edges_behind() -> None:
    corner = Box(x=(0.0, 2.0), y=(0.0, 2.0)) - Box(x=(1.0, 2.0), y=(1.0, 2.0))
    points = torch.tensor([[1.5, 2.0], [2.0, 1.5], [2.0, 2.0], [1.0, 1.5], [1.0, 1.0], [0.5, 2.0]], dtype=torch.float64)
    assert corner.contains(points).tolist() == [False, False, False, True, True, True]


def test_a_region_of_many_parts_is_described_in_a_line() -> None:
    region: Region = Box(x=(0.0, 10.0), y=(0.0, 10.0))
    for i in range(9):
        region = region - Ball({"x": 0.5 + i, "y": 1.0}, 0.2)
    other = region - Ball({"x": 5.0, "y": 5.0}, 0.1)
    assert "and 8 more" in repr(region) and len(repr(other)) < 120
    assert repr(other)[-9:] != repr(other - Ball({"x": 5.0, "y": 7.0}, 0.1))[-9:], "the digest is of all parts"
