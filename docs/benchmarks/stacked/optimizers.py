"""Optimizers that lower the losses of many members at once, each member at its own pace.

Letters: B members, N residuals, P parameters.

They take the steps of the optimizers whose configuration they are given. A member whose loss is not finite stays where it
is and is no longer looked at.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.dense import Cholesky
from pinnlab.optimizers.base import Optimizer
from pinnlab.optimizers.first_order import Adam, decayed_rate
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from stacked.system import Band, StackedSystem


def minimize(system: StackedSystem, theta: Tensor, optimizer: Optimizer) -> tuple[Tensor, Tensor]:
    """Take all steps of an optimizer.

    Args:
        system: of the members.
        theta: (B, P), left as it is.
        optimizer: ``Adam`` or ``LevenbergMarquardt``.

    Returns:
        The parameters (B, P), and the last losses known (B,), not finite where a member was given up.

    Raises:
        TypeError: another optimizer.
    """
    if isinstance(optimizer, Adam):
        return _adam(system, theta, optimizer)
    if isinstance(optimizer, LevenbergMarquardt):
        return _levenberg_marquardt(system, theta, optimizer)
    raise TypeError(f"stages: {optimizer!r} cannot be stacked; use pl.Adam(...) and pl.LevenbergMarquardt(...).")


def _adam(system: StackedSystem, theta: Tensor, config: Adam) -> tuple[Tensor, Tensor]:
    # elementwise, so that one optimizer over all members is one of each
    parameter = theta.clone().requires_grad_()
    optimizer = torch.optim.Adam([parameter], lr=config.learning_rate, amsgrad=config.amsgrad)
    lost = torch.zeros(len(theta), dtype=torch.bool)
    losses = theta.new_full((len(theta),), torch.nan)
    for k in range(config.steps):
        if k > 0 and config.redraw_every is not None and k % config.redraw_every == 0:
            system.redraw()
        losses, gradient = system.loss_and_gradient(parameter.detach())
        lost |= ~(torch.isfinite(losses) & torch.isfinite(gradient).all(1))
        before = parameter.detach().clone()
        parameter.grad = torch.where(lost[:, None], torch.zeros_like(gradient), gradient)
        optimizer.param_groups[0]["lr"] = decayed_rate(config.learning_rate, config.decay, config.decay_every, k)
        optimizer.step()
        with torch.no_grad():
            parameter[lost] = before[lost]
    return parameter.detach(), torch.where(lost, losses.new_full((), torch.nan), losses)


def _levenberg_marquardt(system: StackedSystem, theta: Tensor, config: LevenbergMarquardt) -> tuple[Tensor, Tensor]:
    theta = theta.clone()
    damping = np.full(len(theta), config.damping)
    losses = theta.new_full((len(theta),), torch.nan)
    for k in range(config.steps):
        if config.redraw and k > 0:
            system.redraw()
        theta, losses = _step(system, theta, damping, config)
    return theta, losses


def _step(
    system: StackedSystem, theta: Tensor, damping: np.ndarray, config: LevenbergMarquardt
) -> tuple[Tensor, Tensor]:
    """One step of every member: new parameters (B, P) and losses (B,); ``damping`` (B,) is updated in place."""
    residual, bands = system.residuals_and_jacobian(theta)
    columns = system.columns
    losses = residual.square().sum(1)
    np.maximum(damping, 1e-15, out=damping)
    matrix, gradient = gram(bands, columns, theta), transposed(bands, columns, residual, theta)
    scale = matrix.diagonal(dim1=1, dim2=2).mean(1)
    open_ = torch.isfinite(losses) & (losses > 0) & torch.isfinite(gradient).all(1) & torch.isfinite(scale)
    theta, losses = theta.clone(), losses.clone()
    for trial in range(config.trials):
        if not bool(open_.any()):
            break
        factors: dict[int, Cholesky] = {}
        for b in open_.nonzero()[:, 0].tolist():
            try:
                factors[b] = Cholesky(matrix[b], (damping[b] * scale[b]).expand(theta.shape[1]))
            except np.linalg.LinAlgError:
                damping[b] *= config.increase
        move, predicted = _move(system, theta, residual, bands, gradient, factors, config)
        new = system.residuals(theta + move).square().sum(1)
        for b in factors:
            if not (predicted[b] > -np.inf and bool(new[b] < losses[b])):
                damping[b] *= config.increase
                continue
            ratio = float(losses[b] - new[b]) / max(float(predicted[b]), 1e-300)
            if ratio > 0.5 and trial == 0:
                damping[b] /= config.decrease
            elif ratio < 0.1:
                damping[b] *= config.increase
            theta[b] += move[b]
            losses[b] = new[b]
            open_[b] = False
    return theta, losses


def _move(
    system: StackedSystem,
    theta: Tensor,
    residual: Tensor,
    bands: list[Band],
    gradient: Tensor,
    factors: dict[int, Cholesky],
    config: LevenbergMarquardt,
) -> tuple[Tensor, Tensor]:
    """Trial steps (B, P) of the members that have a factor, and the predicted reductions (B,); -inf: bends too much."""
    velocity = _solved(factors, -gradient)
    along = times(bands, system.columns, velocity)
    predicted = -((2 * residual + along) * along).sum(1)
    if not config.geodesic:
        return velocity, predicted
    h = 0.1
    curvature = (2 / h) * ((system.residuals(theta + h * velocity) - residual) / h - along)
    bent = ~torch.isfinite(curvature).all(1)
    curvature[bent] = 0.0
    acceleration = _solved(factors, -transposed(bands, system.columns, curvature, theta))
    bent |= 2 * acceleration.norm(dim=1) > config.max_acceleration * velocity.norm(dim=1)
    move = torch.where(bent[:, None], 0.0, velocity + acceleration / 2)
    return move, torch.where(bent, -torch.inf, predicted)


def _solved(factors: dict[int, Cholesky], right: Tensor) -> Tensor:
    """(B, P): solutions of the members that have a factor, zero for the others."""
    found = torch.zeros_like(right)
    for b, factor in factors.items():
        found[b] = factor.solve(right[b])
    return found


def gram(bands: list[Band], columns: list[slice], like: Tensor) -> Tensor:
    """J^T J of every member, (B, P, P)."""
    count, size = like.shape
    found = np.zeros((count, size, size))
    for band in bands:
        blocks = {g: block.numpy() for g, block in band.jacobian.items()}
        for i, left in blocks.items():
            for j, right in blocks.items():
                if i <= j:
                    # NumPy recognizes left^T left as symmetric and does half the work
                    product = left.transpose(0, 2, 1) @ right
                    found[:, columns[i], columns[j]] += product
                    if i < j:
                        found[:, columns[j], columns[i]] += product.transpose(0, 2, 1)
    return torch.from_numpy(found)


def times(bands: list[Band], columns: list[slice], vector: Tensor) -> Tensor:
    """J v of every member, (B, N) from (B, P)."""
    found = vector.new_zeros(len(vector), bands[-1].rows.stop, 1)
    for band in bands:
        for g, block in band.jacobian.items():
            found[:, band.rows] += block @ vector[:, columns[g], None]
    return found[:, :, 0]


def transposed(bands: list[Band], columns: list[slice], vector: Tensor, like: Tensor) -> Tensor:
    """J^T v of every member, (B, P) from (B, N)."""
    found = torch.zeros_like(like)
    for band in bands:
        part = vector[:, None, band.rows]
        for g, block in band.jacobian.items():
            found[:, columns[g]] += (part @ block)[:, 0]
    return found
