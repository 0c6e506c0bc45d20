"""Pictures: what is drawn for which coordinates, that nothing global is touched, and that odd values break nothing."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.pictures.figures import Picture, plot_comparison, plot_solution, views

TINY = pl.PINN(network=pl.MLP(width=5, depth=1), stages=(pl.LevenbergMarquardt(steps=2),))


def heat(exact: bool = True) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
        reference=(lambda x, t: torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x)) if exact else None,
        name="heat",
    )


def oscillator() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns=("q", "p"),
        equations=lambda q, p: {"q": q.t - p, "p": p.t + q},
        conditions=[pl.Initial(q=1.0, p=0.0)],
        reference=lambda t: {"q": torch.cos(t), "p": -torch.sin(t)},
    )


def poisson_1d() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x: u.xx + torch.sin(math.pi * x),
        conditions=[pl.Dirichlet(u=0.0)],
    )


def poisson(*names: str) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(**{name: (0.0, 1.0) for name in names}),
        unknowns="u",
        equations=lambda u: 1.0 + sum(u.d(name, name) for name in names),
        conditions=[pl.Dirichlet(u=0.0)],
    )


def heat_2d() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.5)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * (u.xx + u.yy),
        conditions=[
            pl.Initial(u=lambda x, y: torch.sin(math.pi * x) * torch.sin(math.pi * y)),
            pl.Dirichlet(u=0.0),
        ],
        reference=lambda x, y, t: torch.exp(-0.2 * math.pi**2 * t) * torch.sin(math.pi * x) * torch.sin(math.pi * y),
    )


def solve(problem: pl.Problem, solver: pl.PINN = TINY) -> pl.Solution:
    return pl.solve(problem, solver, progress=False)


def titles(figure: Picture) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_views_put_time_to_the_right_and_the_first_space_coordinate_up() -> None:
    (view,) = views(heat())
    assert list(view.axes) == ["t", "x"] and view.fixed == {}


def test_views_of_lines_maps_snapshots_and_slices() -> None:
    assert [list(v.axes) for v in views(oscillator())] == [["t"]]
    assert [list(v.axes) for v in views(poisson("x", "y"))] == [["x", "y"]]
    assert [v.fixed for v in views(heat_2d())] == [{"t": t} for t in pytest.approx([0.0, 0.5 / 3, 1 / 3, 0.5]).expected]
    (slice_,) = views(poisson("x", "y", "z"))
    assert slice_.fixed == {"z": 0.5} and slice_.title == "z = 0.5"


def test_a_view_evaluates_functions_and_solutions_alike() -> None:
    problem = heat()
    (view,) = views(problem)
    values = view.of(problem.reference, problem)["u"]
    t, x = view.axes.values()
    assert values.shape == (len(t), len(x))
    np.testing.assert_allclose(values[-1], math.exp(-0.05 * math.pi**2) * np.sin(math.pi * x), atol=1e-14, rtol=0)
    solution = solve(problem)
    np.testing.assert_allclose(view.of_solution(solution)["u"][3], solution(x=x, t=t[3])["u"])


@pytest.mark.parametrize(
    ("problem", "panels"),
    [
        (heat(exact=False), 2),  # solution, training; with a reference the error too
        (oscillator(), 5),
        (poisson_1d(), 2),
        (poisson("x", "y"), 2),
        (heat_2d(), 9),
    ],
    ids=["1d and time", "ode", "1d", "2d", "2d and time"],
)
def test_every_kind_of_problem_can_be_drawn(problem: pl.Problem, panels: int, tmp_path: Path) -> None:
    figure = plot_solution(solve(problem))
    figure.savefig(tmp_path / "figure.png", dpi=40)
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert len(figure.axes) - len(bars) == panels
    assert any(title.startswith("history") for title in titles(figure))


def test_the_error_panel_says_the_error() -> None:
    for problem in (oscillator(), heat()):
        solution, unknown = solve(problem), problem.unknowns[0]
        assert f"|error of {unknown}|, relative L2 {solution.error()[unknown]:.1e}" in titles(plot_solution(solution))


def test_windows_that_were_never_trained_leave_a_gap(tmp_path: Path) -> None:
    solver = dataclasses.replace(TINY, windows=2)
    stopped = pl.solve(oscillator(), solver, callbacks=(lambda record: True,), progress=False)
    assert np.isnan(stopped(t=0.9)["q"])
    figure = plot_solution(stopped)
    figure.savefig(tmp_path / "figure.png", dpi=40)
    drawn = [line.get_ydata() for axes in figure.axes for line in axes.lines if line.get_label() == "solution"]
    assert [round(float(np.isnan(values).mean()), 2) for values in drawn] == [0.5, 0.5], "the second half is left out"


def test_a_solution_that_equals_its_reference_and_has_no_history_can_be_drawn(tmp_path: Path) -> None:
    solution = solve(oscillator())
    exact = dataclasses.replace(
        solution,
        problem=solution.problem.replace(reference=lambda t: solution(t=t)),
        history=type(solution.history)(),
    )
    figure = plot_solution(exact)
    figure.savefig(tmp_path / "figure.png", dpi=40)
    assert "|error of q|, relative L2 0.0e+00" in titles(figure)


@pytest.mark.parametrize("problem", [heat(exact=False), oscillator()], ids=["1d and time", "ode"])
def test_the_comparison_has_three_panels_for_each_unknown_with_errors_and_times(
    problem: pl.Problem,
) -> None:
    comparison = solve(problem).compare()
    figure = plot_comparison(comparison)
    figure.draw_without_rendering()
    found = titles(figure)
    assert len(found) == 3 * len(problem.unknowns)
    assert f"error {comparison.errors[problem.unknowns[0]]:.1e}, " in found[0] and found[0].endswith(" s")
    assert "estimated error" in found[1] and "classical" in found[1]


def test_solution_plot_writes_the_file_and_makes_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figure.png"
    figure = solve(poisson_1d()).plot(path)
    assert path.stat().st_size > 1000
    assert figure._repr_png_()[:4] == b"\x89PNG"


def test_drawing_needs_no_pyplot_and_changes_no_setting_and_importing_no_matplotlib() -> None:
    code = """
import sys, pinnlab
assert "matplotlib" not in sys.modules, "importing pinnlab waits for matplotlib"
import matplotlib
settings = lambda: {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}
before = settings()
from pinnlab.pictures.figures import Picture
figure = Picture(3.0, 2.0)
figure.subplots().plot([0, 1])
figure._repr_png_()
assert "matplotlib.pyplot" not in sys.modules, "pyplot"
assert settings() == before, "settings"
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
