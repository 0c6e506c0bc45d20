"""Tetrahedra over regions in space: they fill the region, keep to its pieces, and none is flat."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.domains.meshing.spacing import apart
from pinnlab.domains.meshing.surfaces import features, projected, surfaces
from pinnlab.domains.meshing.tetrahedra import Tetrahedra, outer_faces, qualities, signed_volumes
from pinnlab.domains.meshing.tetrahedralization import tetrahedralize

CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))


def ball(x: float, y: float, z: float, radius: float) -> pl.Ball:
    return pl.Ball({"x": x, "y": y, "z": z}, radius)


REGIONS = {
    "cube": (CUBE, 1.0),
    "ball": (ball(0.0, 0.0, 0.0, 1.0), 4 / 3 * math.pi),
    "hole": (CUBE - ball(0.5, 0.5, 0.5, 0.3), 1 - 4 / 3 * math.pi * 0.3**3),
    "dent": (CUBE - ball(0.5, 0.5, 1.0, 0.3), 1 - 2 / 3 * math.pi * 0.3**3),
    "lens": (ball(0.0, 0.0, 0.0, 1.0) & ball(1.0, 0.0, 0.0, 1.0), 5 / 12 * math.pi),
    "corner cut out": (CUBE - pl.Box(x=(0.5, 2.0), y=(0.5, 2.0), z=(0.5, 2.0)), 7 / 8),
    "cylinder": (pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(z=(0.0, 1.0)), math.pi),
    "prism": (pl.Polygon([(0, 0), (1, 0), (1, 1)]) * pl.Box(z=(0.0, 1.0)), 0.5),
}


@pytest.mark.parametrize("name", REGIONS)
def test_tetrahedra_fill_the_region(name: str) -> None:
    region, volume = REGIONS[name]
    mesh = tetrahedralize(region, region.size / 4)
    fine = mesh.refined()
    assert qualities(fine.nodes[fine.elements]).min() > 0.03
    # a chord is off its arc by the square of its length
    misses = [abs(signed_volumes(m.nodes[m.elements]).sum() - volume) / volume for m in (mesh, fine)]
    assert misses[1] < max(0.35 * misses[0], 1e-12)
    # the boundary is closed: each of its edges belongs to two triangles
    sides = np.sort(np.concatenate([fine.faces[:, [0, 1]], fine.faces[:, [1, 2]], fine.faces[:, [0, 2]]]), axis=1)
    assert (np.unique(sides, axis=0, return_counts=True)[1] % 2 == 0).all()
    assert set(fine.pieces) == set(region.pieces(None))
    for piece, mine in fine.pieces.items():
        own = [s for s in surfaces(region) if s.piece == piece]
        gaps = np.min([np.abs(s.distance(fine.nodes[fine.faces[mine]].reshape(-1, 3))) for s in own], axis=0)
        assert gaps.max() < 1e-9 * region.size


def test_a_mesh_of_ones_own_keeps_its_tetrahedra_and_tags() -> None:
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    ways = [(0, 1, 3, 7), (0, 1, 5, 7), (0, 2, 3, 7), (0, 2, 6, 7), (0, 4, 5, 7), (0, 4, 6, 7)]
    region = pl.Mesh(corners, ways, {"floor": [(0, 2, 6), (0, 4, 6)]})
    mesh = tetrahedralize(region, 2.0)
    assert len(mesh.elements) == 6 and set(mesh.pieces) == {"floor", "untagged"}
    fine = tetrahedralize(region, 0.5)
    assert np.allclose(fine.nodes[fine.faces[fine.pieces["floor"]]][..., 2], 0.0)
    assert signed_volumes(fine.nodes[fine.elements]).sum() == pytest.approx(1.0)


def test_edges_and_corners_are_where_surfaces_meet() -> None:
    region = CUBE - ball(0.5, 0.5, 1.0, 0.3)
    found = features(region, surfaces(region))
    assert len(found.corners) == 8
    # twelve edges of the cube and the rim of the dent, all of which point outwards
    assert len(found.edges) == 13 and not any(found.reentrant.values())
    notch = CUBE - pl.Box(x=(0.5, 2.0), y=(0.5, 2.0), z=(-1.0, 2.0))
    assert list(features(notch, surfaces(notch)).reentrant.values()).count(True) == 1


def test_projections_onto_two_surfaces() -> None:
    one, other = (surfaces(ball(x, 0.0, 0.0, 1.0))[0] for x in (0.0, 1.0))
    at = projected(np.array([[0.4, 0.9, 0.1], [0.6, 0.0, 0.7]]), [one, other])
    assert np.allclose(at[:, 0], 0.5) and np.allclose(np.linalg.norm(at[:, 1:], axis=1), math.sqrt(0.75))


def test_qualities_by_hand() -> None:
    regular = np.array([[1.0, 1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])
    right = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    # volume 1/6, mean square of edges (3 + 6) / 6
    assert qualities(np.stack([regular, right])) == pytest.approx([1.0, math.sqrt(2.0) / 1.5**1.5])
    assert len(outer_faces(np.array([[0, 1, 2, 3], [1, 2, 3, 4]]))[0]) == 6


def test_points_that_keep_their_distance() -> None:
    line = np.linspace(0.0, 1.0, 11)[:, None] * np.ones(3)
    step = math.sqrt(3) / 10
    assert apart(line, np.full(11, 1.5 * step)).tolist() == [0, 2, 4, 6, 8, 10]
    assert apart(line, np.full(11, 1.5 * step), line[:1]).tolist() == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("radius", [0.2, 0.5])
def test_surfaces_that_touch_are_refused(radius: float) -> None:
    region = CUBE - ball(0.5, 0.5, radius, radius)
    with pytest.raises(ValueError, match="'[xz]-' and 'surface' of .* touch without crossing"):
        tetrahedralize(region, 0.5)


def test_refinement_has_the_nodes_of_its_parent_first() -> None:
    mesh = tetrahedralize(ball(0.0, 0.0, 0.0, 1.0), 1.0)
    fine = mesh.refined()
    assert isinstance(fine.parent, Tetrahedra)
    assert np.array_equal(fine.nodes[: len(mesh.nodes)], mesh.nodes)
    assert np.allclose(np.linalg.norm(fine.nodes[np.unique(fine.faces)], axis=1), 1.0)
