"""Plates whose start and sides clash, next to exact series and to a classical solution by radius."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from said import plates

import pinnlab as pl
from pinnlab.solvers.choice import choose
from pinnlab.training.plans import March, Settings
from pinnlab.training.status import Status


def test_experts_on_a_cold_plate_with_a_hot_side(tmp_path, hot_side):
    problem = plates.hot_side_problem(0.02)
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-5), progress=False)
    assert solution.status is Status.CONVERGED
    assert any(note.startswith("data of u clash") for note in solution.notes)
    x, y = plates.away_from_corners()
    for t in (1e-3, 0.02):
        times = np.full_like(x, t)
        exact = hot_side(x, y, times)
        # the series itself is off by 1e-5 of its size at the first time
        assert np.abs(solution(x=x, y=y, t=times)["u"] / 100 - exact).max() < 1e-4
    solution.save(tmp_path / "plate.pl")
    loaded = pl.Solution.load(tmp_path / "plate.pl")
    assert np.allclose(loaded(x=x, y=y, t=times)["u"], solution(x=x, y=y, t=times)["u"], atol=1e-11)
    assert solution(x=0.5, y=0.5, t=0.0)["u"] == 0.0


@pytest.mark.parametrize("windows", [1, 2])
def test_a_network_on_a_cold_plate_with_a_hot_side(windows, tmp_path, hot_side):
    solver = pl.PINN(
        network=pl.MLP(width=8, depth=2), windows=windows, points=300, stages=pl.LevenbergMarquardt(steps=8)
    )
    solution = pl.solve(plates.hot_side_problem(0.05), solver, progress=False)
    x, y = plates.away_from_corners()
    times = np.full_like(x, 0.05)
    assert np.abs(solution(x=x, y=y, t=times)["u"] / 100 - hot_side(x, y, times)).max() < 6e-3
    # on the hot side the value holds exactly, from the first moment on
    assert solution(x=1.0, y=0.3, t=1e-6)["u"] == pytest.approx(100.0)
    solution.save(tmp_path / "plate.pl")
    loaded = pl.Solution.load(tmp_path / "plate.pl")
    assert np.allclose(loaded(x=x, y=y, t=times)["u"], solution(x=x, y=y, t=times)["u"], atol=1e-11)


def test_subdomains_that_share_the_hot_side(hot_side):
    solver = pl.MultiDomainPINN(
        subdomains={"y": (0.5,)}, network=pl.MLP(width=8, depth=2), points=300, stages=pl.LevenbergMarquardt(steps=8)
    )
    solution = pl.solve(plates.hot_side_problem(0.05), solver, progress=False)
    x, y = plates.away_from_corners()
    times = np.full_like(x, 0.05)
    assert np.abs(solution(x=x, y=y, t=times)["u"] / 100 - hot_side(x, y, times)).max() < 6e-3


def test_a_disc_with_a_hot_hole():
    solver = pl.PINN(network=pl.MLP(width=8, depth=2), stages=pl.LevenbergMarquardt(steps=25))
    solution = pl.solve(plates.hot_hole_problem(0.05), solver, progress=False)
    assert plates.off_the_ring(solution, 0.05)["relative"] < 1e-2


def test_marched_experts_on_a_disc_with_a_hot_hole(tmp_path):
    solution = pl.solve(plates.hot_hole_problem(0.05), pl.HardConstraintMoE(tolerance=1e-3), progress=False)
    assert solution.status is Status.CONVERGED
    assert any(note.startswith("data of u clash") for note in solution.notes)
    # in the layer, which is a tenth of the ring wide at first, and when it has reached the rim
    for t in (1e-3, 0.05):
        assert plates.off_the_ring(solution, t)["largest"] < 3e-4
    place = {"x": np.array([0.3, 0.31, 0.5, 0.95]), "y": np.zeros(4), "t": 0.01}
    assert solution(**place)["u"][0] == pytest.approx(1.0, abs=1e-6)
    solution.save(tmp_path / "disc.pl")
    loaded = pl.Solution.load(tmp_path / "disc.pl")
    assert np.allclose(loaded(**place)["u"], solution(**place)["u"], atol=1e-12, rtol=0.0)


def test_a_march_between_clashing_data_goes_on_from_its_state():
    solver, problem = pl.HardConstraintMoE(tolerance=1e-2), plates.hot_hole_problem(0.05)
    settings = Settings(torch.device("cpu"), torch.float64, 0)
    one, other = solver.plan(problem, settings), solver.plan(problem, settings)
    assert isinstance(one, March) and isinstance(other, March)
    while not one.pieces:
        one.advance()
    other.restore(one.state())
    points = torch.tensor([[0.31, 0.0, 1e-4], [0.0, -0.5, 1e-3]], dtype=torch.float64)
    assert torch.equal(other.pieces[0].values(points), one.pieces[0].values(points))


def test_a_steady_square_with_one_hot_side(hot_side):
    sides = [pl.Dirichlet(u=1.0, on="x+"), pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=0.0, on="y")]
    problem = pl.Problem(pl.Box(x=(0, 1), y=(0, 1)), "u", lambda u: u.xx + u.yy, sides)
    x, y = plates.away_from_corners()
    exact = hot_side(x, y, np.full_like(x, 50.0))
    found = pl.solve(problem, progress=False)(x=x, y=y)["u"]
    assert np.abs(found - exact).max() < 1e-9
    # one vertex a corner of the square: the same by a network on a polygon
    square = pl.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)], edges=("cold", "hot", "cold", "cold"))
    conditions = [pl.Dirichlet(u=1.0, on="hot"), pl.Dirichlet(u=0.0, on="cold")]
    problem = pl.Problem(square, "u", lambda u: u.xx + u.yy, conditions)
    solver = pl.PINN(network=pl.MLP(width=10, depth=2), stages=pl.LevenbergMarquardt(steps=15))
    assert np.abs(pl.solve(problem, solver, progress=False)(x=x, y=y)["u"] - exact).max() < 3e-3


def test_the_choice_is_experts_where_all_layers_are_known():
    settings = Settings(torch.device("cpu"), torch.float64, 0)
    assert isinstance(choose(plates.hot_side_problem(1.0), settings, 60.0).solver, pl.HardConstraintMoE)
