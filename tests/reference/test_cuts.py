"""Sources and lower coefficients that jump: grids are cut there, or say that their error falls slowly."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.reference.convergence import bound, error_estimate, rate
from pinnlab.reference.cuts import believed_power, cuts, powers_at_crossings, slow_power

_AT = 0.3137


def _w(x):
    """sin(pi x) + (x - a)^2 (1 - x) beyond a: its second derivative jumps at a."""
    return torch.sin(math.pi * x) + torch.clamp(x - _AT, min=0) ** 2 * (1 - x)


def _curvature(x):
    return -(math.pi**2) * torch.sin(math.pi * x) + torch.where(x > _AT, 2 * (1 - x) - 4 * (x - _AT), 0 * x)


def _exact(x):
    return np.sin(math.pi * x) + np.maximum(x - _AT, 0) ** 2 * (1 - x)


def _off(problem, exact, **options):
    """The true error, and the estimated one."""
    reference = pl.reference_solution(problem, **options)
    rng = np.random.default_rng(0)
    points = {name: rng.uniform(*bounds, 500) for name, bounds in problem.domain.bounds.items()}
    truth = exact(**points)
    error = np.linalg.norm(reference(**points)["u"] - truth) / np.linalg.norm(truth)
    return error, max(reference.error_estimate.values())


_LINE, _HEATED = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
_FROM_W = [pl.Dirichlet(u=0.0), pl.Initial(u=lambda x: _w(x))]


@pytest.mark.parametrize(
    ("problem", "exact"),
    [
        (pl.Problem(_LINE, "u", lambda u, x: u.xx - _curvature(x), pl.Dirichlet(u=0.0)), lambda x: _exact(x)),
        (
            pl.Problem(
                _LINE,
                "u",
                lambda u, x: u.xx - torch.where(x < _AT, 1.0, 50.0) * (u - _w(x)) - _curvature(x),
                pl.Dirichlet(u=0.0),
            ),
            lambda x: _exact(x),
        ),
        (
            pl.Problem(
                _HEATED,
                "u",
                lambda u, x, t: u.t - u.xx + torch.exp(-t) * (_w(x) + _curvature(x)),
                _FROM_W,
            ),
            lambda x, t: _exact(x) * np.exp(-t),
        ),
        (
            pl.Problem(
                _HEATED,
                "u",
                lambda u, x, t: (
                    torch.where(x < _AT, 1.0, 9.0) * (u.t + torch.exp(-t) * _w(x))
                    - u.xx
                    + torch.exp(-t) * _curvature(x)
                ),
                _FROM_W,
            ),
            lambda x, t: _exact(x) * np.exp(-t),
        ),
        (
            pl.Problem(
                _HEATED,
                "u",
                lambda u, x, t: u.tt - u.xx + torch.cos(t) * (_w(x) + _curvature(x)),
                [pl.Dirichlet(u=0.0), pl.Initial(u=lambda x: _w(x), u_t=0.0)],
            ),
            lambda x, t: _exact(x) * np.cos(t),
        ),
        (
            pl.Problem(
                pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
                "u",
                lambda u, x, y: u.xx + u.yy - _curvature(x) * _w(y) - _w(x) * _curvature(y),
                pl.Dirichlet(u=0.0),
            ),
            lambda x, y: _exact(x) * _exact(y),
        ),
        (
            # the third Bernoulli polynomial: its second derivative jumps where the ends of the period meet
            pl.Problem(_LINE, "u", lambda u, x: u.xx - u - (6 * x - 3) + x**3 - 1.5 * x**2 + 0.5 * x, pl.Periodic("x")),
            lambda x: x**3 - 1.5 * x**2 + 0.5 * x,
        ),
    ],
    ids=["source", "reaction", "source in time", "capacity", "wave", "plane", "seam"],
)
def test_a_grid_is_cut_where_sources_and_lower_coefficients_jump(problem, exact):
    error, estimate = _off(problem, exact)
    assert error < 1e-10
    assert error < 3 * max(estimate, 1e-12)


def test_a_kink_that_travels_is_estimated_by_its_slow_convergence():
    def source(x, t):
        return torch.where(x > 0.3 + 0.2 * t, -2.0 - 0.4 * (x - 0.3 - 0.2 * t), 0 * x)

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.2)),
        "u",
        lambda u, x, t: u.t - u.xx - source(x, t),
        [
            pl.Dirichlet(u=lambda x, t: torch.clamp(x - 0.3 - 0.2 * t, min=0) ** 2),
            pl.Initial(u=lambda x: torch.clamp(x - 0.3, min=0) ** 2),
        ],
    )
    assert cuts(problem) == {} and believed_power(problem, {}) == 1.0
    error, estimate = _off(problem, lambda x, t: np.maximum(x - 0.3 - 0.2 * t, 0) ** 2, resolution=32)
    assert 1e-6 < error < 3 * estimate


def test_odd_orders_are_not_cut_and_say_that_they_converge_slowly():
    problem = pl.Problem(_LINE, "u", lambda u, x: u.x - torch.where(x > _AT, 1.0, 0.0), pl.Dirichlet(u=0.0, on="x-"))
    reference = pl.reference_solution(problem, max_seconds=2)
    assert cuts(problem) == {}
    assert "falls slowly" in reference.method
    x = np.linspace(0, 1, 1001)
    truth = np.maximum(x - _AT, 0)
    assert np.linalg.norm(reference(x=x)["u"] - truth) < 3 * reference.error_estimate["u"] * np.linalg.norm(truth)


def test_a_small_change_among_large_ones_is_not_believed():
    resolutions = [32, 64, 128, 256]
    # a line through logarithms 3, 2, 1, 0 to the base of 2 falls with power one
    assert math.isclose(rate([8e-3, 4e-3, 2e-3, 1e-3], resolutions), 1.0)
    # at power one, 8e-3 at 32 nodes is 1e-3 at 256; the ratio 2^1 - 1 = 1 adds nothing
    assert math.isclose(bound([8e-3, 4e-3, 2e-3, 1e-5], resolutions, 1.0), 1e-3)
    # at power 1/2 what is left to come is 1 / (sqrt 2 - 1) times the last change
    assert math.isclose(bound([1e-3], [64], 0.5), 1e-3 / (math.sqrt(2) - 1))
    changes = [{"u": 8e-3}, {"u": 4e-3}, {"u": 2e-3}, {"u": 1e-5}]
    found, power = error_estimate(changes, resolutions, 1e-8, 1.0)
    assert found["u"] == pytest.approx(1e-3) and power == 1.0


def test_fast_convergence_and_what_is_below_the_tolerance_are_taken_as_they_are():
    fast = [{"u": 1e-1}, {"u": 1e-3}, {"u": 1e-6}]
    assert error_estimate(fast, [32, 64, 128], 1e-8) == ({"u": 1e-6}, math.inf)
    done = [{"u": 3e-8}, {"u": 2e-8}, {"u": 9e-9}]
    assert error_estimate(done, [32, 64, 128], 1e-8) == ({"u": 9e-9}, math.inf)


def test_a_grid_with_a_crossing_believes_in_no_fast_convergence() -> None:
    board = pl.Piecewise(
        (pl.Box(x=(0.0, 0.5), y=(0.0, 0.5)), 1e4), (pl.Box(x=(0.5, 1.0), y=(0.5, 1.0)), 1e4), otherwise=1.0
    )

    def heat(u, k):
        return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") + 1.0

    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    problem = pl.Problem(box, "u", heat, [pl.Dirichlet(u=0.0)], {"k": board})
    assert slow_power(problem, cuts(problem)) == pytest.approx(16 / math.pi * math.atan(0.01), rel=1e-3)
    left = pl.Piecewise((pl.Box(x=(0.0, 0.5), y=(0.0, 1.0)), 1e4), otherwise=1.0)
    halves = pl.Problem(box, "u", heat, [pl.Dirichlet(u=0.0)], {"k": left})
    assert slow_power(halves, cuts(halves)) == believed_power(halves, cuts(halves)) == math.inf


def test_a_system_knows_its_power_too() -> None:
    """Elasticity on a checkerboard of equal Poisson numbers: nothing singular where it is of one piece."""

    def plate(u, v, k):
        shear = k * (u.y + v.x)
        return {
            "x": pl.diff(k * (3 * u.x + v.y), "x") + pl.diff(shear, "y") + 1.0,
            "y": pl.diff(shear, "x") + pl.diff(k * (3 * v.y + u.x), "y"),
        }

    def powers(contrast: float) -> list[float]:
        board = pl.Piecewise(
            (pl.Box(x=(0.0, 0.5), y=(0.0, 0.5)), contrast),
            (pl.Box(x=(0.5, 1.0), y=(0.5, 1.0)), contrast),
            otherwise=1.0,
        )
        box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
        problem = pl.Problem(box, ["u", "v"], plate, [pl.Dirichlet(u=0.0, v=0.0)], {"k": board})
        return powers_at_crossings(problem, {"x": [0.5], "y": [0.5]})

    assert powers(1.0) == pytest.approx([1.0], abs=2e-3)
    (soft,), (hard,) = powers(10.0), powers(1000.0)
    assert 0.0 < hard < 0.1 < soft < 1.0


def test_what_falls_slowly_and_steadily_is_bounded_by_the_last_change():
    # at power 0.1 from 36 to 54 nodes 1.5^0.1 - 1 = 0.04138 of what is left is the last change
    changes = [{"u": 1e-2}, {"u": 1e-5}, {"u": 1e-6}]
    found, power = error_estimate(changes, [16, 24, 36, 54], 1e-8, slow=0.1)
    assert found["u"] == pytest.approx(1e-6 / (1.5**0.1 - 1)) and power == 0.1
