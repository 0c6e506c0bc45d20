"""The Jacobian of the experts' rows: blocks of experts, what is linear in them, and curvature terms.

Letters: M members, K experts, B sets of points, n points of a set, q residuals of a term, r = q n rows, m unknowns,
N basis functions of an unknown, c derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnlab.algebra.equilibration import EquilibratedCholesky, divisors

_LEAST_PIVOT = 1e-12
_DEPENDENT = 1e-13


@dataclass(frozen=True)
class TermJacobian:
    """The Jacobian of one term: per site (M, B, r, m N), with the experts (B, S) to whose coefficients it belongs."""

    slopes: Sequence[Tensor]
    experts: Tensor

    @cached_property
    def summed(self) -> Tensor:
        """(M, B, r, m N) where all sites belong to one expert."""
        total = self.slopes[0]
        for slope in self.slopes[1:]:
            total = total + slope
        return total

    @cached_property
    def square(self) -> Tensor:
        """(M, B, m N, m N) where all sites belong to one expert."""
        return self.summed.mT @ self.summed

    def times(self, w: Tensor, experts: Tensor) -> Tensor:
        """(M, B, r) from coefficients (M, K, m, N) of all experts, of which each set's sites see (B, S)."""
        wide = w.flatten(2)[..., None]
        total = self.slopes[0] @ wide[:, experts[:, 0]]
        for s, slope in enumerate(self.slopes[1:], 1):
            total = total + slope @ wide[:, experts[:, s]]
        return total[..., 0]


class ExpertJacobian:
    """The Jacobian of all rows of a group of experts.

    Args:
        parts: one per term; its ``experts`` are positions in the group, -1 for experts of other groups.
        count: experts of the group.
        joint: whether all experts of a member are one problem, (M, rows, count m N), or each its own,
            (M, count, rows, m N).
        ridge: appended rows, ``ridge`` times the identity.
    """

    matrix: Tensor | None = None
    """What ``gram`` answers in place of J^T J, such as the full Hessian."""

    def __init__(self, parts: Sequence[TermJacobian], count: int, joint: bool, ridge: float):
        self.parts, self.count, self.joint, self.ridge = parts, count, joint, ridge

    def gram(self) -> Tensor:
        if self.matrix is not None:
            return self.matrix
        first = self.parts[0].slopes[0]
        members, size = len(first), first.shape[-1]
        k = self.count
        if not self.joint:
            total = first.new_zeros(members, k, size, size)
            for part in self.parts:
                total = total.index_add(1, part.experts[:, 0], part.square)
        else:
            blocks = first.new_zeros(members, k * k, size, size)
            for part in self.parts:
                for s, a in enumerate(part.slopes):
                    for t, b in enumerate(part.slopes):
                        i, j = part.experts[:, s], part.experts[:, t]
                        mine = (i >= 0) & (j >= 0)
                        if bool(mine.any()):
                            blocks = blocks.index_add(1, (i * k + j)[mine], a[:, mine].mT @ b[:, mine])
            total = blocks.reshape(members, k, k, size, size).transpose(2, 3).reshape(members, k * size, k * size)
        if self.ridge:
            total = total + self.ridge**2 * torch.eye(total.shape[-1], dtype=total.dtype, device=total.device)
        return total

    def pull_back(self, rows: Tensor) -> Tensor:
        first = self.parts[0].slopes[0]
        members, size = len(first), first.shape[-1]
        total = first.new_zeros(members, self.count, size)
        start = 0
        for part in self.parts:
            sets, r = part.slopes[0].shape[1:3]
            if self.joint:
                mine = rows[:, start : start + sets * r].reshape(members, sets, r)
                start += sets * r
            else:
                mine = rows[:, :, start : start + r][:, part.experts[:, 0]]
                start += r
            for s, slope in enumerate(part.slopes):
                inside = part.experts[:, s] >= 0
                pulled = (mine[:, :, None] @ slope)[:, :, 0]
                total = total.index_add(1, part.experts[inside, s], pulled[:, inside])
        if self.ridge:
            total = total + self.ridge * (rows[:, start:] if self.joint else rows[:, :, start:]).reshape(total.shape)
        return total.flatten(1) if self.joint else total

    def dense(self) -> Tensor:
        first = self.parts[0].slopes[0]
        members, size = len(first), first.shape[-1]
        blocks = []
        for part in self.parts:
            if not self.joint:
                order = torch.argsort(part.experts[:, 0])
                blocks.append(part.summed[:, order])
                continue
            sets, r = part.slopes[0].shape[1:3]
            block = first.new_zeros(members, sets, r, self.count, size)
            for s, slope in enumerate(part.slopes):
                for b, k in enumerate(part.experts[:, s].tolist()):
                    if k >= 0:
                        block[:, b, :, k] += slope[:, b]
            blocks.append(block.reshape(members, sets * r, self.count * size))
        columns = blocks[0].shape[-1]
        if self.ridge:
            eye = self.ridge * torch.eye(columns, dtype=first.dtype, device=first.device)
            blocks.append(eye.expand(*blocks[0].shape[:-2], -1, -1))
        return torch.cat(blocks, dim=-2)


