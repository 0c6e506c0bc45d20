"""Gauss-Newton steps in random subspaces of the parameters, from a sketch of the Jacobian, which itself is never stored.

Letters: N residuals (of all processes), p parameters, k columns and S rows of the sketch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.dense import Cholesky, gram
from pinnlab.algebra.sketches import ColumnSketch, RowSketch
from pinnlab.machine.calls import explained_call
from pinnlab.optimizers.base import Objective, Optimizer, State, Step, processes_of, require, require_count

SOLVERS = ("cholesky", "svd")
_HOPELESS = 1e8
"""Relative damping at which steps are too short to matter."""
_AHEAD = 0.1
"""Part of the velocity over which its curvature is measured."""


@runtime_checkable
class StreamedObjective(Objective, Protocol):
    """An objective that gives the rows of its Jacobian chunk by chunk.

    ``all_rows`` is N, and ``row_ranges`` the numbers of this process' residuals among them, range after range.
    """

    all_rows: int
    row_ranges: list[range]

    def jacobian_chunks(self, theta: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The number of a chunk's first row, its residuals (m,) and its rows (m, p), chunk after chunk."""
        ...


@explained_call()
@dataclass(frozen=True)
class SketchedGaussNewton(Optimizer):
    """Gauss-Newton for networks of thousands of parameters: each step moves in a random subspace, from sketched residuals.

    With J the residuals' Jacobian, Q (p, k) a count sketch of the parameters with orthonormal columns and S^T a count
    sketch of the residuals, one pass over the rows of J in chunks gives the gradient Q^T J^T r, which is exact, and B =
    S^T J Q. For a damping mu, relative to the mean diagonal of B^T B, the velocity solves (B^T B + mu) v = -Q^T J^T r, the
    acceleration (B^T B + mu) a = -B^T S^T r_vv with r_vv the residuals' second derivative along Q v, and theta moves by
    Q (v + a / 2). Several dampings are tried and the one with the smallest loss, of all residuals, is taken: a trial
    costs a triangular factorization of size k and two evaluations of the residuals, little beside J. Points and both
    sketches are drawn anew for every step.

    A step costs about N p for the Jacobian and S k^2 for B^T B, where Levenberg-Marquardt pays N p^2, and it keeps S k
    numbers instead of N p. It gains less, as it moves in fewer directions: with 1,300 parameters Levenberg-Marquardt was
    ahead at equal time, with 7,700 far behind (docs/benchmarks/sketched.md).

    Where processes share the residuals, each sketches its rows into the same buckets, and the sketches are summed: all
    take the step of one process.

    Args:
        steps: at most.
        columns: k as a part of p, in (0, 1]; 1 moves all parameters.
        rows: S as a multiple of k, at least 1; None keeps all residuals.
        damping: initial relative damping mu.
        factor: ratio of neighbouring dampings that are tried, above 1.
        probes: dampings tried in one step at most, at least 2.
        redraw: take new points before each step.
        max_acceleration: a trial is rejected if twice the ratio of the norms of a and v exceeds it.
        solver: ``"cholesky"`` (of B^T B + mu) or ``"svd"`` (of B, once for all dampings: slower, for the last digits).
        seed: of the sketches.

    Raises:
        ValueError: an argument out of its range.
        TypeError: from ``step``, where the objective cannot give its Jacobian in chunks.

    Sources: Pilanci & Wainwright, "Iterative Hessian sketch", JMLR 17 (2016) 53, for exact gradients with sketched
    matrices; DSGNAR, arXiv 2607.02194, for sketched Gauss-Newton steps on networks; Transtrum & Sethna, arXiv 1201.5885,
    for the acceleration.
    """

    steps: int = 1000
    columns: float = 1 / 3
    rows: float | None = 3.0
    damping: float = 1e-3
    factor: float = 4.0
    probes: int = 10
    redraw: bool = True
    max_acceleration: float = 1.5
    solver: str = "cholesky"
    seed: int = 0
    check_every: ClassVar[int] = 10

    def __post_init__(self) -> None:
        name = type(self).__name__
        require_count(name, "steps", self.steps, "a stage needs whole steps", "give an integer of at least 1")
        whole = isinstance(self.probes, int) and self.probes >= 2
        require(whole, name, "probes", self.probes, "two dampings are compared at least", "give 2 or more, such as 10")
        require(0 < self.columns <= 1, name, "columns", self.columns, "it is a part of the parameters", "try 1/3")
        enough = self.rows is None or self.rows >= 1
        require(enough, name, "rows", self.rows, "fewer rows than columns leave directions without a slope", "try 3")
        for argument in ("damping", "max_acceleration"):
            value = getattr(self, argument)
            require(value > 0, name, argument, value, "it must be positive", "leave it out for the usual one")
        require(self.factor > 1, name, "factor", self.factor, "dampings would not differ", "try 4")
        known = self.solver in SOLVERS
        require(known, name, "solver", self.solver, "there is no such solver", f"choose one of {', '.join(SOLVERS)}")

    def init(self, objective: Objective, theta: Tensor) -> State:
        return {"damping": self.damping, "draws": 0}

    def shorten(self, state: State) -> State:
        return {**state, "damping": state["damping"] * 100}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        if not isinstance(objective, StreamedObjective):
            raise TypeError(
                f"SketchedGaussNewton: {type(objective).__name__} has no Jacobian in chunks; it works with the residuals "
                "of PINN, CausalPINN, LagrangianPINN and MultiDomainPINN; use pl.Adam() or pl.LBFGS() here."
            )
        if self.redraw and state["draws"]:
            objective.redraw()
        after = {**state, "draws": state["draws"] + 1}
        local = _Local(self, objective, theta, state["draws"])
        if not math.isfinite(local.loss) or local.loss == 0.0:
            return Step(theta, after, local.loss, stalled=local.loss == 0.0)
        start = max(state["damping"], 1e-15)
        damping, loss, count = smallest_loss(local.trial, start, self.factor, self.probes, local.loss)
        info = {"damping": damping, "probes": float(count)}
        if loss < local.loss:
            return Step(theta + local.moves[damping], {**after, "damping": damping}, loss, info=info)
        return Step(theta, {**after, "damping": damping}, local.loss, stalled=damping > _HOPELESS, info=info)


