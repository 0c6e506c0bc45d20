"""Vorticity on a torus by a pseudo-spectral method: Fourier in space, ETDRK4 in time.

Letters: k members, n nodes per axis, q Fourier modes, s output times.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.axes import FourierAxis, NodeAxis
from pinnlab.reference.base import Interpolant
from pinnlab.reference.periodic.etdrk4 import Stretch, integrate

END = 5.0
_NODES = 128
_OUTPUTS = 129


def pseudo_spectral(start: np.ndarray, viscosity: float, end: float, outputs: int, steps: int) -> np.ndarray:
    """(k, n, n, s) vorticity on the unit torus at equidistant times from 0 to ``end``, both included.

    w_t + u . grad w = viscosity lap w with u = (psi_y, -psi_x) and lap psi = -w. Products are formed at the nodes and keep
    the modes with wave numbers below n / 3 only (the 2/3 rule), so that none of them aliases. Written apart from
    ``pl.reference_solution``, which takes its derivatives from the problem's equations: the two check each other.

    Args:
        start: (k, n, n) vorticity at the nodes i / n; its mean moves nothing and stays.
        viscosity: positive.
        end: the last time.
        outputs: number of output times s.
        steps: time steps between two outputs.

    Raises:
        ValueError: the solution left the range of numbers, as steps were too long.
    """
    k, n = start.shape[:2]
    one = 2 * math.pi * torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)[:, None]
    two = 2 * math.pi * torch.fft.rfftfreq(n, 1 / n, dtype=torch.float64)
    square = one**2 + two**2
    kept = (one.abs() < 2 * math.pi * n / 3) & (two < 2 * math.pi * n / 3)
    inverse = torch.where(square > 0, 1 / square.clamp_min(1.0), 0.0)
    # both factors of a product are cut as well as the product
    factors = torch.stack(torch.broadcast_tensors(1j * two * inverse, -1j * one * inverse, 1j * one, 1j * two)) * kept

    def transport(v: Tensor, _: float) -> Tensor:
        modes = v.reshape(k, 1, n, -1) * factors
        u1, u2, w1, w2 = torch.fft.irfftn(modes, s=(n, n), norm="forward", dim=(2, 3)).unbind(1)
        product = torch.fft.rfftn(u1 * w1 + u2 * w2, norm="forward", dim=(1, 2)) * kept
        return -product.reshape(k, -1)

    spectrum = torch.fft.rfftn(torch.from_numpy(start).double(), norm="forward", dim=(1, 2)).reshape(k, -1)
    linear = (-viscosity * square).reshape(-1, 1, 1).to(torch.complex128)
    found = integrate(spectrum, linear, transport, [Stretch(0.0, end, (outputs - 1) * steps, steps)])
    if found is None:
        raise ValueError(f"pseudo_spectral(steps={steps}): the solution left the range of numbers; take more steps.")
    values = torch.fft.irfftn(found.reshape(outputs, k, n, -1), s=(n, n), norm="forward", dim=(2, 3))
    return values.permute(1, 2, 3, 0).numpy()


def time_steps(nodes: int, interval: float) -> int:
    """How many time steps an interval needs: at most 1.6 / nodes is stable and leaves an error below the grid's."""
    return math.ceil(interval * nodes / 1.6)


def stream_function(vorticity: np.ndarray) -> np.ndarray:
    """(n, n, s) psi with lap psi = -w and no mean, for vorticity (n, n, s)."""
    n = len(vorticity)
    k = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    square = k[:, None] ** 2 + k[: n // 2 + 1] ** 2
    square[0, 0] = np.inf
    spectrum = np.fft.rfft2(vorticity, axes=(0, 1)) / square[..., None]
    return np.fft.irfft2(spectrum, s=(n, n), axes=(0, 1))


def reference(x: Any, y: Any, t: Any, nu: Any, w0: Any) -> dict[str, np.ndarray]:
    """Vorticity and stream function of one member at points of the torus and times up to 5; shapes broadcast.

    The member is solved when it is first asked for, on 128 nodes per axis.
    """
    x, y, t = np.broadcast_arrays(*(np.asarray(c, dtype=float) for c in (x, y, t)))
    found = _solved(float(nu), w0)({"x": x.reshape(-1), "y": y.reshape(-1), "t": t.reshape(-1)})
    return {unknown: values.reshape(x.shape) for unknown, values in found.items()}


@lru_cache(maxsize=8)
def _solved(nu: float, w0: Any) -> Interpolant:
    x = np.arange(_NODES) / _NODES
    start = np.broadcast_to(w0(x[:, None], x) if callable(w0) else float(w0), (_NODES, _NODES))
    steps = time_steps(_NODES, END / (_OUTPUTS - 1))
    w = pseudo_spectral(start[None].copy(), nu, END, _OUTPUTS, steps)[0]
    axes = {
        "x": FourierAxis(0.0, 1.0, _NODES),
        "y": FourierAxis(0.0, 1.0, _NODES),
        "t": NodeAxis(np.linspace(0.0, END, _OUTPUTS), 12),
    }
    bounds = {"x": (0.0, 1.0), "y": (0.0, 1.0), "t": (0.0, END)}
    return Interpolant(axes, bounds, {"w": w, "psi": stream_function(w)})
