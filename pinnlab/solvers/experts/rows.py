"""Rows of the experts' least-squares problems: any term of a problem, on fields that are basis times coefficients.

Letters: M members of a family, K experts, B sets of points, n points of a set, S sites of a term, q residuals of a term,
m unknowns, N basis functions, c derivatives, d coordinates.

A term (an equation, a condition, an interface) is evaluated once for all members and sets of points. Its dependence on
the fields is pointwise, so one autograd call gives the linearization, and the Jacobian is that times the basis functions'
derivatives. Coefficients of all experts are one tensor (M, K, m, N).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.indices import Indices, closure
from pinnlab.derivatives.names import Key, sort_key
from pinnlab.domains import Region
from pinnlab.domains.columns import columns_of


@dataclass(frozen=True)
class Expansion:
    """Fields at points: u = offset + basis . w.

    Attributes:
        basis: (M, B, m, c, n, N) derivatives of the basis functions of each unknown.
        offset: (M, B, m, c, n) what exact conditions contribute, or None.
    """

    basis: Tensor
    offset: Tensor | None = None

    def fields(self, w: Tensor) -> Tensor:
        """(M, B, m, c, n) from coefficients (M, B, m, N)."""
        values = (self.basis.flatten(3, 4) @ w[..., None])[..., 0].unflatten(3, self.basis.shape[3:5])
        return values if self.offset is None else values + self.offset

    def mixed(self, change: Tensor) -> Expansion:
        """The same fields for coefficients v with w = change @ v, change (M, B, m, N, N)."""
        return Expansion((self.basis.flatten(3, 4) @ change).unflatten(3, self.basis.shape[3:5]), self.offset)


class Basis(Protocol):
    """Whoever supplies basis functions: a network in coordinates, a network on a grid."""

    def expand(self, points: Tensor, indices: Indices) -> Expansion:
        """The expansion at points (B, n, d)."""


class MemberParameters:
    """The parameters of M members, as terms see them.

    Args:
        fixed: {name: 0-dim tensor or anything else that is common to all}.
        values: {name: (M,) tensor, or M functions of coordinates}.
        count: M.
    """

    def __init__(self, fixed: Mapping[str, Any], values: Mapping[str, Any], count: int):
        self.fixed, self.values, self.count = dict(fixed), dict(values), count

    def scope(self, n: int) -> dict[str, Any]:
        """Parameters at n points per member, (M n,) each."""
        found = dict(self.fixed)
        for name, value in self.values.items():
            found[name] = value.repeat_interleave(n) if isinstance(value, Tensor) else _SideBySide(value)
        return found


class _SideBySide(FunctionParameter):
    """M functions as one: points are M groups of one size, one after the other, and each function has its own group."""

    def __init__(self, functions: Sequence[FunctionParameter]):
        self.functions = tuple(functions)
        self.on, self.columns = functions[0].on, functions[0].columns

    def at(self, points: Tensor) -> Tensor:
        return torch.cat([f.at(p) for f, p in self._pairs(points)])

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return torch.cat([f.jet(p, indices) for f, p in self._pairs(points)], dim=1)

    def _pairs(self, points: Tensor) -> list[tuple[FunctionParameter, Tensor]]:
        parts = points.reshape(len(self.functions), -1, points.shape[-1])
        return list(zip(self.functions, parts, strict=True))


class ExpertRows:
    """One term at B sets of points.

    Args:
        term: what vanishes.
        region: names the columns of points.
        unknowns: their names.
        experts: (B, S) whose fields each site of each set sees.
        points: per site, (B, n, d), or (1, n, d) where all sets are the same.
        normals: per site, like the points, or None.
        scale: (q,) multiplies the residuals.
        members: the parameters.
        used: the term's dry run.
    """

    def __init__(
        self,
        term: Term,
        region: Region,
        unknowns: tuple[str, ...],
        experts: Tensor,
        points: Sequence[Tensor],
        normals: Sequence[Tensor | None],
        scale: Tensor,
        members: MemberParameters,
        used: TermStructure,
    ):
        self.term, self.region, self.unknowns, self.experts = term, region, unknowns, experts
        self.points, self.normals, self.scale, self.members = tuple(points), tuple(normals), scale, members
        self.names, self.indices, self.used = used.names, used.indices, list(used.used)
        coordinates = region.coordinates
        self.keys = [sort_key((coordinates[i] for i in used.indices[u]), coordinates) for u in self.used]
        sets, n = len(experts), self.points[0].shape[1]
        count = members.count

        def flat(values: Tensor) -> dict[str, Tensor]:
            wide = values.expand(count, sets, n, -1).reshape(count * sets * n, -1)
            return {name: wide[:, i] for i, name in enumerate(coordinates)}

        self._columns = [columns_of(region, flat(p)) for p in self.points]
        self._normals = [None if v is None else flat(v) for v in self.normals]
        self._parameters = members.scope(sets * n)

    def expand(self, basis: Basis) -> tuple[Expansion, ...]:
        """The basis functions at each site."""
        found = []
        for points in self.points:
            e, sets = basis.expand(points, self.indices), len(self.experts)
            offset = None if e.offset is None else e.offset[:, :, :, self.used].expand(-1, sets, -1, -1, -1)
            found.append(Expansion(e.basis[:, :, :, self.used].expand(-1, sets, -1, -1, -1, -1), offset))
        return tuple(found)

    def fields(self, w: Tensor, expansions: Sequence[Expansion]) -> list[Tensor]:
        """Per site, (M, B, m, c, n) from coefficients (M, K, m, N)."""
        return [e.fields(w[:, self.experts[:, s]]) for s, e in enumerate(expansions)]

    def residuals(self, fields: Sequence[Tensor]) -> Tensor:
        """(M, B, q, n) scaled residuals."""
        scopes = []
        for values, columns, normals in zip(fields, self._columns, self._normals, strict=True):
            jets = {
                u: {key: values[:, :, j, i].reshape(-1) for i, key in enumerate(self.keys)}
                for j, u in enumerate(self.unknowns)
            }
            scopes.append(Scope.of_jets(jets, columns, self._parameters, normals))
        found = self.term.evaluate(tuple(scopes))
        shape = fields[0].shape
        stacked = torch.stack([found[name].reshape(shape[0], shape[1], shape[4]) for name in self.names], dim=2)
        return stacked * self.scale.to(stacked)[:, None]

    def linearized(self, fields: Sequence[Tensor], keep: bool = False) -> tuple[Tensor, list[Tensor]]:
        """(M, B, q, n) residuals, and per site their derivatives (M, B, q, m, c, n) by the fields."""
        with torch.enable_grad():
            leaves = [f.view_as(f) if keep and f.requires_grad else f.detach().requires_grad_() for f in fields]
            value = self.residuals(leaves)
            columns: list[list[Tensor]] = [[] for _ in leaves]
            for i in range(len(self.names)):
                found = torch.autograd.grad(
                    value[:, :, i].sum(), leaves, retain_graph=True, create_graph=keep, allow_unused=True
                )
                for s, (g, leaf) in enumerate(zip(found, leaves, strict=True)):
                    columns[s].append(torch.zeros_like(leaf) if g is None else g)
            slopes = [torch.stack(c, dim=2) for c in columns]
        return (value if keep else value.detach()), slopes

    def curvature(self, fields: Sequence[Tensor]) -> list[tuple[int, int, int, list[Tensor | None]]]:
        """Sum over residuals of r d2r/df df, pointwise: (site, unknown, derivative, rows (M, B, m, c, n) per site).

        Empty where the term is linear in the fields.
        """
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            leaves = [f.view_as(f) if keep and f.requires_grad else f.detach().requires_grad_() for f in fields]
            fixed = self.residuals(fields if keep else [f.detach() for f in fields])
            product = (fixed * self.residuals(leaves)).sum()
            slopes = torch.autograd.grad(product, leaves, create_graph=True, allow_unused=True)
            found: list[tuple[int, int, int, list[Tensor | None]]] = []
            for s, slope in enumerate(slopes):
                if slope is None or not slope.requires_grad:
                    continue
                for j in range(slope.shape[2]):
                    for i in range(slope.shape[3]):
                        rows = torch.autograd.grad(
                            slope[:, :, j, i].sum(), leaves, retain_graph=True, create_graph=keep, allow_unused=True
                        )
                        if any(r is not None and bool((r != 0).any()) for r in rows):
                            found.append((s, j, i, list(rows)))
        return found


@dataclass(frozen=True)
class TermStructure:
    """What evaluating a term once, on made-up fields, tells about it.

    Attributes:
        names: of its residuals.
        indices: the downward-closed set that holds all derivatives it uses.
        used: positions in ``indices`` of the derivatives that it uses itself.
        sizes: (q,) by how much a field of size one, changing over the domain's extent, moves each residual.
    """

    names: tuple[str, ...]
    indices: Indices
    used: tuple[int, ...]
    sizes: Tensor


def term_structure(
    term: Term, region: Region, unknowns: tuple[str, ...], parameters: Mapping[str, Any]
) -> TermStructure:
    """Names, derivatives and natural size of a term's residuals, from made-up fields.

    The size of a residual is the largest of |dr / d(derivative)| over the product of the lengths that the derivative is
    by, for fields of size one that change over the domain's extent: a residual divided by it does not depend on units.
    """
    unit = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)[:, None].expand(-1, len(region.coordinates))
    sites = term.draw(lambda n: unit[torch.arange(n) % 7], term.fixed or 7)
    names = region.coordinates
    lengths = {name: hi - lo for name, (lo, hi) in region.bounds.items()}

    def scale(key: Key) -> float:
        return math.prod(lengths[name] for name in key)

    traced = trace(term, region.columns, unknowns, parameters, sites, scale=scale)
    residuals = traced.residuals
    leaves = [(key, value) for jets in traced.jets for jet in jets.values() for key, value in jet.items()]
    sizes = []
    for value in residuals.values():
        size = 0.0
        if value.requires_grad:
            found = torch.autograd.grad(value.sum(), [v for _, v in leaves], retain_graph=True, allow_unused=True)
            for (key, _), g in zip(leaves, found, strict=True):
                if g is not None:
                    size = max(size, float(g.abs().mean()) / scale(key))
        sizes.append(size if 0 < size < math.inf else 1.0)
    wanted = {tuple(names.index(c) for c in key) for key, _ in leaves}
    indices = closure(wanted)
    used = tuple(i for i, index in enumerate(indices) if index in wanted)
    return TermStructure(tuple(residuals), indices, used, torch.tensor(sizes, dtype=torch.float64))
