"""The least-squares rows of all experts: points of equations, conditions and interfaces, and which experts they couple.

Letters: K experts, B sets of points, n points of a set, S sites of a term, d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term, everywhere
from pinnlab.domains import Site
from pinnlab.domains.cells import Cells
from pinnlab.solvers.continuity import continuous_derivatives
from pinnlab.solvers.experts.layer import ExpertGroup
from pinnlab.solvers.experts.partition import in_unit_cube
from pinnlab.solvers.experts.rows import ExpertRows, MemberParameters, TermStructure, term_structure

COUPLINGS = ("march", "interface", "none")
Unit = Callable[[int], Tensor]
"""n -> (n, d) points of the unit cube."""


@dataclass(frozen=True)
class _WeightedTerm:
    """A term with its weight and dry run.

    An interface term is about the faces ``across`` one coordinate: those between neighbouring cells, or, with ``around``,
    the two ends of a periodic coordinate, which are one place.
    """

    term: Term
    weight: float
    shape: TermStructure
    across: str | None = None
    around: bool = False


@dataclass(frozen=True)
class _PointSets:
    """A term's points per site, (B, n, d) or, where all sets are the same, (1, n, d), and their experts (B, S)."""

    entry: _WeightedTerm
    experts: Tensor
    points: Sequence[Tensor]
    normals: Sequence[Tensor | None]

    def of(self, kept: Tensor) -> _PointSets:
        """Some of the sets (B,)."""

        def cut(values: Tensor) -> Tensor:
            return values if len(values) == 1 and len(kept) > 1 else values[kept]

        normals = [None if v is None else cut(v) for v in self.normals]
        return _PointSets(self.entry, self.experts[kept], [cut(p) for p in self.points], normals)


