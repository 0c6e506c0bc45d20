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

import torch
from torch import Tensor

from pinnlab.algebra.implicit_gradient import implicit_minimum, polish
from pinnlab.algebra.least_squares import LeastSquares, Minimum
from pinnlab.solvers.experts.jacobian import (
    ExpertJacobian,
    TermJacobian,
    added,
    definite,
    times_basis,
    weighted,
    whitened,
)
from pinnlab.solvers.experts.rows import Basis, Expansion, ExpertRows

_GAUSS_NEWTON_STEPS, _CURVATURE_LASTS = 3, 4
"""Linearizations without curvature terms, and how many share one evaluation of them."""
Expansions = Sequence[Sequence[Expansion]]
"""Per term, its expansions at each site."""


@dataclass(frozen=True)
class ExpertGroup:
    """Experts that are solved at the same time.

    Attributes:
        experts: (k,) their numbers, increasing.
        rows: numbers of the terms that determine them; other experts that these terms see keep their coefficients.
        joint: whether they are one problem; else each is solved alone, and every term has one set of points per expert.
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
        ridge: weight of extra rows ridge * w that keep coefficients small. With ``whiten`` they are ridge * v, where the
            change of variables w = T v depends on the basis; the gradient leaves out that dependence of T.
        newton: steps with the full Hessian that follow the search when a gradient is wanted.
        hessian: ``"full"`` or ``"gauss_newton"``: the matrix of the implicit gradient.
        whiten: search in coordinates in which each expert's J^T J at the start is the identity (per unknown).
    """

    def __init__(
        self,
        rows: Sequence[ExpertRows],
        groups: Sequence[ExpertGroup],
        search: LeastSquares,
        ridge: float = 0.0,
        newton: int = 1,
        hessian: str = "full",
        whiten: bool = False,
    ):
        self.rows, self.groups, self.search = tuple(rows), tuple(groups), search
        self.ridge, self.newton, self.hessian, self.whiten = ridge, newton, hessian, whiten

    def expand(self, basis: Basis) -> list[tuple[Expansion, ...]]:
        """The basis functions at the points of all terms: per term, one expansion at each of its sites."""
        return [rows.expand(basis) for rows in self.rows]

    def solve(self, expansions: Expansions, start: Tensor) -> tuple[Tensor, tuple[Minimum, ...]]:
        """Coefficients (M, K, m, N), differentiable by the basis, and how each group's search ended.

        Args:
            expansions: from ``expand``.
            start: (M, K, m, N).
        """
        w, minima = start.detach(), []
        for group in self.groups:
            mine = [expansions[i] for i in group.rows]
            if not self.whiten:
                w, minimum = _GroupProblem(self, group, mine, w).solve()
            else:
                change = _GroupProblem(self, group, mine, w).whitening()
                changed = [
                    [e.mixed(change[:, self.rows[i].experts[:, s]]) for s, e in enumerate(sites)]
                    for i, sites in zip(group.rows, mine, strict=True)
                ]
                inner, minimum = _GroupProblem(
                    self, group, changed, torch.linalg.solve(change, w[..., None])[..., 0]
                ).solve()
                w = (change @ inner[..., None])[..., 0]
            minima.append(minimum)
        return w, tuple(minima)


