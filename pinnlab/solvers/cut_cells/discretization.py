"""From a problem to the rows of its cut cells of space: equations, boundary conditions, faces between cells.

Where there is time, rows are of all instants at which they are evaluated.

Letters: n points, d coordinates, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Data, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Region
from pinnlab.domains.columns import Columns, columns_of
from pinnlab.domains.coverings import boundary_patches
from pinnlab.domains.patches import Patches
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.surface_nodes import surface_nodes
from pinnlab.domains.trees import Face, Tree
from pinnlab.reference.equations import Equations
from pinnlab.solvers.continuity import continuous_derivatives
from pinnlab.solvers.cut_cells.assembled import Assembled, FaceNodes, Nodes
from pinnlab.solvers.cut_cells.corners import corners_of
from pinnlab.solvers.cut_cells.layout import (
    Inside,
    Layout,
    experts_at,
    face_points,
    frames,
    laid_out,
    nodes_of_boundary,
)
from pinnlab.solvers.cut_cells.places import Frames, NodeStore, Places, places_of
from pinnlab.solvers.cut_cells.rows import Evaluate, PointRows
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.rows import CellJets

Array = np.ndarray
_ROWS_WHOLE, _ROWS_CUT, _ROWS_SPREAD = 1.8, 2.5, 2.2
"""Points of the equations per basis function, in whole cells of the plane, in cut ones, and in whole ones of space."""
_ROUNDING = 1e-12
"""Relative singular value from which on a combination of functions cannot be told from others at an expert's points."""
_BESIDE = 1e-7
"""How far on both sides of a face one looks whether it lies in the region, relative to the cell."""


