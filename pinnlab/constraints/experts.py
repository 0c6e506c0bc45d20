"""The experts' layer: coefficients from non-linear least squares inside a network, differentiated implicitly.

Letters: M members of a family, K experts, B sets of points, n points of a set, q residuals of a term, m unknowns,
N basis functions of an unknown, c derivatives.

A network supplies basis functions b; expert k finds its own coefficients w_k such that u = b . w_k leaves the least
squares of the equations' and conditions' residuals at its points. Experts are solved alone, all together where rows
couple them, or in groups one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnlab.constraints.rows import Expansion, Rows
from pinnlab.implicit import implicit_minimum, polish
from pinnlab.least_squares import LeastSquares, Minimum

_GAUSS_NEWTON_STEPS, _CURVATURE_LASTS = 3, 4
"""Linearizations without curvature terms, and how many share one evaluation of them."""
_LEAST_PIVOT = 1e-12
Placed = Sequence[Sequence[Expansion]]
"""Per term, its expansions at each site."""


@dataclass(frozen=True)
class Part:
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
        parts: one per term, with positions of experts in the group, -1 where they are not in it.
        count: experts of the group.
        joint: whether all experts of a member are one problem, (M, rows, count m N), or each its own,
            (M, count, rows, m N).
        ridge: appended rows, ``ridge`` times the identity.
        matrix: what ``gram`` answers in place of J^T J, such as the full Hessian.
    """

    def __init__(self, parts: Sequence[Part], count: int, joint: bool, ridge: float, matrix: Tensor | None = None):
        self.parts, self.count, self.joint, self.ridge, self.matrix = parts, count, joint, ridge, matrix

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


@dataclass(frozen=True)
class Group:
    """Experts that are solved at the same time.

    Attributes:
        experts: (k,) their numbers, increasing.
        rows: the terms that determine them; sites of other experts take these as they are.
        joint: solve them together, or each alone; alone every term must have one set of points per expert.
    """

    experts: Tensor
    rows: tuple[int, ...]
    joint: bool


class ExpertsLayer:
    """Finds the coefficients of all experts.

    Args:
        rows: the terms at their points.
        groups: which experts are solved together, in order.
        search: the inner solver.
        ridge: weight of the rows ridge * w.
        newton: steps with the full Hessian that follow the search when a gradient is wanted.
        hessian: ``"full"`` or ``"gauss_newton"``: the matrix of the implicit gradient.
    """

    def __init__(
        self,
        rows: Sequence[Rows],
        groups: Sequence[Group],
        search: LeastSquares,
        ridge: float = 0.0,
        newton: int = 1,
        hessian: str = "full",
    ):
        self.rows, self.groups, self.search = tuple(rows), tuple(groups), search
        self.ridge, self.newton, self.hessian = ridge, newton, hessian

    def place(self, basis: object) -> list[tuple[Expansion, ...]]:
        """The basis at the points of all terms."""
        return [rows.place(basis) for rows in self.rows]  # type: ignore[arg-type]

    def solve(self, placed: Placed, start: Tensor) -> tuple[Tensor, tuple[Minimum, ...]]:
        """Coefficients (M, K, m, N), differentiable by the basis, and how each group's search ended.

        Args:
            placed: from ``place``.
            start: (M, K, m, N).
        """
        w, minima = start.detach(), []
        for group in self.groups:
            w, minimum = _GroupProblem(self, group, [placed[i] for i in group.rows], w).solve()
            minima.append(minimum)
        return w, tuple(minima)