class _Local:
    """The sketched problem around the parameters, and the true loss of its steps.

    Attributes:
        loss: at the parameters.
        moves: per damping tried, the step (p,).
    """

    def __init__(self, config: SketchedGaussNewton, objective: StreamedObjective, theta: Tensor, draw: int):
        self.config, self.objective, self.theta = config, objective, theta
        self.processes = processes_of(objective)
        generator = torch.Generator().manual_seed(1_000_003 * config.seed + draw)
        p, n = objective.size, objective.all_rows
        k = math.ceil(config.columns * p)
        size = n if config.rows is None else min(n, math.ceil(config.rows * k))
        self.columns = ColumnSketch.drawn(p, k, generator, theta)
        self.rows = RowSketch.kept(n, theta) if size == n else RowSketch.drawn(n, size, generator, theta)
        total, gradient = theta.new_zeros(()), theta.new_zeros(p)
        sketch, residual = theta.new_zeros(size, k), theta.new_zeros(size, 1)
        for first, r, jacobian in objective.jacobian_chunks(theta):
            total += r @ r
            gradient += jacobian.T @ r
            self.rows.add(sketch, self.columns.reduce(jacobian), first)
            self.rows.add(residual, r[:, None], first)
        total, gradient, residual, self.sketch = self.processes.sums(total, gradient, residual, sketch)
        self.loss, self.residual = float(total), residual[:, 0]
        self.gradient = self.columns.reduce(gradient[None])[0]
        self.moves: dict[float, Tensor] = {}
        if math.isfinite(self.loss):
            self.system = (_Singular if config.solver == "svd" else _Normal)(self.sketch)

    def trial(self, damping: float) -> float:
        """The loss after the step with a damping; infinite where there is none, or it bends too much."""
        try:
            self.system.damp(damping)
        except np.linalg.LinAlgError:
            return math.inf
        velocity = self.system.solve(-self.gradient)
        ahead = self._sketched(self.objective.residuals(self.theta + _AHEAD * self.columns.expand(velocity)))
        curvature = (2 / _AHEAD) * ((ahead - self.residual) / _AHEAD - self.sketch @ velocity)
        acceleration = self.system.solve(-(self.sketch.T @ curvature))
        if not 2 * float(acceleration.norm()) <= self.config.max_acceleration * float(velocity.norm()):
            return math.inf
        self.moves[damping] = self.columns.expand(velocity + acceleration / 2)
        new = self.objective.residuals(self.theta + self.moves[damping])
        loss = float(self.processes.sum(new @ new))
        return loss if math.isfinite(loss) else math.inf

    def _sketched(self, residual: Tensor) -> Tensor:
        """(S,) from this process' residuals."""
        total, start = residual.new_zeros(self.rows.size, 1), 0
        for numbers in self.objective.row_ranges:
            self.rows.add(total, residual[start : start + len(numbers), None], numbers.start)
            start += len(numbers)
        return self.processes.sum(total)[:, 0]


