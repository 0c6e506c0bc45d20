"""What is continuous across the surfaces between materials, whatever their direction.

Letters: n points, d coordinates.

Across a surface with normal n, the equation a_1 dF_1/dx_1 + ... + a_d dF_d/dx_d + (lower order) = 0 makes the unknowns
continuous and the sum of n_i a_i F_i: of ``pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") - f`` that is k times the normal
derivative. Where only sources or lower coefficients jump, all derivatives below the equation's order are continuous.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.fluxes import lost_flux
from pinnlab.declaration.discontinuities.one_sided import OneSided
from pinnlab.declaration.discontinuities.transmission import Transmission
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.fields import Key
from pinnlab.domains.columns import Columns
from pinnlab.reference.finite_elements.fluxes import Pointwise, first_order_keys, pointwise
from pinnlab.solvers.cut_cells.parts import ALONG, HAIR, Materials, directed
from pinnlab.solvers.cut_cells.rows import Evaluate
from pinnlab.solvers.local_experts.rows import CellJets

Array = np.ndarray
_SAME = 1e-7
"""Relative difference up to which a factor is the same on both sides."""
_BESIDE = 1e-3
"""How far beside a surface the coefficients of one side are taken at most, relative to the cell: where materials meet in a
sharp corner, others are near."""
_COARSE, _FEW = 6, 3
"""Parts of the region's size, and nodes in each, at which equations are read before anything is solved."""


@dataclass(frozen=True)
class Kind:
    """How a surface is joined.

    Attributes:
        across: the coordinates along which its normal points.
        transmission: what is continuous at a plane where fluxes jump; None elsewhere.
    """

    across: tuple[str, ...]
    transmission: Transmission | None