class _GroupProblem:
    """The least-squares problem of one group, for given basis functions and given coefficients of the other experts."""

    def __init__(self, layer: ExpertsLayer, group: Group, placed: Placed, known: Tensor):
        self.layer, self.group, self.known = layer, group, known
        self.rows = [layer.rows[i] for i in group.rows]
        self.placed = placed
        self.theta = [e.basis for sites in placed for e in sites]
        place = torch.full((known.shape[1],), -1, dtype=torch.long, device=known.device)
        place[group.experts] = torch.arange(len(group.experts), device=known.device)
        self.positions = [place[rows.experts] for rows in self.rows]
        self._affine: dict[int, tuple[Tensor, Part, list[Tensor]]] = {}
        self._linearizations = 0
        self._curvature = known.new_zeros(())

    def solve(self) -> tuple[Tensor, Minimum]:
        layer, group = self.layer, self.group
        start = self.known.detach()[:, group.experts].flatten(2)
        start = start.flatten(1) if group.joint else start
        with torch.no_grad():
            minimum = layer.search.minimize(self.linearized, start)
        needs = torch.is_grad_enabled() and (self.known.requires_grad or any(t.requires_grad for t in self.theta))
        w = minimum.w
        if needs:
            # where all terms are linear, the search has found the minimum itself
            if layer.newton and len(self._affine) < len(self.rows):
                w = polish(self.residuals, w, self.known, *self.theta, steps=layer.newton, hessian=self.curved)
            matrix = self.curved if layer.hessian == "full" else self.straight
            found = implicit_minimum(self.residuals, w, self.known, *self.theta, hessian=matrix)
            # where no optimum was found there is none to differentiate
            w = torch.where(minimum.converged[..., None], found, w)
        return self.assembled(w, self.known), minimum

    def assembled(self, w: Tensor, known: Tensor) -> Tensor:
        """All coefficients (M, K, m, N), those of the group from w."""
        shape = (len(known), len(self.group.experts), *known.shape[2:])
        return known.index_copy(1, self.group.experts, w.reshape(shape))

    def _fields(self, w: Tensor, known: Tensor, theta: Sequence[Tensor]) -> list[list[Tensor]]:
        every = self.assembled(w, known)
        bases = iter(theta)
        return [
            rows.fields(every, [Expansion(next(bases), e.offset) for e in sites])
            for rows, sites in zip(self.rows, self.placed, strict=True)
        ]

    def _stacked(self, values: Sequence[Tensor], w: Tensor) -> Tensor:
        """The residual vector from (M, B, q, n) of each term."""
        if self.group.joint:
            parts = [v.flatten(1) for v in values]
        else:
            parts = [v.flatten(2)[:, torch.argsort(p[:, 0])] for v, p in zip(values, self.positions, strict=True)]
        if self.layer.ridge:
            parts.append(self.layer.ridge * w)
        return torch.cat(parts, dim=-1)

    def residuals(self, w: Tensor, known: Tensor, *theta: Tensor) -> Tensor:
        """The residual vector: (M, rows) of a joint problem, else (M, k, rows)."""
        fields = self._fields(w, known, theta)
        return self._stacked([rows.residuals(f) for rows, f in zip(self.rows, fields, strict=True)], w)

    def linearized(self, w: Tensor) -> tuple[Tensor, ExpertJacobian]:
        """Residuals and Jacobian for the search, without a graph.

        Terms that are linear in the fields are linearized once. After a few Gauss-Newton steps the full Hessian takes the
        place of J^T J wherever it is positive definite: where residuals stay large, Gauss-Newton creeps.
        """
        self._linearizations += 1
        theta = [t.detach() for t in self.theta]
        known = self.known.detach()
        every = self.assembled(w, known)
        values, parts, curved, bases = [], [], [], iter(theta)
        for i, (rows, sites) in enumerate(zip(self.rows, self.placed, strict=True)):
            mine = [Expansion(next(bases), e.offset) for e in sites]
            if i in self._affine:
                constant, part, _ = self._affine[i]
                value = constant + part.times(every, rows.experts).reshape(constant.shape)
            else:
                fields = rows.fields(every, mine)
                value, slopes = rows.linearized(fields)
                products = [_times_basis(slope, e.basis) for slope, e in zip(slopes, mine, strict=True)]
                part = Part(products, self.positions[i])
                if self._linearizations == 1 and _is_affine(rows, fields):
                    constant = value - part.times(every, rows.experts).reshape(value.shape)
                    self._affine[i] = (constant, part, slopes)
                else:
                    curved.append((rows, fields, [e.basis for e in mine], self.positions[i]))
            values.append(value)
            parts.append(part)
        jacobian = ExpertJacobian(parts, len(self.group.experts), self.group.joint, self.layer.ridge)
        if curved and self._linearizations > _GAUSS_NEWTON_STEPS:
            straight = jacobian.gram()
            if (self._linearizations - _GAUSS_NEWTON_STEPS - 1) % _CURVATURE_LASTS == 0:
                self._curvature = torch.zeros_like(straight)
                for term in curved:
                    self._curvature = self._bent(self._curvature, *term)
            full = straight + self._curvature
            jacobian.matrix = torch.where(_definite(full)[..., None, None], full, straight)
        return self._stacked(values, w), jacobian

    def straight(self, w: Tensor, known: Tensor, *theta: Tensor) -> Tensor:
        """J^T J."""
        every, bases, parts = self.assembled(w, known), iter(theta), []
        for i, (rows, sites) in enumerate(zip(self.rows, self.placed, strict=True)):
            mine = [Expansion(next(bases), e.offset) for e in sites]
            if i in self._affine:
                slopes = self._affine[i][2]
            else:
                slopes = rows.linearized(rows.fields(every, mine), torch.is_grad_enabled())[1]
            products = [_times_basis(slope, e.basis) for slope, e in zip(slopes, mine, strict=True)]
            parts.append(Part(products, self.positions[i]))
        return ExpertJacobian(parts, len(self.group.experts), self.group.joint, self.layer.ridge).gram()

    def curved(self, w: Tensor, known: Tensor, *theta: Tensor) -> Tensor:
        """J^T J + sum_i F_i d2F_i/dw2: the second part is pointwise in the fields, too."""
        total = self.straight(w, known, *theta)
        bases = iter(theta)
        terms = zip(self.rows, self._fields(w, known, theta), self.positions, strict=True)
        for i, (rows, fields, positions) in enumerate(terms):
            mine = [next(bases) for _ in fields]
            if i not in self._affine:
                total = self._bent(total, rows, fields, mine, positions)
        return total

    def _bent(
        self, total: Tensor, rows: Rows, fields: Sequence[Tensor], mine: Sequence[Tensor], positions: Tensor
    ) -> Tensor:
        """The matrix with one term's sum_i F_i d2F_i/dw2 added."""
        count, joint = len(self.group.experts), self.group.joint
        for s, j, i, second in rows.curvature(fields):
            left = mine[s][:, :, j, i]
            for t, factor in enumerate(second):
                if factor is None:
                    continue
                # (M, B, n, m N): the derivative of one slope by the coefficients of site t
                right = _weighted(factor, mine[t])
                block = left.mT @ right
                wide = block.new_zeros(*block.shape[:2], mine[s].shape[2], *block.shape[2:])
                wide = wide.index_copy(2, torch.tensor([j], device=block.device), block[:, :, None])
                total = _added(total, wide.flatten(2, 3), positions[:, s], positions[:, t], count, joint)
        return total


