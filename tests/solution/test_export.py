"""Files for ParaView, and moving pictures."""

from __future__ import annotations

import builtins
import dataclasses
import importlib
import math
from pathlib import Path
from xml.etree import ElementTree

import meshio
import numpy as np
import pytest
import torch
from PIL import Image

import pinnlab as pl
from pinnlab.pictures.animation import _WRITERS

TINY = pl.PINN(network=pl.MLP(width=5, depth=1), stages=(pl.LevenbergMarquardt(steps=2),), points=64)
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
GMSH = Path(__file__).parents[2] / "problems" / "data" / "obstacle.msh"


def solve(domain: object, unknowns: str | tuple[str, ...] = "u") -> pl.Solution:
    names = domain.space  # type: ignore[attr-defined]

    def equation(u: pl.Field) -> object:
        space = sum(u.d(name, name) for name in names)
        return 1.0 + space - u.t if domain.has_time else 1.0 + space  # type: ignore[attr-defined]

    conditions: list = [pl.Initial(u=0.0)] if domain.has_time else []  # type: ignore[attr-defined]
    if names:
        conditions.append(pl.Dirichlet(u=0.0))
    return pl.solve(pl.Problem(domain, "u", equation, conditions, name="heat"), TINY, progress=False)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def on_a_mesh() -> pl.Solution:
    return solve(pl.Mesh.read(GMSH))


@pytest.fixture(scope="module")
def in_time() -> pl.Solution:
    return solve((SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.25)) * pl.Box(t=(0.0, 2.0)))


def test_a_mesh_is_written_with_its_own_nodes(on_a_mesh: pl.Solution, tmp_path: Path) -> None:
    (path,) = on_a_mesh.to_vtu(tmp_path / "new" / "mesh.vtu")
    found, mesh = meshio.read(path), on_a_mesh.problem.domain
    assert isinstance(mesh, pl.Mesh)
    np.testing.assert_array_equal(found.points[:, :2], mesh.nodes.numpy())
    assert (found.points[:, 2] == 0).all()
    np.testing.assert_array_equal(found.cells_dict["triangle"], mesh.elements.numpy())
    x, y = mesh.nodes.numpy().T
    np.testing.assert_array_equal(found.point_data["u"], on_a_mesh(x=x, y=y)["u"])


def test_a_box_is_written_as_a_grid(tmp_path: Path) -> None:
    solution = solve(SQUARE)
    (path,) = solution.to_vtu(tmp_path / "box.vtu", x=5, y=4)
    found = meshio.read(path)
    assert found.points.shape == (20, 3) and found.cells_dict["quad"].shape == (12, 4)
    np.testing.assert_array_equal(found.point_data["u"], solution(x=found.points[:, 0], y=found.points[:, 1])["u"])
    (path,) = solve(pl.Box(x=(0.0, 1.0))).to_vtu(tmp_path / "line.vtu", x=7)
    assert meshio.read(path).cells_dict["line"].shape == (6, 2)


def test_a_reference_stands_beside_the_solution(tmp_path: Path) -> None:
    region = pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0)
    problem = pl.Problem(
        region,
        "u",
        lambda u: u.laplacian + 6,
        [pl.Dirichlet(u=0.0)],
        reference=lambda x, y, z: 1 - x**2 - y**2 - z**2,
    )
    (path,) = pl.solve(problem, TINY, progress=False).to_vtu(tmp_path / "ball.vtu", x=7, y=7, z=7)
    found = meshio.read(path)
    np.testing.assert_allclose(found.point_data["u_reference"], 1 - (found.points**2).sum(axis=1), atol=1e-12)
    assert set(found.point_data) == {"u", "u_reference"}