@dataclass(frozen=True, eq=False)
class Crossings:
    """The rows that join what lies on both sides of surfaces.

    Args:
        problem: a steady one.
        materials: its parts.
    """

    problem: Problem
    materials: Materials

    @torch.enable_grad()
    def obstacle(self, owner: str) -> str | None:
        """Why fluxes cannot be joined; None where they can.

        Args:
            owner: how messages call the method.
        """
        problem, joints = self.problem, self.problem.joints
        region = problem.domain
        across = self.materials.divides
        open_jumps = [j for j in problem.jumps if j.position is not None or j.prescribed or not across(j, region)]
        at = joints.positions
        if (lost := lost_flux(open_jumps, at, joints.not_joined, region, problem.order, owner, at)) is not None:
            return lost
        curved = [jump for jump in problem.jumps if jump.flux and jump.position is None]
        if not curved:
            return None
        points, normals = self.materials.surface(region, lambda x: np.full(len(x), region.size / _COARSE), _FEW, None)
        normals = directed(normals)
        for kind, which in self.kinds(points, normals):
            if kind.transmission is None and (why := self._unread(kind, points[which], normals[which])) is not None:
                return (
                    f"{owner}: {curved[0]}. What is continuous across a surface of any direction cannot be read: {why}."
                )
        return None

    def kinds(self, points: Array, normals: Array) -> Iterator[tuple[Kind, Array]]:
        """How surfaces are joined, and the numbers of the nodes where they are joined so.

        Args:
            points: (n, d) on surfaces.
            normals: (n, d), ``directed``.
        """
        names, joints = self.problem.domain.coordinates, self.problem.joints
        slanted = np.abs(normals) > ALONG
        for support in np.unique(slanted, axis=0):
            across = tuple(name for name, along in zip(names, support, strict=True) if along)
            mine = np.flatnonzero((slanted == support).all(axis=1))
            if len(across) == 1:
                at = points[mine, names.index(across[0])]
                for position in np.unique(at):
                    if (made := joints.at(across[0], float(position))) is not None:
                        yield Kind(across, made), mine[at == position]
                mine = mine[[joints.at(across[0], float(position)) is None for position in at]]
            if len(mine):
                yield Kind(across, None), mine

    def evaluate(self, kind: Kind, points: Array, normals: Array, cells: Array) -> Evaluate:
        """Residuals from the jets on both sides, the one against the normals first.

        Args:
            kind: of ``kinds``.
            points, normals: (n, d) that are joined so.
            cells: (n,) sides of the cells there.
        """
        sides = self._sides(points, normals, _BESIDE * cells)
        if kind.transmission is not None:
            joined = kind.transmission
            return lambda jets, times: joined.mismatch((jets[0], sides[0]), (jets[1], sides[1]))
        if not any(jump.flux for jump in self.problem.jumps):
            leaves = self._below_order(kind.across)
            return lambda jets, times: [jets[0][u][key] - jets[1][u][key] for u, key in leaves]
        values = [u for u in self.problem.unknowns if self._order(u, kind.across)]
        towards = {name: torch.from_numpy(normals[:, i]) for i, name in enumerate(self.problem.domain.coordinates)}

        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            one, two = (
                side.limit(partial(self._normal_fluxes, jet, towards)) for jet, side in zip(jets, sides, strict=True)
            )
            found = [jets[0][u][()] - jets[1][u][()] for u in values]
            return found + [a - b for a, b in zip(one, two, strict=True)]

        return evaluate

    def contrast(self, points: Array, home: Array, experts: int) -> Array | None:
        """(K,) how much better each expert's material conducts than the worst; None where no flux jumps.

        Args:
            points: (n, d), with points of every expert among them.
            home: (n,) the expert of each.
            experts: K.
        """
        if not any(jump.flux for jump in self.problem.jumps):
            return None
        found = np.ones(experts)
        for conductivity in self.conductivities(points):
            best = np.zeros(experts)
            np.maximum.at(best, home, conductivity)
            found = np.maximum(found, best / best[best > 0].min())
        return found

    @torch.enable_grad()
    def conductivities(self, points: Array) -> list[Array]:
        """(n,) of each equation, the largest factor with which it differentiates a derivative; none of higher orders.

        Args:
            points: (n, d).
        """
        if max(self._order(u, self.problem.domain.coordinates) for u in self.problem.unknowns) > 2:
            return []
        seen = self._read(self._made_up(len(points)), self.problem.domain.columns(torch.from_numpy(points)))
        found = []
        for residual in seen.residuals:
            best = np.zeros(len(points))
            for flux, factor in zip(seen.fluxes, seen.by_fluxes(residual), strict=True):
                for (_, key), slope in ({} if factor is None else seen.by_leaves(flux.value)).items():
                    if factor is not None and key:
                        best = np.maximum(best, (factor * slope).abs().numpy())
            if best.any():
                found.append(best)
        return found

    def _sides(self, points: Array, normals: Array, most: Array | float = math.inf) -> tuple[OneSided, OneSided]:
        """The points as the sides against and along the normals see them, from no further away than ``most`` (n,)."""
        away, columns = np.minimum(HAIR * self.problem.domain.size, most / 2), self.problem.domain.columns
        step = np.broadcast_to(away, len(points))[:, None] * normals
        below, above = (
            OneSided(*(columns(torch.from_numpy(points + k * sign * step)) for k in (1, 2))) for sign in (-1, 1)
        )
        return below, above

    def _order(self, unknown: str, across: Sequence[str]) -> int:
        """Of the highest derivative by coordinates."""
        return max((sum(key.count(name) for name in across) for key in self.problem.derivatives[unknown]), default=0)

    def _below_order(self, across: Sequence[str]) -> list[tuple[str, Key]]:
        """Derivatives of lower order than the equations' by some coordinates."""
        return [
            (u, key)
            for u in self.problem.unknowns
            for order in range(self._order(u, across))
            for key in itertools.combinations_with_replacement(across, order)
        ]

    @torch.enable_grad()
    def _normal_fluxes(self, jets: CellJets, towards: Mapping[str, Tensor], columns: Columns) -> list[Tensor]:
        """(n,) of every equation that differentiates something twice."""
        given = {(u, key): jets[u][key] for u, key in self._leaves()}
        graph = all(value.requires_grad for value in given.values())
        # fluxes are told from other expressions by what they depend on
        leaves = given if graph else {leaf: value.detach().requires_grad_() for leaf, value in given.items()}
        seen = self._read(leaves, columns)
        found = []
        for residual in seen.residuals:
            terms = [
                towards[flux.coordinate] * factor * flux.value
                for flux, factor in zip(seen.fluxes, seen.by_fluxes(residual), strict=True)
                if factor is not None
            ]
            if terms:
                total = torch.stack(terms).sum(0)
                found.append(total if graph else total.detach())
        return found

    def _leaves(self) -> list[tuple[str, Key]]:
        keys = first_order_keys(self.problem, dict.fromkeys(self.problem.unknowns, 0))
        return [(u, key) for u in self.problem.unknowns for key in keys[u]]

    def _made_up(self, n: int) -> dict[tuple[str, Key], Tensor]:
        """{(unknown, derivative): (n,)} some positive numbers."""
        rng = np.random.default_rng(1)
        numbers = {leaf: torch.full((n,), rng.uniform(0.5, 1.5), dtype=torch.float64) for leaf in self._leaves()}
        return {leaf: number.requires_grad_() for leaf, number in numbers.items()}

    def _read(
        self, leaves: Mapping[tuple[str, Key], Tensor], columns: Columns, derivatives: list[Tensor] | None = None
    ) -> Pointwise:
        return pointwise(self.problem, leaves, columns, self.problem.parameter_values(), derivatives)

    def _unread(self, kind: Kind, points: Array, normals: Array) -> str | None:
        """Why the equations do not say what is continuous; None where they do."""
        orders = {u: self._order(u, kind.across) for u in self.problem.unknowns}
        if (highest := max(orders.values())) > 2:
            return f"the equations are of order {highest}, and fluxes are read off those of second order"
        if first := [u for u, order in orders.items() if order == 1]:
            return f"{first[0]!r} has first derivatives only, which may stand in the flux of another unknown"
        seen = []
        for side, value in itertools.product(self._sides(points, normals), (0.0, 1.0)):
            leaves = self._made_up(len(points))
            try:
                bare = self._read(leaves, side.near)
                found = self._read(leaves, side.near, [torch.full_like(flux.z, value) for flux in bare.fluxes])
            except ValueError as error:
                return str(error)
            seen.append([factor for residual in found.residuals for factor in found.by_fluxes(residual)])
        for factors in zip(*seen, strict=True):
            if any(f is None for f in factors):
                if any(f is not None for f in factors):
                    return "the equations differentiate something else on the other side"
                continue
            known = [f for f in factors if f is not None]
            if any(bool(((f - known[0]).abs() > _SAME * known[0].abs()).any()) for f in known):
                return "what is differentiated stands behind a coefficient that jumps or holds second derivatives"
        return None
