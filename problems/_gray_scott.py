"""Gray-Scott on a torus: pseudo-spectral in space, ETDRK4 in time.

Letters: n nodes per axis, q Fourier modes, s output times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.axes import FourierAxis, NodeAxis
from pinnlab.reference.base import Interpolant
from pinnlab.reference.periodic.etdrk4 import Stretch, integrate

DIFFUSION = (0.2, 0.1)
FEED, LOSS, RATE = 40.0, 100.0, 1000.0
_STRETCHES = ((0.0, 0.01, 40, 1), (0.01, 0.1, 90, 4), (0.1, 2.0, 350, 6))
"""(from, to, output times, steps between them): v burns u within a thousandth, then everything takes longer."""


def start_u(x: Tensor, y: Tensor) -> Tensor:
    """1 without a bump of width 0.3 a little off the centre."""
    return 1 - torch.exp(-10 * ((x + 0.05) ** 2 + (y + 0.02) ** 2))


def start_v(x: Tensor, y: Tensor) -> Tensor:
    """A bump on the other side of the centre."""
    return torch.exp(-10 * ((x - 0.05) ** 2 + (y - 0.02) ** 2))


def solve(end: float = 2.0, nodes: int = 96, finer: int = 1) -> Interpolant:
    """The u and v on [-1, 1]^2 for t in [0, end].

    Args:
        end: the last time, at most 2.
        nodes: n, even.
        finer: divides all steps.

    Raises:
        ValueError: another end, or the solution left the range of numbers, as steps were too long.
    """
    if not 0 < end <= 2:
        raise ValueError(f"solve(end={end!r}): the last time lies between 0 and 2.")
    axis = FourierAxis(-1.0, 1.0, nodes)
    one, two = torch.from_numpy(axis.wavenumbers(False))[:, None], torch.from_numpy(axis.wavenumbers(True))
    square = (one**2 + two**2).reshape(-1)
    linear = torch.cat([-DIFFUSION[0] * square - FEED, -DIFFUSION[1] * square - LOSS])

    def reaction(w: Tensor, _: float) -> Tensor:
        u, v = torch.fft.irfft2(w.reshape(2, nodes, -1), s=(nodes, nodes), norm="forward")
        burnt = RATE * u * v * v
        return torch.fft.rfft2(torch.stack([FEED - burnt, burnt]), norm="forward").reshape(1, -1)

    x, y = (torch.from_numpy(c) for c in np.meshgrid(axis.points, axis.points, indexing="ij"))
    spectrum = torch.fft.rfft2(torch.stack([start_u(x, y), start_v(x, y)]), norm="forward").reshape(1, -1)
    stretches = []
    for begin, stop, outputs, stride in _STRETCHES:
        if begin < end:
            last = min(stop, end)
            count = math.ceil(outputs * (last - begin) / (stop - begin))
            stretches.append(Stretch(begin, last, count * stride * finer, stride * finer))
    found = integrate(spectrum, linear.reshape(-1, 1, 1).to(torch.complex128), reaction, stretches)
    if found is None:
        raise ValueError(f"solve(finer={finer}): the solution left the range of numbers; take more steps.")
    times = np.concatenate([[0.0], *(stretch.times for stretch in stretches)])
    values = torch.fft.irfft2(found.reshape(len(times), 2, nodes, -1), s=(nodes, nodes), norm="forward")
    u, v = values.permute(1, 2, 3, 0).numpy()
    axes = {"x": axis, "y": FourierAxis(-1.0, 1.0, nodes), "t": NodeAxis(times, 12)}
    bounds = {"x": (-1.0, 1.0), "y": (-1.0, 1.0), "t": (0.0, end)}
    return Interpolant(axes, bounds, {"u": u, "v": v}, _start, time="t")


def _start(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    # the periodic continuation of the bumps has a kink, which the modes hold to 1e-5
    x, y = torch.from_numpy(columns["x"]), torch.from_numpy(columns["y"])
    return {"u": start_u(x, y).numpy(), "v": start_v(x, y).numpy()}
