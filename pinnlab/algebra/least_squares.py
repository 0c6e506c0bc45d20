"""Batched non-linear least squares: many small dense problems at once, by Levenberg-Marquardt.

Letters: m rows, N unknowns of a problem; ``*batch`` any number of leading dimensions, one problem per entry.

Every problem has its own damping, its own acceptance of steps and its own convergence. Steps come from the normal
equations in equilibrated columns by Cholesky; a problem whose pivots say that digits are lost there is solved from its
Jacobian by QR and an SVD of R instead. Errors of a step do not add up, since the gradient is computed anew at each point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor

_LOST_PIVOT = 1e-12
"""A pivot of the matrix with unit diagonal below which the normal equations are not trusted."""
_LEAST_DAMPING = 1e-14
_POOR_DAMPING = 1e-6
_REJECTED_DAMPING = 1e-4
_GIVE_UP_DAMPING = 1e12


class Outcome(Enum):
    """How the solution of one problem ended; the value is the explanation, with advice."""

    CONVERGED = "the gradient vanished to the tolerance"
    STEPS_DONE = (
        "all steps were taken before the tolerance was met; give more steps, a better start or a larger tolerance"
    )
    STALLED = (
        "no step lowers the residual although its gradient has not vanished; start elsewhere, scale rows and unknowns, or "
        "add a ridge"
    )
    NOT_FINITE = (
        "residuals or Jacobian are NaN or infinite at the start; look for NaN in the basis, and for roots and logarithms "
        "of negative numbers in the equation at the starting values"
    )
    RANK_DEFICIENT = (
        "the Jacobian has linearly dependent columns, so the minimum is not unique; use fewer basis functions, more or "
        "better spread points, or add a ridge"
    )

    @property
    def ok(self) -> bool:
        """Whether the minimum was found."""
        return self is Outcome.CONVERGED

    def __str__(self) -> str:
        return f"{self.name.lower().replace('_', ' ')}: {self.value}"


_OUTCOMES = tuple(Outcome)
_CODE = {outcome: i for i, outcome in enumerate(_OUTCOMES)}


class Jacobian(Protocol):
    """A batch of Jacobians (*batch, m, N) with structure; a plain tensor may stand for it."""

    def gram(self) -> Tensor:
        """J^T J, (*batch, N, N)."""

    def pull_back(self, rows: Tensor) -> Tensor:
        """J^T rows, (*batch, N) from (*batch, m)."""

    def dense(self) -> Tensor:
        """(*batch, m, N)."""


Linearized = Callable[[Tensor], tuple[Tensor, "Tensor | Jacobian"]]
"""w (*batch, N) -> residuals (*batch, m) and their Jacobian (*batch, m, N)."""


@dataclass(frozen=True)
class Minimum:
    """Where the search ended.

    Attributes:
        w: (*batch, N).
        norm: (*batch), ||F(w)||.
        iterations: (*batch), linearizations after the first that the problem used.
        codes: (*batch), positions in ``tuple(Outcome)``.
    """

    w: Tensor
    norm: Tensor
    iterations: Tensor
    codes: Tensor

    @property
    def converged(self) -> Tensor:
        """(*batch) boolean."""
        return self.codes == _CODE[Outcome.CONVERGED]

    def outcome(self, *position: int) -> Outcome:
        """How one problem ended; without a position, the worst of the batch."""
        return _OUTCOMES[int(self.codes[position]) if position else int(self.codes.max())]

    def require(self, name: str = "problem", *accepted: Outcome) -> Minimum:
        """This minimum, if every problem converged.

        Args:
            name: what the message calls a problem, such as ``"expert"``.
            accepted: outcomes that pass besides ``CONVERGED``.

        Raises:
            ValueError: some problems did not; says which, why and what to change.
        """
        passing = torch.zeros_like(self.codes, dtype=torch.bool)
        for outcome in (Outcome.CONVERGED, *accepted):
            passing |= self.codes == _CODE[outcome]
        if bool(passing.all()):
            return self
        bad = (~passing).nonzero()
        first = tuple(int(i) for i in bad[0])
        label = ", ".join(map(str, first)) or "0"
        others = f" (and {len(bad) - 1} more of {self.codes.numel()})" if len(bad) > 1 else ""
        raise ValueError(f"{name} {label}{others}: {self.outcome(*first) if first else self.outcome()}.")


@dataclass(frozen=True)
class LeastSquares:
    """Levenberg-Marquardt for min over w of ||F(w)||^2, a batch of problems at once.

    Args:
        steps: linearizations after the first, at most.
        tolerance: a problem has converged once its gradient, as the largest cosine between the residual and a column
            of the Jacobian, or the next step, relative to w, is below it.
        damping: of the first step, relative to the columns' squared norms; 0 starts with plain Gauss-Newton, which solves
            linear problems in one step. Raise it where starts are poor.

    Raises:
        ValueError: an argument out of its range.

    Source: Levenberg (1944), Marquardt (1963); scaling and tests as in More, The Levenberg-Marquardt algorithm (1978).
    """

    steps: int = 50
    tolerance: float = 1e-10
    damping: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(f"LeastSquares(steps={self.steps!r}): must be a whole number of at least 1.")
        if not (self.tolerance > 0 and math.isfinite(self.tolerance)):
            raise ValueError(f"LeastSquares(tolerance={self.tolerance!r}): must be a positive number, such as 1e-8.")
        if not (self.damping >= 0 and math.isfinite(self.damping)):
            raise ValueError(f"LeastSquares(damping={self.damping!r}): must be a number of at least 0, such as 1e-6.")

    @torch.no_grad()
    def minimize(self, linearized: Linearized, start: Tensor) -> Minimum:
        """The minima of all problems.

        Args:
            linearized: maps w (*batch, N) to residuals (*batch, m) and Jacobian (*batch, m, N), or an object with the
                methods of ``Jacobian``. It is called with all problems, those that are finished keep their w.
            start: (*batch, N), the first w: a warm start is the last solution.

        Raises:
            ValueError: shapes that do not belong together, or fewer rows than unknowns.
        """
        w = start.detach().clone()
        batch, n = w.shape[:-1], w.shape[-1]
        here = _linearize(linearized, w, check=True)
        tolerance = max(self.tolerance, 8 * torch.finfo(w.dtype).eps)
        damping = torch.full(batch, self.damping, dtype=w.dtype, device=w.device)
        iterations = torch.zeros(batch, dtype=torch.long, device=w.device)
        codes = torch.full(batch, _CODE[Outcome.STEPS_DONE], dtype=torch.long, device=w.device)
        codes[~here.finite] = _CODE[Outcome.NOT_FINITE]
        codes[here.finite & (here.cosine <= tolerance)] = _CODE[Outcome.CONVERGED]
        active = codes == _CODE[Outcome.STEPS_DONE]
        for _ in range(self.steps):
            if not bool(active.any()):
                break
            step, suspect = _cholesky_step(here, damping)
            suspect &= active
            if bool(suspect.any()):
                careful, _ = _orthogonal_step(linearized, w, damping, suspect)
                step = torch.where(suspect[..., None], careful, step)
            there = _linearize(linearized, torch.where(active[..., None], w + step, w))
            predicted = here.decrease(step)
            # below this no difference of sums of squares can be told from rounding, and the gradient decides
            level = predicted <= 100 * torch.finfo(w.dtype).eps * here.square
            gain = (here.square - there.square) / predicted.clamp_min(torch.finfo(w.dtype).tiny)
            lower = torch.where(level, there.cosine < here.cosine, there.square < here.square)
            taken = active & there.finite & (lower | (there.square == 0))
            short = (step * here.scale).norm(dim=-1) <= tolerance * (w * here.scale).norm(dim=-1)
            # a short step means convergence only where it is not damping that made it short
            done = active & ((short & (damping < 1e-2)) | (level & ~taken))
            w = torch.where(taken[..., None], w + step, w)
            here = there.where(taken, here)
            iterations += active
            done |= active & (here.cosine <= tolerance)
            codes[done] = _CODE[Outcome.CONVERGED]
            larger = (damping * 4).clamp_min(_POOR_DAMPING)
            smaller = torch.where(gain > 0.75, damping * 0.1, torch.where(gain < 0.25, larger, damping))
            smaller = torch.where(smaller < _LEAST_DAMPING, torch.zeros_like(smaller), smaller)
            smaller = torch.where(level, damping, smaller)
            damping = torch.where(taken, smaller, (damping * 10).clamp_min(_REJECTED_DAMPING))
            stuck = active & ~done & (damping > _GIVE_UP_DAMPING)
            codes[stuck] = _CODE[Outcome.STALLED]
            active = active & ~done & ~stuck
        _, suspect = _cholesky_step(here, torch.zeros_like(damping))
        suspect &= codes != _CODE[Outcome.NOT_FINITE]
        if bool(suspect.any()):
            _, rank = _orthogonal_step(linearized, w, damping, suspect)
            codes[suspect & (rank < n)] = _CODE[Outcome.RANK_DEFICIENT]
        return Minimum(w, here.square.sqrt(), iterations, codes)


@dataclass(frozen=True)
class _Linearization:
    """What a step needs: ||F||^2 (*batch), J^T F and column norms (*batch, N), J^T J (*batch, N, N)."""

    square: Tensor
    gradient: Tensor
    scale: Tensor
    gram: Tensor

    @property
    def finite(self) -> Tensor:
        """(*batch): whether residuals and Jacobian are finite."""
        return torch.isfinite(self.square) & torch.isfinite(self.gram).all(-1).all(-1)

    @property
    def cosine(self) -> Tensor:
        """(*batch): the largest cosine between the residual and a column; zero where the residual is."""
        norm = self.square.sqrt()
        return (self.gradient / self.scale).abs().amax(-1) / torch.where(norm > 0, norm, torch.ones_like(norm))

    def decrease(self, step: Tensor) -> Tensor:
        """(*batch): by how much the linear model lowers ||F||^2."""
        curved = (step[..., None, :] @ self.gram @ step[..., None])[..., 0, 0]
        return -2 * (self.gradient * step).sum(-1) - curved

    def where(self, mask: Tensor, other: _Linearization) -> _Linearization:
        """This where the mask holds, else the other."""
        if bool(mask.all()):
            return self
        return _Linearization(
            torch.where(mask, self.square, other.square),
            torch.where(mask[..., None], self.gradient, other.gradient),
            torch.where(mask[..., None], self.scale, other.scale),
            torch.where(mask[..., None, None], self.gram, other.gram),
        )


def _linearize(linearized: Linearized, w: Tensor, check: bool = False) -> _Linearization:
    residual, jacobian = linearized(w)
    if check:
        _check_shapes(residual, jacobian, w)
    if isinstance(jacobian, Tensor):
        gram = jacobian.mT @ jacobian
        gradient = (residual[..., None, :] @ jacobian)[..., 0, :]
    else:
        gram, gradient = jacobian.gram(), jacobian.pull_back(residual)
    scale = gram.diagonal(dim1=-2, dim2=-1).sqrt()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return _Linearization(residual.square().sum(-1), gradient, scale, gram)


def _check_shapes(residual: Tensor, jacobian: Tensor | Jacobian, w: Tensor) -> None:
    n = w.shape[-1]
    expected = (*w.shape[:-1], residual.shape[-1], n)
    if residual.shape[:-1] != w.shape[:-1]:
        raise ValueError(
            f"residuals have shape {tuple(residual.shape)} for w of shape {tuple(w.shape)}; return (*batch, m) with the "
            f"batch dimensions {tuple(w.shape[:-1])} of w."
        )
    if isinstance(jacobian, Tensor) and tuple(jacobian.shape) != expected:
        raise ValueError(
            f"the Jacobian has shape {tuple(jacobian.shape)}; for residuals {tuple(residual.shape)} and w "
            f"{tuple(w.shape)} it must be {expected}."
        )
    if residual.shape[-1] < n:
        raise ValueError(
            f"{residual.shape[-1]} rows cannot determine {n} unknowns; use more points, fewer basis functions, or add a "
            "ridge (one row per unknown)."
        )


def _cholesky_step(here: _Linearization, damping: Tensor) -> tuple[Tensor, Tensor]:
    """The damped step (*batch, N), and (*batch) whether it must not be trusted."""
    matrix = here.gram / here.scale[..., :, None] / here.scale[..., None, :]
    matrix = matrix + damping[..., None, None] * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    usable = here.finite[..., None, None]
    matrix = torch.where(usable, matrix, torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device))
    factor, info = torch.linalg.cholesky_ex(matrix)
    pivots = factor.diagonal(dim1=-2, dim2=-1).square().amin(-1)
    lost = _LOST_PIVOT if matrix.dtype == torch.float64 else 1e-5
    suspect = (info != 0) | ~(pivots > lost)
    solved = torch.cholesky_solve(-(here.gradient / here.scale)[..., None], factor)[..., 0]
    step = torch.nan_to_num(solved / here.scale, nan=0.0, posinf=0.0, neginf=0.0)
    return step, suspect


def _orthogonal_step(linearized: Linearized, w: Tensor, damping: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Damped steps (*batch, N) of the masked problems from the Jacobian itself, and its rank (*batch)."""
    residual, jacobian = linearized(w)
    dense = (jacobian if isinstance(jacobian, Tensor) else jacobian.dense())[mask]
    scale = dense.norm(dim=-2)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    q, r = torch.linalg.qr(dense / scale[..., None, :])
    u, s, vt = torch.linalg.svd(r)
    cut = max(dense.shape[-2:]) * torch.finfo(w.dtype).eps * s[..., :1]
    kept = s > cut
    weights = torch.where(kept, s / (s.square() + damping[mask][..., None]).clamp_min(torch.finfo(w.dtype).tiny), 0.0)
    along = (u.mT @ (q.mT @ residual[mask][..., None]))[..., 0]
    part = -(vt.mT @ (weights * along)[..., None])[..., 0] / scale
    step = torch.zeros_like(w)
    step[mask] = part
    rank = torch.full(mask.shape, w.shape[-1], dtype=torch.long, device=w.device)
    rank[mask] = kept.sum(-1)
    return step, rank
