from __future__ import annotations

import importlib
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pinnlab.domains import Mesh
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.simplices import Simplices, barycentric, volumes

GMSH = Path(__file__).parents[2] / "problems" / "data" / "obstacle.msh"
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
# the second one is turned the other way round
TWO = np.array([[0, 1, 2], [0, 3, 2]])


def unit(d: int, n: int = 4096) -> torch.Tensor:
    return unit_points("sobol", n, d, np.random.default_rng(0))


def cube(m: int = 2) -> Mesh:
    """The unit cube of m^3 smaller ones, each of six tetrahedra."""
    axis = np.arange(m + 1)
    number = np.arange((m + 1) ** 3).reshape((m + 1,) * 3)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3) / m
    elements = []
    for corner in itertools.product(range(m), repeat=3):
        for order in itertools.permutations(range(3)):
            path = [np.array(corner)]
            for j in order:
                path.append(path[-1] + np.eye(3, dtype=int)[j])
            elements.append([number[tuple(p)] for p in path])
    top = [e for e in itertools.combinations(number[:, :, -1].reshape(-1).tolist(), 3)]
    return Mesh(nodes, np.array(elements), {"top": np.array(top)})


@pytest.fixture(scope="module")
def obstacle() -> Mesh:
    return Mesh.read(GMSH)


def test_volumes_and_barycentric_coordinates_by_hand() -> None:
    triangle = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    assert volumes(triangle).tolist() == [1.0]
    in_space = torch.tensor([[[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 4.0, 1.0]]], dtype=torch.float64)
    assert volumes(in_space).tolist() == pytest.approx([6.0])
    assert volumes(in_space[:, :2]).tolist() == pytest.approx([3.0])
    found = barycentric(torch.tensor([[0.25, 0.5], [1.0, 1.0], [0.0, 0.3]], dtype=torch.float64))
    torch.testing.assert_close(
        found, torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    )


@pytest.mark.parametrize("d", [1, 2, 3])
def test_points_fill_a_simplex_evenly(d: int) -> None:
    weights = barycentric(unit(d))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4096, dtype=torch.float64))
    # of a flat distribution over d + 1 shares: mean 1 / (d + 1), mean square 2 / ((d + 1) (d + 2))
    torch.testing.assert_close(weights.mean(0), torch.full((d + 1,), 1 / (d + 1)).double(), rtol=0, atol=1e-3)
    squares = torch.full((d + 1,), 2 / ((d + 1) * (d + 2))).double()
    torch.testing.assert_close(weights.square().mean(0), squares, rtol=0, atol=1e-3)


def test_simplices_get_points_in_proportion_to_their_volumes() -> None:
    corners = torch.tensor([[[0.0], [1.0]], [[5.0], [8.0]]], dtype=torch.float64)
    points, which = Simplices(corners).place(unit(1, 1024))
    assert float((which == 1).double().mean()) == pytest.approx(0.75, abs=2e-3)
    assert bool(((points[which == 0] >= 0) & (points[which == 0] <= 1)).all())
    assert bool(((points[which == 1] >= 5) & (points[which == 1] <= 8)).all())


def test_a_mesh_of_two_triangles() -> None:
    mesh = Mesh(SQUARE, TWO, {"bottom": np.array([[1, 0]]), "inner": np.array([[0, 2]])}, names=("y", "z"))
    assert mesh.coordinates == ("y", "z") and mesh.bounds == {"y": (0.0, 1.0), "z": (0.0, 1.0)}
    assert mesh.pieces(None) == ("bottom", "untagged"), "an edge inside is no boundary"
    assert mesh.face("bottom") == (1, 0.0, -1.0) and mesh.face("untagged") is None
    site = mesh.boundary("bottom", unit(2, 50))
    assert site.normals is not None and site.normals.unique(dim=0).tolist() == [[0.0, -1.0]]
    rest = mesh.boundary("untagged", unit(2, 900))
    assert rest.normals is not None
    found, counts = rest.normals.unique(dim=0, return_counts=True)
    assert found.tolist() == [[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]] and counts.tolist() == pytest.approx(
        [300] * 3, abs=3
    )
    assert Mesh(SQUARE, TWO).pieces(None) == ("boundary",)


