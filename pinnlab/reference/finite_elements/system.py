"""Equations in weak form: residuals and exact Jacobians on quadratic elements, from the problem's pointwise equations.

Letters: d coordinates, k elements, q quadrature points of each, i functions of an element, v nodes, c components of the
state, N = c v, s instants.

An equation is c dF/dx + g, with fluxes F and g of first order (``fluxes.py``). Multiplied by a function phi that vanishes
where values are given, and integrated by parts, it is the integral of

    phi (g - dc/dx F) - dphi/dx c F    and over the boundary of    phi n c F,

so that what is joined from element to element is the flux, whether materials jump there or not. On the boundary n c F
follows from the condition: it is taken less as much of the condition's residual as takes the normal derivative out of it.
dc/dx is that of polynomials through the values of c at the quadrature points of each element, and mostly zero.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property, partial
from types import MappingProxyType

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.names import Key
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains.columns import Columns, columns_of
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.finite_elements.assembly import Forms, Numbers, Parts, Side, Source, tested_along
from pinnlab.reference.finite_elements.conditions import BoundaryFlux, Holds, sorted_conditions
from pinnlab.reference.finite_elements.fluxes import Pointwise, first_order_keys, pointwise
from pinnlab.reference.finite_elements.space import Array, Points, Space
from pinnlab.reference.finite_elements.upwinding import upstream
from pinnlab.reference.grids.structure import Structure
from pinnlab.reference.refinement import HopelessError


class ElementSystem:
    """R(U, U', t) = 0 on finite elements.

    Args:
        problem: of second order in space.
        structure: of its equations.
        space: the elements.
        rows: of each equation the unknown whose functions it is tested by.
        multipliers: {pressure: number of its constraint}.
        upwinded: unknowns whose equations are tested upstream, where transport dominates.
        through: {number of an equation: the unknown whose conditions its flux follows from}, where that is another one
            than the unknown whose functions test it.
        places: (d, v) of the nodes, at which data are taken; None for their positions.
        deadline: ``residual`` and ``jacobians`` raise TimeIsUpError after it.
    """

    is_full = False

    def __init__(
        self,
        problem: Problem,
        structure: Structure,
        space: Space,
        rows: tuple[str, ...],
        deadline: Deadline | None = None,
        multipliers: Mapping[str, int] = MappingProxyType({}),
        upwinded: Collection[str] = (),
        through: Mapping[int, str] = MappingProxyType({}),
        places: Array | None = None,
    ):
        self.problem, self.structure, self.space, self.rows = problem, structure, space, rows
        self.upwinded = frozenset(upwinded)
        self.through = [through.get(i, unknown) for i, unknown in enumerate(rows)]
        self.deadline, self.linearizations = deadline or Deadline(), 0
        self.components = structure.components
        # more than one, for the integrator's patience
        self.axes: dict[str, object] = dict.fromkeys(problem.domain.space)
        self.names, self.shape = problem.domain.space, (space.count,)
        self.places = space.nodes if places is None else places
        self.size = len(self.components) * space.count
        self._row = {component: i for i, component in enumerate(self.components)}
        self._parameters = problem.parameter_values()
        self.time = problem.domain.time
        paired = {u for i, other in through.items() for u in (rows[i], other)}
        essential, self.fluxes = sorted_conditions(problem, multipliers, paired)
        taken = np.zeros(self.size, dtype=bool)
        self.essential = []
        for condition in essential:
            nodes = space.nodes_on(condition.piece)
            mine = self.block(condition.unknown) + nodes
            free = ~taken[mine]
            if condition.holds is not None:
                free &= space.on(condition.piece).belong(nodes, space.nodes, partial(self._holds, condition.holds))
            taken[mine[free]] = True
            normals = space.normals_at(condition.piece)[:, free]
            self.essential.append((condition, nodes[free], mine[free], normals))
        self.free = ~taken
        self.counted = np.ones(self.size, dtype=bool)
        self._sides = [self._points_of(flux) for flux in self.fluxes]

    def top(self, unknown: str) -> int:
        """Order in time of the component that the unknown's equation advances."""
        return max(self.structure.time_order[unknown], 1) - 1

    def block(self, unknown: str) -> int:
        """First row of the equation that is tested by an unknown's functions."""
        return self._row[unknown, self.top(unknown)] * self.space.count

    def source(self, unknown: str, key: Key) -> tuple[Source, tuple[int, ...]]:
        """Which part of state or rates a derivative is of, and the coordinates it is by."""
        p = self.structure.time_order[unknown]
        order = key.count(self.time) if self.time is not None else 0
        place = tuple(self.names.index(name) for name in key if name != self.time)
        if p and order == p:
            return (self._row[unknown, p - 1], True), place
        return (self._row[unknown, order], False), place

    # -- values at points ----------------------------------------------------------------------------------------------

    @property
    def start(self) -> float:
        """The first time."""
        return 0.0 if self.time is None else self.problem.domain.time_interval[0]

    def _holds(self, holds: Holds, at: Array) -> Array:
        """Whether something holds at points (d, ...), one after the other."""
        return holds(self.columns(at, self.start)).numpy()

    def _points_of(self, flux: BoundaryFlux) -> Points:
        """Quadrature points of the sides on which conditions hold."""
        points = self.space.on(flux.piece)
        there = 1.0 if flux.holds is None else self._holds(flux.holds, points.at).reshape(points.weights.shape)
        return replace(points, weights=points.weights * there)

    def columns(self, at: Array, t: float) -> Columns:
        """{coordinate: (n,)} of points (d, ...) at one instant."""
        found = {}
        for name in self.problem.domain.coordinates:
            values = np.full(at[0].size, t) if name == self.time else at[self.names.index(name)].ravel()
            found[name] = torch.from_numpy(np.ascontiguousarray(values))
        return columns_of(self.problem.domain, found)

    @cached_property
    def _keys(self) -> dict[str, list[Key]]:
        return first_order_keys(self.problem, self.structure.time_order)

    def _leaves(self, state: Array, rate: Array, points: Points) -> dict[tuple[str, Key], Tensor]:
        kept: dict[Source, tuple[Array, Array]] = {}
        found = {}
        for unknown, keys in self._keys.items():
            for key in keys:
                source, place = self.source(unknown, key)
                if source not in kept:
                    u = (rate if source[1] else state)[source[0]]
                    kept[source] = points.value(u), points.gradient(u)
                value = kept[source][1][place[0]] if place else kept[source][0]
                found[unknown, key] = torch.from_numpy(value.reshape(-1).copy()).requires_grad_()
        return found

    def at(self, state: Array, rate: Array, points: Points, t: float, bent: bool = False) -> Pointwise:
        """The equations at quadrature points; ``bent`` puts in the fluxes' derivatives inside the elements."""
        leaves, columns = self._leaves(state, rate, points), self.columns(points.at, t)
        found = pointwise(self.problem, leaves, columns, self._parameters)
        if not bent or not found.fluxes:
            return found
        shape = points.weights.shape
        derivatives = [
            torch.from_numpy(
                points.slope(f.value.numpy(force=True).reshape(shape))[self.names.index(f.coordinate)].ravel()
            )
            for f in found.fluxes
        ]
        return pointwise(self.problem, leaves, columns, self._parameters, derivatives)

    # -- residuals -----------------------------------------------------------------------------------------------------

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (s, N) for states and rates (s, c, v) at s times."""
        return np.stack([self._residual(u, r, float(t)) for u, r, t in zip(states, rates, times, strict=True)])

    def _residual(self, state: Array, rate: Array, t: float) -> Array:
        self.deadline.check()
        total = np.zeros(self.size)
        for points in self.space.parts:
            self.deadline.check()
            shape = points.weights.shape
            found = self.at(state, rate, points, t)
            for unknown, residual in zip(self.rows, found.residuals, strict=True):
                value, flux = residual.numpy(force=True).reshape(shape).copy(), np.zeros((len(self.names), *shape))
                for each, factor in zip(found.fluxes, found.by_fluxes(residual), strict=True):
                    if factor is not None:
                        axis, inner = self.names.index(each.coordinate), each.value.numpy(force=True).reshape(shape)
                        c = factor.numpy().reshape(shape)
                        flux[axis] -= c * inner
                        value -= _slope(points, c, axis) * inner
                along = self._upstream(found, residual, unknown, points)
                if along is not None:
                    inside = self.at(state, rate, points, t, bent=True).residuals[self.rows.index(unknown)]
                    flux += along * inside.numpy(force=True).reshape(shape)
                self._add(total, unknown, points, value, flux)
        for given, on in zip(self.fluxes, self._sides, strict=True):
            side = self._side(state, rate, given, on, t)
            for i, unknown in enumerate(self.rows):
                # the flux of an unknown with a condition elsewhere is not this one's
                if i in side.through and self.through[i] in given.unknowns:
                    value = side.through[i] - sum(side.share[i, j] * r for j, r in enumerate(side.residuals))
                    self._add(total, unknown, on, value, None)
        for row, (unknown, order) in enumerate(self.components):
            if order < self.top(unknown):
                first = row * self.space.count
                total[first : first + self.space.count] += rate[row] - state[row + 1]
        for condition, nodes, mine, normals in self.essential:
            scope, _ = self._node_scope(state, rate, nodes, normals, t)
            total[mine] = condition.misfit(scope).numpy(force=True)
        return total

    def _upstream(self, found: Pointwise, residual: Tensor, unknown: str, points: Points) -> Array | None:
        """(d, k, q) by which the residual inside elements is tested along slopes of functions."""
        if unknown not in self.upwinded:
            return None
        corners = np.moveaxis(self.space.nodes[:, points.nodes[: len(self.names) + 1]], (0, 1, 2), (2, 1, 0))
        return upstream(*found.transport(residual, unknown, self.names), corners)

    def _add(self, total: Array, unknown: str, points: Points, value: Array, slope: Array | None) -> None:
        """Add the integral of phi value + grad phi . slope over all functions phi of an unknown."""
        found = np.einsum("ikq,kq->ik", points.values, points.weights * value)
        if slope is not None:
            found += np.einsum("dikq,dkq->ik", points.gradients, points.weights * slope)
        first = self.block(unknown)
        total[first : first + self.space.count] += np.bincount(
            points.nodes.ravel(), found.ravel(), minlength=self.space.count
        )

    def sizes(self, state: Array) -> dict[str, float]:
        """{unknown: mean size of the terms of the equation that its functions test}, of a steady problem."""
        sizes, whole = np.zeros(len(self.rows)), sum(float(points.weights.sum()) for points in self.space.parts)
        for points in self.space.parts:
            found = self.at(state, np.zeros_like(state), points, 0.0, bent=True)
            sizes += [float(found.terms(residual).numpy() @ points.weights.ravel()) for residual in found.residuals]
        return dict(zip(self.rows, (sizes / whole).tolist(), strict=True))

    # -- the boundary --------------------------------------------------------------------------------------------------

    def _node_scope(
        self, state: Array, rate: Array, nodes: Array, normals: Array, t: float
    ) -> tuple[Scope, dict[str, dict[Key, Tensor]]]:
        """What essential conditions see at nodes, and the leaves."""
        jets: dict[str, dict[Key, Tensor]] = {}
        for unknown in self.problem.unknowns:
            jets[unknown] = {}
            for order in range(self.structure.time_order[unknown] + 1):
                key = (self.time,) * order if self.time is not None else ()
                source, _ = self.source(unknown, key)
                values = torch.from_numpy((rate if source[1] else state)[source[0], nodes].copy())
                jets[unknown][key] = values.requires_grad_()
        outward = {name: torch.from_numpy(normals[a].copy()) for a, name in enumerate(self.names)}
        return Scope.of_jets(jets, self.columns(self.places[:, nodes], t), self._parameters, outward), jets

    def _side(self, state: Array, rate: Array, given: BoundaryFlux, points: Points, t: float) -> Side:
        shape = points.weights.shape
        assert points.normals is not None
        found = self.at(state, rate, points, t)
        jets: dict[str, dict[Key, Tensor]] = {u: {} for u in self.problem.unknowns}
        for (unknown, key), value in found.leaves.items():
            jets[unknown][key] = value
        normals = {name: torch.from_numpy(points.normals[a].reshape(-1).copy()) for a, name in enumerate(self.names)}
        scope = Scope.of_jets(jets, self.columns(points.at, t), self._parameters, normals)
        residuals = [misfit(scope) for misfit in given.misfits] + [found.residuals[i] for i in given.equations]
        wanted = {self.source(u, ())[0]: j for j, u in enumerate(given.unknowns)}
        linear = [self._numbers(row, shape) for row in linearize(residuals, jets)]
        slopes = np.stack([self._across(row, wanted, points) for row in linear])
        through: dict[int, Array] = {}
        changes: dict[int, Numbers] = {}
        across = np.zeros((len(self.rows), len(wanted), *shape))
        for i, residual in enumerate(found.residuals):
            for each, factor in zip(found.fluxes, found.by_fluxes(residual), strict=True):
                if factor is None:
                    continue
                normal = points.normals[self.names.index(each.coordinate)]
                weight = factor.numpy().reshape(shape) * normal
                through[i] = through.get(i, 0.0) + weight * each.value.numpy(force=True).reshape(shape)
                mine = changes.setdefault(i, {})
                for leaf, slope in self._numbers(found.by_leaves(each.value), shape).items():
                    mine[leaf] = mine.get(leaf, 0.0) + weight * slope
            across[i] = self._across(changes.get(i, {}), wanted, points)
        # share . slopes = across, point by point
        try:
            share = np.linalg.solve(np.moveaxis(slopes, (0, 1), (-1, -2)), np.moveaxis(across, (0, 1), (-1, -2)))
        except np.linalg.LinAlgError as error:
            raise HopelessError(
                f"reference_solution: the conditions at {given.piece!r} do not fix the normal derivatives of "
                f"{' and '.join(given.unknowns)}; give a value or a flux of each there (beside a pressure, of all but the "
                "normal component)."
            ) from error
        values = [r.numpy(force=True).reshape(shape) for r in residuals]
        return Side(through, changes, np.moveaxis(share, (-1, -2), (0, 1)), values, linear)

    @staticmethod
    def _numbers(row: Mapping[tuple[str, Key], Tensor], shape: tuple[int, ...]) -> Numbers:
        return {leaf: value.numpy(force=True).reshape(shape) for leaf, value in row.items()}

    def _across(self, row: Numbers, wanted: Mapping[Source, int], points: Points) -> Array:
        """(len(wanted), k, q) derivatives by the normal derivatives of some components."""
        found = np.zeros((len(wanted), *points.weights.shape))
        for (unknown, key), value in row.items():
            source, place = self.source(unknown, key)
            if place and source in wanted:
                assert points.normals is not None
                found[wanted[source]] += value * points.normals[place[0]]
        return found

    # -- Jacobians -----------------------------------------------------------------------------------------------------

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU'), each (N, N), at one instant; state and rate (c, v)."""
        self.deadline.check()
        self.linearizations += 1
        count, parts = self.space.count, Parts(self.size)
        for points in self.space.parts:
            self.deadline.check()
            self._add_jacobians(parts, state, rate, points, t)
        for given, on in zip(self.fluxes, self._sides, strict=True):
            side = self._side(state, rate, given, on, t)
            for i, change in side.changes.items():
                if self.through[i] not in given.unknowns:
                    continue
                forms = Forms(len(self.names), on.weights.shape)
                for leaf, value in change.items():
                    forms.add(*self.source(*leaf), None, value)
                for j, row in enumerate(side.linear):
                    for leaf, value in row.items():
                        forms.add(*self.source(*leaf), None, -side.share[i, j] * value)
                forms.assemble(parts, on, self.block(self.rows[i]), count)
        for number, (unknown, order) in enumerate(self.components):
            if order < self.top(unknown):
                mine = number * count + np.arange(count)
                parts.add(True, mine, mine, np.ones(count))
                parts.add(False, mine, mine + count, np.full(count, -1.0))
        parts.without(self.free)
        for condition, nodes, mine, normals in self.essential:
            scope, jets = self._node_scope(state, rate, nodes, normals, t)
            (of_nodes,) = linearize([condition.misfit(scope)], jets)
            for leaf, slope in of_nodes.items():
                source, _ = self.source(*leaf)
                parts.add(source[1], mine, source[0] * count + nodes, slope.numpy(force=True))
        return parts.sum(False), parts.sum(True)

    def _add_jacobians(self, parts: Parts, state: Array, rate: Array, points: Points, t: float) -> None:
        """What the equations inside some elements add to the matrices."""
        shape = points.weights.shape
        found = self.at(state, rate, points, t, bent=True)
        inner = [self._numbers(found.by_leaves(flux.value), shape) for flux in found.fluxes]
        for unknown, residual in zip(self.rows, found.residuals, strict=True):
            forms = Forms(len(self.names), shape)
            for leaf, value in self._numbers(found.by_leaves(residual), shape).items():
                forms.add(*self.source(*leaf), None, value)
            for flux, change, factor in zip(found.fluxes, inner, found.by_fluxes(residual), strict=True):
                if factor is None:
                    continue
                axis, c = self.names.index(flux.coordinate), factor.numpy().reshape(shape)
                for leaf, value in change.items():
                    forms.add(*self.source(*leaf), axis, -c * value)
                    if np.ptp(c):
                        forms.add(*self.source(*leaf), None, -_slope(points, c, axis) * value)
            along = self._upstream(found, residual, unknown, points)
            if along is not None:
                plain = {self.source(*leaf): v for leaf, v in self._numbers(found.by_leaves(residual), shape).items()}
                tested_along(forms, along, plain)
                for flux, change, factor in zip(found.fluxes, inner, found.by_fluxes(residual), strict=True):
                    if factor is not None:
                        axis, weighted = self.names.index(flux.coordinate), along * factor.numpy().reshape(shape)
                        bent = {self.source(*leaf): value for leaf, value in change.items()}
                        parts.add_bent(points, weighted, axis, bent, self.block(unknown), self.space.count)
            forms.assemble(parts, points, self.block(unknown), self.space.count)
        parts.sum_up()

    def fit_boundary(self, state: Array, rate: Array, t: float) -> Array:
        """The state with values at the boundary that satisfy the essential conditions."""
        flat = state.copy()
        for _ in range(2):
            for condition, nodes, _, normals in self.essential:
                scope, jets = self._node_scope(flat, rate, nodes, normals, t)
                misfit = condition.misfit(scope)
                (row,) = linearize([misfit], jets)
                slope = row.get((condition.unknown, ()))
                if slope is not None:
                    flat[self._row[condition.unknown, 0], nodes] -= (misfit / slope).numpy(force=True)
        return flat


def _slope(points: Points, c: Array, axis: int) -> Array | float:
    """The derivative of a factor inside the elements; most factors are constant."""
    return 0.0 if np.ptp(c) == 0 else points.slope(c)[axis]
