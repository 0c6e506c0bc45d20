"""From a problem to the rows of its cut cells of space: equations, boundary conditions, faces between cells.

Where there is time, rows are of all instants at which they are evaluated.

Letters: n points, d coordinates, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Data, Integral, Periodic
from pinnlab.declaration.discontinuities.one_sided import beside
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Region
from pinnlab.domains.columns import Columns, columns_of
from pinnlab.domains.coverings import boundary_patches
from pinnlab.domains.patches import Patches
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.reference.grids.equations import Equations
from pinnlab.solvers.continuity import continuous_derivatives
from pinnlab.solvers.cut_cells.assembled import Assembled
from pinnlab.solvers.cut_cells.corners import corners_of
from pinnlab.solvers.cut_cells.crossings import Crossings
from pinnlab.solvers.cut_cells.layout import Inside, Layout, experts_at, frames, laid_out, leaves_beside
from pinnlab.solvers.cut_cells.leading import LeadingPart
from pinnlab.solvers.cut_cells.materials import materials_of
from pinnlab.solvers.cut_cells.means import MeanRows
from pinnlab.solvers.cut_cells.nodes import NodeMaker, Nodes
from pinnlab.solvers.cut_cells.places import Frames, NodeStore, Places, paired, places_of
from pinnlab.solvers.cut_cells.rows import Evaluate, PointRows
from pinnlab.solvers.cut_cells.sectors import with_materials
from pinnlab.solvers.local_experts.basis import LocalBasis, TotalDegree
from pinnlab.solvers.local_experts.rows import CellJets

Array = np.ndarray
_ROUNDING = 1e-12
"""Relative singular value from which on a combination of functions cannot be told from others at an expert's points."""
_RINGS, _FEWER, _LEAST = 2.0, 0.4, 6
"""Sides of a cell within which it is in a ring around a corner; by how much each halving lowers the degree there, next to
the power of the solution; and the least degree."""