def _weighted(factor: Tensor, basis: Tensor) -> Tensor:
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


def _is_affine(rows: Rows, fields: Sequence[Tensor]) -> bool:
    """Whether a term is linear in the fields: its slopes then have no graph to them."""
    with torch.enable_grad():
        leaves = [f.detach().requires_grad_() for f in fields]
        total = rows.residuals(leaves).sum()
        found = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    return all(g is None or not g.requires_grad for g in found)


def _definite(matrix: Tensor) -> Tensor:
    """(*batch): whether Cholesky succeeds on the equilibrated matrix, with something to spare."""
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    scale = torch.where(diagonal > 0, diagonal, torch.ones_like(diagonal)).sqrt()
    scaled = matrix / scale[..., :, None] / scale[..., None, :]
    factor, info = torch.linalg.cholesky_ex(scaled)
    pivots = factor.diagonal(dim1=-2, dim2=-1).square().amin(-1)
    return (info == 0) & (diagonal > 0).all(-1) & (pivots > _LEAST_PIVOT)


def _times_basis(slope: Tensor, basis: Tensor) -> Tensor:
    """(M, B, q n, m N): slopes (M, B, q, m, c, n) times basis functions (M, B, m, c, n, N), summed over c."""
    total = None
    for i in range(basis.shape[3]):
        term = slope[:, :, :, :, i, :, None] * basis[:, :, None, :, i]
        total = term if total is None else total + term
    assert total is not None
    return total.movedim(3, 4).flatten(4, 5).flatten(2, 3)


def _added(total: Tensor, blocks: Tensor, i: Tensor, j: Tensor, count: int, joint: bool) -> Tensor:
    """The Hessian with blocks (M, B, m N, m N) of pairs of experts added."""
    mine = (i >= 0) & (j >= 0)
    if not joint:
        return total.index_add(1, i[mine], blocks[:, mine])
    size = blocks.shape[-1]
    square = total.reshape(-1, count, size, count, size).transpose(2, 3).flatten(1, 2)
    square = square.index_add(1, (i * count + j)[mine], blocks[:, mine])
    return square.reshape(-1, count, count, size, size).transpose(2, 3).reshape(total.shape)
