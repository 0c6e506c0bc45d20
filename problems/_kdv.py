"""Korteweg-de Vries on a circle: Fourier in space, a Runge-Kutta method of order 8 in time.

Letters: n nodes, s output times.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.integrate import solve_ivp

from pinnlab.derivatives.axes import FourierAxis, NodeAxis
from pinnlab.reference.base import Interpolant

WIDTH = 12
"""Nodes of the interpolation in time."""


def korteweg_de_vries(
    start: Callable[[torch.Tensor], torch.Tensor],
    factor: float,
    dispersion: float,
    bounds: tuple[float, float],
    end: float,
    nodes: int,
    times: int,
    tolerance: float,
) -> Interpolant:
    """The solution of u_t + factor u u_x + dispersion u_xxx = 0, periodic, t in [0, end].

    Fourier modes times exp(-i dispersion k^3 t) no longer feel the third derivative, so that DOP853 can take long steps.
    Products are formed on 3/2 as many nodes, so that none aliases.

    Args:
        start: the periodic initial state, (n,) to (n,).
        factor, dispersion: of the equation.
        bounds: the period.
        end: the last time.
        nodes: n, even.
        times: s, equidistant; the solution is interpolated between them.
        tolerance: relative, of the time integration.

    Raises:
        ValueError: the integration failed.
    """
    axis = FourierAxis(*bounds, nodes)
    k = axis.wavenumbers(real=True)
    free, transport = 1j * dispersion * k**3, -0.5j * factor * k
    transport[-1] = 0.0
    fine = 3 * nodes // 2

    def rate(t: float, modes: np.ndarray) -> np.ndarray:
        turned = np.exp(free * t)
        u = np.fft.irfft(turned * modes, fine, norm="forward")
        return transport * np.fft.rfft(u * u, norm="forward")[: len(k)] / turned

    modes = np.fft.rfft(start(torch.from_numpy(axis.points)).numpy(), norm="forward")
    modes[-1] = 0.0
    outputs = np.linspace(0.0, end, times)
    found = solve_ivp(rate, (0.0, end), modes, "DOP853", outputs, rtol=tolerance, atol=1e-2 * tolerance)
    if not found.success:
        raise ValueError(f"korteweg_de_vries(factor={factor!r}): the time integration failed: {found.message}")
    values = np.fft.irfft(found.y * np.exp(free[:, None] * outputs), nodes, axis=0, norm="forward")
    return Interpolant({"x": axis, "t": NodeAxis(outputs, WIDTH)}, {"x": bounds, "t": (0.0, end)}, {"u": values})
