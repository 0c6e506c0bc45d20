"""Closest points of polyhedra in closed or batched form: linear equalities, bounds, both together.

Letters: n entries of a vector, p rows as given, r independent rows, s samples.

Everything here minimizes sum_i w_i (u_i - v_i)^2 with fixed weights w > 0, whose inverses are called ``metric``. Entries
that a bound stops do not move with the input, the others solve a linear system: which ones are stopped is found by an
iteration that no gradient flows through, and one linear solve for the others carries the derivatives, of any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

_RANK = 1e-12
"""Singular values below this fraction of the largest belong to redundant rows; rows are scaled to length one before."""
_CONTRADICTION = 1e-9
"""Part of a right-hand side, relative to its size, that redundant rows may contradict the others by."""
_CONVERGED = 1e-13
_ACCEPTED = 1e-10
_STEPS, _HALVINGS, _INTERIOR_STEPS = 30, 40, 60
_SHIFT = 1e-6
_PRODUCTS = 1 << 24
"""Numbers in the table of pairwise products of rows, above which it is not kept."""


class InfeasibleError(ValueError):
    """No point satisfies the constraints; the text names one that cannot be met, and the sample."""


class StalledError(RuntimeError):
    """The iteration did not converge for the samples in ``args[0]``: their sets are empty, or nearly so."""


def in_sample(index: Sequence[int]) -> str:
    """Words for a position in the batch: " in sample 3", " in sample (1, 3)", or nothing for a single vector."""
    if not len(index):
        return ""
    return f" in sample {index[0] if len(index) == 1 else tuple(index)}"


def position(number: int, batch: Sequence[int]) -> tuple[int, ...]:
    """Indices of sample ``number`` of a batch that was flattened."""
    return tuple(int(i) for i in np.unravel_index(number, tuple(batch))) if len(batch) else ()


@dataclass(frozen=True)
class Equalities:
    """A u = b, with rows that are orthonormal in the metric of the projection.

    With the rows of A scaled to length one and A diag(metric)^(1/2) = U S V^T, the r rows S^-1 U^T A u = S^-1 U^T b say
    the same as A u = b does if b lies in the range of A.

    Attributes:
        matrix: A, (p, n), scaled.
        metric: (n,), inverses of the weights.
        lengths: (p,), what the rows were divided by.
        left: (p, r), U.
        values: (r,), S.
        rows: (r, n), rows diag(metric) rows^T = 1.
    """

    matrix: Tensor
    metric: Tensor
    lengths: Tensor
    left: Tensor
    values: Tensor
    rows: Tensor

    @classmethod
    def of(cls, matrix: Tensor, metric: Tensor) -> Equalities:
        """Orthonormal rows of A (p, n)."""
        root = metric.sqrt()
        lengths = (matrix * root).norm(dim=1)
        lengths = torch.where(lengths > 0, lengths, torch.ones_like(lengths))
        scaled = matrix / lengths[:, None]
        left, values, right = torch.linalg.svd(scaled * root, full_matrices=False)
        rank = int((values > _RANK * values[0]).sum()) if values[0] > 0 else 0
        return cls(scaled, metric, lengths, left[:, :rank], values[:rank], right[:rank] / root)

    def to(self, device: torch.device) -> Equalities:
        """On another device."""
        return type(self)(**{name: value.to(device) for name, value in vars(self).items()})

    def reduced(self, b: Tensor) -> Tensor:
        """S^-1 U^T b, (..., r) from (..., p).

        Raises:
            InfeasibleError: rows that depend on others ask for something else than these.
        """
        scaled = b / self.lengths
        coordinates = scaled @ self.left
        if len(self.values) < len(self.lengths):
            rest = (scaled - coordinates @ self.left.T).detach().abs()
            size = scaled.detach().norm(dim=-1, keepdim=True)
            wrong = rest > _CONTRADICTION * size
            if bool(wrong.any()):
                *sample, _ = (int(i) for i in wrong.nonzero()[0])
                rows = wrong[tuple(sample)].nonzero()[:, 0].tolist()
                word = "row" if len(rows) == 1 else "rows"
                raise InfeasibleError(
                    f"A u = b{in_sample(sample)}: {word} {', '.join(map(str, rows))} cannot be met: linearly dependent "
                    "rows (or a row of zeros) ask for values that contradict each other. Leave out redundant rows, or "
                    "give values of b that agree."
                )
        return coordinates / self.values

    def violation(self, u: Tensor, b: Tensor) -> Tensor:
        """|A u - b| of each row relative to |A| |u| + |b|, (..., p)."""
        miss = (u @ self.matrix.T - b / self.lengths).abs()
        size = u.abs() @ self.matrix.abs().T + (b / self.lengths).abs()
        return miss / size.clamp_min(torch.finfo(u.dtype).tiny)


def project_affine(v: Tensor, equalities: Equalities, target: Tensor) -> Tensor:
    """The closest point with rows u = target: v + metric rows^T (target - rows v), (..., n).

    Args:
        v: (..., n).
        target: (..., r), from ``Equalities.reduced``.
    """
    rows = equalities.rows
    return v + ((target - v @ rows.T) @ rows) * equalities.metric


def project_box(v: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The closest point with lower <= u <= upper, whatever the weights: a clamp, entry by entry."""
    return torch.minimum(torch.maximum(v, lower), upper)


