"""Decaying turbulence: the random start against its stated spectrum and speed, exact flows, errors of a made-up solution."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pinnlab.declaration.parameters.functions import GaussianFunction
from pinnlab.problems import decaying_turbulence
from pinnlab.problems._turbulence import SIDE, amplitude, solve, start, velocity


def nodes(n: int) -> np.ndarray:
    return np.arange(n) * (SIDE / n)


def test_energy_has_the_stated_spectrum() -> None:
    """A shell of radius k holds 2 pi k modes of energy k^2 amplitude^2 / 2."""
    k = np.array([1.0, 3.0, 5.0])
    energy = np.pi * k * k**2 * amplitude(k, 3.0) ** 2
    assert energy / energy[1] == pytest.approx((k / 3) ** 4 * np.exp(-2 * (k / 3) ** 2 + 2))


def test_start_has_the_stated_speed_and_vorticity() -> None:
    psi, w = start(3, 2.0, 5.0)
    x = nodes(128)
    u, v = velocity(psi(x[:, None], x)[..., None])
    assert np.hypot(u, v).max() == pytest.approx(5.0, rel=1e-12)
    points = SIDE * torch.rand(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    laplacian = psi.jet(points, ((0, 0), (1, 1))).sum(0)[:, 0]
    torch.testing.assert_close(w.at(points), -laplacian, rtol=0, atol=1e-11)
    assert abs(w(x[:, None], x).mean()) < 1e-12


def test_velocity_by_hand() -> None:
    """psi = sin(2 x) cos(y) has u = -sin(2 x) sin(y) and v = -2 cos(2 x) cos(y)."""
    x = nodes(8)
    u, v = velocity((np.sin(2 * x)[:, None] * np.cos(x))[..., None])
    assert np.allclose(u[..., 0], -np.sin(2 * x)[:, None] * np.sin(x), rtol=0, atol=1e-14)
    assert np.allclose(v[..., 0], -2 * np.cos(2 * x)[:, None] * np.cos(x), rtol=0, atol=1e-14)


def test_decaying_vortices_are_exact() -> None:
    """Vorticity 2 sin(x) sin(y) decays at the rate 2 viscosity; its stream function is half of it."""
    coefficients = torch.zeros(3, 3, dtype=torch.float64)
    coefficients[2, 2] = 2.0
    w0 = GaussianFunction(("x", "y"), (0, 1), (0.0, 0.0), (SIDE, SIDE), coefficients)
    x = np.array([0.3, 1.7, 4.0])
    found = solve(w0, 0.1, 0.5, nodes=16).on_tensor({"x": x, "y": x, "t": np.array([0.0, 0.21, 0.5])})
    exact = 2 * np.sin(x)[:, None, None] * np.sin(x)[:, None] * np.exp(-0.2 * np.array([0.0, 0.21, 0.5]))
    assert np.allclose(found["w"], exact, rtol=0, atol=1e-10)
    assert np.allclose(found["psi"], exact / 2, rtol=0, atol=1e-10)


def test_errors_of_velocities() -> None:
    """The reference a hundredth too large everywhere is off by a hundredth; a constant in psi does not matter."""
    problem = decaying_turbulence.problem(end=0.05)

    def wrong(**at: np.ndarray) -> dict[str, np.ndarray]:
        found = problem.reference(**at)
        return {"w": 1.01 * found["w"], "psi": 1.02 * found["psi"] + 7.0}

    class Made(SimpleNamespace):
        def __call__(self, **at: np.ndarray) -> dict[str, np.ndarray]:
            return wrong(**at)

    found = decaying_turbulence.velocity_errors(Made(problem=problem), end=0.05, nodes=32, times=3)
    assert found == pytest.approx({"u": 0.02, "v": 0.02, "w": 0.01})