class CutDiscretization:
    """Makes the rows of a problem on any tree of cells.

    Args:
        problem: a single instance, on a region of two or three dimensions of space.
        basis: the functions of every expert.
        weight: of boundary and face rows against those of the equations.
        processes: that share factorizations.
    """

    def __init__(self, problem: Problem, basis: LocalBasis, weight: float, processes: Processes = ALONE):
        self.problem, self.basis, self.weight, self.processes = problem, basis, weight, processes
        assert problem.domain.at_rest is not None
        self.region: Region = problem.domain.at_rest
        self.names, self.clock = self.region.coordinates, problem.domain.time
        self.parameters, self.equations = problem.parameter_values(), Equations(problem)
        context = problem.context()
        self.patches: dict[str, list[Patches]] = {
            piece: boundary_patches(self.region, piece, {}) for piece in self.region.pieces(None)
        }
        self.conditions: list[tuple[str, Term, Callable[[Mapping[str, Tensor]], Tensor] | None]] = []
        kinds: dict[str, tuple[str, ...]] = dict.fromkeys(self.patches, ())
        for condition in problem.conditions:
            if isinstance(condition, BoundaryCondition):
                part = condition.part(problem.domain)
                for each, term in zip(condition.on_pieces(context), condition.terms(context), strict=True):
                    self.conditions.append((each.piece, term, None if part is None else part.holds))
                    kinds[each.piece] = tuple(sorted((*kinds[each.piece], condition.name)))
        self.data = [condition for condition in problem.conditions if isinstance(condition, Data)]
        self.integrals = [condition for condition in problem.conditions if isinstance(condition, Integral)]
        self.periodic = [condition for condition in problem.conditions if isinstance(condition, Periodic)]
        parts = [(piece, self._mask(holds)) for piece, _, holds in self.conditions if holds is not None]
        self.materials = materials_of(problem)
        self.crossings = Crossings(problem, self.materials)
        leading = LeadingPart(problem, self.equations, self.parameters, self.conditions, self._columns)
        self.corners, self.rougher = corners_of(self.region, self.patches, kinds, parts, leading), leading.rougher
        if self.clock is None:
            self.corners = with_materials(self.corners, problem, self.crossings.conductivities)
        self.maker = NodeMaker(self.region, self.materials, self.patches, basis)

    def assembled(self, inside: Inside) -> Assembled:
        """All rows on the cells of a tree."""
        tree, make = inside.tree, self.maker
        boundary, between = make.boundary(tree, None), make.between(tree, None)
        assert between.beyond is not None
        met = [(s.points, s.leaves, s.materials) for s in (*boundary.values(), between)]
        met.append((between.points, *between.beyond))
        every = [np.concatenate(each) for each in zip(*met, strict=True)]
        layout = laid_out(inside, *every)
        nodes = make.nodes(inside, layout, boundary, between, held_out=False)
        points = [nodes.interior[0], every[0]]
        homes = [nodes.interior[1], layout.home[every[1], every[2]]]
        made = frames(layout, self.names, np.concatenate(points), np.concatenate(homes))
        store = NodeStore(self.basis)
        contrast = self.crossings.contrast(*nodes.interior, layout.count)
        groups = self._groups(layout, made, store, nodes, contrast)
        terms, order = len(groups), max(map(self.problem.order, self.names))
        groups += [self._data_rows(layout, made, store, condition) for condition in self.data]
        groups += [self._mean_rows(layout, made, store, condition) for condition in self.integrals]
        other = make.nodes(inside, layout, make.boundary(tree, 1), make.between(tree, 1), held_out=True)
        held_out = self._groups(layout, made, NodeStore(self.basis), other, contrast)
        mixing = partial(self._mixing, layout, made, np.concatenate(points), np.concatenate(homes))
        counts = self._counts(layout)
        for group in (*groups, *held_out):
            group.counts = counts
        for group in (*groups[:terms], *held_out):
            group.emphasis = emphasis(layout.size(), order, len(self.names))
        return Assembled(
            layout, made, groups, held_out, mixing(), mixing, counts, order, self.basis.on_face, self.processes
        )

    def _counts(self, layout: Layout) -> Array:
        """(K, m): the share of an expert's size in that of the largest, to the power with which an unknown is rougher."""
        sizes = layout.size()
        return np.asarray((sizes / sizes.max())[:, None] ** -np.array(self.rougher, dtype=float))

    def _groups(
        self, layout: Layout, made: Frames, store: NodeStore, nodes: Nodes, contrast: Array | None
    ) -> list[PointRows]:
        site, _ = places_of(made, store, nodes.interior[1], nodes.interior[0])
        groups = [self._equation_rows(site)]
        for piece, term, holds in self.conditions:
            points, normals, experts = nodes.boundary[piece]
            if holds is not None:
                kept = self._mask(holds)(points)
                points, normals, experts = points[kept], normals[kept], experts[kept]
            if len(points):
                at, (outward,) = places_of(made, store, experts, points, normals)
                groups.append(self._boundary_rows(term, at, outward))
        for axis, (points, *ends) in nodes.faces.items():
            evaluate = self._of_jumps(self.names[axis])
            if evaluate is not None and len(points):
                order, experts, starts = paired(*ends)
                groups.append(self._joining(made, store, [points[order]] * 2, experts, starts, evaluate))
        for condition in self.periodic:
            for piece in self.region.pieces(condition.on + "-"):
                groups += self._periodic_rows(layout, made, store, condition, *nodes.boundary[piece])
        points, normals, *ends = nodes.between
        sides = layout.tree.corners(layout.tree.locate(points))[1].min(axis=1)
        for kind, which in self.crossings.kinds(points, normals):
            order, experts, starts = paired(*(end[which] for end in ends))
            here = which[order]
            evaluate = self.crossings.evaluate(kind, points[here], normals[here], sides[here])
            groups.append(self._joining(made, store, [points[here]] * 2, experts, starts, evaluate))
        for group in groups:
            group.contrast = contrast
        return groups

    def _joining(
        self, made: Frames, store: NodeStore, ends: Sequence[Array], experts: Array, starts: Array, evaluate: Evaluate
    ) -> PointRows:
        """Rows between two experts each, as ``paired`` sorts them, at points (n, d) of either."""
        sites = [Places(made, store, points, side, starts) for points, side in zip(ends, experts, strict=True)]
        return PointRows(self.problem.unknowns, sites, evaluate, self.weight)

    def _periodic_rows(
        self,
        layout: Layout,
        made: Frames,
        store: NodeStore,
        condition: Periodic,
        points: Array,
        normals: Array,
        experts: Array,
    ) -> list[PointRows]:
        """What is not continuous from the upper end of a coordinate to the nodes (n, d) at its lower end."""
        name = condition.on
        lower, upper = self.region.bounds[name]
        behind = points + (upper - lower) * (np.arange(len(self.names)) == self.names.index(name))
        leaves, moved = leaves_beside(layout.tree, behind, normals)
        order, pairs, starts = paired(layout.home[leaves, self.materials.at(moved)], experts)
        if not len(points):
            return []
        ends = [behind[order], points[order]]
        if (made_up := self.problem.joints.at(name, upper)) is not None:
            sides = [
                beside(self._columns(at), name, sign, (lower, upper)) for at, sign in zip(ends, (-1, 1), strict=True)
            ]
            return [
                self._joining(
                    made, store, ends, pairs, starts,
                    lambda jets, times: made_up.mismatch((jets[0], sides[0]), (jets[1], sides[1])),
                )
            ]  # fmt: skip
        evaluate = self._of_jumps(name, condition.unknowns)
        return [] if evaluate is None else [self._joining(made, store, ends, pairs, starts, evaluate)]

    def _equation_rows(self, site: Places) -> PointRows:
        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            return self.equations.residuals(jets[0], self._columns(site.points, times))

        return PointRows(self.problem.unknowns, [site], evaluate)

    def _boundary_rows(self, term: Term, site: Places, outward: Array) -> PointRows:
        return PointRows(self.problem.unknowns, [site], self._of_term(term, site, outward), self.weight)

    def _of_term(self, term: Term, site: Places, outward: Array) -> Evaluate:
        """The residuals of a term at the points of a site, with normals (n, d)."""

        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            columns = self._columns(site.points, times)
            normals = self._columns(outward, None if times is None else torch.zeros_like(times))
            scope = Scope.of_jets(jets[0], columns, self.parameters, normals)
            return list(term.evaluate((scope,)).values())

        return evaluate

    def _data_rows(self, layout: Layout, made: Frames, store: NodeStore, condition: Data) -> PointRows:
        """The misfits of measurements."""
        given = np.stack([condition.points[name].numpy() for name in self.names], axis=1)
        home = experts_at(layout.tree, layout.home, given, self.materials.at(given), self.region.size)
        site, (order,) = places_of(made, store, home, given, np.arange(len(given)))
        within = condition.at(torch.from_numpy(order), self.problem.domain)
        terms = within.terms(self.problem.context())
        columns = self._columns(site.points)

        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            scope = Scope.of_jets(jets[0], columns, self.parameters)
            return [misfit for term in terms for misfit in term.evaluate((scope,)).values()]

        return PointRows(self.problem.unknowns, [site], evaluate, math.sqrt(condition.weight))

    def _mean_rows(self, layout: Layout, made: Frames, store: NodeStore, condition: Integral) -> MeanRows:
        """An integral over the region or a piece of its boundary."""
        (term,) = condition.terms(self.problem.context())
        every = self.problem.domain.coordinates
        (nodes,) = term.draw(lambda n: torch.zeros(n, len(every), dtype=torch.float64), 1)
        of_space = [every.index(name) for name in self.names]
        given = nodes.points.numpy()[:, of_space]
        home = experts_at(layout.tree, layout.home, given, self.materials.at(given), self.region.size)
        normals = np.zeros_like(given) if nodes.normals is None else nodes.normals.numpy()[:, of_space]
        assert term.weights is not None
        site, (outward, shares) = places_of(made, store, home, given, normals, term.weights.numpy())
        evaluate = self._of_term(term, site, outward)
        return MeanRows(self.problem.unknowns, site, evaluate, shares, self.weight * math.sqrt(layout.count))

    def _of_jumps(self, name: str, unknowns: Sequence[str] | None = None) -> Evaluate | None:
        """Jumps (n,) of values and derivatives across faces, up to the equations' order less one."""
        order_of = self.problem.order_of
        matched = [
            (u, key)
            for u in unknowns or self.problem.unknowns
            for key, _ in continuous_derivatives(name, order_of(u, name))
        ]

        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            return [jets[0][u][key] - jets[1][u][key] for u, key in matched]

        return evaluate if matched else None

    def _mixing(
        self, layout: Layout, made: Frames, place: Array, home: Array, degree: int | None = None
    ) -> list[Array]:
        """Combinations of functions that are orthogonal, with a mean square of one, on the points (n, d) of each expert."""
        value = (0,) * len(self.names)
        order = np.argsort(home, kind="stable")
        ends = np.searchsorted(home[order], np.arange(layout.count + 1))
        found, of_whole = [], dict[int, Array]()
        for expert, count in enumerate(self._functions(layout, degree)):
            mine = place[order[ends[expert] : ends[expert + 1]]]
            if not layout.whole[expert]:
                found.append(orthogonal(self.basis.rows(made.reference(expert, mine), value), count))
                continue
            if count not in of_whole:
                of_whole[count] = orthogonal(self.basis.rows(2 * self.maker.in_whole - 1, value), count)
            found.append(of_whole[count])
        return found

    def _functions(self, layout: Layout, highest: int | None) -> list[int]:
        """How many functions of the basis each expert has: fewer, the smaller it is, in rings around a corner.

        There the solution r^a has the same shape in each ring, and is 2^a times smaller in the next one, so that as many
        polynomials fewer suffice for the same error.
        """
        basis = self.basis
        if not isinstance(basis, TotalDegree):
            return [basis.size] * layout.count
        found, degree = [], basis.degree if highest is None else min(highest, basis.degree)
        for mine in layout.members:
            lower, sides = layout.tree.corners(mine)
            level = min(layout.tree.places[box][0] for box in mine)
            away = np.maximum(lower - self.corners.points[:, None], self.corners.points[:, None] - lower - sides)
            near = (away <= _RINGS * sides).all(axis=2).any(axis=1) if level else np.zeros(len(away), dtype=bool)
            less = int(_FEWER * level * min(1.0, float(self.corners.powers[near].min()))) if near.any() else 0
            found.append(math.comb(max(degree - less, min(degree, _LEAST)) + len(self.names), len(self.names)))
        return found

    def _mask(self, holds: Callable[[Mapping[str, Tensor]], Tensor]) -> Callable[[Array], Array]:
        return lambda points: holds(self._columns(points)).numpy()

    def _columns(self, points: Array, times: Tensor | None = None) -> Columns:
        """Points (n, d) of space, where there is time at each of (s,) instants, one after the other; or at the first."""
        at = torch.from_numpy(points)
        if self.clock is None:
            return self.region.columns(at)
        if times is None:
            times = at.new_tensor(self.problem.domain.time_interval[:1])
        found = {name: at[:, i].repeat(len(times)) for i, name in enumerate(self.names)}
        return columns_of(self.problem.domain, {**found, self.clock: times.repeat_interleave(len(at))})