def test_membership_on_nodes_edges_and_beyond() -> None:
    mesh = Mesh(SQUARE, TWO)
    points = [[0.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.5, 0.0], [0.25, 0.5], [1.0 + 1e-6, 0.5], [-3.0, 0.5]]
    found = mesh.contains(torch.tensor(points, dtype=torch.float64))
    assert found.tolist() == [True] * 5 + [False] * 2
    depth = mesh.depth(torch.tensor([[0.5, 0.5], [0.1, 0.7], [0.5, 1.125]], dtype=torch.float64))
    torch.testing.assert_close(depth, torch.tensor([0.5, 0.1, -0.125], dtype=torch.float64))


def test_a_gmsh_file_keeps_its_tags(obstacle: Mesh) -> None:
    assert set(obstacle.pieces(None)) == {"left", "right", "walls", "obstacle"}
    assert obstacle.bounds == {"x": (0.0, 2.0), "y": (0.0, 1.0)}
    points = obstacle.interior(unit(2)).points
    assert bool(obstacle.contains(points).all())
    center = torch.tensor([0.7, 0.45], dtype=torch.float64)
    assert float((points - center).norm(dim=1).min()) > 0.2 - 1e-3
    area = 2 - 16 * 0.2**2 * math.sin(2 * math.pi / 32)
    assert float(obstacle._inside.volumes.sum()) == pytest.approx(area, rel=1e-12)
    half = 1 - 0.2**2 * (math.pi - 0)
    assert float((points[:, 0] < 1).double().mean()) == pytest.approx(half / area, abs=3e-3)
    for piece in obstacle.pieces(None):
        site = obstacle.boundary(piece, unit(2, 512))
        assert site.normals is not None
        torch.testing.assert_close(site.normals.norm(dim=1), torch.ones(512, dtype=torch.float64))
        assert float(obstacle.depth(site.points).abs().max()) < 1e-12
        assert bool((obstacle.depth(site.points - 1e-5 * site.normals) > 0).all())
        assert bool((obstacle.depth(site.points + 1e-5 * site.normals) < 0).all())
    assert bool(obstacle.contains(obstacle.nodes).all()) and bool(obstacle.contains(obstacle.nodes.float()).all())
    inward = center - obstacle.boundary("obstacle", unit(2, 64)).points
    assert bool((inward * obstacle.boundary("obstacle", unit(2, 64)).normals).sum(dim=1).gt(0).all())


def test_points_of_a_mesh_are_spread_more_evenly_than_random_ones(obstacle: Mesh) -> None:
    def unevenness(kind: str) -> float:
        points = obstacle.interior(unit_points(kind, 1024, 2, np.random.default_rng(1))).points
        counts = torch.histogramdd(points, [8, 4], range=[1.0, 2.0, 0.0, 1.0]).hist
        return float(counts.std() / counts.mean())

    assert unevenness("sobol") < 0.7 * unevenness("uniform")


def test_unknown_tags_list_the_known_ones(obstacle: Mesh) -> None:
    with pytest.raises(ValueError, match="on='wall' names no boundary of Mesh.646 triangles.*'walls'"):
        obstacle.pieces("wall")


def test_tetrahedra() -> None:
    mesh = cube()
    assert mesh.coordinates == ("x", "y", "z") and mesh.pieces(None) == ("top", "untagged")
    assert float(mesh._inside.volumes.sum()) == pytest.approx(1.0)
    points = mesh.interior(unit(3)).points
    torch.testing.assert_close(points.mean(0), torch.full((3,), 0.5).double(), rtol=0, atol=5e-3)
    assert bool(mesh.contains(points).all())
    assert mesh.contains(unit(3, 512)).all()
    assert not mesh.contains(unit(3, 512) + 1.001).any()
    assert mesh.face("top") == (2, 1.0, 1.0)
    top = mesh.boundary("top", unit(3, 512))
    assert top.normals is not None and float((top.normals - torch.tensor([0.0, 0.0, 1.0])).abs().max()) < 1e-14
    assert float((top.points[:, 2] - 1).abs().max()) < 1e-15


