"""Gray-Scott: the pseudo-spectral method meets the equations between its output times, and finer steps agree."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.problems._gray_scott import solve


def test_finer_steps() -> None:
    x = np.linspace(-1.0, 1.0, 20)
    at = {"x": x, "y": x, "t": np.array([0.0005, 0.002, 0.004])}
    one, two = (solve(0.004, nodes=64, finer=finer).on_tensor(at) for finer in (1, 4))
    assert all(np.linalg.norm(one[k] - two[k]) < 1e-5 * np.linalg.norm(two[k]) for k in "uv")


def test_equations_between_output_times() -> None:
    flow, h = solve(0.005, nodes=64), 2e-5
    axis = flow.axes["x"].points
    k = np.pi * np.fft.fftfreq(64, 1 / 64)
    square = k[:, None] ** 2 + k**2
    for t in (0.0014, 0.00337):
        found = flow.on_tensor({"x": axis, "y": axis, "t": np.array([t - h, t, t + h])})
        u, v = found["u"], found["v"]
        burnt = 1000 * u[..., 1] * v[..., 1] ** 2
        sides = {"u": (u, 0.2, 40 * (1 - u[..., 1]) - burnt), "v": (v, 0.1, burnt - 100 * v[..., 1])}
        for values, diffusion, reaction in sides.values():
            laplacian = np.fft.ifft2(-square * np.fft.fft2(values[..., 1])).real
            rate = (values[..., 2] - values[..., 0]) / (2 * h)
            assert np.abs(rate - diffusion * laplacian - reaction).max() < 2e-3 * np.abs(rate).max()


def test_bad_end() -> None:
    with pytest.raises(ValueError, match="end=3.0.*between 0 and 2"):
        solve(3.0)