def emphasis(sizes: Array, order: int, dimension: int) -> Array | None:
    """(K,) factors of the rows of experts, with which least squares measure errors in the norm of the equations' energy.

    Rows count misfits as values of the unknowns. The energy of an equation of order k sees the derivatives of order k/2 of
    such values, h^(-k/2) times as large in a cell of size h, over a volume h^d: rows count h^((d - k) / 2), which is one for
    second order in the plane. Without, small cells would be where equations of fourth order are cheapest to violate. Where
    small cells would count less, all count alike.

    Args:
        sizes: (K,) h.
        order: k.
        dimension: d.
    """
    power = (order - dimension) / 2
    return (sizes.max() / sizes) ** power if power > 0 and order > 2 else None


def orthogonal(rows: Array, count: int) -> Array:
    """(N, N_e) combinations of the first functions that are orthogonal, with a mean square of one, on n points.

    Args:
        rows: (n, N) values of all functions.
        count: how many are combined.
    """
    _, sizes, directions = np.linalg.svd(rows[:, :count] / math.sqrt(len(rows)), full_matrices=False)
    kept = sizes > _ROUNDING * sizes[0]
    found = np.zeros((rows.shape[1], int(kept.sum())))
    found[:count] = directions[kept].T / sizes[kept]
    return found
