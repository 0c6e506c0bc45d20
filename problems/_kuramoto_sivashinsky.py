"""The chaotic Kuramoto-Sivashinsky equation: the state from which its benchmark starts, and solutions by ETDRK4.

u_t + (100/16) u u_x + (100/16^2) u_xx + (100/16^4) u_xxxx = 0 on [0, 2 pi], periodic, from cos x (1 + sin x), at t =
0.5.

The start is odd about pi/2, and so is the solution: u = sum_k SINES[k-1] sin(k (x - pi/2)). From ETDRK4 with 384
Fourier modes and 32,000 steps; with 320 modes and half as many steps the coefficients differ by 4e-11, so the error is
about 3e-12.

Letters: n nodes, s output times.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from pinnlab.derivatives.axes import FourierAxis, NodeAxis
from pinnlab.reference.base import Interpolant
from pinnlab.reference.periodic.etdrk4 import Stretch, integrate

A, B, C = 100 / 16, 100 / 16**2, 100 / 16**4
_TIME_STEP = 1 / 32_000
_STRIDE = 32

# fmt: off
SINES = (
    -0.377868244950, 0.238010709530, 0.272888250874, 0.059184487673, -0.187885459879, 0.024609039408, 0.056854680633,
    -0.285003015695, 0.636615976457, -0.183333195795, -0.870367114979, -0.480380946873, -0.209158700179,
    -0.860158956689, -0.087477107449, -0.292511992396, 0.375522513089, -0.083063587566, -0.147213731789,
    0.215808756768, 0.048819739149, -0.182733201838, 0.018958508747, -0.126062361539, -0.110640162402,
    -0.143727280897, -0.066061792772, -0.006067598350, -0.018866794053, -0.039976694382, 0.047638400730,
    -0.003091208470, -0.003806292073, 0.001550394671, -0.002540664683, -0.009033760757, -0.014468987040,
    -0.014567633994, -0.001101152516, -0.010479667658, -0.004371101333, 0.001257982484, 0.000139635224,
    -0.000695335753, 0.001041945515, 0.000018882451, 0.000551458542, -0.001523389427, -0.000765245086,
    -0.000426876616, -0.001113394829, -0.000832457716, -0.000116412058, -0.000309400601, -0.000047342518,
    -0.000065705436, 0.000097930342, 0.000063340938, -0.000060191870, -0.000030741743, 0.000007217709,
    -0.000104115269, -0.000060623893, -0.000046760103, -0.000035651463, -0.000027522280, -0.000016770596,
    -0.000000527144, 0.000006637815, -0.000006549307, 0.000004043502, 0.000001621298, -0.000003974752,
    -0.000004158734, -0.000003358719, -0.000003767369, -0.000002928956, -0.000003196684, -0.000000598372,
    -0.000000519492, -0.000000644488, 0.000000162423, 0.000000301712, -0.000000131851, -0.000000049966,
    -0.000000210352, -0.000000142005, -0.000000275372, -0.000000272616, -0.000000128465, -0.000000103524,
    -0.000000112721, -0.000000012952, -0.000000005999, 0.000000002081, -0.000000001975, -0.000000001277,
    -0.000000000761, -0.000000012514, -0.000000019180, -0.000000008663, -0.000000012683, -0.000000010805,
    -0.000000005763, -0.000000002975, -0.000000001592, -0.000000000681, -0.000000000241, 0.000000000797,
    -0.000000000538, -0.000000000673, -0.000000000433, -0.000000000778, -0.000000000876, -0.000000000594,
    -0.000000000473, -0.000000000259, -0.000000000231, -0.000000000072, 0.000000000021, -0.000000000021,
    -0.000000000020, 0.000000000004, -0.000000000035, -0.000000000042, -0.000000000046, -0.000000000037,
    -0.000000000030, -0.000000000027, -0.000000000015, -0.000000000005, -0.000000000006, -0.000000000001,
    0.000000000000, -0.000000000000, -0.000000000001,
)
# fmt: on


def state(x: torch.Tensor) -> torch.Tensor:
    """u(x, 0.5) at (n,) points."""
    k = torch.arange(1, len(SINES) + 1, dtype=x.dtype, device=x.device)
    return torch.sin((x - math.pi / 2)[..., None] * k) @ torch.tensor(SINES, dtype=x.dtype, device=x.device)


def solve(
    start: Callable[[torch.Tensor], torch.Tensor], end: float, nodes: int = 256, time_step: float = _TIME_STEP
) -> Interpolant:
    """The solution for t in [0, end]; products are formed on 3/2 as many nodes, so that none aliases.

    Args:
        start: the periodic initial state, (n,) to (n,).
        end: the last time.
        nodes: n, even.
        time_step: about; every 32nd is kept.

    Raises:
        ValueError: the solution left the range of numbers, as steps were too long.
    """
    axis = FourierAxis(0.0, 2 * math.pi, nodes)
    k = torch.from_numpy(axis.wavenumbers(real=True))
    linear = (B * k**2 - C * k**4).reshape(-1, 1, 1).to(torch.complex128)
    transport = -0.5j * A * k
    transport[-1] = 0.0
    fine = 3 * nodes // 2

    def nonlinear(v: torch.Tensor, _: float) -> torch.Tensor:
        u = torch.fft.irfft(v[:, :-1], fine, norm="forward")
        return transport * torch.fft.rfft(u * u, norm="forward")[:, : len(k)]

    steps = _STRIDE * math.ceil(end / time_step / _STRIDE)
    spectrum = torch.fft.rfft(start(torch.from_numpy(axis.points)), norm="forward")[None]
    found = integrate(spectrum, linear, nonlinear, [Stretch(0.0, end, steps, _STRIDE)])
    if found is None:
        raise ValueError(f"solve(time_step={time_step:g}): the solution left the range of numbers; take more steps.")
    values = torch.fft.irfft(found[:, 0], nodes, norm="forward").T.numpy()
    times = np.linspace(0.0, end, len(found))
    bounds = {"x": (0.0, 2 * math.pi), "t": (0.0, end)}
    return Interpolant({"x": axis, "t": NodeAxis(times, 12)}, bounds, {"u": values})
