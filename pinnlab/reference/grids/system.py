"""Equations and boundary conditions collocated on a tensor grid: residuals and their exact Jacobians.

Letters: s instants evaluated at once, c components of the state, g grid points, b points of a face, N = c g.

Every row of the system is an equation at a node, except that each boundary condition takes the row of its unknown at a
boundary node. A second condition on the same face takes the next node inwards; in a steady problem the row of an unknown
that has no conditions of its own, or the node at the other end if that has none: equations that are left out at one end
only make the system ill-conditioned. Boundary values are thus solved for together with the rest, so that conditions hold
at every evaluation, whatever their kind.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import DifferentiableAxis, FourierAxis, PolynomialAxis, apply_along
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet, leaf_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.derivatives.stencils import Array
from pinnlab.domains.columns import Columns, columns_of
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.faces import face_conditions
from pinnlab.reference.grids.equations import Equations
from pinnlab.reference.grids.structure import Structure, matched, periodic_unknowns

Misfit = Callable[..., Tensor]
_WIDTH = {1: 17, 2: 13}
"""Per number of dimensions, nodes of a finite difference where Chebyshev matrices would cost too much."""
_FITTING = 20
"""Newton steps, at most, that make a start meet the conditions; two where these are linear."""
_FITTED = 1e-9


def build_axes(problem: Problem, n: int) -> dict[str, DifferentiableAxis]:
    """Axes with n nodes: Fourier where periodic, else Chebyshev, or finite differences where that costs too much."""
    # full matrices are factorized at cubic cost, complex and several times per step where there is time
    affordable = {1: 128.0, 2: 1300.0 if problem.domain.has_time else 3000.0}
    components = len(problem.unknowns)
    axes: dict[str, DifferentiableAxis] = {}
    dimensions = len(problem.domain.space)
    most = affordable.get(max(1, dimensions), math.inf)
    for name in problem.domain.space:
        lower, upper = problem.domain.bounds[name]
        if periodic_unknowns(problem, name):
            axes[name] = FourierAxis(lower, upper, n)
        else:
            size = n if dimensions == 1 else components * n**2
            width = None if size <= most else _WIDTH[dimensions]
            axes[name] = PolynomialAxis(lower, upper, n, width)
    return axes


def describe(axes: Mapping[str, DifferentiableAxis]) -> str:
    """The axes in words."""
    schemes = [axis.scheme for axis in axes.values()]
    if len(set(schemes)) == 1:
        return schemes[0] + (" per axis" if len(schemes) > 1 else "")
    return ", ".join(f"{name}: {scheme}" for name, scheme in zip(axes, schemes, strict=True))


@dataclass(frozen=True)
class GridFace:
    """One boundary condition of one unknown on one face.

    Attributes:
        unknown: its name.
        dim: the axis that the face is normal to.
        upper: whether it is the upper end.
        misfit: scope -> residual (b,).
        rows: (b,) rows of the system that it takes.
        mine: (b,) which of the face's points keep their row; at corners another condition may own it.
        rates: order in time of the highest derivative of its unknown in the condition.
    """

    unknown: str
    dim: int
    upper: bool
    misfit: Misfit
    rows: Array
    mine: Array
    rates: int = 0


class GridSystem:
    """R(U, U', t) = 0 on a grid.

    Args:
        problem: on a box.
        structure: of its equations.
        axes: {space coordinate: axis}.
        deadline: ``residual`` and ``jacobians`` raise TimeIsUpError after it.
    """

    def __init__(
        self,
        problem: Problem,
        structure: Structure,
        axes: Mapping[str, DifferentiableAxis],
        deadline: Deadline | None = None,
    ):
        self.deadline = deadline or Deadline()
        self.problem, self.structure, self.axes = problem, structure, dict(axes)
        self._time = problem.domain.time or ""
        self.equations, self._numbers = Equations(problem), dict[str, Tensor]()
        self.components = structure.components
        self.shape = tuple(axis.size for axis in axes.values())
        self.points = int(np.prod(self.shape))
        self.size = len(self.components) * self.points
        mesh = np.meshgrid(*(axis.points for axis in axes.values()), indexing="ij")
        self.grid = {name: m.reshape(-1) for name, m in zip(axes, mesh, strict=True)}
        self._row = {component: i for i, component in enumerate(self.components)}
        self._operators: dict[tuple[Key, int | None, bool], scipy.sparse.csr_array] = {}
        self._order = matched(problem, structure)
        self.faces = self._faces()
        taken = [face.rows[face.mine] for face in self.faces]
        self.free = np.ones(self.size, dtype=bool)
        if taken:
            self.free[np.concatenate(taken)] = False
        # a velocity at a boundary follows from the boundary values by differentiation; it is no part of the answer
        self.counted = self.free.copy()
        for face in self.faces:
            if self.top(face.unknown) <= face.rates:
                self.counted[face.rows] = True

    def at(self, numbers: Mapping[str, float]) -> GridSystem:
        """The same with these values of coefficients that are to be found."""
        other = copy.copy(self)
        other._numbers = {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}
        return other

    @property
    def is_full(self) -> bool:
        """Whether some axis couples all of its nodes."""
        return any(not scipy.sparse.issparse(axis.matrix(1)) for axis in self.axes.values())

    # -- what stands where ---------------------------------------------------------------------------------------------

    def block(self, unknown: str, order: int) -> slice:
        """The rows of one component."""
        first = self._row[unknown, order] * self.points
        return slice(first, first + self.points)

    def top(self, unknown: str) -> int:
        """Order in time of the component that the unknown's equation advances."""
        return max(self.structure.time_order[unknown], 1) - 1

    def _faces(self) -> list[GridFace]:
        names = list(self.axes)
        found = sorted(face_conditions(self.problem), key=lambda c: c.rank)
        counts = Counter((c.unknown, c.piece) for c in found)
        depth: dict[tuple[str, str], int] = {}
        owner = np.zeros(self.size, dtype=bool)
        faces = []
        for condition in found:
            unknown, piece = condition.unknown, condition.piece
            dim, upper = names.index(piece[:-1]), piece[-1] == "+"
            inwards, at_upper, host = depth.get((unknown, piece), 0), upper, unknown
            if inwards and not self.problem.domain.has_time:
                host = next((u for u in self._without(counts, piece) if (u, piece) not in depth), unknown)
            if host != unknown:
                inwards = 0
            depth[host, piece] = depth.get((host, piece), 0) + 1
            if inwards and len(names) > 1:
                raise ValueError(
                    f"reference_solution: two conditions on {unknown!r} at {piece!r}; equations of higher than second "
                    "order with boundaries are handled in one space dimension only."
                )
            kept = _balanced(counts, unknown, piece)
            if inwards >= kept and not self.problem.domain.has_time:
                at_upper, inwards = not upper, inwards - kept + counts[unknown, _other(piece)]
            number = np.arange(self.size).reshape(len(self.components), *self.shape)
            position = self.shape[dim] - 1 - inwards if at_upper else inwards
            rows = number[self._row[host, self.top(host)]].take(position, axis=dim).reshape(-1)
            mine = ~owner[rows]
            if condition.holds is not None:
                start = (
                    np.zeros(1)
                    if not self.problem.domain.has_time
                    else np.array([self.problem.domain.time_interval[0]])
                )
                mine &= condition.holds(self._on_face(dim, upper, start)).numpy()
            owner[rows[mine]] = True
            faces.append(GridFace(unknown, dim, upper, condition.misfit, rows, mine, condition.rates))
        return faces

    def _without(self, counts: Mapping[tuple[str, str], int], piece: str) -> list[str]:
        """Unknowns of second order and more without a condition at a face and at the opposite one."""
        return [
            u
            for u in self.problem.unknowns
            if self.problem.order_of(u, piece[:-1]) > 1 and not counts[u, piece] and not counts[u, _other(piece)]
        ]

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def _derive(self, states: Array, rates: Array, unknown: str, key: Key, face: GridFace | None) -> Tensor:
        """One derivative of one unknown at all points, or on a face, at s instants: (s * points,)."""
        order = key.count(self._time)
        p = self.structure.time_order[unknown]
        source, row = (rates, p - 1) if p and order == p else (states, order)
        values = source[:, self._row[unknown, row]]
        for dim, (name, axis) in enumerate(self.axes.items()):
            count = key.count(name)
            if face is not None and dim == face.dim:
                end = -1 if face.upper else 0
                if count:
                    values = apply_along(axis.matrix(count)[[end], :], values, dim + 1)
                else:
                    values = np.take(values, [end], axis=dim + 1)
            elif count:
                values = apply_along(axis.matrix(count), values, dim + 1)
        return _tensor(values).reshape(-1)

    def _jets(self, states: Array, rates: Array, face: GridFace | None, leaves: bool) -> dict[str, LazyJet]:
        def derive(unknown: str) -> Callable[[Key], Tensor]:
            return lambda key: self._derive(states, rates, unknown, key, face)

        jets = {u: LazyJet(derive(u)) for u in self.problem.unknowns}
        return {u: leaf_jet(jet) for u, jet in jets.items()} if leaves else jets

    def _columns(self, times: Array, face: GridFace | None) -> Columns:
        if face is not None:
            return self._on_face(face.dim, face.upper, times)
        columns = {}
        for name in self.problem.domain.coordinates:
            if name == self._time:
                columns[name] = torch.from_numpy(np.repeat(times, self.points))
            else:
                columns[name] = _tensor(np.tile(self.grid[name], len(times)))
        return columns_of(self.problem.domain, columns)

    def _on_face(self, dim: int, upper: bool, times: Array) -> Columns:
        """Points of a face at all times."""
        columns = {}
        for name in self.problem.domain.coordinates:
            if name == self._time:
                columns[name] = torch.from_numpy(np.repeat(times, self.points // self.shape[dim]))
            else:
                values = self.grid[name].reshape(self.shape).take(-1 if upper else 0, axis=dim).reshape(-1)
                columns[name] = _tensor(np.tile(values, len(times)))
        return columns_of(self.problem.domain, columns)

    def _face_residual(self, face: GridFace, jets: Mapping[str, LazyJet], times: Array) -> Tensor:
        columns = self._columns(times, face)
        normals = {
            list(self.axes)[face.dim]: torch.full_like(next(iter(columns.values())), 1.0 if face.upper else -1.0)
        }
        scope = self.equations.scope(jets, columns, numbers=self._numbers)
        return face.misfit(type(scope)(scope.fields, columns, scope.parameters, normals))

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (s, N) for states and rates (s, c, *shape) at s times."""
        self.deadline.check()
        s = len(states)
        result = np.empty((s, len(self.components), self.points))
        with torch.no_grad():
            jets = self._jets(states, rates, None, leaves=False)
            values = self.equations.residuals(jets, self._columns(times, None), self._numbers)
            for unknown, value in zip(self._order, values, strict=True):
                result[:, self._row[unknown, self.top(unknown)]] = value.reshape(s, -1).numpy()
            for row, (unknown, order) in enumerate(self.components):
                if order < self.top(unknown):
                    result[:, row] = (rates[:, row] - states[:, row + 1]).reshape(s, -1)
            flat = result.reshape(s, -1)
            for face in self.faces:
                misfit = self._face_residual(face, self._jets(states, rates, face, leaves=False), times)
                flat[:, face.rows[face.mine]] = misfit.reshape(s, -1).numpy()[:, face.mine]
        return flat

    # -- linearization -------------------------------------------------------------------------------------------------

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU'), each (N, N), at one instant; state and rate (c, *shape)."""
        self.deadline.check()
        states, rates, times = state[None], rate[None], np.array([t])
        jets = self._jets(states, rates, None, leaves=True)
        found = linearize(self.equations.residuals(jets, self._columns(times, None), self._numbers), jets)
        parts: dict[bool, list[scipy.sparse.coo_array]] = {False: [], True: []}
        for unknown, coefficients in zip(self._order, found, strict=True):
            rows = np.arange(self.size)[self.block(unknown, self.top(unknown))]
            self._scatter(parts, coefficients, rows, self.free[rows], None)
        for row, (unknown, order) in enumerate(self.components):
            if order < self.top(unknown):
                here = np.arange(row * self.points, (row + 1) * self.points)
                one = np.ones(self.points)
                parts[True].append(scipy.sparse.coo_array((one, (here, here)), shape=(self.size,) * 2))
                parts[False].append(scipy.sparse.coo_array((-one, (here, here + self.points)), shape=(self.size,) * 2))
        for face in self.faces:
            jets = self._jets(states, rates, face, leaves=True)
            found = linearize([self._face_residual(face, jets, times)], jets)
            self._scatter(parts, found[0], face.rows, face.mine, face)
        return self._sum(parts[False]), self._sum(parts[True])

    def _sum(self, parts: list[scipy.sparse.coo_array]) -> scipy.sparse.csr_array:
        if not parts:
            return scipy.sparse.csr_array((self.size, self.size))
        rows = np.concatenate([p.coords[0] for p in parts])
        columns = np.concatenate([p.coords[1] for p in parts])
        data = np.concatenate([p.data for p in parts])
        return scipy.sparse.csr_array((data, (rows, columns)), shape=(self.size, self.size))

    def _scatter(
        self,
        parts: dict[bool, list[scipy.sparse.coo_array]],
        coefficients: Mapping[tuple[str, Key], Tensor],
        rows: Array,
        keep: Array,
        face: GridFace | None,
    ) -> None:
        for (unknown, key), value in coefficients.items():
            order, p = key.count(self._time), self.structure.time_order[unknown]
            is_rate = p > 0 and order == p
            operator = self._operator(key, face)
            # forced: forward mode has zeros without memory
            scale = np.where(keep, value.numpy(force=True), 0.0)
            lengths = np.diff(operator.indptr)
            data = operator.data * np.repeat(scale, lengths)
            used = np.repeat(keep, lengths)
            offset = self._row[unknown, order - is_rate] * self.points
            where = (np.repeat(rows, lengths)[used], operator.indices[used] + offset)
            parts[is_rate].append(scipy.sparse.coo_array((data[used], where), shape=(self.size,) * 2))

    def _operator(self, key: Key, face: GridFace | None) -> scipy.sparse.csr_array:
        """The derivative as a matrix (g, g), or (b, g) on a face."""
        space = tuple(name for name in key if name != self._time)
        label = (space, None if face is None else face.dim, face is not None and face.upper)
        if label not in self._operators:
            factors = []
            for dim, (name, axis) in enumerate(self.axes.items()):
                count = space.count(name)
                matrix = scipy.sparse.csr_array(axis.matrix(count) if count else scipy.sparse.eye_array(axis.size))
                if face is not None and dim == face.dim:
                    matrix = scipy.sparse.csr_array(matrix[[axis.size - 1 if face.upper else 0], :])
                factors.append(matrix)
            one = scipy.sparse.eye_array(1, format="csr")
            product = reduce(lambda a, b: scipy.sparse.kron(a, b, format="csr"), factors, one)
            self._operators[label] = scipy.sparse.csr_array(product)
        return self._operators[label]

    def fit_boundary(self, state: Array, rate: Array, t: float) -> Array:
        """The state with its boundary values corrected so that the boundary conditions hold."""
        # one that holds the rate itself says how the boundary goes on, and nothing of the start
        faces = [f for f in self.faces if not 0 < self.structure.time_order[f.unknown] == f.rates]
        # a condition constrains the value itself, or a velocity that it holds, and not the one whose row it takes
        below = [(self.top(f.unknown) - f.rates) * self.points for f in faces]
        values = np.concatenate([np.zeros(0, int), *(f.rows[f.mine] - b for f, b in zip(faces, below, strict=True))])
        rows = np.concatenate([np.zeros(0, int), *(f.rows[f.mine] for f in faces)])
        if len(rows) == 0:
            return state
        flat = state.reshape(-1).copy()
        for iteration in range(_FITTING):
            misfit = self.residual(flat.reshape(1, *state.shape), rate[None], np.array([t]))[0, rows]
            jacobian, _ = self.jacobians(flat.reshape(state.shape), rate, t)
            matrix = jacobian[rows][:, values].toarray()
            step = np.linalg.lstsq(matrix, misfit, rcond=None)[0]
            flat[values] -= step
            if iteration and not np.abs(step).max() > _FITTED * np.abs(flat).max():
                break
        return flat.reshape(state.shape)


def _other(piece: str) -> str:
    """The opposite face: of ``"x-"`` it is ``"x+"``."""
    return piece[:-1] + ("-" if piece[-1] == "+" else "+")


def _balanced(counts: Mapping[tuple[str, str], int], unknown: str, piece: str) -> int:
    """How many of the conditions of a face take rows at it, so that both ends give up about as many equations."""
    here, there = counts[unknown, piece], counts[unknown, _other(piece)]
    return here - max(0, (here - there) // 2)


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