class ExpertAssembly:
    """The rows of a problem for experts that share out its domain.

    Args:
        problem: what must hold; of a family, any member.
        soft: conditions that are not built into the fields.
        cells: one for each expert.
        coupling: ``"interface"``: each expert sees the conditions on its own part of the boundary, and where two parts
            meet, values and normal derivatives up to the equation's order less one agree; all experts of a member are
            one problem. ``"march"``: the same, but experts that lie later in time start from the solution of those
            before. ``"none"``: every expert sees the conditions on the whole boundary and nothing of its neighbours
            (Chalapathi, Du & Krishnapriyan, arXiv 2402.13412).
        condition_weight: of the mean squares of conditions and interfaces, against one for the equations.
        periodic: coordinates whose ends are one place; the experts there are neighbours.

    Raises:
        ValueError: an unknown coupling.
    """

    def __init__(
        self,
        problem: Problem,
        soft: Sequence[Any],
        cells: Cells,
        coupling: str,
        condition_weight: float,
        periodic: Sequence[str] = (),
    ):
        if coupling not in COUPLINGS:
            raise ValueError(f"coupling={coupling!r} is unknown; choose one of {', '.join(map(repr, COUPLINGS))}.")
        self.problem, self.cells, self.coupling = problem, cells, coupling
        parameters = problem.parameter_values()
        unknowns: tuple[str, ...] = problem.unknowns

        def entry(term: Term, weight: float, across: str | None = None, around: bool = False) -> _WeightedTerm:
            return _WeightedTerm(
                term, weight, term_structure(term, problem.domain, unknowns, parameters), across, around
            )

        self._entries = [entry(problem.equation_term(), 1.0)]
        for condition, terms in problem.condition_terms():
            if condition in soft:
                self._entries += [
                    entry(everywhere(t), t.weight * (1.0 if t.kind == "data" else condition_weight)) for t in terms
                ]
        self._interfaces = []
        for name, count in zip(cells.edges, cells.shape, strict=True):
            if count == 1:
                continue
            for around in (False, True) if name in periodic else (False,):
                made = entry(interface_term(problem, cells, name), condition_weight, name, around)
                # an interface's rows are scaled already
                unit_size = replace(made.shape, sizes=torch.ones_like(made.shape.sizes))
                self._interfaces.append(replace(made, shape=unit_size))

    def draw(
        self,
        unit: Unit,
        members: MemberParameters,
        equation_points: int,
        condition_points: int,
        *,
        like: Tensor,
        snap: Callable[[Tensor], Tensor] | None = None,
        judge: bool = False,
        experts: Tensor | None = None,
    ) -> tuple[list[ExpertRows], list[ExpertGroup]]:
        """Rows at new points, and which experts they determine together.

        Args:
            unit: draws points of the unit cube.
            members: the parameters.
            equation_points: of each expert.
            condition_points: of each condition and interface of each expert.
            like: gives dtype and device.
            snap: moves points (..., d) to the nodes of a grid.
            judge: draw the rows that judge a solution instead: all in one group, conditions local whatever the coupling.
            experts: numbers of those whose rows are wanted, all if None; only for experts without coupling. An interface
                belongs to the expert below it.
        """
        everywhere = self.coupling == "none" and not judge
        found = []
        meeting = self._interfaces if judge or self.coupling != "none" else []
        for number, entry in enumerate([*self._entries, *meeting]):
            n = equation_points if number == 0 else condition_points
            if entry.across is not None:
                sets = self._faces(entry, unit(n).to(like))
            else:
                sets = self._local(entry, unit(n).to(like), everywhere and number > 0)
            if snap is not None:
                sets = _PointSets(entry, sets.experts, [snap(p) for p in sets.points], sets.normals)
            found.append(sets)
        rows: list[ExpertRows] = []
        groups: list[ExpertGroup] = []
        slabs = self._slabs(judge)
        for number in range(int(slabs.max()) + 1):
            start = len(rows)
            for sets in found:
                # rows between two slabs belong to the later one
                kept = slabs[sets.experts].amax(1) == number
                if experts is not None:
                    kept &= torch.isin(sets.experts[:, 0], experts)
                if bool(kept.any()):
                    rows.append(self._rows(sets.of(kept), members, like))
            mine = (slabs == number).nonzero()[:, 0]
            mine = mine if experts is None else mine[torch.isin(mine, experts)]
            uncoupled = self.coupling == "none" or len(mine) == 1
            # alone, an expert has one set of points per term, and no site with another expert
            one_set = all(
                len(r.experts) == len(mine) and bool((r.experts == r.experts[:, :1]).all()) for r in rows[start:]
            )
            groups.append(
                ExpertGroup(mine.to(like.device), tuple(range(start, len(rows))), joint=not (uncoupled and one_set))
            )
        return rows, groups

    def with_neighbours(self, experts: Tensor) -> Tensor:
        """Experts (k,) and those above them, whose coefficients rows that judge the former need; increasing."""
        above = [experts]
        for entry in self._interfaces:
            lower, upper = self._meeting(entry)
            above.append(upper[torch.isin(lower, experts)])
        return torch.unique(torch.cat(above))

    def _meeting(self, entry: _WeightedTerm) -> tuple[Tensor, Tensor]:
        """The experts below and above the faces of an interface term."""
        assert entry.across is not None
        axis = list(self.cells.edges).index(entry.across)
        ends = self.cells.side(axis, upper=True), self.cells.side(axis, upper=False)
        lower, upper = map(torch.from_numpy, ends if entry.around else self.cells.neighbours(axis))
        return lower, upper

    def _slabs(self, judge: bool) -> Tensor:
        """(K,) in which order experts are solved."""
        numbers = torch.zeros(self.cells.shape, dtype=torch.long)
        if self.coupling == "march" and not judge and self.cells.time is not None:
            axis = list(self.cells.edges).index(self.cells.time)
            shape = [1] * len(self.cells.shape)
            shape[axis] = -1
            numbers = numbers + torch.arange(self.cells.shape[axis]).reshape(shape)
        return numbers.reshape(-1)

    def _local(self, entry: _WeightedTerm, pattern: Tensor, everywhere: bool) -> _PointSets:
        term, count = entry.term, self.cells.count
        if everywhere or (term.fixed is not None and count == 1):
            sites = term.draw(lambda _: pattern, term.fixed or len(pattern))
            experts = torch.arange(count)[:, None].expand(-1, len(sites))
            return _PointSets(entry, experts, *_columns(sites, 1))
        if term.fixed is not None:
            sites = term.draw(lambda _: pattern, term.fixed)
            experts = torch.stack([self.cells.locate(s.points) for s in sites], dim=1)
            return _PointSets(entry, experts.cpu(), *_columns(sites, term.fixed))
        cube = in_unit_cube(self.cells, pattern).flatten(0, 1)
        sites = term.draw(lambda _: cube, len(cube))
        points, normals = _columns(sites, count)
        # a set lies with one expert, its centre tells with which, also where that is on a face
        experts = torch.stack([self.cells.locate(p.mean(1)) for p in points], dim=1).cpu()
        # projected to a face, the sets of parts behind one another coincide: the expert at the face keeps its own
        return _PointSets(entry, experts, points, normals).of(experts[:, 0] == torch.arange(count))

    def _faces(self, entry: _WeightedTerm, pattern: Tensor) -> _PointSets:
        """Points on the faces across a coordinate, seen from both sides."""
        assert entry.across is not None
        axis = list(self.cells.edges).index(entry.across)

        def on(experts: Tensor, end: float) -> Tensor:
            face = pattern.clone()
            face[:, axis] = end
            cube = in_unit_cube(self.cells, face, experts).flatten(0, 1)
            return self.problem.domain.interior(cube).points.reshape(len(experts), len(pattern), -1)

        lower, upper = self._meeting(entry)
        return _PointSets(entry, torch.stack([lower, upper], dim=1), [on(lower, 1.0), on(upper, 0.0)], [None, None])

    def _rows(self, sets: _PointSets, members: MemberParameters, like: Tensor) -> ExpertRows:
        entry = sets.entry
        n = entry.term.fixed or sets.points[0].shape[1]
        return ExpertRows(
            entry.term,
            self.problem.domain,
            self.problem.unknowns,
            sets.experts.to(like.device),
            [p.to(like) for p in sets.points],
            [None if v is None else v.to(like) for v in sets.normals],
            math.sqrt(entry.weight / n) / entry.shape.sizes.to(like),
            members,
            entry.shape,
        )