class _GroupProblem:
    """The least-squares problem of one group, for given basis functions and given coefficients of the other experts."""

    def __init__(self, layer: ExpertsLayer, group: ExpertGroup, expansions: Expansions, known: Tensor):
        self.layer, self.group, self.known = layer, group, known
        self.rows = [layer.rows[i] for i in group.rows]
        self.expansions = expansions
        self.theta = [e.basis for sites in expansions for e in sites]
        position = torch.full((known.shape[1],), -1, dtype=torch.long, device=known.device)
        position[group.experts] = torch.arange(len(group.experts), device=known.device)
        self.positions = [position[rows.experts] for rows in self.rows]
        self._affine: dict[int, tuple[Tensor, TermJacobian, list[Tensor]]] = {}
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

    @torch.no_grad()
    def whitening(self) -> Tensor:
        """(M, K, m, N, N): changes of coefficients, w = change @ v, the identity for experts of other groups.

        In v, each unknown's block of J^T J at the start is the identity. It is a change of
        variables that no gradient goes through: the optimum is the same function of the basis in any.
        """
        start = self.known.detach()[:, self.group.experts]
        parts = self.linearized(start.flatten(2).flatten(1) if self.group.joint else start.flatten(2))[1].parts
        members, _, m, size = self.known.shape
        change = torch.eye(size).to(self.known).expand(members, self.known.shape[1], m, size, size).clone()
        seen: list[list[Tensor]] = [[] for _ in self.group.experts]
        for part in parts:
            for s, slope in enumerate(part.slopes):
                for b, k in enumerate(part.experts[:, s].tolist()):
                    if k >= 0:
                        seen[k].append(slope[:, b])
        for k, number in enumerate(self.group.experts.tolist()):
            change[:, number] = whitened(torch.cat(seen[k], dim=1).unflatten(2, (m, size)).transpose(1, 2))
        return change

    def assembled(self, w: Tensor, known: Tensor) -> Tensor:
        """All coefficients (M, K, m, N), those of the group from w."""
        shape = (len(known), len(self.group.experts), *known.shape[2:])
        return known.index_copy(1, self.group.experts, w.reshape(shape))

    def _fields(self, w: Tensor, known: Tensor, theta: Sequence[Tensor]) -> list[list[Tensor]]:
        every = self.assembled(w, known)
        bases = iter(theta)
        return [
            rows.fields(every, [Expansion(next(bases), e.offset) for e in sites])
            for rows, sites in zip(self.rows, self.expansions, strict=True)
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
        for i, (rows, sites) in enumerate(zip(self.rows, self.expansions, strict=True)):
            mine = [Expansion(next(bases), e.offset) for e in sites]
            if i in self._affine:
                constant, part, _ = self._affine[i]
                value = constant + part.times(every, rows.experts).reshape(constant.shape)
            else:
                fields = rows.fields(every, mine)
                value, slopes = rows.linearized(fields)
                products = [times_basis(slope, e.basis) for slope, e in zip(slopes, mine, strict=True)]
                part = TermJacobian(products, self.positions[i])
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
            jacobian.matrix = torch.where(definite(full)[..., None, None], full, straight)
        return self._stacked(values, w), jacobian

    def straight(self, w: Tensor, known: Tensor, *theta: Tensor) -> Tensor:
        """J^T J."""
        every, bases, parts = self.assembled(w, known), iter(theta), []
        for i, (rows, sites) in enumerate(zip(self.rows, self.expansions, strict=True)):
            mine = [Expansion(next(bases), e.offset) for e in sites]
            if i in self._affine:
                slopes = self._affine[i][2]
            else:
                slopes = rows.linearized(rows.fields(every, mine), torch.is_grad_enabled())[1]
            products = [times_basis(slope, e.basis) for slope, e in zip(slopes, mine, strict=True)]
            parts.append(TermJacobian(products, self.positions[i]))
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
        self, total: Tensor, rows: ExpertRows, fields: Sequence[Tensor], mine: Sequence[Tensor], positions: Tensor
    ) -> Tensor:
        """The matrix with one term's sum_i F_i d2F_i/dw2 added."""
        count, joint = len(self.group.experts), self.group.joint
        for s, j, i, second in rows.curvature(fields):
            left = mine[s][:, :, j, i]
            for t, factor in enumerate(second):
                if factor is None:
                    continue
                # (M, B, n, m N): the derivative of one slope by the coefficients of site t
                right = weighted(factor, mine[t])
                block = left.mT @ right
                wide = block.new_zeros(*block.shape[:2], mine[s].shape[2], *block.shape[2:])
                wide = wide.index_copy(2, torch.tensor([j], device=block.device), block[:, :, None])
                total = added(total, wide.flatten(2, 3), positions[:, s], positions[:, t], count, joint)
        return total


def _is_affine(rows: ExpertRows, fields: Sequence[Tensor]) -> bool:
    """Whether a term is linear in the fields: its slopes then have no graph to them."""
    with torch.enable_grad():
        leaves = [f.detach().requires_grad_() for f in fields]
        total = rows.residuals(leaves).sum()
        found = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    return all(g is None or not g.requires_grad for g in found)