def weighted(factor: Tensor, basis: Tensor) -> Tensor:
    """(M, B, n, m N): factors (M, B, m, c, n) times basis functions (M, B, m, c, n, N), summed over c; few are not zero."""
    columns = []
    for j in range(basis.shape[2]):
        terms = [
            factor[:, :, j, i, :, None] * basis[:, :, j, i]
            for i in range(basis.shape[3])
            if bool((factor[:, :, j, i] != 0).any())
        ]
        columns.append(sum(terms[1:], terms[0]) if terms else torch.zeros_like(basis[:, :, j, 0]))
    return torch.cat(columns, dim=-1)


def times_basis(slope: Tensor, basis: Tensor) -> Tensor:
    """(M, B, q n, m N): slopes (M, B, q, m, c, n) times basis functions (M, B, m, c, n, N), summed over c."""
    total = None
    for i in range(basis.shape[3]):
        term = slope[:, :, :, :, i, :, None] * basis[:, :, None, :, i]
        total = term if total is None else total + term
    assert total is not None
    return total.movedim(3, 4).flatten(4, 5).flatten(2, 3)


def added(total: Tensor, blocks: Tensor, i: Tensor, j: Tensor, count: int, joint: bool) -> Tensor:
    """The Hessian with blocks (M, B, m N, m N) of pairs of experts added."""
    mine = (i >= 0) & (j >= 0)
    if not joint:
        return total.index_add(1, i[mine], blocks[:, mine])
    size = blocks.shape[-1]
    square = total.reshape(-1, count, size, count, size).transpose(2, 3).flatten(1, 2)
    square = square.index_add(1, (i * count + j)[mine], blocks[:, mine])
    return square.reshape(-1, count, count, size, size).transpose(2, 3).reshape(total.shape)


def definite(matrix: Tensor) -> Tensor:
    """(*batch): whether the equilibrated matrix (*batch, N, N) is positive definite, with pivots clear of rounding."""
    return EquilibratedCholesky(matrix).least_pivot > _LEAST_PIVOT


def whitened(rows: Tensor) -> Tensor:
    """Changes T of variables (..., N, N) with (rows T)^T (rows T) = 1, for rows (..., r, N).

    It is computed from the rows and not from their Gram matrix, whose small eigenvalues keep only half the digits.
    Directions in which the rows are linearly dependent up to rounding are not scaled.
    """
    scale = divisors(rows.norm(dim=-2))
    scaled = torch.nan_to_num(rows / scale[..., None, :], nan=0.0, posinf=0.0, neginf=0.0)
    _, values, vectors = torch.linalg.svd(torch.linalg.qr(scaled).R, full_matrices=False)
    known = values > _DEPENDENT * values[..., :1]
    roots = torch.where(known, values.clamp_min(torch.finfo(rows.dtype).tiny).reciprocal(), 1.0)
    if values.shape[-1] < rows.shape[-1]:
        return torch.diag_embed(1 / scale)
    # symmetric: the order of the functions does not matter
    return (vectors.mT * roots[..., None, :]) @ vectors / scale[..., :, None]