class _Damped(ABC):
    """Solves (B^T B + damping) x = b for several dampings, relative to the mean diagonal of B^T B."""

    @abstractmethod
    def damp(self, damping: float) -> None:
        """Choose the damping; raises LinAlgError where the system is singular in floating point."""

    @abstractmethod
    def solve(self, b: Tensor) -> Tensor:
        """Give x (k,)."""


class _Normal(_Damped):
    """A triangular factorization per damping."""

    def __init__(self, sketch: Tensor):
        self.matrix = gram(sketch)
        diagonal = self.matrix.diagonal()
        self.scale = diagonal.mean().expand_as(diagonal)

    def damp(self, damping: float) -> None:
        self.factor = Cholesky(self.matrix, damping * self.scale)

    def solve(self, b: Tensor) -> Tensor:
        return self.factor.solve(b)


class _Singular(_Damped):
    """One singular value decomposition for all dampings, which never squares the condition number."""

    def __init__(self, sketch: Tensor):
        triangle = torch.linalg.qr(sketch, mode="r").R
        _, self.values, self.right = torch.linalg.svd(triangle, full_matrices=False)
        self.scale = self.values.square().sum() / sketch.shape[1]

    def damp(self, damping: float) -> None:
        self.inverse = 1 / (self.values.square() + damping * self.scale)

    def solve(self, b: Tensor) -> Tensor:
        return self.right.T @ (self.inverse * (self.right @ b))


def smallest_loss(
    trial: Callable[[float], float], start: float, factor: float, most: int, now: float
) -> tuple[float, float, int]:
    """The damping with the smallest loss on a geometric ladder around ``start``, down or up as long as that helps.

    Args:
        trial: damping to loss; infinite where the step is no good.
        start: the first damping.
        factor: ratio of neighbours.
        most: trials, at least 2.
        now: the loss without a step; while no trial is below it, dampings grow.

    Returns:
        The damping, its loss and the number of trials. Where none is below ``now``, the largest damping tried, times the
        factor, is the one to start from next.
    """
    losses = {start: trial(start), start / factor: trial(start / factor)}
    down = losses[start / factor] < min(losses[start], now)
    damping, ratio = (start / factor, 1 / factor) if down else (start, factor)
    while len(losses) < most:
        ahead = damping * ratio
        losses[ahead] = trial(ahead)
        if losses[ahead] >= losses[damping] and losses[damping] < now:
            break
        damping = ahead
    best = min(losses, key=lambda mu: losses[mu])
    if losses[best] < now:
        return best, losses[best], len(losses)
    return max(losses) * factor, now, len(losses)
