"""From a steady problem to the rows of its cut cells: equations, boundary conditions, faces between cells.

Letters: n points, d coordinates, K experts, m unknowns, N basis functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Data
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains.columns import Columns
from pinnlab.domains.coverings import boundary_patches
from pinnlab.domains.patches import Patches
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.surface_nodes import surface_nodes
from pinnlab.domains.trees import Face, Tree
from pinnlab.reference.equations import Equations
from pinnlab.solvers.continuity import continuous_derivatives
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
from pinnlab.solvers.cut_cells.rows import PointRows
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.local_experts.rows import CellJets, Evaluate

Array = np.ndarray
_ROWS_WHOLE, _ROWS_CUT, _ROWS_SPREAD = 1.8, 2.5, 2.2
"""Points of the equations per basis function, in whole cells of the plane, in cut ones, and in whole ones of space."""
_ROUNDING = 1e-12
"""Relative singular value from which on a combination of functions cannot be told from others at an expert's points."""
_BESIDE = 1e-7
"""How far on both sides of a face one looks whether it lies in the region, relative to the cell."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points at which rows are taken.

    Attributes:
        interior: (n, d) points of equations, and (n,) their experts.
        boundary: {piece: points (n, d), normals (n, d), experts (n,)}.
        faces: {axis: points (n, d), experts below and above (n,), numbers of the faces (n,)}.
    """

    interior: tuple[Array, Array]
    boundary: Mapping[str, tuple[Array, Array, Array]]
    faces: Mapping[int, tuple[Array, Array, Array, Array]]


@dataclass(frozen=True, eq=False)
class Assembled:
    """All rows on the cells of a tree.

    Attributes:
        layout: of experts.
        frames: in which their functions are written.
        groups: rows, the equations' first.
        held_out: the same terms at points that no solve sees.
        mixing: per expert (N, N_e), combinations of functions that are orthogonal on its points.
    """

    layout: Layout
    frames: Frames
    groups: list[PointRows]
    held_out: list[PointRows]
    mixing: list[Array]

    def sampled(self, function: Callable[[Array], Array]) -> Array:
        """(K, m, N): a function (n, d) -> (n, m) on the cells; zero where it is not known."""
        site = self.groups[0].sites[0]
        values = np.nan_to_num(function(site.points))
        found = np.zeros((self.layout.count, values.shape[1], len(self.mixing[0])))
        value = (0,) * site.points.shape[1]
        for expert, nodes, first, last in zip(site.experts, site.nodes, site.starts, site.starts[1:], strict=False):
            mix = self.mixing[expert]
            fitted = np.linalg.lstsq(nodes.rows(value) @ mix, values[first:last], rcond=1e-10)[0]
            found[expert] = (mix @ fitted).T
        return found

    def constant(self, values: Array) -> Array:
        """(K, m, N): constants (m,)."""
        return self.sampled(lambda points: np.broadcast_to(values, (len(points), len(values))))

    def largest(self, coefficients: Array) -> float:
        """The largest value of any unknown at the points of the equations."""
        site = self.groups[0].sites[0]
        return max(float(np.abs(site.derivative(coefficients[:, j], ())).max()) for j in range(coefficients.shape[1]))


