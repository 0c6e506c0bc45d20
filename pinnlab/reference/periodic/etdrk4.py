"""ETDRK4 for periodic problems: the linear part with constant coefficients exactly, the rest by a Runge-Kutta method.

Letters: c components of the state, q Fourier modes (all dimensions flattened), g points of the padded grid.

The state is v = (c, q) Fourier coefficients, v' = L v + N(v, t) with a (c, c) matrix L per mode. Source: Cox &
Matthews, J. Comput. Phys. 176 (2002); coefficients by contour integrals after Kassam & Trefethen, SIAM J. Sci. Comput.
26 (2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.machine.deadline import Deadline

Nonlinear = Callable[[Tensor, float], Tensor]
_BLOCK = 16
_NODES = 32
_HALVINGS = 12


@dataclass(frozen=True)
class Coefficients:
    """Everything a step of size h needs: each (q,) for scalar problems, (q, c, c) for systems."""

    full: Tensor
    half: Tensor
    q: Tensor
    f1: Tensor
    f2: Tensor
    f3: Tensor


def coefficients(linear: Tensor, h: float) -> Coefficients:
    """Coefficients of a step of size h for ``linear`` (q, c, c), complex."""
    if linear.shape[-1] == 1:
        return _scalar_coefficients(linear[:, 0, 0], h)
    whole, half = _phi(linear * h), _phi(linear * (h / 2))
    return Coefficients(
        full=whole[0],
        half=half[0],
        q=h / 2 * half[1],
        f1=h * (whole[1] - 3 * whole[2] + 4 * whole[3]),
        f2=h * (whole[2] - 2 * whole[3]),
        f3=h * (4 * whole[3] - whole[2]),
    )


def _scalar_coefficients(linear: Tensor, h: float) -> Coefficients:
    lh = linear * h
    full, half = torch.exp(lh), torch.exp(lh / 2)
    found = list(_quotients(lh, full, half))
    small = lh.abs() < 2
    if bool(small.any()):
        # there the quotients cancel; their mean over a circle around lh is the same and does not
        angles = 2j * torch.pi * (torch.arange(_NODES, dtype=torch.float64) + 0.5) / _NODES
        z = lh[small][:, None] + 3 * torch.exp(angles)
        for value, averaged in zip(found, _quotients(z, torch.exp(z), torch.exp(z / 2)), strict=True):
            value[small] = averaged.mean(dim=1)
    return Coefficients(full, half, *(h * value for value in found))


def _quotients(z: Tensor, e: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    cube = z**3
    return (
        (half - 1) / z,
        (-4 - z + e * (4 - 3 * z + z**2)) / cube,
        (2 + z + e * (z - 2)) / cube,
        (-4 - 3 * z - z**2 + e * (4 - z)) / cube,
    )


def _phi(a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """phi_0 to phi_3 of matrices (q, c, c), from one exponential of a block matrix (Sidje 1998)."""
    c = a.shape[-1]
    block = torch.zeros(*a.shape[:-2], 4 * c, 4 * c, dtype=a.dtype)
    block[..., :c, :c] = a
    eye = torch.eye(c, dtype=a.dtype)
    for k in range(3):
        block[..., k * c : (k + 1) * c, (k + 1) * c : (k + 2) * c] += eye
    exponential = torch.linalg.matrix_exp(block)
    return tuple(exponential[..., :c, k * c : (k + 1) * c] for k in range(4))


def _multiply(matrix: Tensor, v: Tensor) -> Tensor:
    if matrix.ndim == 1:
        return matrix * v
    return torch.einsum("qij,jq->iq", matrix, v)


@dataclass(frozen=True)
class Stretch:
    """Equal steps between two times, every ``stride``-th of which is kept."""

    start: float
    stop: float
    steps: int
    stride: int = 1

    @property
    def times(self) -> np.ndarray:
        """The times kept, without the first."""
        return np.linspace(self.start, self.stop, self.steps // self.stride + 1)[1:]


def schedule(start: float, stop: float, steps: int, stride: int) -> list[Stretch]:
    """Equal steps, except that the first few are halved again and again towards the start.

    A kink in the initial state is rounded off like the square root of time, which neither equal steps nor interpolation
    between them would follow.
    """
    h = (stop - start) / steps
    block = _BLOCK * -(-stride // _BLOCK) if stride > 1 else _BLOCK
    if block >= steps:
        return [Stretch(start, stop, steps, stride)]
    ends = [start + block * h * 2.0 ** (j - _HALVINGS) for j in range(_HALVINGS + 1)]
    graded = [Stretch(a, b, _BLOCK) for a, b in zip([start, *ends], ends, strict=False)]
    return [*graded, Stretch(ends[-1], stop, steps - block, stride)]


def integrate(
    v: Tensor, linear: Tensor, nonlinear: Nonlinear | None, stretches: list[Stretch], deadline: Deadline | None = None
) -> Tensor | None:
    """Advance v (c, q) over consecutive stretches of time.

    Raises:
        TimeIsUpError: the deadline has passed.

    Returns:
        The states kept and the first one (times, c, q), or None if the solution left the range of numbers, which means
        that steps are too long.
    """
    kept = [v]
    deadline = deadline or Deadline()
    for stretch in stretches:
        h = (stretch.stop - stretch.start) / stretch.steps
        co = coefficients(linear, h)
        for i in range(stretch.steps):
            deadline.check()
            if nonlinear is None:
                v = _multiply(co.full, v)
            else:
                v = _step(v, stretch.start + i * h, h, co, nonlinear)
            if (i + 1) % stretch.stride == 0:
                if not bool(torch.isfinite(torch.view_as_real(v)).all()):
                    return None
                kept.append(v)
    return torch.stack(kept)


def _step(v: Tensor, t: float, h: float, co: Coefficients, nonlinear: Nonlinear) -> Tensor:
    now = nonlinear(v, t)
    halfway = _multiply(co.half, v)
    a = halfway + _multiply(co.q, now)
    na = nonlinear(a, t + h / 2)
    nb = nonlinear(halfway + _multiply(co.q, na), t + h / 2)
    nc = nonlinear(_multiply(co.half, a) + _multiply(co.q, 2 * nb - now), t + h)
    late = 2 * _multiply(co.f2, na + nb) + _multiply(co.f3, nc)
    return _multiply(co.full, v) + _multiply(co.f1, now) + late


def resize(modes: Tensor, shape: tuple[int, ...], new: tuple[int, ...]) -> Tensor:
    """Pad or cut ``rfftn`` coefficients (..., *modes of ``shape``) to those of a grid of another shape.

    The highest mode of the smaller grid is dropped: it stands for two modes of the larger one.
    """
    d = len(shape)
    small = tuple(min(a, b) for a, b in zip(shape, new, strict=True))
    result = modes.new_zeros(*modes.shape[:-d], *new[:-1], new[-1] // 2 + 1)
    last = slice(0, (small[-1] + 1) // 2)
    if d == 1:
        result[..., last] = modes[..., last]
        return result
    half = (small[0] + 1) // 2
    result[..., :half, last] = modes[..., :half, last]
    result[..., new[0] - half + 1 :, last] = modes[..., shape[0] - half + 1 :, last]
    return result


def samples_for_projection(n: int, dimensions: int) -> int:
    """Points per axis from which the initial state's Fourier coefficients are computed.

    Far more than modes: sampled at the n nodes, a kink's high modes would be folded onto the low ones.
    """
    return max(4 * n, 2**16) if dimensions == 1 else int(np.clip(2 ** np.ceil(np.log2(4 * n)), 256, 1024))
