"""Plates whose start and sides clash, next to exact series and to a classical solution by radius."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import torch

import pinnlab as pl
from pinnlab.solvers.choice import choose
from pinnlab.training.plans import March, Settings
from pinnlab.training.status import Status

Array = np.ndarray


def hot_ring(radius: float, outer: float, t: float, n: int = 800) -> tuple[Array, Array]:
    """(r, u) of u_t = u_rr + u_r / r between a ring at 1 and one at 0, from 0: finite differences, an implicit method."""
    r = radius + (outer - radius) * np.linspace(0, 1, n + 1) ** 1.5
    inner, h = r[1:-1], np.diff(r)
    below, above = h[:-1], h[1:]
    middle = (r[1:] + r[:-1]) / 2
    flux = middle / h
    width = inner * (below + above) / 2
    matrix = scipy.sparse.diags(
        [flux[1:-1] / width[1:], -(flux[:-1] + flux[1:]) / width, flux[1:-1] / width[:-1]], [-1, 0, 1]
    )
    source = np.zeros(n - 1)
    source[0] = flux[0] / width[0]
    found = scipy.integrate.solve_ivp(
        lambda _, u: matrix @ u + source, (0, t), np.zeros(n - 1), "Radau", rtol=1e-8, atol=1e-10, jac=matrix.tocsc()
    )
    return r, np.concatenate([[1.0], found.y[:, -1], [0.0]])


def heat(u):
    return u.t - u.xx - u.yy


def cold_plate(end: float) -> pl.Problem:
    sides = [pl.Dirichlet(u=100.0, on="x+"), pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=0.0, on="y")]
    return pl.Problem(pl.Box(x=(0, 1), y=(0, 1), t=(0, end)), "u", heat, [pl.Initial(u=0.0), *sides])


def away_from_corners(n: int = 100) -> tuple[Array, Array]:
    x, y = np.random.default_rng(0).uniform(0.01, 0.99, (2, n))
    far = np.hypot(1 - x, np.minimum(y, 1 - y)) > 0.05
    return x[far], y[far]


def test_experts_on_a_cold_plate_with_a_hot_side(tmp_path, hot_side):
    problem = cold_plate(0.02)
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-5), progress=False)
    assert solution.status is Status.CONVERGED
    assert any(note.startswith("data of u clash") for note in solution.notes)
    x, y = away_from_corners()
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
    solution = pl.solve(cold_plate(0.05), solver, progress=False)
    x, y = away_from_corners()
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
    solution = pl.solve(cold_plate(0.05), solver, progress=False)
    x, y = away_from_corners()
    times = np.full_like(x, 0.05)
    assert np.abs(solution(x=x, y=y, t=times)["u"] / 100 - hot_side(x, y, times)).max() < 6e-3


def hot_hole() -> pl.Problem:
    hole, disc = (
        pl.Ball(center={"x": 0.0, "y": 0.0}, radius=r, name=name) for r, name in ((0.3, "hole"), (1.0, "rim"))
    )
    conditions = [pl.Initial(u=0.0), pl.Dirichlet(u=1.0, on="hole"), pl.Dirichlet(u=0.0, on="rim")]
    return pl.Problem((disc - hole) * pl.Box(t=(0, 0.05)), "u", heat, conditions)


def off_the_ring(solution: pl.Solution, t: float) -> Array:
    r, u = hot_ring(0.3, 1.0, t)
    error = solution(x=0.6 * r, y=0.8 * r, t=np.full_like(r, t))["u"] - u
    return error[np.isfinite(error)]


def test_a_disc_with_a_hot_hole():
    solver = pl.PINN(network=pl.MLP(width=8, depth=2), stages=pl.LevenbergMarquardt(steps=25))
    solution = pl.solve(hot_hole(), solver, progress=False)
    assert np.sqrt((off_the_ring(solution, 0.05) ** 2).mean()) < 6e-3


def test_marched_experts_on_a_disc_with_a_hot_hole(tmp_path):
    solution = pl.solve(hot_hole(), pl.HardConstraintMoE(tolerance=1e-3), progress=False)
    assert solution.status is Status.CONVERGED
    assert any(note.startswith("data of u clash") for note in solution.notes)
    # in the layer, which is a tenth of the ring wide at first, and when it has reached the rim
    for t in (1e-3, 0.05):
        assert np.abs(off_the_ring(solution, t)).max() < 3e-4
    place = {"x": np.array([0.3, 0.31, 0.5, 0.95]), "y": np.zeros(4), "t": 0.01}
    assert solution(**place)["u"][0] == pytest.approx(1.0, abs=1e-6)
    solution.save(tmp_path / "disc.pl")
    loaded = pl.Solution.load(tmp_path / "disc.pl")
    assert np.allclose(loaded(**place)["u"], solution(**place)["u"], atol=1e-12, rtol=0.0)


def test_a_march_between_clashing_data_goes_on_from_its_state():
    solver, problem = pl.HardConstraintMoE(tolerance=1e-2), hot_hole()
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
    x, y = away_from_corners()
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
    assert isinstance(choose(cold_plate(1.0), settings, 60.0).solver, pl.HardConstraintMoE)
