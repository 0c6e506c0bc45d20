"""Decaying turbulence on the torus [0, 2 pi]^2: a random smooth start, and its flow by the pseudo-spectral method.

Letters: q Fourier functions of one coordinate, n nodes per axis, s output times.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from pinnlab.declaration.parameters.functions import GaussianFunction
from pinnlab.derivatives.axes import FourierAxis, NodeAxis
from pinnlab.derivatives.fourier import fourier_functions
from pinnlab.problems._vorticity import pseudo_spectral, stream_function
from pinnlab.reference.base import Interpolant

SIDE = 2 * math.pi
_HIGHEST = 12


def amplitude(k: np.ndarray, peak: float) -> np.ndarray:
    """Standard deviation of a stream function's Fourier coefficients at wave numbers k, up to a factor.

    The energy at the wave numbers of modulus k is then proportional to k^4 exp(-2 (k / peak)^2), whose largest value is at
    k = peak: a mode of energy k^2 amplitude^2 / 2, and about 2 pi k of them.
    """
    return np.sqrt(k) * np.exp(-((k / peak) ** 2))


@lru_cache(maxsize=8)
def start(seed: int, peak: float, speed: float) -> tuple[GaussianFunction, GaussianFunction]:
    """Stream function and vorticity of a random flow: independent normal coefficients, wave numbers up to 12 per axis.

    Args:
        seed: of the coefficients.
        peak: wave number with the most energy.
        speed: the largest speed on 128 nodes per axis.
    """
    q = 2 * _HIGHEST + 1
    numbers = (np.arange(q) + 1) // 2
    k = np.hypot(numbers[:, None], numbers)
    draw = amplitude(k, peak) * np.random.default_rng(seed).standard_normal((q, q))
    x = torch.arange(128, dtype=torch.float64) * (SIDE / 128)
    values, slopes = (fourier_functions(x, SIDE, q, order).numpy() for order in (0, 1))
    fastest = np.hypot(values @ draw @ slopes.T, slopes @ draw @ values.T).max()
    psi = torch.from_numpy(draw * (speed / fastest))

    def series(coefficients: torch.Tensor) -> GaussianFunction:
        return GaussianFunction(("x", "y"), (0, 1), (0.0, 0.0), (SIDE, SIDE), coefficients)

    return series(psi), series(psi * torch.from_numpy(k**2))


def solve(w0: GaussianFunction, viscosity: float, end: float, nodes: int = 256, outputs: int = 100) -> Interpolant:
    """Vorticity and stream function (of mean zero) for t in [0, end].

    Args:
        w0: initial vorticity without mean.
        viscosity: positive.
        end: the last time.
        nodes: n, even.
        outputs: time steps kept per unit of time; there are ``nodes`` / 64 steps between two.
    """
    count = max(13, math.ceil(outputs * end) + 1)
    x = np.arange(nodes) * (SIDE / nodes)
    # the same flow on the unit torus: times stay, lengths shrink by SIDE
    first = w0(x[:, None], x)[None].copy()
    w = pseudo_spectral(first, viscosity / SIDE**2, end, count, math.ceil(nodes / 64))[0]
    axis = FourierAxis(0.0, SIDE, nodes)
    bounds = {"x": (0.0, SIDE), "y": (0.0, SIDE), "t": (0.0, end)}
    axes = {"x": axis, "y": FourierAxis(0.0, SIDE, nodes), "t": NodeAxis(np.linspace(0.0, end, count), 12)}
    return Interpolant(axes, bounds, {"w": w, "psi": SIDE**2 * stream_function(w)})


def velocity(psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The u = psi_y and v = -psi_x from psi (n, n, s) at nodes of the torus, n even."""
    n = len(psi)
    k = np.fft.fftfreq(n, 1 / n)
    k[n // 2] = 0.0
    modes = 1j * np.fft.fft2(psi, axes=(0, 1))
    u, v = k[:, None] * modes, -k[:, None, None] * modes
    return np.fft.ifft2(u, axes=(0, 1)).real, np.fft.ifft2(v, axes=(0, 1)).real
