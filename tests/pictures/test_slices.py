"""Pictures of cross-sections: what is left of the coordinates, several at once, streamlines, and what cannot be drawn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.pictures.slices import slices

TINY = pl.PINN(network=pl.MLP(width=5, depth=1), points=40, stages=(pl.LevenbergMarquardt(steps=2),))


def plate() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 2.0), t=(0.0, 0.5)), unknowns=("u", "v"),
        equations=lambda u, v: {"a": u.t - 0.1 * (u.xx + u.yy), "b": v.t - v.xx - u},
        conditions=[pl.Initial(u=lambda x, y: torch.sin(math.pi * x), v=0.0), pl.Dirichlet(u=0.0, v=0.0)],
    )  # fmt: skip


def hole() -> pl.Problem:
    domain = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)) - pl.Ball(center={"x": 0.0, "y": 0.0}, radius=0.5)
    return pl.Problem(domain, ("u", "v"), lambda u, v: {"a": u.x + v.y, "b": u.y - v.x}, [pl.Dirichlet(u=1.0, v=0.5)])


def cube() -> pl.Problem:
    domain = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
    return pl.Problem(domain, "u", lambda u: u.xx + u.yy + u.zz + 1, [pl.Dirichlet(u=0.0)])


@pytest.fixture(scope="module")
def solved() -> dict[str, pl.Solution]:
    problems = {"plate": plate(), "hole": hole(), "cube": cube()}
    return {name: pl.solve(problem, TINY, progress=False) for name, problem in problems.items()}


def panels(figure: Any) -> list[Any]:
    figure.draw_without_rendering()
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def test_what_is_left_of_the_coordinates() -> None:
    problem = plate()
    assert [list(v.axes) for v in slices(problem, {"t": 0.2})] == [["x", "y"]]
    assert [list(v.axes) for v in slices(problem, {"y": 0.5})] == [["t", "x"]]
    assert [list(v.axes) for v in slices(problem, {"x": 0.5, "t": 0.1})] == [["y"]]
    assert [v.fixed for v in slices(problem, {"x": [0.1, 0.2], "t": 0.1})] == [
        {"x": 0.1, "t": 0.1},
        {"x": 0.2, "t": 0.1},
    ]
    assert [round(v.fixed["t"], 3) for v in slices(problem, {})] == [0.0, 0.167, 0.333, 0.5]
    assert slices(hole(), {})[0].triangles is not None and slices(hole(), {"x": 0.0})[0].triangles is None


def test_maps_lines_and_points_in_time(solved: dict[str, pl.Solution]) -> None:
    plate = solved["plate"]
    at = panels(plate.plot(t=0.2))
    assert [axes.get_title() for axes in at] == ["u, t = 0.2", "v, t = 0.2"]
    line = panels(plate.plot("u", y=0.5, t=0.2))[0].lines[0]
    assert np.allclose(line.get_ydata(), plate(x=line.get_xdata(), y=0.5, t=0.2)["u"])
    (several,) = panels(plate.plot("v", y=0.5, t=[0.0, 0.2, 0.4]))
    assert [line.get_label() for line in several.lines] == ["t = 0", "t = 0.2", "t = 0.4"]
    (course,) = panels(plate.plot("u", x=0.5, y=0.5))
    assert course.get_xlabel() == "t"


def test_a_line_through_a_hole_is_interrupted(solved: dict[str, pl.Solution]) -> None:
    line = panels(solved["hole"].plot("u", x=0.0))[0].lines[0]
    inside = np.abs(line.get_xdata()) < 0.49
    assert np.isnan(line.get_ydata()[inside]).all() and np.isfinite(line.get_ydata()[~inside][::50]).all()


def test_the_reference_stands_beside_lines(solved: dict[str, pl.Solution]) -> None:
    problem = plate().replace(reference=lambda x, y, t: {"u": x + y, "v": t + 0 * x})
    known = pl.Solution(**{**vars(solved["plate"]), "problem": problem})
    drawn = {line.get_label(): line for line in panels(known.plot("u", y=0.5, t=0.2))[0].lines}
    assert np.allclose(drawn["reference"].get_ydata(), drawn["reference"].get_xdata() + 0.5)


def test_unknowns_by_name_and_paths_as_before(solved: dict[str, pl.Solution], tmp_path: Path) -> None:
    plate = solved["plate"]
    titles = [axes.get_title() for axes in panels(plate.plot("v"))]
    assert "v, t = 0" in titles and not any(title.startswith("u,") for title in titles)
    for number, given in enumerate(
        [(tmp_path / "a.png",), (str(tmp_path / "b.png"),), ("u", tmp_path / "new" / "c.png")]
    ):
        plate.plot(*given)
        assert Path(given[-1]).stat().st_size > 1000, number
    plate.plot("u", t=0.1, path=tmp_path / "d.png")
    assert (tmp_path / "d.png").stat().st_size > 1000


def test_streamlines(solved: dict[str, pl.Solution]) -> None:
    (field,) = panels(solved["hole"].plot(streamlines=("u", "v")))
    assert field.get_title() == "|(u, v)|" and any("LineCollection" in type(c).__name__ for c in field.collections)
    assert len(panels(solved["hole"].plot("u", streamlines=("u", "v")))) == 2
    assert len(panels(solved["plate"].plot(streamlines=("u", "v"), t=[0.1, 0.3]))) == 2


def test_a_member_of_a_family() -> None:
    family = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, k: u.t - k * u.xx,
        [pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)], parameters={"k": pl.Uniform(0.05, 0.2)},
    )  # fmt: skip
    network = pl.MLP(width=8, depth=1)
    solver = pl.HardConstraintMoE(network=network, basis=6, batch=1, points=36, stages=(pl.Adam(steps=1),))
    solution = pl.solve(family, solver, progress=False)
    line = panels(solution.plot(k=0.1, t=0.5))[0].lines[0]
    assert np.allclose(line.get_ydata(), solution(x=line.get_xdata(), t=0.5, k=0.1)["u"])


@pytest.mark.parametrize(
    ("name", "what", "given", "told"),
    [
        ("cube", ("u",), {"streamlines": ("u", "u")}, r"x, y, z are left, .* such as plot\(z=0.5\)"),
        ("plate", ("w",), {}, r"plot\('w'\): neither an unknown \(u, v\) nor the path of a picture"),
        ("plate", (), {"q": 1.0}, "'q' is no coordinate"),
        ("plate", (), {"t": 3.0}, r"outside of t=\(0, 0.5\)"),
        ("plate", (), {"x": 0.1, "y": 0.1, "t": 0.1}, "nothing is left to draw"),
        ("plate", (), {"x": 0.1, "streamlines": ("u", "v")}, "streamlines need two coordinates of space"),
        ("hole", (), {"streamlines": ("u", "w")}, "give the names of two unknowns"),
        ("hole", ("a.png", "b.png"), {}, "2 paths"),
        ("plate", (), {"t": np.linspace(0.0, 0.5, 20)}, "20 cross-sections; give at most 12"),
    ],
)
def test_pictures_that_cannot_be(
    solved: dict[str, pl.Solution], name: str, what: Any, given: dict[str, Any], told: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        solved[name].plot(*what, **given)