def _columns(sites: Sequence[Site], sets: int) -> tuple[list[Tensor], list[Tensor | None]]:
    """Points and normals of the sites, each (sets, n, d)."""
    points = [s.points.reshape(sets, -1, s.points.shape[-1]) for s in sites]
    return points, [
        None if s.normals is None else s.normals.reshape(p.shape) for s, p in zip(sites, points, strict=True)
    ]


def interface_term(problem: Problem, cells: Cells, coordinate: str) -> Term:
    """What two experts that meet across a coordinate must agree on: [d^j u / dx^j] (h/2)^j, j below the equation's order.

    h is the mean width of the cells, so that all rows measure changes of u over half a cell.
    """
    edges = cells.edges[coordinate]
    half = float(edges[-1] - edges[0]) / (len(edges) - 1) / 2
    rows = {
        f"interface {unknown}{'_' + ''.join(key) if key else ''}": (unknown, key, factor)
        for unknown in problem.unknowns
        for key, factor in continuous_derivatives(coordinate, max(1, problem.order_of(unknown, coordinate)), half)
    }

    def draw(unit: Unit, n: int) -> tuple[Site, ...]:
        site = problem.domain.interior(unit(n))
        return site, site

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        left, right = (scope.fields for scope in scopes)
        return {
            label: factor * (right[unknown].d(*key).value - left[unknown].d(*key).value)
            for label, (unknown, key, factor) in rows.items()
        }

    return Term("interface", tuple(rows), draw, evaluate)
