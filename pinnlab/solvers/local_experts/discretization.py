"""From a problem to the rows of one slab: equations, initial state, boundary, interfaces between cells, data.

Letters: k cells, q points of a cell, d coordinates, m unknowns, N basis functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import Data, Initial, Integral, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import evaluate
from pinnlab.declaration.terms import Scope, Term, everywhere
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import VALUE
from pinnlab.domains import Box
from pinnlab.domains.cells import Cells
from pinnlab.domains.columns import Columns
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.faces import constant_starts
from pinnlab.reference.grids.equations import Equations
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.between import between_cells, of_transmission
from pinnlab.solvers.local_experts.corners import Rounding, SeamRounding, roundings
from pinnlab.solvers.local_experts.integrals import IntegralRows, SiteOfIntegral
from pinnlab.solvers.local_experts.kinks import InnerRounding, breaks_of_starts, inner_roundings
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.local_experts.rows import (
    NO_NUMBERS,
    CellJets,
    CellNodes,
    CellRows,
    Evaluate,
    Numbers,
    ReferenceNodes,
)
from pinnlab.solvers.local_experts.switched import Switched

Array = np.ndarray
_AS_LARGE = 0.9
"""Share of the largest value from which on a value is as good as the largest."""


@dataclass(frozen=True, eq=False)
class SlabRows:
    """The rows of one slab.

    Attributes:
        equations: at interior nodes of all cells.
        initial: the state at the slab's start; None for a steady problem.
        others: boundary, periodic and interface rows, and data.
        integrals: rows that touch all cells.
    """

    equations: CellRows
    initial: CellRows | None
    others: tuple[CellRows, ...]
    integrals: tuple[IntegralRows, ...] = ()

    @property
    def all(self) -> tuple[CellRows, ...]:
        """Every group."""
        return (self.equations, *((self.initial,) if self.initial is not None else ()), *self.others)


class Discretization:
    """Makes the rows of any slab of a problem.

    Args:
        problem: a single instance on a box.
        basis: the functions of every cell.
        tolerance: jumps of the initial state at the boundary that are larger, relative to its size, are rounded off.
        weight: of initial, boundary and interface rows against those of the equations.
    """

    def __init__(self, problem: Problem, basis: LocalBasis, tolerance: float, weight: float = 100.0):
        self.problem, self.basis, self.weight = problem, basis, weight
        assert isinstance(problem.domain, Box)
        self.domain = problem.domain
        self.names = self.domain.coordinates
        self.space = [i for i, name in enumerate(self.names) if name != self.domain.time]
        self.time = self.domain.time_index if self.domain.has_time else None
        self.parameters = problem.parameter_values()
        self.equations = Equations(problem)
        self.interior = ReferenceNodes(basis, basis.tensor_nodes())
        self.held_out = ReferenceNodes(basis, np.random.default_rng(1).uniform(-1, 1, self.interior.points.shape))
        self._faces: dict[tuple[int, float], ReferenceNodes] = {}
        context = problem.context()
        self.initial = [t for c in problem.conditions if isinstance(c, Initial) for t in c.targets(context)]
        # fluxes that jump where the ends of a periodic coordinate meet are joined as between cells
        self.seams = {n: t for n in self.names if (t := problem.joints.at(n, self.domain.bounds[n][1])) is not None}
        self.boundary = [
            everywhere(term)
            for c, terms in problem.condition_terms()
            if not isinstance(c, Initial | Data | Integral) and not (isinstance(c, Periodic) and c.on in self.seams)
            for term in terms
        ]
        self.integrals = [c for c in problem.conditions if isinstance(c, Integral)]
        sought = {*problem.unknown_functions}
        self.starts = {
            u: partial(self._given, u, ()) for u, key, _, names in self.initial if not key and not sought & {*names}
        }
        self.lift = {} if self.integrals else problem.clashes.taken_out(len(self.domain.space))
        # what breaks in the data of waves travels in what is known
        waves = problem.clashes.waves
        self.breaks = breaks_of_starts(problem, {u: start for u, start in self.starts.items() if u not in waves})
        self._rounded = [] if waves else self.boundary
        self.corners = self._corners(tolerance)
        self.switched = Switched(problem, self._rounded, tolerance)
        self.data = [part for c in problem.conditions if isinstance(c, Data) for part in c.complete()]

    def face(self, axis: int, upper: bool) -> ReferenceNodes:
        """Nodes on one face of the reference cell."""
        side = 1.0 if upper else -1.0
        if (axis, side) not in self._faces:
            self._faces[axis, side] = ReferenceNodes(self.basis, self.basis.tensor_nodes({axis: side}))
        return self._faces[axis, side]

    def rows(self, cells: Cells, before: Piece | None) -> SlabRows:
        """All rows of a slab that follows the piece ``before``."""
        others = self.boundary_rows(cells)
        others += [rows for axis in self.space for rows in self.interface_rows(cells, axis)]
        initial = self.initial_rows(cells, before) if self.initial else None
        integrals = tuple(self.integral_rows(cells, condition) for condition in self.integrals)
        return SlabRows(self.equation_rows(cells, self.interior), initial, (*others, *self.data_rows(cells)), integrals)

    def held_out_residual(self, cells: Cells, coefficients: Array, numbers: Numbers = NO_NUMBERS) -> float:
        """Root mean square of the equations' rows at points that no solve has seen."""
        residuals, _ = self.equation_rows(cells, self.held_out).linearized(coefficients, numbers)
        return float(np.sqrt((residuals**2).sum(axis=(1, 2)).mean()))

    def equation_rows(self, cells: Cells, nodes: ReferenceNodes) -> CellRows:
        """The equations at nodes of every cell."""
        site = CellNodes(cells, np.arange(cells.count), nodes)
        columns = self._columns(site.points)
        highest = self.problem.order(self.domain.clock) if self.time is not None else 0

        def leads(key: Key) -> bool:
            return key.count(self.domain.clock) == highest > 0

        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
            return self.equations.residuals(jets[0], columns, numbers)

        return CellRows(self.problem.unknowns, [site], evaluate, leading=leads if highest else None, lift=self.lift)

    def boundary_rows(self, cells: Cells) -> list[CellRows]:
        """Boundary and periodic conditions."""
        found = [self._term_rows(term, self._boundary_nodes(cells, term)) for term in self.boundary]
        for name, transmission in self.seams.items():
            axis = self.names.index(name)
            sites = [CellNodes(cells, cells.side(axis, upper), self.face(axis, upper)) for upper in (True, False)]
            evaluate = of_transmission(self.problem, name, transmission, sites)
            found.append(CellRows(self.problem.unknowns, sites, evaluate, self.weight, lift=self.lift))
        return found

    def _boundary_nodes(self, cells: Cells, term: Term) -> list[CellNodes]:
        """The cells along the sides that a boundary or periodic term is about."""
        middle = torch.full((1, len(self.names)), 0.5, dtype=torch.float64)
        sides = [site.side for site in term.draw(lambda n: middle, 1)]
        return [CellNodes(cells, cells.side(axis, upper), self.face(axis, upper)) for axis, upper in sides]

    def _term_rows(self, term: Term, nodes: list[CellNodes]) -> CellRows:
        unit = self._unit(nodes[0].points)
        sites = term.draw(lambda n: unit, len(unit))
        columns = [self.domain.columns(site.points) for site in sites]
        normals = [None if site.normals is None else self.domain.columns(site.normals) for site in sites]
        evaluate = self._of_scopes(term, columns, normals)
        return CellRows(self.problem.unknowns, nodes, evaluate, self.weight, lift=self.lift)

    def _of_scopes(self, term: Term, columns: list, normals: list) -> Evaluate:
        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
            scopes = tuple(
                Scope.of_jets(jet, column, {**self.parameters, **numbers}, normal)
                for jet, column, normal in zip(jets, columns, normals, strict=True)
            )
            return list(term.evaluate(scopes).values())

        return evaluate

    def interface_rows(self, cells: Cells, axis: int) -> list[CellRows]:
        """What is not continuous between neighbours along an axis."""
        below, above = self.face(axis, True), self.face(axis, False)
        return [
            CellRows(self.problem.unknowns, sites, evaluate, self.weight, lift=self.lift if of_fluxes else {})
            for sites, evaluate, of_fluxes in between_cells(self.problem, cells, axis, below, above)
        ]

    def initial_rows(self, cells: Cells, before: Piece | None) -> CellRows:
        """The initial state: the problem's, or the end of the slab before."""
        assert self.time is not None
        site = CellNodes(cells, cells.side(self.time, False), self.face(self.time, False))
        targets = self.start_values(site.points, before)

        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Any]) -> list[Tensor]:
            here = targets
            if numbers and before is None:  # what is sought may be part of the initial state
                here = self.start_values(site.points, None, numbers)
            return [jets[0][u][key] - target for (u, key), target in here.items()]

        return CellRows(self.problem.unknowns, [site], evaluate, self.weight, lift=self.lift)

    def start_values(
        self, points: Array, before: Piece | None, numbers: Mapping[str, Any] | None = None
    ) -> dict[tuple[str, Key], Tensor]:
        """{(unknown, time derivative): (n,)} of the state with which a slab starts, at points (n, d).

        Args:
            points: (n, d).
            before: the slab before; None at the start.
            numbers: values of parameters that are sought.
        """
        at = torch.from_numpy(points)
        if before is None:
            return {(u, key): self._start(u, key, at, numbers) for u, key, _, _ in self.initial}
        assert self.time is not None
        at = at.clone()
        at[:, self.time] = before.region.time_interval[1]
        indices = tuple((self.time,) * len(key) for _, key, _, _ in self.initial)
        jet = before.jet(at, indices)
        found = {(u, key): jet[i, :, self.problem.unknowns.index(u)] for i, (u, key, _, _) in enumerate(self.initial)}
        for corner in self.switched.after(before):
            found[corner.unknown, ()] = found[corner.unknown, ()] + corner(at)
        return found

    def _given(self, unknown: str, key: Key, at: Tensor, numbers: Mapping[str, Any] | None = None) -> Tensor:
        """The initial state that the problem declares."""
        value, names = next((v, n) for u, k, v, n in self.initial if (u, k) == (unknown, key))
        parameters = {**self.parameters, **(numbers or {})}
        return Scope({}, self.domain.columns(at), parameters).value(value, names, f"initial {unknown}")

    def given_state(self, points: Tensor) -> dict[str, Tensor]:
        """{unknown: (n,)} of the initial state that the problem declares, at points (n, d)."""
        at = points.detach().to("cpu", torch.float64)
        return {u: self._given(u, key, at).to(points) for u, key, _, _ in self.initial if not key}

    def _start(self, unknown: str, key: Key, at: Tensor, numbers: Mapping[str, Any] | None = None) -> Tensor:
        """The initial state as it is solved from, with its jumps at the boundary rounded off."""
        found = self._given(unknown, key, at, numbers)
        for corner in self.corners:
            if corner.unknown == unknown and not key:
                found = found + corner(at)
        return found

    def _corners(self, tolerance: float) -> list[Rounding | SeamRounding | InnerRounding]:
        starts = {u: partial(self._lifted_start, u) for u in self.starts}
        first = self.domain.time_interval[0] if self.time is not None else 0.0
        at_sides = roundings(self.problem, self._rounded, starts, tolerance, first)
        return [*at_sides, *inner_roundings(self.problem, self.starts, self.breaks, tolerance)]

    def _lifted_start(self, unknown: str, at: Tensor) -> Tensor:
        """The initial state with the known part of the unknown, which has the boundary's values on the boundary."""
        found = self._given(unknown, (), at)
        return found + self.lift[unknown].jet(at, VALUE)[0, :, 0] if unknown in self.lift else found

    def integral_rows(self, cells: Cells, condition: Integral) -> IntegralRows:
        """An integral over space: one row without time, else one at each of the nodes in time."""
        (term,) = condition.terms(self.problem.context())
        sites = [self._inner_site(cells)] if condition.on is None else []
        for piece in () if condition.on is None else self.domain.pieces(condition.on):
            axis, _, sign = self.domain.face(piece)
            nodes = CellNodes(cells, cells.side(axis, sign > 0), self.face(axis, sign > 0))
            sites.append(self._site_of_integral(nodes, {axis: sign}))
        return IntegralRows(self.problem.unknowns, term, sites, self.parameters, self.weight)

    def _inner_site(self, cells: Cells) -> SiteOfIntegral:
        return self._site_of_integral(CellNodes(cells, np.arange(cells.count), self.interior), {})

    def _site_of_integral(self, nodes: CellNodes, fixed: dict[int, float]) -> SiteOfIntegral:
        """Weights of nodes whose fixed coordinates are at an end of the reference cell, and the times they are at."""
        weights, times = self.basis.tensor_weights(fixed, self.time)
        free = [i for i in self.space if i not in fixed]
        lengths = np.prod(nodes.cells.width[nodes.which][:, free] / 2, axis=1)
        columns = self._columns(nodes.points)
        like = next(iter(columns.values()))
        normals = {n: torch.full_like(like, fixed.get(i, 0.0)) for i, n in enumerate(self.names)} if fixed else None
        return SiteOfIntegral(nodes, lengths[:, None] * weights, times, columns, normals)

    def data_rows(self, cells: Cells, data: Sequence[Data] | None = None) -> list[CellRows]:
        """Measurements inside the slab, cell by cell; of all data, or of some."""
        groups = []
        for condition in self.data if data is None else data:
            inside = condition.within(cells.region, self.domain)
            if inside is None:
                continue
            points = np.stack([inside.points[n].numpy() for n in self.names], axis=1)
            home = cells.locate(torch.from_numpy(points)).numpy()
            reference = cells.reference(home, points)
            for cell in np.unique(home):
                mine = home == cell
                site = CellNodes(cells, np.array([cell]), ReferenceNodes(self.basis, reference[mine]))
                here = inside.at(torch.from_numpy(mine), self.domain)
                evaluate, weight = self._measured(here, torch.from_numpy(points[mine])), np.sqrt(condition.weight)
                groups.append(CellRows(self.problem.unknowns, [site], evaluate, weight, lift=self.lift))
        return groups

    def _measured(self, condition: Data, points: Tensor) -> Evaluate:
        """The misfits of measurements at their points (n, d)."""
        terms = condition.terms(self.problem.context())
        (site,) = terms[0].draw(lambda n: points, len(points))
        columns = self.domain.columns(points)
        normals = None if site.normals is None else self.domain.columns(site.normals)

        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
            scope = Scope.of_jets(jets[0], columns, {**self.parameters, **numbers}, normals)
            return [misfit for term in terms for misfit in term.evaluate((scope,)).values()]

        return evaluate

    def guess(self, cells: Cells, before: Piece | None) -> Array:
        """(K, m, N): the start state, constant in time; zero where there is none."""
        points = cells.points(np.arange(cells.count), self.interior.points)
        q, d = self.interior.points.shape
        values = np.zeros((cells.count, len(self.problem.unknowns), q))
        if self.time is not None:
            points[..., self.time] = cells.lower[:, None, self.time]
            found = self.start_values(points.reshape(-1, d), before)
            for j, u in enumerate(self.problem.unknowns):
                if (u, ()) in found:
                    values[:, j] = found[u, ()].detach().numpy().reshape(-1, q)
                    values[:, j] -= self._known(u, points)
        return self.fitted(values)

    def constants(self, cells: Cells) -> list[Array]:
        """(K, m, N) each: constants from which a steady problem may be solved; see ``constant_starts``."""
        shape = (cells.count, len(self.problem.unknowns), len(self.interior.points))
        starts = (np.array(start)[:, None] for start in constant_starts(self.problem))
        return [self.fitted(np.broadcast_to(start, shape)) for start in starts]

    def bump(self, cells: Cells) -> Array:
        """(K, m, N): smooth functions of size one without any symmetry."""
        points = cells.points(np.arange(cells.count), self.interior.points)
        lower, upper = (np.array(side) for side in zip(*self.domain.bounds.values(), strict=True))
        unit = (points - lower) / (upper - lower)
        waves = [
            np.cos(unit @ np.linspace(2.1 + j, 3.4 + j, len(lower)) + 0.7 * j)
            for j in range(len(self.problem.unknowns))
        ]
        return self.fitted(1.3 + np.stack(waves, axis=1))

    def turned(self, coefficients: Array, cells: Cells) -> Array:
        """(K, m, N) with the sign of the problem's reference, else the one that makes its largest value positive.

        Of several values that are about as large, the first counts.
        """
        values = self.values(coefficients)[:, 0].ravel()
        if self.problem.reference is not None:
            points = cells.points(np.arange(cells.count), self.interior.points).reshape(-1, len(self.names))
            meant = evaluate(self.problem.reference, self.problem, torch.from_numpy(points))[:, 0].numpy()
            along = float(values @ meant)
        else:
            along = float(values[np.flatnonzero(np.abs(values) > _AS_LARGE * np.abs(values).max())[0]])
        return -coefficients if along < 0 else coefficients

    def fitted(self, values: Array) -> Array:
        """Coefficients (..., N) of values (..., q) at the interior nodes."""
        return self.basis.from_nodes(values)

    def values(self, coefficients: Array) -> Array:
        """(..., q) values at the interior nodes, the inverse of ``fitted``."""
        return coefficients @ self.interior.rows((0,) * len(self.names)).T

    def moved(self, piece: Piece, cells: Cells) -> Array:
        """(K, m, N): a piece's functions on other cells of the same region."""
        return self.sampled(piece.values, cells)

    def sampled(self, function: Callable[[Tensor], Tensor], cells: Cells) -> Array:
        """(K, m, N): a function (n, d) -> (n, m) on cells; zero where it is not known."""
        points = cells.points(np.arange(cells.count), self.interior.points)
        values = function(torch.from_numpy(points.reshape(-1, len(self.names)))).numpy()
        values = values.reshape(cells.count, -1, len(self.problem.unknowns)).transpose(0, 2, 1)
        known = [self._known(u, points) for u in self.problem.unknowns]
        return self.fitted(np.nan_to_num(values - np.stack(np.broadcast_arrays(*known, values[:, 0])[:-1], axis=1)))

    def _known(self, unknown: str, points: Array) -> Array | float:
        """Values (K, q) of the known part of an unknown at points (K, q, d); zero where there is none."""
        if unknown not in self.lift:
            return 0.0
        flat = torch.from_numpy(points.reshape(-1, len(self.names)))
        return self.lift[unknown].jet(flat, VALUE)[0, :, 0].numpy().reshape(points.shape[:2])

    @cached_property
    def lift_sizes(self) -> Array:
        """(m,): how large the known parts of the unknowns are."""
        points = self.domain.interior(unit_points("sobol", 512, len(self.names), np.random.default_rng(0))).points
        return np.array([np.abs(self._known(u, points.numpy()[None])).max() for u in self.problem.unknowns])

    def _columns(self, points: Array) -> Columns:
        return self.domain.columns(torch.from_numpy(points))

    def _unit(self, points: Array) -> Tensor:
        lower, upper = (np.array(side) for side in zip(*self.domain.bounds.values(), strict=True))
        return torch.from_numpy((points - lower) / (upper - lower))
