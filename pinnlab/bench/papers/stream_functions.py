"""Navier-Stokes on the unit torus in its stream function alone, as the layer of PI-HC-MoE has it.

The authors' unknown is the vorticity w; the velocity follows from it by an FFT inside the layer. Here the unknown is the
scaled stream function phi = 4 pi^2 psi, of the size of w, and the network's outputs go through the inverse Laplacian by
FFT before they are basis functions. Coefficients, equation and residual are the same: w = -lap phi / (4 pi^2) has the
network's outputs, without their mean, as basis functions, and the velocity knows its initial state.

Letters: b batch, c channels, s nodes of an axis.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import Initial, Periodic
from pinnlab.declaration.parameters.functions import GaussianFunction
from pinnlab.declaration.parameters.random_fields import RandomField
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.indices import Indices
from pinnlab.domains import Box
from pinnlab.networks.fno import FNO
from pinnlab.training.part import Part

SCALE = 4 * math.pi**2
"""phi / psi; and minus the eigenvalue of the Laplacian at the lowest mode of the unit torus."""
VORTICITY: Indices = ((), (0,), (1,), (0, 0), (1, 1))
"""Derivatives of which the vorticity is made, with those that they are derivatives of."""


def squares(sizes: tuple[int, ...], periods: tuple[float, ...]) -> Tensor:
    """Sums k_1^2 / P_1^2 + ... (q_1, ...) of the Fourier functions 1, cos, sin, cos 2, sin 2, ... of each coordinate.

    They are minus the eigenvalues of the Laplacian over 4 pi^2.
    """
    total = torch.zeros(sizes, dtype=torch.float64)
    for axis, (size, period) in enumerate(zip(sizes, periods, strict=True)):
        number = torch.div(torch.arange(size) + 1, 2, rounding_mode="floor").to(torch.float64)
        total += ((number / period) ** 2).reshape([-1 if i == axis else 1 for i in range(len(sizes))])
    return total


def stream_function(vorticity: GaussianFunction) -> GaussianFunction:
    """The phi with -lap phi / (4 pi^2) = w and no mean; the mean of w, which no flow on a torus has, is left out."""
    square = squares(tuple(vorticity.coefficients.shape), vorticity.periods)
    found = torch.where(square > 0, vorticity.coefficients / square.clamp_min(1e-300), 0.0)
    return dataclasses.replace(vorticity, coefficients=found, mean=0.0)


class StreamFunctions(RandomField):
    """The stream functions of random vorticities; arguments are those of the vorticities' ``RandomField``."""

    def sample(self, rng: np.random.Generator) -> GaussianFunction:
        """That of the vorticity which ``RandomField`` draws with the same generator."""
        return stream_function(super().sample(rng))


def on_nodes(values: Tensor, power: int) -> Tensor:
    """(-lap / (4 pi^2))^power, power 1 or -1, of values (b, c, s, s, ...) on the unit torus; the mean becomes zero."""
    first, second = values.shape[2:4]
    one = torch.fft.fftfreq(first, 1 / first, dtype=values.dtype, device=values.device)[:, None]
    two = torch.fft.rfftfreq(second, 1 / second, dtype=values.dtype, device=values.device)
    square = one**2 + two**2
    factor = square if power > 0 else torch.where(square > 0, 1 / square.clamp_min(1.0), 0.0)
    factor = factor.reshape(*factor.shape, *[1] * (values.ndim - 4))
    return torch.fft.irfft2(torch.fft.rfft2(values, dim=(2, 3)) * factor, s=(first, second), dim=(2, 3))


class StreamFNO(FNO):
    """An ``FNO`` from initial vorticities to vorticities that takes and gives stream functions."""

    def forward(self, values: Tensor) -> Tensor:
        """(b, o, *grid) from (b, i, *grid)."""
        return on_nodes(super().forward(on_nodes(values, 1)), -1)


def transport(phi: Field, nu: Any) -> Any:
    """w_t + psi_y w_x - psi_x w_y - nu lap w, of phi."""
    x, y = -(phi.xxx + phi.xyy) / SCALE, -(phi.xxy + phi.yyy) / SCALE
    change = -(phi.xxt + phi.yyt) / SCALE
    return change + (phi.y * x - phi.x * y) / SCALE + nu * (phi.xxxx + 2 * phi.xxyy + phi.yyyy) / SCALE


def vorticity_and_stream_function(part: Part) -> Callable[[Tensor], Tensor]:
    """Vorticity and stream function (n, 2) at points (n, d), in the units of ``problems/navier_stokes.py``, of phi."""

    def values(points: Tensor) -> Tensor:
        jet = part.jet(points, VORTICITY)[:, :, 0]
        return torch.stack([-(jet[3] + jet[4]) / SCALE, jet[0] / SCALE], dim=1)

    return values


def flows(given: Problem) -> Problem:
    """The family of ``problems/navier_stokes.py`` in its stream function; members have the same vorticities.

    Args:
        given: the family, of unknowns w and psi.
    """
    field = given.parameters["w0"]
    assert isinstance(field, RandomField)
    kept = {f.name: getattr(field, f.name) for f in dataclasses.fields(field)}
    return Problem(
        domain=Box(**given.domain.bounds),
        unknowns="phi",
        equations=transport,
        conditions=[Initial(phi=lambda phi0: phi0), Periodic(on="x"), Periodic(on="y")],
        parameters={"nu": given.parameters["nu"], "phi0": StreamFunctions(**kept)},
        name="Navier-Stokes, stream function",
    )