class CutDiscretization:
    """Makes the rows of a problem on any tree of cells.

    Args:
        problem: a single steady instance on a region of two or three dimensions.
        basis: the functions of every expert.
        weight: of boundary and face rows against those of the equations.
    """

    def __init__(self, problem: Problem, basis: LocalBasis, weight: float):
        self.problem, self.basis, self.weight = problem, basis, weight
        self.region, self.names = problem.domain, problem.domain.coordinates
        self.parameters, self.equations = problem.parameter_values(), Equations(problem)
        context = problem.context()
        self.patches: dict[str, list[Patches]] = {
            piece: boundary_patches(self.region, piece, {}) for piece in self.region.pieces(None)
        }
        self.conditions: list[tuple[str, Term, Callable[[Mapping[str, Tensor]], Tensor] | None]] = []
        kinds: dict[str, tuple[str, ...]] = dict.fromkeys(self.patches, ())
        for condition in problem.conditions:
            if isinstance(condition, BoundaryCondition):
                part = condition.part(self.region)
                for each, term in zip(condition.on_pieces(context), condition.terms(context), strict=True):
                    self.conditions.append((each.piece, term, None if part is None else part.holds))
                    kinds[each.piece] = tuple(sorted((*kinds[each.piece], condition.name)))
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
        boundary = {piece: (x, normals, layout.home[leaves]) for piece, (x, normals, leaves) in surface.items()}
        faces: dict[int, tuple[Array, Array, Array, Array]] = {}
        for axis in range(len(self.names)):
            mine = [face for face in layout.faces if face.axis == axis]
            if mine:
                faces[axis] = self._face_nodes(inside, layout, mine, held_out)
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
        self, inside: Inside, layout: Layout, faces: Sequence[Face], held_out: bool
    ) -> tuple[Array, Array, Array, Array]:
        rng = np.random.default_rng(2)
        found: list[Array] = []
        which: list[Array] = []
        ends = np.array([[layout.home[face.lower], layout.home[face.upper]] for face in faces])
        half = self.degree // 2 + 1
        for number, face in enumerate(faces):
            unit = rng.random((half, len(self.names) - 1)) if held_out else self.on_face
            if not layout.whole[ends[number]].all():
                dense = rng.random((2 * half, len(self.names) - 1)) if held_out else self.across_face
                points = face_points(layout.tree, face, dense)
                step = np.zeros(len(self.names))
                step[face.axis] = _BESIDE * layout.tree.corners([face.small])[1].min()
                held = inside.holds(points + step) & inside.holds(points - step)
                unit = unit if held.all() else dense[held]
            found.append(face_points(layout.tree, face, unit))
            which.append(np.full(len(unit), number))
        points, numbers = np.concatenate(found), np.concatenate(which)
        return points, ends[numbers, 0], ends[numbers, 1], numbers

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
        for axis, (points, below, above, number) in nodes.faces.items():
            evaluate = self._of_jumps(self.names[axis])
            if evaluate is not None and len(points):
                faces, counts = np.unique(number, return_counts=True)
                starts = np.concatenate([[0], np.cumsum(counts)])
                sites = [Places(made, store, points, side[starts[:-1]], starts) for side in (below, above)]
                groups.append(PointRows(self.problem.unknowns, sites, evaluate, self.weight))
        return groups

    def _equation_rows(self, site: Places) -> PointRows:
        columns = self._columns(site.points)

        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
            return self.equations.residuals(jets[0], columns, numbers)

        return PointRows(self.problem.unknowns, [site], evaluate)

    def _boundary_rows(self, term: Term, site: Places, outward: Array) -> PointRows:
        columns, normals = self._columns(site.points), self._columns(outward)

        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
            scope = Scope.of_jets(jets[0], columns, {**self.parameters, **numbers}, normals)
            return list(term.evaluate((scope,)).values())

        return PointRows(self.problem.unknowns, [site], evaluate, self.weight)

    def _data_rows(self, layout: Layout, made: Frames, store: NodeStore, condition: Data) -> PointRows:
        """The misfits of measurements."""
        given = np.stack([condition.points[name].numpy() for name in self.names], axis=1)
        home = experts_at(layout.tree, layout.home, given, self.region.size)
        site, (order,) = places_of(made, store, home, given, np.arange(len(given)))
        within = condition.at(torch.from_numpy(order), self.region)
        terms = within.terms(self.problem.context())
        columns = self._columns(site.points)

        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
            scope = Scope.of_jets(jets[0], columns, {**self.parameters, **numbers})
            return [misfit for term in terms for misfit in term.evaluate((scope,)).values()]

        return PointRows(self.problem.unknowns, [site], evaluate, math.sqrt(condition.weight))

    def _of_jumps(self, name: str) -> Evaluate | None:
        """Jumps (n,) of values and derivatives across faces, up to the equations' order less one."""
        order_of = self.problem.order_of
        matched = [
            (u, key) for u in self.problem.unknowns for key, _ in continuous_derivatives(name, order_of(u, name))
        ]

        def evaluate(jets: Sequence[CellJets], numbers: Mapping[str, Tensor]) -> list[Tensor]:
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

    def _columns(self, points: Array) -> Columns:
        return self.region.columns(torch.from_numpy(points))


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