def test_meshes_with_equal_numbers_are_equal() -> None:
    a, b = Mesh(SQUARE, TWO), Mesh(SQUARE.copy(), TWO)
    assert a == b and hash(a) == hash(b) and repr(a) == repr(b)
    moved = Mesh(SQUARE * 2, TWO)
    assert a != moved and repr(a) != repr(moved), "a checkpoint knows them apart"
    assert a != Mesh(SQUARE, TWO, {"bottom": np.array([[0, 1]])}) and a != Mesh(SQUARE, TWO, names=("x", "z"))


def test_nodes_of_no_element_do_not_count() -> None:
    mesh = Mesh(np.vstack([[[9.0, 9.0]], SQUARE]), TWO + 1, {"bottom": np.array([[1, 2]])})
    assert mesh.bounds == {"x": (0.0, 1.0), "y": (0.0, 1.0)} and mesh.face("bottom") == (1, 0.0, -1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SQUARE, [[0, 1, 1]]), r"1 of 1 elements have no volume, the first is number 0; remove them, or mesh"),
        ((SQUARE, np.array([[0, 1, 2], [0, 2, 3], [2, 0, 1]])), "facets belong to three elements"),
        ((SQUARE, np.array([[0, 1, 4]])), "node numbers run from 0 to 4, for 4 nodes"),
        ((SQUARE, np.array([[0.0, 1.0, 2.0]])), "give whole node numbers, 3 in each row"),
        ((SQUARE, np.array([[0, 1]])), "3 in each row"),
        ((SQUARE, np.zeros((0, 3), dtype=int)), "is empty; give at least one"),
        ((SQUARE[:, :1], TWO), r"has shape \(4, 1\); give positions"),
        ((SQUARE * math.nan, TWO), "not finite numbers"),
        (
            (SQUARE, TWO, {"a": np.array([[0, 1, 2]])}),
            r"tags\['a'\]=...\) is int64 of shape \(1, 3\); .* 2 in each row",
        ),
        ((SQUARE, TWO, None, ("x", "t")), r"multiply the mesh by Box\(t=\(start, end\)\)"),
        ((SQUARE, TWO, None, ("x", "y", "z")), "names of 2 coordinates"),
    ],
)
def test_bad_meshes(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mesh(*arguments)


def test_files_that_are_no_meshes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        Mesh.read(tmp_path / "none.msh")
    (tmp_path / "text.msh").write_text("nothing")
    with pytest.raises(ValueError, match="could not be read by meshio"):
        Mesh.read(tmp_path / "text.msh")
    (tmp_path / "text.xyz").write_text("nothing")
    with pytest.raises(ValueError, match="could not be read by meshio"):
        Mesh.read(tmp_path / "text.xyz")


def test_meshes_of_other_elements_are_refused(tmp_path: Path) -> None:
    meshio = importlib.import_module("meshio")
    nodes = np.hstack([SQUARE, np.zeros((4, 1))])
    meshio.Mesh(nodes, [("quad", np.array([[0, 1, 2, 3]]))]).write(tmp_path / "quad.vtu")
    with pytest.raises(ValueError, match="holds quad; pinnlab reads straight triangles .* without quadrilaterals"):
        Mesh.read(tmp_path / "quad.vtu")
    bent = nodes + np.array([0, 0, 1]) * nodes[:, :1] * nodes[:, 1:2]
    meshio.Mesh(bent, [("triangle", TWO)]).write(tmp_path / "bent.vtu")
    with pytest.raises(ValueError, match="a surface in space; pinnlab needs a plane mesh"):
        Mesh.read(tmp_path / "bent.vtu")
    meshio.Mesh(nodes, [("triangle", TWO)]).write(tmp_path / "flat.vtu")
    assert Mesh.read(tmp_path / "flat.vtu") == Mesh(SQUARE, TWO)


def test_reading_needs_meshio(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install pinnlab\[export\]"):
        Mesh.read(GMSH)
