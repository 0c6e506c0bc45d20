"""Levenberg-Marquardt on the residual vector.

Letters: N residuals (those of this process, where several share them), p parameters, R processes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.blocks import BlockCholesky, BlockJacobian
from pinnlab.algebra.dense import Cholesky, gram
from pinnlab.algebra.shared_blocks import SharedBlockCholesky
from pinnlab.machine.calls import explained_call
from pinnlab.machine.processes import Processes
from pinnlab.optimizers.base import Objective, Optimizer, State, Step, processes_of

SOLVERS = ("auto", "normal", "kernel", "svd")
_HOPELESS = 1e8
"""Relative damping at which steps are too short to matter; below it a step that gave up is tried again."""


@explained_call()
@dataclass(frozen=True)
class LevenbergMarquardt(Optimizer):
    """Damped Gauss-Newton steps with geodesic acceleration, on points redrawn before every step.

    One step evaluates the residuals' Jacobian J once and tries dampings until the loss falls. With A = J^T J and a
    damping mu (relative to the mean diagonal of A), the velocity solves (A + mu) v = -J^T r, the acceleration
    (A + mu) a = -J^T r_vv with r_vv the second derivative of the residuals along v by one finite difference, and
    theta moves by v + a / 2.

    Where processes share the residuals, each has rows of J, and A, J^T r, the loss and the predicted reduction are summed
    over processes (``"svd"``: the triangular factors of J are stacked and factorized again, TSQR), so that all take the
    same step; ``"kernel"`` gathers J itself and does not share the work of the solve.

    Args:
        steps: accepted steps at most.
        damping: initial relative damping mu.
        decrease: mu is divided by it after a good step (actual reduction above half the predicted one).
        increase: mu is multiplied by it after a rejected trial.
        trials: rejected trials before a step gives up.
        redraw: take new points before each step. On fixed points a wrong solution can have a small residual.
        geodesic: use the acceleration.
        max_acceleration: a trial is rejected if twice the ratio of the norms of a and v exceeds it.
        solver: ``"normal"`` (Cholesky of A), ``"kernel"`` (Cholesky of J J^T, for N < p), ``"svd"`` (of J itself,
            slower, for the last digits), ``"auto"`` (kernel where N < p, normal otherwise, svd where Cholesky fails).

    Raises:
        ValueError: an argument out of its range.

    Source: Transtrum & Sethna, "Improvements to the Levenberg-Marquardt algorithm", arXiv 1201.5885.
    """

    steps: int = 1000
    damping: float = 1e-3
    decrease: float = 3.0
    increase: float = 2.5
    trials: int = 12
    redraw: bool = True
    geodesic: bool = True
    max_acceleration: float = 1.5
    solver: str = "auto"
    check_every: ClassVar[int] = 10
    forms_normal_equations: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("steps", "trials"):
            if getattr(self, name) < 1:
                raise ValueError(f"LevenbergMarquardt({name}={getattr(self, name)}): must be at least 1.")
        for name in ("damping", "max_acceleration"):
            if not getattr(self, name) > 0:
                raise ValueError(f"LevenbergMarquardt({name}={getattr(self, name)}): must be positive.")
        for name in ("decrease", "increase"):
            if not getattr(self, name) > 1:
                raise ValueError(f"LevenbergMarquardt({name}={getattr(self, name)}): must exceed 1.")
        if self.solver not in SOLVERS:
            raise ValueError(f"LevenbergMarquardt(solver={self.solver!r}): choose one of {', '.join(SOLVERS)}.")

    def init(self, objective: Objective, theta: Tensor) -> State:
        return {"damping": self.damping, "fresh": True}

    def shorten(self, state: State) -> State:
        return {"damping": state["damping"] * 100, "fresh": True}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        if self.redraw and not state["fresh"]:
            objective.redraw()
        processes = processes_of(objective)
        residual, jacobian = objective.residuals_and_jacobian(theta)
        rows = residual.new_tensor(len(residual))
        total, gradient, rows = processes.sums(residual @ residual, _transposed(jacobian, residual), rows)
        loss = float(total)
        damping = max(state["damping"], 1e-15)
        if not math.isfinite(loss) or loss == 0.0:
            return Step(theta, {"damping": damping, "fresh": False}, loss, stalled=loss == 0.0)
        system = self._system(jacobian, int(rows), processes)
        for trial in range(self.trials):
            try:
                system.damp(damping)
            except np.linalg.LinAlgError:
                if self.solver == "auto" and damping < 1e-12 and int(rows) >= jacobian.shape[1]:
                    system = _SVD(_dense(jacobian), processes)
                    system.damp(damping)
                else:
                    damping *= self.increase
                    continue
            trial_step = self._move(objective, theta, residual, jacobian, gradient, system)
            if trial_step is not None:
                move, predicted = trial_step
                new = objective.residuals(theta + move)
                new_loss = float(processes.sum(new @ new))
                if math.isfinite(new_loss) and new_loss < loss:
                    ratio = (loss - new_loss) / max(predicted, 1e-300)
                    used = damping
                    if ratio > 0.5 and trial == 0:
                        damping /= self.decrease
                    elif ratio < 0.1:
                        damping *= self.increase
                    info = {"damping": used, "trials": trial + 1.0, "ratio": ratio}
                    return Step(theta + move, {"damping": damping, "fresh": False}, new_loss, info=info)
            damping *= self.increase
        stalled = damping > _HOPELESS
        return Step(theta, {"damping": damping, "fresh": False}, loss, stalled, info={"damping": damping})

    def _system(self, jacobian: Tensor | BlockJacobian, rows: int, processes: Processes) -> _Damped:
        if self.solver == "kernel" or (self.solver == "auto" and rows < jacobian.shape[1]):
            return _Kernel(_dense(jacobian), processes)
        if self.solver == "svd":
            return _SVD(_dense(jacobian), processes)
        return _Blocks(jacobian, processes) if isinstance(jacobian, BlockJacobian) else _Normal(jacobian, processes)

    def _move(
        self,
        objective: Objective,
        theta: Tensor,
        residual: Tensor,
        jacobian: Tensor | BlockJacobian,
        gradient: Tensor,
        system: _Damped,
    ) -> tuple[Tensor, float] | None:
        """The trial step and the reduction of the loss that the linear model predicts; None if it bends too much."""
        processes = processes_of(objective)
        velocity = system.solve(-gradient, -residual)
        along = jacobian @ velocity
        if not self.geodesic:
            return velocity, -float(processes.sum((2 * residual + along) @ along))
        h = 0.1
        ahead = objective.residuals(theta + h * velocity)
        curvature = (2 / h) * ((ahead - residual) / h - along)
        # what is not finite stays so in every sum
        growth, bend, finite = processes.sums(
            (2 * residual + along) @ along, _transposed(jacobian, curvature), 0 * curvature.sum()
        )
        predicted = -float(growth)
        if not bool(torch.isfinite(finite)):
            return None
        acceleration = system.solve(-bend, -curvature)
        if 2 * float(acceleration.norm()) > self.max_acceleration * float(velocity.norm()):
            return None
        return velocity + acceleration / 2, predicted


def _transposed(jacobian: Tensor | BlockJacobian, vector: Tensor) -> Tensor:
    return jacobian.transposed(vector) if isinstance(jacobian, BlockJacobian) else jacobian.T @ vector


def _dense(jacobian: Tensor | BlockJacobian) -> Tensor:
    return jacobian.dense() if isinstance(jacobian, BlockJacobian) else jacobian


class _Damped(ABC):
    """Solves (J^T J + damping) x = J^T y for several dampings and right-hand sides."""

    @abstractmethod
    def damp(self, damping: float) -> None:
        """Choose the relative damping; raises LinAlgError where the system is singular in floating point."""

    @abstractmethod
    def solve(self, gradient: Tensor, residual: Tensor) -> Tensor:
        """Give x (p,) for J^T y = ``gradient`` (p,), summed over processes, and y = ``residual`` (N,)."""


class _Normal(_Damped):
    """Cholesky of J^T J + damping times its mean diagonal: fast, to about 1e-8 in relative accuracy."""

    def __init__(self, jacobian: Tensor, processes: Processes):
        self.matrix = processes.sums_symmetric(gram(jacobian))[0]
        diagonal = self.matrix.diagonal()
        self.scale = diagonal.mean().expand_as(diagonal)

    def damp(self, damping: float) -> None:
        self.factor = Cholesky(self.matrix, damping * self.scale)

    def solve(self, gradient: Tensor, residual: Tensor) -> Tensor:
        return self.factor.solve(gradient)


class _Blocks(_Damped):
    """The same for a Jacobian in blocks, with the cost of its blocks."""

    def __init__(self, jacobian: BlockJacobian, processes: Processes):
        self.jacobian, self.processes = jacobian, processes
        self.matrix = jacobian.gram()
        traces = [block.diagonal().sum() for (i, j), block in self.matrix.items() if i == j]
        self.scale = float(processes.sum(torch.stack(traces).sum())) / sum(jacobian.sizes)
        self.private = jacobian.private or (-1,) * len(jacobian.sizes)

    def damp(self, damping: float) -> None:
        shift = damping * self.scale
        if self.processes.count == 1:
            self.factor: BlockCholesky | SharedBlockCholesky = BlockCholesky(self.matrix, shift)
        else:
            sizes, coupled = self.jacobian.sizes, self.jacobian.coupled
            self.factor = SharedBlockCholesky(self.matrix, coupled, sizes, self.private, shift, self.processes)

    def solve(self, gradient: Tensor, residual: Tensor) -> Tensor:
        return self.factor.solve(gradient)


class _Kernel(_Damped):
    """J^T (J J^T + damping)^-1: the same step from an (N, N) matrix, N the rows of all processes."""

    def __init__(self, jacobian: Tensor, processes: Processes):
        self.processes = processes
        self.jacobian = processes.gather(jacobian)[0]
        self.matrix = gram(self.jacobian.T)
        self.scale = self.matrix.diagonal().sum() / jacobian.shape[1]

    def damp(self, damping: float) -> None:
        self.factor = Cholesky(self.matrix, (damping * self.scale).expand(len(self.matrix)))

    def solve(self, gradient: Tensor, residual: Tensor) -> Tensor:
        return self.jacobian.T @ self.factor.solve(self.processes.gather(residual)[0])


class _SVD(_Damped):
    """Singular values of J by QR first: never squares the condition number, and every damping is free.

    Over processes this is TSQR: each factorizes its rows, and then all factorize the stack of the triangular factors.
    Source: Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci. Comput. 34 (2012) A206.
    """

    def __init__(self, jacobian: Tensor, processes: Processes):
        self.processes = processes
        self.q, r = torch.linalg.qr(jacobian)
        if processes.count > 1:
            stack, own = processes.gather(r)
            inner, r = torch.linalg.qr(stack)
            self.q = self.q @ inner[own]
        self.u, self.s, self.vt = torch.linalg.svd(r, full_matrices=False)
        self.scale = self.s.square().sum() / jacobian.shape[1]

    def damp(self, damping: float) -> None:
        self.filter = self.s / (self.s**2 + damping * self.scale)

    def solve(self, gradient: Tensor, residual: Tensor) -> Tensor:
        return self.vt.T @ (self.filter * (self.u.T @ self.processes.sum(self.q.T @ residual)))
