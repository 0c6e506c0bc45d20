"""Landscapes of a loss along the two directions in which it is curved most, and how rugged they are.

Letters: p parameters, k steps along a direction.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse.linalg
import torch
from torch import Tensor

from pinnlab.training.system import TrainingSystem

_STEP = 1e-4
"""Length of a central difference of gradients: its square, and rounding over it, are both far below one."""


def hessian_product(system: TrainingSystem, theta: Tensor, direction: Tensor) -> Tensor:
    """H v (p,) of the loss, by a central difference of gradients along v.

    Args:
        theta: (p,), where.
        direction: v (p,), not zero.
    """
    size = direction.norm()
    step = direction * (_STEP / size)
    gradients = [system.loss_and_gradient(theta + sign * step)[1] for sign in (1, -1)]
    return (gradients[0] - gradients[1]) * (size / (2 * _STEP))


def steepest_curvatures(system: TrainingSystem, theta: Tensor) -> tuple[Tensor, Tensor]:
    """The two largest eigenvalues (2,) of the Hessian of the loss and their unit eigenvectors (2, p), by Lanczos' method.

    Raises:
        RuntimeError: the method does not converge.

    Source: Yao, Gholami, Keutzer & Mahoney, PyHessian, arXiv 1912.07145, takes the same directions.
    """

    def product(vector: np.ndarray) -> np.ndarray:
        return hessian_product(system, theta, torch.from_numpy(vector.ravel()).to(theta)).cpu().numpy()

    size = len(theta)
    hessian = scipy.sparse.linalg.LinearOperator((size, size), matvec=product, dtype=np.float64)
    begin = np.random.default_rng(0).standard_normal(size)
    values, vectors = scipy.sparse.linalg.eigsh(hessian, k=2, which="LA", v0=begin, tol=1e-4)
    order = np.argsort(values)[::-1]
    return torch.from_numpy(values[order].copy()), torch.from_numpy(vectors.T[order].copy()).to(theta)


def landscape(system: TrainingSystem, theta: Tensor, directions: Tensor, steps: Tensor) -> Tensor:
    """The loss (k, k) at theta + steps_i d_1 + steps_j d_2.

    Args:
        theta: (p,).
        directions: d_1, d_2, as (2, p).
        steps: (k,).
    """
    rows = [
        [system.residuals(theta + a * directions[0] + b * directions[1]).square().sum() for b in steps.tolist()]
        for a in steps.tolist()
    ]
    return torch.stack([torch.stack(row) for row in rows]).cpu()


def roughness(loss: Tensor) -> float:
    """What no bowl explains: root mean square distance of a landscape (k, k) from the nearest quadratic function of its
    two coordinates, over that from its mean. 0 for a quadratic, at most 1, the same in all units of loss and of length.
    """
    count = len(loss)
    x = torch.linspace(-1, 1, count, dtype=loss.dtype)
    a, b = (grid.reshape(-1) for grid in torch.meshgrid(x, x, indexing="ij"))
    monomials = torch.stack([torch.ones_like(a), a, b, a * a, a * b, b * b], dim=1)
    values = loss.reshape(-1)
    fitted = monomials @ torch.linalg.lstsq(monomials, values[:, None]).solution[:, 0]
    return float((values - fitted).norm() / (values - values.mean()).norm())


def minima(loss: Tensor) -> int:
    """Number of inner places of a landscape (k, k) that are lower than all eight neighbours."""
    middle = loss[1:-1, 1:-1]
    k = len(loss)
    around = [loss[1 + i : k - 1 + i, 1 + j : k - 1 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    return int((middle < torch.stack(around).amin(0)).sum())