class CutDiscretization:
    """Makes the rows of a problem on any tree of cells.

    Args:
        problem: a single instance, on a region of two or three dimensions of space.
        basis: the functions of every expert.
        weight: of boundary and face rows against those of the equations.
    """

    def __init__(self, problem: Problem, basis: LocalBasis, weight: float):
        self.problem, self.basis, self.weight = problem, basis, weight
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
        self.seams: dict[int, tuple[str, ...]] = {}
        for condition in problem.conditions:
            if isinstance(condition, Periodic):
                joined = condition.unknowns or problem.unknowns
                axis = self.names.index(condition.on)
                self.seams[axis] = tuple(dict.fromkeys((*self.seams.get(axis, ()), *joined)))
        self.data = [condition for condition in problem.conditions if isinstance(condition, Data)]
        parts = [(piece, self._mask(holds)) for piece, _, holds in self.conditions if holds is not None]
        self.corners = corners_of(self.region, self.patches, kinds, parts)
        d = len(self.names)
        self.degree = max(basis.degrees)
        self.in_whole = _in_whole(basis, d)
        self.on_face = _tensor(self.degree + 2 if d == 2 else self.degree, d - 1)
        self.across_face = _uniform(4 * (self.degree + 2) if d == 2 else 2 * self.degree, d - 1)

    def assembled(self, inside: Inside) -> Assembled:
        """All rows on the cells of a tree."""
        tree = inside.tree
        surface = {piece: self._surface(tree, piece, None) for piece in self.patches}
        every = [np.concatenate(each) for each in zip(*surface.values(), strict=True)]
        layout = laid_out(inside, every[0], every[2])
        nodes = self._nodes(inside, layout, surface, held_out=False)
        points = [nodes.interior[0], every[0]]
        homes = [nodes.interior[1], layout.home[every[2]]]
        made = frames(layout, self.names, np.concatenate(points), np.concatenate(homes))
        store = NodeStore(self.basis)
        groups = self._groups(made, store, nodes)
        groups += [self._data_rows(layout, made, store, condition) for condition in self.data]
        other = {piece: self._surface(tree, piece, 1) for piece in self.patches}
        held_out = self._groups(made, NodeStore(self.basis), self._nodes(inside, layout, other, held_out=True))
        return Assembled(layout, made, groups, held_out, self._mixing(layout, made, points, homes))

    # -- points ------------------------------------------------------------------------------------------------------

    def _surface(self, tree: Tree, piece: str, seed: int | None) -> tuple[Array, Array, Array]:
        """Points, normals and leaves of nodes on a boundary piece."""

        def spacing(points: Array) -> Array:
            return tree.corners(tree.locate(points))[1].min(axis=1) / 2

        along = self.degree + 2 if len(self.names) == 2 else self.degree // 2 + 2
        found = surface_nodes(self.patches[piece], spacing, along if seed is None else max(2, along // 2), seed)
        normals = np.asarray(found.normals)
        return found.points, normals, nodes_of_boundary(tree, found.points, normals)

    def _nodes(
        self, inside: Inside, layout: Layout, surface: Mapping[str, tuple[Array, Array, Array]], held_out: bool
    ) -> Nodes:
        boundary = {}
        for piece, (points, normals, leaves) in surface.items():
            # beside a curve that just touches a box there may be no expert
            kept = layout.home[leaves] >= 0
            boundary[piece] = points[kept], normals[kept], layout.home[leaves[kept]]
        faces = []
        for axis in range(len(self.names)):
            inner = [face for face in layout.faces if face.axis == axis]
            for seam, mine in ((False, inner), (True, layout.tree.seam(axis) if axis in self.seams else [])):
                used = [face for face in mine if layout.home[face.lower] >= 0 and layout.home[face.upper] >= 0]
                if used:
                    faces.append(self._face_nodes(inside, layout, used, axis, seam, held_out))
        return Nodes(self._interior(inside, layout, held_out), boundary, faces)

    def _interior(self, inside: Inside, layout: Layout, held_out: bool) -> tuple[Array, Array]:
        points, experts = [], []
        tree, pool = layout.tree, inside.unit[4096:] if held_out else inside.unit[:4096]
        wanted = max(30, self.basis.size // 2) if held_out else math.ceil(_ROWS_CUT * self.basis.size)
        for expert, mine in enumerate(layout.members):
            lower, sides = tree.corners(mine)
            if layout.whole[expert]:
                found = lower[0] + sides[0] * (pool[:wanted] if held_out else self.in_whole)
            else:
                shares = np.array([layout.share[box] for box in mine]) * sides.prod(axis=1)
                parts = []
                for box, low, side, volume in zip(mine, lower, sides, shares, strict=True):
                    if volume > 0:
                        count = max(4, math.ceil(wanted * volume / shares.sum()))
                        tried = low + side * pool[: math.ceil(1.2 * count / layout.share[box]) + 20]
                        parts.append(tried[inside.holds(tried)][:count])
                found = np.concatenate(parts) if parts else np.zeros((0, tree.dimension))
            points.append(found)
            experts.append(np.full(len(found), expert))
        return np.concatenate(points), np.concatenate(experts)

    def _face_nodes(
        self, inside: Inside, layout: Layout, faces: Sequence[Face], axis: int, seam: bool, held_out: bool
    ) -> FaceNodes:
        rng = np.random.default_rng(2)
        found: list[tuple[Array, Array]] = []
        which: list[Array] = []
        across = np.zeros(len(self.names))
        across[axis] = layout.tree.unit[axis] * layout.tree.counts[axis] if seam else 0.0
        ends = np.array([[layout.home[face.lower], layout.home[face.upper]] for face in faces])
        half = self.degree // 2 + 1
        for number, face in enumerate(faces):
            unit = rng.random((half, len(self.names) - 1)) if held_out else self.on_face
            if not layout.whole[ends[number]].all():
                dense = rng.random((2 * half, len(self.names) - 1)) if held_out else self.across_face
                step = np.zeros(len(self.names))
                step[axis] = _BESIDE * layout.tree.corners([face.small])[1].min()
                below, above = _two_sides(face_points(layout.tree, face, dense), face, across)
                held = inside.holds(above + step) & inside.holds(below - step)
                unit = unit if held.all() else dense[held]
            found.append(_two_sides(face_points(layout.tree, face, unit), face, across))
            which.append(np.full(len(unit), number))
        numbers = np.concatenate(which)
        below, above = (np.concatenate(side) for side in zip(*found, strict=True))
        return FaceNodes(axis, seam, (below, above), (ends[numbers, 0], ends[numbers, 1]), numbers)

    # -- rows --------------------------------------------------------------------------------------------------------

    def _groups(self, made: Frames, store: NodeStore, nodes: Nodes) -> list[PointRows]:
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
        for of in nodes.faces:
            evaluate = self._of_jumps(self.names[of.axis], self.seams[of.axis] if of.seam else self.problem.unknowns)
            if evaluate is not None and len(of.number):
                _, counts = np.unique(of.number, return_counts=True)
                starts = np.concatenate([[0], np.cumsum(counts)])
                sites = [
                    Places(made, store, points, side[starts[:-1]], starts)
                    for points, side in zip(of.points, of.experts, strict=True)
                ]
                groups.append(PointRows(self.problem.unknowns, sites, evaluate, self.weight))
        return groups

    def _equation_rows(self, site: Places) -> PointRows:
        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            return self.equations.residuals(jets[0], self._columns(site.points, times))

        return PointRows(self.problem.unknowns, [site], evaluate)

    def _boundary_rows(self, term: Term, site: Places, outward: Array) -> PointRows:
        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            columns = self._columns(site.points, times)
            normals = self._columns(outward, None if times is None else torch.zeros_like(times))
            scope = Scope.of_jets(jets[0], columns, self.parameters, normals)
            return list(term.evaluate((scope,)).values())

        return PointRows(self.problem.unknowns, [site], evaluate, self.weight)

    def _data_rows(self, layout: Layout, made: Frames, store: NodeStore, condition: Data) -> PointRows:
        """The misfits of measurements."""
        given = np.stack([condition.points[name].numpy() for name in self.names], axis=1)
        home = experts_at(layout.tree, layout.home, given, self.region.size)
        site, (order,) = places_of(made, store, home, given, np.arange(len(given)))
        within = condition.at(torch.from_numpy(order), self.problem.domain)
        terms = within.terms(self.problem.context())
        columns = self._columns(site.points)

        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            scope = Scope.of_jets(jets[0], columns, self.parameters)
            return [misfit for term in terms for misfit in term.evaluate((scope,)).values()]

        return PointRows(self.problem.unknowns, [site], evaluate, math.sqrt(condition.weight))

    def _of_jumps(self, name: str, unknowns: Sequence[str]) -> Evaluate | None:
        """Jumps (n,) of values and derivatives across faces, up to the equations' order less one."""
        order_of = self.problem.order_of
        matched = [(u, key) for u in unknowns for key, _ in continuous_derivatives(name, order_of(u, name))]

        def evaluate(jets: Sequence[CellJets], times: Tensor | None) -> list[Tensor]:
            return [jets[0][u][key] - jets[1][u][key] for u, key in matched]

        return evaluate if matched else None

    def _mixing(self, layout: Layout, made: Frames, points: Sequence[Array], homes: Sequence[Array]) -> list[Array]:
        """Combinations of functions that are orthogonal, with a mean square of one, on the points of each expert."""
        value = (0,) * len(self.names)
        whole = orthogonal(self.basis.rows(2 * self.in_whole - 1, value))
        place, home = np.concatenate(points), np.concatenate(homes)
        order = np.argsort(home, kind="stable")
        ends = np.searchsorted(home[order], np.arange(layout.count + 1))
        found = []
        for expert in range(layout.count):
            if layout.whole[expert]:
                found.append(whole)
            else:
                mine = place[order[ends[expert] : ends[expert + 1]]]
                found.append(orthogonal(self.basis.rows(made.reference(expert, mine), value)))
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


def _two_sides(points: Array, face: Face, across: Array) -> tuple[Array, Array]:
    """Points (n, d) on the small box's side of a face, as they are for the boxes below and above; (d,) from one to the
    other where these are ends of a period.
    """
    return (points, points - across) if face.small == face.lower else (points + across, points)


def orthogonal(rows: Array) -> Array:
    """(N, N_e) combinations of functions that are orthogonal, with a mean square of one, on n points.

    Args:
        rows: (n, N) values.
    """
    _, sizes, directions = np.linalg.svd(rows / math.sqrt(len(rows)), full_matrices=False)
    kept = sizes > _ROUNDING * sizes[0]
    return directions[kept].T / sizes[kept]


def _in_whole(basis: LocalBasis, d: int) -> Array:
    """(q, d) points of the equations in a whole cell, of the unit cube; Gauss's where they are not too many."""
    if d == 2:
        return _tensor(math.ceil(math.sqrt(_ROWS_WHOLE * basis.size)), d)
    # fewer than one more than the degree along a coordinate do not tell polynomials apart
    return unit_points("sobol", math.ceil(_ROWS_SPREAD * basis.size), d, np.random.default_rng(3)).numpy()


def _tensor(count: int, d: int) -> Array:
    """(count^d, d) Gauss-Legendre nodes of the unit cube."""
    axis = (np.polynomial.legendre.leggauss(count)[0] + 1) / 2
    return np.stack([g.ravel() for g in np.meshgrid(*[axis] * d, indexing="ij")], axis=1)


def _uniform(count: int, d: int) -> Array:
    """(count^d, d) evenly spread points of the unit cube."""
    axis = (np.arange(count) + 0.5) / count
    return np.stack([g.ravel() for g in np.meshgrid(*[axis] * d, indexing="ij")], axis=1)
