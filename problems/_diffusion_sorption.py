"""Diffusion-sorption by finite volumes: cell centres in space, an implicit method with variable order in time.

Letters: n cells, s output times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp

DIFFUSION = 5e-4
POROSITY = 0.29
DENSITY = 2880.0
FREUNDLICH = 3.5e-4
EXPONENT = 0.874
SMALLEST = 1e-6


def retardation(u: Any) -> Any:
    """R(u) = 1 + (1 - p)/p rho_s k n_f u^(n_f - 1), for fields, tensors and arrays.

    The power is infinite at 0 and undefined below, where a network may pass through; so u is replaced by
    sqrt(u^2 + 1e-12), which changes R by less than 1e-5 where u > 1e-4. (PDEBench's simulator adds 1e-6 to u.)
    """
    factor = (1 - POROSITY) / POROSITY * DENSITY * FREUNDLICH * EXPONENT
    return 1 + factor * (u**2 + SMALLEST**2) ** ((EXPONENT - 1) / 2)


def similarity(p: torch.Tensor) -> torch.Tensor:
    """(n, 8) features of size one of columns x, t, u0: the similarity variables of diffusion from both ends.

    The retardation factor is taken as 3.8 in them, and time starts at -0.01, so that they are smooth at the corner.
    """
    x, t, u0 = p.unbind(1)
    share = (t + 0.01) / 500.0
    width = torch.sqrt(4 * DIFFUSION / 3.8 * (t + 0.01))
    left, right = x / width, (1 - x) / width
    return torch.stack(
        [
            2 * x - 1, 2 * torch.sqrt(share) - 1, u0 / 0.1 - 1, 2 * torch.erf(left) - 1, torch.exp(-(left**2)),
            torch.tanh(right), 2 * torch.exp(-(right**2)) - 1, torch.log(share) / 6,
        ],
        dim=1,
    )  # fmt: skip


def cell_centres(cells: int) -> np.ndarray:
    """(n,) centres of equal cells of (0, 1)."""
    return (np.arange(cells) + 0.5) / cells


def finite_volumes(u0: float | np.ndarray, cells: int, times: np.ndarray, tolerance: float = 1e-7) -> np.ndarray:
    """(n, s) cell values of R(u) u_t = D u_xx with u(0) = 1 and u(1) + D u_x(1) = 0.

    As R(u) u_t is the time derivative of the total (dissolved and sorbed) mass, this is its exact balance for every cell.
    Fluxes are differences of neighbours, and half a cell is taken at the ends; eliminating the wall's value on the right
    leaves a flux -D u_n / (h/2 + D): the condition puts a zero at the distance D behind the wall.

    Args:
        u0: the initial state, a number or (n,).
        cells: their number n.
        times: (s,) increasing, the first of them 0.
        tolerance: relative, of the time integration.

    Raises:
        ValueError: the integration failed.
    """
    h = 1 / cells
    flux = np.empty(cells + 1)

    def rate(_: float, u: np.ndarray) -> np.ndarray:
        flux[1:-1] = DIFFUSION * np.diff(u) / h
        flux[0] = DIFFUSION * (u[0] - 1) / (h / 2)
        flux[-1] = -DIFFUSION * u[-1] / (h / 2 + DIFFUSION)
        return np.diff(flux) / (h * retardation(u))

    start = np.broadcast_to(np.asarray(u0, dtype=float), (cells,))
    found = solve_ivp(
        rate, (times[0], times[-1]), start, method="LSODA", t_eval=times, lband=1, uband=1,
        rtol=tolerance, atol=1e-2 * tolerance,
    )  # fmt: skip
    if not found.success:
        raise ValueError(f"finite_volumes: the time integration failed: {found.message}")
    return found.y