def project_affine_box(v: Tensor, equalities: Equalities, target: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The closest point with rows u = target and lower <= u <= upper, (s, n); bounds are met exactly.

    The multipliers y of the rows solve rows clamp(v + metric rows^T y) = target, a monotone and piecewise linear system,
    by semismooth Newton steps with a line search on the dual function, for all samples at once.

    Args:
        v: (s, n).
        target: (s, r).
        lower: (s, n) or (n,), may be -inf.
        upper: (s, n) or (n,), may be inf.

    Returns:
        Differentiable by v, target, lower and upper. Where an entry meets its bound by chance (multiplier zero), the
        derivative is the one in which the entry is free to move.

    Raises:
        StalledError: some samples did not converge; ``unreachable_row`` tells whether their sets are empty.

    Source: the method is that of Li, Sun & Toh, On the efficient computation of a generalized Jacobian of the projector
    over the Birkhoff polytope (2020), for a box in place of the orthant and few rows in place of many.
    """
    rows, metric = equalities.rows, equalities.metric
    lower, upper = lower.expand_as(v), upper.expand_as(v)
    if not len(rows):
        return project_box(v, lower, upper)
    with torch.no_grad():
        multipliers = _multipliers(v.detach(), equalities, target.detach(), lower.detach(), upper.detach())
        raw = v.detach() + (multipliers @ rows) * metric
        free = _free(raw, lower, upper)
        gram = _grams(free, rows, metric)
        inverse = torch.linalg.pinv(gram, rtol=1e-12, hermitian=True) if len(rows) > 1 else _reciprocal(gram)
        stopped_low = (raw < lower) | (lower == upper)
        stopped_high = (raw > upper) & ~stopped_low
    # torch.where, as a product with a mask would turn the infinite bounds of free entries into NaN
    fixed = torch.where(stopped_low, lower, torch.where(stopped_high, upper, v))
    u = fixed
    for _ in range(2):  # the second time for the digits that a nearly singular system loses
        correction = torch.einsum("spq,sq->sp", inverse, target - u @ rows.T)
        u = u + free * metric * (correction @ rows)
    # rounding may leave a free entry beyond its bound by the last digit, which must not stop its derivative
    return u + (project_box(u, lower, upper) - u).detach()


def _reciprocal(gram: Tensor) -> Tensor:
    return torch.where(gram > 1e-300, 1 / gram.clamp_min(1e-300), torch.zeros_like(gram))


def _grams(free: Tensor, rows: Tensor, metric: Tensor) -> Tensor:
    """Rows diag(free metric) rows^T, (s, r, r) from (s, n)."""
    r, n = rows.shape
    if r * r * n <= _PRODUCTS:
        pairs = (rows[:, None] * (rows * metric)[None]).reshape(r * r, n)
        return (free @ pairs.T).reshape(-1, r, r)
    return torch.einsum("sn,pn,qn->spq", free, rows, rows * metric)


def _dual(
    y: Tensor, v: Tensor, rows: Tensor, metric: Tensor, target: Tensor, lower: Tensor, upper: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The point u (s, n) that multipliers y give, what its rows miss (s, r), and the dual function (s), whose gradient
    the miss is.
    """
    u = project_box(v + (y @ rows) * metric, lower, upper)
    gap = u @ rows.T - target
    return u, gap, (y * gap).sum(-1) - 0.5 * ((u - v).square() / metric).sum(-1)


def _multipliers(v: Tensor, equalities: Equalities, target: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """(s, r), see ``project_affine_box``: by Newton, where it stalls from a start by an interior-point method."""
    rows, metric = equalities.rows, equalities.metric
    y, left = _newton(target - v @ rows.T, v, rows, metric, target, lower, upper, _STEPS)
    if not len(left):
        return y
    v, target, lower, upper = v[left], target[left], lower[left], upper[left]
    start = _interior(v, rows, metric, target, lower, upper)
    y[left], still = _newton(start, v, rows, metric, target, lower, upper, _STEPS)
    if len(still):
        raise StalledError(left[still].tolist())
    return y


def _newton(
    y: Tensor, v: Tensor, rows: Tensor, metric: Tensor, target: Tensor, lower: Tensor, upper: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Multipliers (s, r) from a start, and the numbers of the samples that did not converge."""
    identity = torch.eye(len(rows), dtype=v.dtype, device=v.device)
    left = torch.arange(len(v), device=v.device)
    result = y.clone()
    u, gap, dual = _dual(y, v, rows, metric, target, lower, upper)
    for step_number in range(steps + 1):
        size = target.abs().amax(-1) + (u / metric.sqrt()).norm(dim=-1)
        error = gap.abs().amax(-1) / size.clamp_min(torch.finfo(v.dtype).tiny)
        result[left] = y
        going = error > (_CONVERGED if step_number < steps else _ACCEPTED)
        left, y, v, target, lower, upper, gap, dual, error = (
            t[going] for t in (left, y, v, target, lower, upper, gap, dual, error)
        )
        if not len(left) or step_number == steps:
            break
        free = _free(v + (y @ rows) * metric, lower, upper)
        # the shift keeps the step finite where all entries that could move are stopped; it vanishes with the error
        shift = 1e-12 + _SHIFT * error.clamp_max(1.0)
        step = torch.linalg.solve(_grams(free, rows, metric) + shift[:, None, None] * identity, -gap[..., None])[..., 0]
        slope, length = (gap * step).sum(-1), torch.ones_like(error)
        for _ in range(_HALVINGS):
            trial = y + length[:, None] * step
            u, there, value = _dual(trial, v, rows, metric, target, lower, upper)
            # near the end the dual function cannot tell points apart any more, and its gradient decides
            smaller = (error < 1e-7) & (there.abs().amax(-1) <= 0.5 * gap.abs().amax(-1))
            good = smaller | (value <= dual + 1e-4 * length * slope)
            if bool(good.all()):
                break
            length = torch.where(good, length, 0.5 * length)
        y, gap, dual = trial, there, value
    return result, left


def _interior(v: Tensor, rows: Tensor, metric: Tensor, target: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Multipliers (s, r), nearly optimal, by a primal-dual interior-point method that stays within the bounds.

    Slower than Newton's method and good everywhere, also where hardly an entry is free: far from the set, or for sets
    without an interior.
    """
    movable = lower < upper
    low, high = movable & lower.isfinite(), movable & upper.isfinite()
    width = torch.where(low & high, upper - lower, torch.ones_like(v))
    u = torch.where(low, torch.maximum(v, lower + 0.1 * width), v)
    u = torch.where(high, torch.minimum(u, upper - 0.1 * width), u)
    u = torch.where(movable, u, lower)
    ends = (low.sum(-1, keepdim=True) + high.sum(-1, keepdim=True)).clamp_min(1)
    scale = ((u - v) / metric).abs().amax(-1, keepdim=True) + torch.finfo(v.dtype).eps * (v / metric).abs().amax(
        -1, keepdim=True
    )
    y = torch.zeros_like(target)
    z_low, z_high = scale * low, scale * high
    identity = torch.eye(len(rows), dtype=v.dtype, device=v.device)
    for _ in range(_INTERIOR_STEPS):
        # one where there is no bound, which drops out with its multiplier zero
        s_low, s_high = torch.where(low, u - lower, 1.0), torch.where(high, upper - u, 1.0)
        aim = 0.1 * (z_low * s_low + z_high * s_high).sum(-1, keepdim=True) / ends
        stationary = (u - v) / metric - y @ rows - z_low + z_high
        inverse = movable / (1 / metric + z_low / s_low + z_high / s_high)
        pull = low * (aim / s_low - z_low) - high * (aim / s_high - z_high) - stationary
        gram = torch.einsum("sn,pn,qn->spq", inverse, rows, rows) + 1e-14 * identity
        short = target - u @ rows.T - (inverse * pull) @ rows.T
        dy = torch.linalg.solve(gram, short[..., None])[..., 0]
        du = inverse * (dy @ rows + pull)
        d_low = low * ((aim - z_low * du) / s_low - z_low)
        d_high = high * ((aim + z_high * du) / s_high - z_high)
        room = torch.ones_like(aim)
        for value, change, held in ((s_low, du, low), (s_high, -du, high), (z_low, d_low, low), (z_high, d_high, high)):
            limit = torch.where(held & (change < 0), -0.99 * value / change, 1.0)
            room = torch.minimum(room, limit.amin(-1, keepdim=True))
        # slacks that round to zero end a sample
        sound = torch.isfinite(dy).all(-1, keepdim=True) & torch.isfinite(du).all(-1, keepdim=True)
        u, y, z_low, z_high = (
            torch.where(sound, old + room * change, old)
            for old, change in ((u, du), (y, dy), (z_low, d_low), (z_high, d_high))
        )
    return y


def _free(raw: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """1 where no bound stops an entry, (s, n)."""
    return ((raw >= lower) & (raw <= upper) & (lower < upper)).to(raw.dtype)


def reach(matrix: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest value of each row of A u over the bounds, (..., p) each, from bounds (..., n)."""
    positive, negative = matrix.clamp_min(0).T, matrix.clamp_max(0).T

    def total(at_positive: Tensor, at_negative: Tensor, infinite: float) -> Tensor:
        # infinite bounds apart, as zero times infinity is NaN
        finite = torch.nan_to_num(at_positive, 0.0, 0.0, 0.0) @ positive
        finite = finite + torch.nan_to_num(at_negative, 0.0, 0.0, 0.0) @ negative
        endless = at_positive.isinf().to(matrix.dtype) @ (positive > 0).to(matrix.dtype)
        endless = endless + at_negative.isinf().to(matrix.dtype) @ (negative < 0).to(matrix.dtype)
        return torch.where(endless > 0, infinite, finite)

    return total(lower, upper, -torch.inf), total(upper, lower, torch.inf)


def unreachable_row(matrix: Tensor, b: Tensor, lower: Tensor, upper: Tensor) -> int | None:
    """A row of A u = b that cannot be met with the others within the bounds; None if all can.

    Found by a linear program that minimizes the sum of all rows' misses.

    Args:
        matrix: (p, n).
        b: (p,).
        lower: (n,), may be -inf.
        upper: (n,), may be inf.
    """
    a, target = matrix.cpu().numpy(), b.cpu().numpy()
    p, n = a.shape
    ends = [
        (None if not np.isfinite(x) else x, None if not np.isfinite(y) else y)
        for x, y in zip(lower.tolist(), upper.tolist(), strict=True)
    ]
    scale = np.abs(a).max(axis=1, initial=0.0) + np.abs(target)
    scale[scale == 0] = 1.0
    found = scipy.optimize.linprog(
        np.concatenate([np.zeros(n), np.ones(2 * p)]),
        A_eq=np.hstack([a / scale[:, None], np.eye(p), -np.eye(p)]),
        b_eq=target / scale,
        bounds=ends + [(0, None)] * (2 * p),
    )
    if found.x is None:
        return None
    miss = (found.x[n : n + p] + found.x[n + p :]) * scale
    worst = int(np.argmax(miss / scale))
    return worst if miss[worst] > 1e-8 * scale[worst] else None