def test_instants_are_files_of_a_series(in_time: pl.Solution, tmp_path: Path) -> None:
    *files, series = in_time.to_vtu(tmp_path / "run.vtu", t=[0.0, 0.5, 2.0], x=17, y=17)
    assert [f.name for f in files] == ["run_0.vtu", "run_1.vtu", "run_2.vtu"] and series.name == "run.pvd"
    entries = ElementTree.parse(series).getroot().findall("./Collection/DataSet")
    assert [(float(e.attrib["timestep"]), e.attrib["file"]) for e in entries] == [
        (0.0, "run_0.vtu"), (0.5, "run_1.vtu"), (2.0, "run_2.vtu"),
    ]  # fmt: skip
    found = meshio.read(files[1])
    assert list(found.cells_dict) == ["triangle"]
    expected = in_time(x=found.points[:, 0], y=found.points[:, 1], t=0.5)["u"]
    np.testing.assert_array_equal(found.point_data["u"], expected)
    assert in_time.to_vtu(tmp_path / "end.vtu", t=2.0, x=9, y=9) == (tmp_path / "end.vtu",)
    assert len(in_time.to_vtu(tmp_path / "all.vtu", x=9, y=9)) == 22


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "a.vtk"}, r"to_vtu\('a.vtk'\): the name must end in .vtu"),
        ({"path": "a.vtu", "t": 3.0}, r"to_vtu\(t=3.0\): give times within the problem's, 0 to 2"),
        ({"path": "a.vtu", "t": []}, "give times within"),
        ({"path": "a.vtu", "z": 3}, r"to_vtu\(z=3\): not a coordinate; the coordinates are x, y"),
        ({"path": "a.vtu", "x": 1}, "whole number of points, at least 2"),
    ],
)
def test_bad_arguments(in_time: pl.Solution, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        in_time.to_vtu(**arguments)


def test_what_a_problem_cannot_have(on_a_mesh: pl.Solution, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the problem is steady, it has no coordinate 't'"):
        on_a_mesh.to_vtu(tmp_path / "a.vtu", t=0.0)
    with pytest.raises(ValueError, match="a mesh is written with its own nodes; leave sizes out"):
        on_a_mesh.to_vtu(tmp_path / "a.vtu", x=3)
    with pytest.raises(ValueError, match="has no time and space to move in; use plot"):
        on_a_mesh.animate(tmp_path / "a.gif")
    ode = pl.solve(pl.Problem(pl.Box(t=(0.0, 1.0)), "u", lambda u: u.t + u, [pl.Initial(u=1.0)]), TINY, progress=False)
    with pytest.raises(ValueError, match="has 0 dimensions in space, such a file one to three"):
        ode.to_vtu(tmp_path / "a.vtu")
    assert not list(tmp_path.iterdir())


def test_libraries_that_are_missing_are_named(
    on_a_mesh: pl.Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise builtins.ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        ImportError, match=r"to_vtu\(\) needs meshio, which is not installed: pip install pinnlab\[export\]"
    ):
        on_a_mesh.to_vtu(tmp_path / "a.vtu")


def test_maps_and_lines_move(in_time: pl.Solution, tmp_path: Path) -> None:
    path = in_time.animate(tmp_path / "new" / "maps.gif", frames=3)
    with Image.open(path) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    line = solve(pl.Box(x=(0.0, math.pi), t=(0.0, 1.0)))
    folder = line.animate(tmp_path / "frames", frames=2)
    assert [f.name for f in sorted(folder.iterdir())] == ["frame_0000.png", "frame_0001.png"]


def test_bad_animations(in_time: pl.Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="must end in .gif, .mp4, .html, or have no ending"):
        in_time.animate(tmp_path / "a.avi")
    with pytest.raises(ValueError, match=r"animate\(frames=1\): give a whole number of at least 2"):
        in_time.animate(tmp_path / "a.gif", frames=1)
    monkeypatch.setattr(_WRITERS[".mp4"], "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(RuntimeError, match="this needs ffmpeg, which is not installed; write a .gif"):
        in_time.animate(tmp_path / "a.mp4")


@pytest.mark.parametrize("kind", ["mesh", "hole in time", "ball"])
def test_regions_that_are_no_boxes_are_drawn(
    kind: str, on_a_mesh: pl.Solution, in_time: pl.Solution, tmp_path: Path
) -> None:
    ball = pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0)
    solution = {"mesh": on_a_mesh, "hole in time": in_time}.get(kind) or solve(ball)
    if kind == "mesh":
        known = solution.problem.replace(reference=lambda x, y: torch.sin(x) * y)
        solution = dataclasses.replace(solution, problem=known)
    figure = solution.plot(tmp_path / "figure.png")
    titles = [axes.get_title() for axes in figure.axes]
    if kind == "mesh":
        assert f"|error of u|, relative L2 {solution.error()['u']:.1e}" in titles
    assert "u, z = 0" in titles or kind != "ball"
    assert (tmp_path / "figure.png").stat().st_size > 1000
