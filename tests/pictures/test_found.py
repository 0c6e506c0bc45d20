"""Pictures of what was found from data: bands of functions, intervals of numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.declaration.parameters.found_functions import Expansion, FoundFunction
from pinnlab.pictures.found import draw_function
from pinnlab.pictures.panels import Picture


def solved() -> pl.Solution:
    xs = np.linspace(0.0, 1.0, 30)
    values = xs * (1 - xs) / 2 + 1e-3 * np.random.default_rng(0).normal(size=30)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, s, c: -u.xx - s + 0 * c,
        [pl.Dirichlet(u=0.0, on="x-"), pl.Condition(lambda u, c: u - c, on="x+"), pl.Data({"x": xs}, u=values)],
        {"s": pl.Unknown(0.5, of="x"), "c": pl.Unknown(0.1)},
    )  # fmt: skip
    return pl.solve(problem, progress=False)


def test_a_solution_is_drawn_with_bands_and_intervals(tmp_path: Path) -> None:
    solution = solved()
    figure = solution.plot()
    panels = {axes.get_ylabel(): axes for axes in figure.axes}
    assert "s(x)" in panels and len(panels["s(x)"].collections) == 1
    low, high = solution.coefficients["s"].band(0.95, np.linspace(0, 1, 401))
    drawn = panels["s(x)"].collections[0].get_datalim(panels["s(x)"].transData)
    assert drawn.y0 == pytest.approx(low.min()) and drawn.y1 == pytest.approx(high.max())
    assert "95 % intervals: c = " in figure.get_suptitle()
    (panel,) = [axes for axes in figure.axes if axes.get_ylabel() == "u"]
    (dots,) = [line for line in panel.lines if line.get_label() == "data"]
    (data,) = [c for c in solution.problem.conditions if isinstance(c, pl.Data)]
    np.testing.assert_array_equal(dots.get_ydata(), data.values["u"])
    low, high = panel.get_ylim()
    assert low < float(data.values["u"].min()) and float(data.values["u"].max()) < high
    alone = solution.plot("s", path=tmp_path / "s.png")
    assert [axes.get_ylabel() for axes in alone.axes if axes.get_ylabel()] == ["s(x)"]
    assert (tmp_path / "s.png").stat().st_size > 0
    with pytest.raises(ValueError, match=r"neither an unknown \(u, s\)"):
        solution.plot("q")


def test_functions_of_two_arguments_are_maps_of_value_and_width() -> None:
    # 2 + s / 2 + r, with deviations 0.1 of the constant
    weights, factor = torch.tensor([2.0, 1.0, 0.5, 0.0]).double(), torch.zeros(4, 4).double()
    factor[0, 0] = 0.1
    expansion = Expansion((1, 1), ((0.0, 1.0), (0.0, 2.0)), weights, Free(), factor)
    function = FoundFunction(("x", "y"), (0, 1), expansion)
    figure = Picture(8.0, 3.0)
    two, one = figure.subplots(1, 3).tolist(), Picture(4.0, 3.0).subplots(1, 1)
    draw_function(two, "a", function)
    np.testing.assert_allclose(np.asarray(two[1].images[0].get_array()), np.full((81, 81), 0.196), atol=1e-4)
    assert [axes.axison for axes in two] == [True, True, False]
    draw_function([one], "a", function)
    assert "a(x, y), give or take 0.2" in one.get_title()
    unsure = FoundFunction(
        ("x",), (0,), Expansion((1,), ((0.0, 1.0),), weights[:2], Free(), torch.zeros(2, 0).double())
    )
    low, high = unsure.band(0.95, 0.5)
    assert low == -np.inf and high == np.inf
    line = Picture(4.0, 3.0).subplots(1, 1)
    draw_function([line], "q", unsure)
    assert not line.collections


def test_many_numbers_take_several_lines_none_of_which_is_wider_than_the_figure() -> None:
    t = np.linspace(0.0, 1.0, 20)
    rates = {f"rate{i}": 0.5 + 0.25 * i for i in range(4)}
    problem = pl.Problem(
        pl.Box(t=(0.0, 1.0)), tuple(f"u{i}" for i in range(4)),
        lambda u0, u1, u2, u3, rate0, rate1, rate2, rate3: {
            "a": u0.t + rate0 * u0, "b": u1.t + rate1 * u1, "c": u2.t + rate2 * u2, "d": u3.t + rate3 * u3,
        },
        [pl.Initial(**{f"u{i}": 1.0 for i in range(4)})]
        + [pl.Data({"t": t}, **{f"u{i}": np.exp(-rates[f"rate{i}"] * t) + 1e-3 * np.cos(40 * t)}) for i in range(4)],
        {name: pl.Unknown(1.0) for name in rates},
    )  # fmt: skip
    figure = pl.solve(problem, progress=False).plot()
    told = figure.get_suptitle()
    assert all(f"{name} = " in told for name in rates) and len(told.splitlines()) > 2
    figure.draw_without_rendering()
    drawn = figure._suptitle.get_window_extent()  # type: ignore[attr-defined]
    assert drawn.x0 > 0 and drawn.x1 < figure.bbox.x1
