from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl


def test_oscillator_of_second_order() -> None:
    problem = pl.Problem(pl.Box(t=(0.0, 10.0)), "y", lambda y: y.tt + 4 * y, [pl.Initial(y=1.0, y_t=2.0)])
    solution = pl.reference_solution(problem)
    t = np.linspace(0, 10, 777)
    error = np.abs(solution(t=t)["y"] - np.cos(2 * t) - np.sin(2 * t)).max()
    assert error < 1e-11
    assert error < 10 * solution.error_estimate["y"] + 1e-12
    assert solution.method == "DOP853, rtol 1e-13"
    assert solution.grid["t"].shape == solution.values["y"].shape == (201,)


def test_mass_that_depends_on_the_state() -> None:
    # (1 + y) y' = 1 from y(0) = 0: y + y^2 / 2 = t
    problem = pl.Problem(pl.Box(t=(0.0, 4.0)), "y", lambda y: (1 + y) * y.t - 1, [pl.Initial(y=0.0)])
    t = np.linspace(0, 4, 99)
    assert np.abs(pl.reference_solution(problem)(t=t)["y"] - (np.sqrt(1 + 2 * t) - 1)).max() < 1e-12


def test_coupled_derivatives() -> None:
    # u + v = exp(-t), u - v = cos(t)
    problem = pl.Problem(
        pl.Box(t=(0.0, 3.0)),
        ("u", "v"),
        [lambda u, v: u.t + v.t + u + v, lambda u, v, t: u.t - v.t + torch.sin(t)],
        [pl.Initial(u=1.0, v=0.0)],
    )
    t = np.linspace(0, 3, 50)
    found = pl.reference_solution(problem)(t=t)
    assert np.abs(found["u"] + found["v"] - np.exp(-t)).max() < 1e-12
    assert np.abs(found["u"] - found["v"] - np.cos(t)).max() < 1e-12


def test_lorenz_for_a_while() -> None:
    """Against a Taylor series of order 40 in 40 digits."""
    problem = pl.Problem(
        pl.Box(t=(0.0, 2.0)),
        ("x", "y", "z"),
        [
            lambda x, y: x.t - 10 * (y - x),
            lambda x, y, z: y.t - x * (28 - z) + y,
            lambda x, y, z: z.t - x * y + 8 / 3 * z,
        ],
        [pl.Initial(x=1.0, y=1.0, z=1.0)],
    )
    found = pl.reference_solution(problem)(t=np.array(2.0))
    exact = taylor_lorenz(2.0)
    assert max(abs(found[name] - value) for name, value in zip("xyz", exact, strict=True)) < 1e-10


def taylor_lorenz(stop: float) -> list[float]:
    mpmath = pytest.importorskip("mpmath")
    mp = mpmath.mp.clone()
    mp.dps = 40
    state, steps = [mp.mpf(1)] * 3, round(stop / 0.02)
    for _ in range(steps):
        x, y, z = ([value] for value in state)
        for k in range(40):
            xz = mp.fdot(zip(x, reversed(z), strict=True))
            xy = mp.fdot(zip(x, reversed(y), strict=True))
            rates = (10 * (y[k] - x[k]), 28 * x[k] - xz - y[k], xy - mp.mpf(8) / 3 * z[k])
            for series, rate in zip((x, y, z), rates, strict=True):
                series.append(rate / (k + 1))
        state = [mp.polyval(list(reversed(series)), mp.mpf(stop) / steps) for series in (x, y, z)]
    return [float(value) for value in state]


def test_stiff_system_goes_to_the_implicit_method() -> None:
    # y follows cos(t) on a scale of 1e-7
    problem = pl.Problem(
        pl.Box(t=(0.0, 50.0)), "y", lambda y, t: y.t + 1e7 * (y - torch.cos(t)) + torch.sin(t), [pl.Initial(y=2.0)]
    )
    solution = pl.reference_solution(problem)
    assert "Radau" in solution.method
    t = np.linspace(1, 50, 99)
    assert np.abs(solution(t=t)["y"] - np.cos(t)).max() < 1e-9


def test_blow_up_is_named() -> None:
    problem = pl.Problem(pl.Box(t=(0.0, 2.0)), "y", lambda y: y.t - y**2, [pl.Initial(y=1.0)])
    with pytest.raises(ValueError, match=r"no time step is short enough at t = 1; the solution blows up there"):
        pl.reference_solution(problem)


def test_parameters_enter() -> None:
    problem = pl.Problem(
        pl.Box(t=(0.0, 1.0)), "y", lambda y, k: y.t + k * y, [pl.Initial(y=1.0)], parameters={"k": pl.Uniform(0.0, 9.0)}
    )
    assert float(pl.reference_solution(problem.at(k=3.0))(t=1.0)["y"]) == pytest.approx(math.exp(-3), rel=1e-12)
