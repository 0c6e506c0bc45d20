"""Thin layers: their widths by hand, and problems that have them at the ends and inside."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.cells import Cells
from pinnlab.solvers.cut_cells.first import graded_to_ends
from pinnlab.solvers.local_experts.layers import end_layers, layer_width, side_layers, thinnest_layer
from pinnlab.solvers.local_experts.refinement import Refinement

LINE = pl.Box(x=(0.0, 1.0))


def test_widths_by_hand() -> None:
    assert layer_width({2: -1e-4, 1: 1.0}) == pytest.approx(1e-4)
    assert layer_width({2: -1e-4, 0: 1.0}) == pytest.approx(1e-2)
    assert layer_width({2: 1e-4, 0: 1.0}) == math.inf, "waves"
    assert layer_width({2: 1.0, 1: 10.0, 0: -400.0}) == pytest.approx(0.05), "the thinner of 1/10 and 1/20"
    assert layer_width({4: 1e-8, 0: 1.0}) == pytest.approx(1e-2), "a beam on soft ground"
    assert layer_width({}) == layer_width({2: 1.0}) == math.inf


def test_at_which_end_a_layer_is_by_hand() -> None:
    assert end_layers(-1e-3, 2.0, 0.0) == (math.inf, pytest.approx(5e-4)), "carried to the upper end"
    assert end_layers(-1e-3, -2.0, 0.0) == (pytest.approx(5e-4), math.inf)
    assert end_layers(-1e-4, 0.0, 1.0) == pytest.approx((1e-2, 1e-2))
    assert end_layers(1e-4, 0.0, 1.0) == end_layers(0.0, 1.0, 1.0) == (math.inf, math.inf), "waves; first order"


def test_layers_at_sides_are_read_off_the_equations() -> None:
    square = pl.Box(x=(0.0, 1.0), y=(0.0, 4.0))

    def layers(equation: Callable) -> dict[str, tuple[float, float]]:
        return side_layers(pl.Problem(square, "u", equation, [pl.Dirichlet(u=0.0)]))

    carried = layers(lambda u: u.x - 1e-4 * u.laplacian)
    assert carried["x"] == (math.inf, pytest.approx(1e-4))
    assert carried["y"] == pytest.approx((1e-2, 1e-2)), "what diffuses across y while it is carried along x"
    assert layers(lambda u: u - 1e-4 * u.laplacian)["y"] == pytest.approx((1e-2, 1e-2))
    assert layers(lambda u: u * u.x - 1e-4 * u.laplacian)["x"] == (math.inf, math.inf), "made by the solution"
    assert min(layers(lambda u: u.laplacian)["y"]) > 0.3


def test_cells_are_graded_to_ends() -> None:
    even = np.linspace(0.0, 1.0, 5)
    assert graded_to_ends(even, math.inf, 0.3).tolist() == even.tolist()
    assert graded_to_ends(even, math.inf, 1e-3) == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1 - 0.072, 1 - 0.024, 1 - 0.008, 1]
    )


def test_layers_are_read_off_the_equations() -> None:
    problem = pl.Problem(LINE, "u", lambda u, eps: eps * u.xx - (2 + u) * u.x, [pl.Dirichlet(u=0.0)], {"eps": 1e-5})
    assert 1e-6 < thinnest_layer(problem) < 1e-5
    smooth = pl.Problem(LINE, "u", lambda u: u.xx - 1, [pl.Dirichlet(u=0.0)])
    assert thinnest_layer(smooth) == math.inf


def test_steady_cells_are_halved_where_most_is_off() -> None:
    edges = np.array([0.0, 0.5, 1.0])
    cells, tails = Cells({"x": edges}, None), np.array([[1e-3], [1e-1]])
    steady, marching = (Refinement({"x": edges}, 1e-6, 100, steady=s) for s in (True, False))
    assert steady.split(tails, cells, (0,)) and steady.edges["x"].tolist() == [0.0, 0.5, 0.75, 1.0]
    assert marching.split(tails, cells, (0,)) and marching.edges["x"].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def convected(eps: float) -> tuple[Callable, Callable]:
    def exact(x: np.ndarray) -> np.ndarray:
        return x - (np.exp((x - 1) / eps) - math.exp(-1 / eps)) / (1 - math.exp(-1 / eps))

    return (lambda u: u.x - eps * u.xx - 1), exact


def reacting(eps: float) -> tuple[Callable, Callable]:
    width = math.sqrt(eps)

    def exact(x: np.ndarray) -> np.ndarray:
        return 1 - (np.exp(-x / width) + np.exp((x - 1) / width)) / (1 + math.exp(-1 / width))

    return (lambda u: u - eps * u.xx - 1), exact


@pytest.mark.parametrize("kind", [convected, reacting])
@pytest.mark.parametrize("eps", [1e-2, 1e-4, 1e-6])
def test_layers_at_the_ends_are_resolved(kind: Callable, eps: float) -> None:
    equation, exact = kind(eps)
    problem = pl.Problem(LINE, "u", equation, [pl.Dirichlet(u=0.0)])
    solution = pl.solve(problem, max_seconds=30, progress=False)
    near = 10.0 ** np.linspace(-8, -1, 200)
    x = np.concatenate([np.linspace(0, 1, 501), near, 1 - near])
    assert isinstance(solution.solver, pl.HardConstraintMoE)
    assert np.abs(solution(x=x)["u"] - exact(x)).max() < 1e-7


def test_a_layer_inside_is_found() -> None:
    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0)), "u", lambda u, x: 1e-5 * u.xx + x * u.x,
        [pl.Dirichlet(u=-1.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")],
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=30, progress=False)
    x = np.concatenate([np.linspace(-1, 1, 401), np.linspace(-0.02, 0.02, 401)])
    exact = torch.erf(torch.from_numpy(x) / math.sqrt(2e-5)).numpy()
    assert np.abs(solution(x=x)["u"] - exact).max() < 1e-6


@pytest.mark.parametrize("eps", [1e-2, 1e-3])
def test_layers_along_sides_of_the_plane(eps: float) -> None:
    """A wave carried along x to a side, and reaction next to weak diffusion, whose layers are at all four sides."""
    square = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))

    def carried(x: torch.Tensor) -> torch.Tensor:
        return x - (torch.exp((x - 1) / eps) - math.exp(-1 / eps)) / (1 - math.exp(-1 / eps))

    def held(x: torch.Tensor) -> torch.Tensor:
        return 1 - (torch.exp(-x / eps) + torch.exp((x - 1) / eps)) / (1 + math.exp(-1 / eps))

    def wave(y: torch.Tensor) -> torch.Tensor:
        return torch.sin(math.pi * y)

    problems = [
        pl.Problem(
            square, "u", lambda u, x, y: u.x - eps * u.laplacian - wave(y) * (1 + eps * math.pi**2 * carried(x)),
            [pl.Dirichlet(u=0.0)], reference=lambda x, y: carried(x) * wave(y),
        ),
        pl.Problem(
            square, "u", lambda u, x, y: u - eps**2 * u.laplacian - held(x) - held(y) + held(x) * held(y),
            [pl.Dirichlet(u=0.0)], reference=lambda x, y: held(x) * held(y),
        ),
    ]  # fmt: skip
    for problem in problems:
        solution = pl.solve(problem, max_seconds=60, progress=False)
        assert solution.status.name == "CONVERGED" and solution.error()["u"] < 1e-8
