"""Flow in a lid-driven cavity by spectral elements: stream function and vorticity on a grid graded towards the corners.

Letters: n nodes per axis, N = n^2.

In weak form: grad psi . grad a = w a for every test function a up to the sides, whose moving part enters as the slope
psi_n; and (1/Re) grad w . grad a = (psi_x w_y - psi_y w_x) a for every a that vanishes there (Ciarlet & Raviart 1974; the
values of w on the sides belong to the first equation). A lid that meets resting walls makes w infinite in the corners, but
psi, as r f(angle), is continuous, and on a grid graded towards the corners converges.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from pinnlab.problems._pieces import differentiation_matrix, gauss_lobatto, pieces
from pinnlab.reference.base import Interpolant

_HALF = (0.0, 0.002, 0.01, 0.04, 0.12, 0.28, 0.5)
_EDGES = (*_HALF, *(1 - e for e in reversed(_HALF[:-1])))
_DEGREE = 6
_STEPS = 20


def line(degree: int) -> tuple[np.ndarray, np.ndarray, sp.csr_array, sp.csr_array]:
    """Nodes (n,), weights (n,), and (n, n): the stiffness matrix and the derivative tested with each node's function."""
    x, w = gauss_lobatto(degree)
    d = differentiation_matrix(x)
    points = pieces(_EDGES, degree).points
    n = len(points)
    weights, stiffness, slope = np.zeros(n), np.zeros((n, n)), np.zeros((n, n))
    for k, (lower, upper) in enumerate(zip(_EDGES, _EDGES[1:], strict=False)):
        here, h = slice(k * degree, (k + 1) * degree + 1), (upper - lower) / 2
        weights[here] += h * w
        stiffness[here, here] += (d.T * w) @ d / h
        slope[here, here] += w[:, None] * d
    return points, weights, sp.csr_array(stiffness), sp.csr_array(slope)


def cavity(reynolds: float, lid: Callable[[np.ndarray], np.ndarray], degree: int = _DEGREE) -> Interpolant:
    """The stream function psi on the unit square; the velocity is (psi_y, -psi_x).

    Newton's method, from rest through smaller Reynolds numbers; nodal quadrature, so that mass matrices are diagonal and
    the convective term is a product of derivatives tested per direction.

    Args:
        reynolds: side times largest speed of the lid over the viscosity.
        lid: the speed of the side y = 1, (n,) to (n,).
        degree: of the polynomials in each of the 12 elements per axis.

    Raises:
        ValueError: Newton's method did not converge.
    """
    points, weights, stiffness, slope = line(degree)
    n = len(points)
    mass, one = sp.diags_array(weights), sp.eye_array(n)
    laplace = (sp.kron(stiffness, mass) + sp.kron(mass, stiffness)).tocsr()
    dx, dy = sp.kron(slope, one).tocsr(), sp.kron(one, slope).tocsr()
    area = sp.diags_array(np.outer(weights, weights).reshape(-1))
    moving = np.zeros((n, n))
    moving[:, -1] = weights * lid(points)
    inner = np.zeros((n, n), dtype=bool)
    inner[1:-1, 1:-1] = True
    inside = np.flatnonzero(inner)
    psi, w = np.zeros(n * n), np.zeros(n * n)
    for number in [r for r in (100.0, 400.0, 1000.0) if r < reynolds] + [float(reynolds)]:
        for _ in range(_STEPS):
            convection = sp.diags_array(dy @ psi) @ dx - sp.diags_array(dx @ psi) @ dy
            turning = sp.diags_array(dx @ w) @ dy - sp.diags_array(dy @ w) @ dx
            transport = convection + laplace / number
            residual = np.concatenate([laplace @ psi - area @ w - moving.reshape(-1), (transport @ w)[inside]])
            blocks = [[laplace[:, inside], -area], [turning[inside][:, inside], transport[inside]]]
            step = splu(sp.block_array(blocks).tocsc()).solve(residual)
            psi[inside] -= step[: len(inside)]
            w -= step[len(inside) :]
            if np.abs(step[: len(inside)]).max() < (1e-10 if number == reynolds else 1e-3):
                break
        else:
            raise ValueError(f"cavity(reynolds={reynolds!r}): Newton's method did not converge.")
    axes = {name: pieces(_EDGES, degree) for name in "xy"}
    return Interpolant(axes, {"x": (0.0, 1.0), "y": (0.0, 1.0)}, {"psi": psi.reshape(n, n)})
