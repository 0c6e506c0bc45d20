"""Pictures of three dimensions: surfaces and slices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.grids import cover
from pinnlab.pictures.solids import plot_surface, shown_faces

CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 2.0), z=(0.0, 1.0))
HOLED = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5, "z": 0.5}, 0.3)
FAST = pl.PINN(network=pl.MLP(width=6, depth=1), stages=(pl.LevenbergMarquardt(steps=2),))


def exact(x, y, z):
    return torch.sin(3 * x) * y * torch.exp(z)


def solved(domain, **more):
    conditions = [pl.Dirichlet(u=exact)]
    problem = pl.Problem(domain, "u", lambda u, x, y, z: u.laplacian + 8 * exact(x, y, z), conditions, **more)
    return pl.solve(problem, FAST, progress=False)


def test_faces_of_cells_by_hand() -> None:
    # 2 x 2 x 2 boxes of which one, that at large x, small y and large z, is taken out
    box = pl.Box(x=(0.0, 2.0), y=(0.0, 2.0), z=(0.0, 2.0))
    covered = cover(box, {"x": 3, "y": 3, "z": 3})
    faces = shown_faces(covered)
    middles = covered.nodes[faces].mean(axis=1)
    assert len(faces) == 24  # as many as of the whole: three sides are lost and three come to light
    assert {tuple(m) for m in middles} >= {(1.0, 0.5, 1.5), (1.5, 1.0, 1.5), (1.5, 0.5, 1.0)}
    tetrahedra = cover(HOLED, {"x": 9, "y": 9, "z": 9})
    assert shown_faces(tetrahedra).shape[1] == 3


@pytest.mark.parametrize("domain", [CUBE, HOLED], ids=["box", "hole"])
def test_a_surface_and_three_slices(domain) -> None:
    figure = solved(domain).plot()
    titles = [axes.get_title() for axes in figure.axes]
    assert "u, nearest eighth taken out" in titles and "u, z = 0.5" in titles and "u, x = 0.5" in titles
    (solid,) = [axes for axes in figure.axes if axes.name == "3d"]
    colors = solid.collections[0].get_facecolor()
    assert len(np.unique(colors, axis=0)) > 20, "the surface has the values' colours"


def test_the_surface_alone_with_few_ticks() -> None:
    figure = plot_surface(solved(CUBE), "u", {})
    (solid,) = figure.axes
    assert solid.name == "3d" and solid.get_title() == "u, nearest eighth taken out"
    figure.canvas.draw()
    assert all(len(axis.get_major_locator()()) <= 4 for axis in (solid.xaxis, solid.yaxis, solid.zaxis))


def test_errors_stand_below_where_there_is_a_reference() -> None:
    figure = solved(CUBE, reference=exact).plot("u")
    assert sum("|error of u|" in axes.get_title() for axes in figure.axes) == 3


def test_an_instant_of_three_dimensions(tmp_path) -> None:
    problem = pl.Problem(
        CUBE * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u: u.t - u.laplacian,
        [pl.Initial(u=lambda x: torch.sin(3 * x)), pl.Dirichlet(u=0.0)],
    )
    solution = pl.solve(problem, FAST, progress=False)
    figure = solution.plot(t=0.25, path=tmp_path / "heat.png")
    assert "u, t = 0.25, nearest eighth taken out" in [axes.get_title() for axes in figure.axes]
    assert (tmp_path / "heat.png").stat().st_size > 10_000
    with pytest.raises(ValueError, match=r"plot\(t=2.0\): outside of t=\(0, 1\)"):
        solution.plot(t=2.0)
