"""The least-squares system of all cells, and its Gauss-Newton solution.

Letters: K experts, m unknowns, N basis functions, N_e those of an expert's combinations that its points tell apart.

Coefficients are (K, m, N) of the basis. The system is solved for those of combinations that are orthogonal on each
expert's own points: in a cell of which a boundary leaves little, many functions of the basis are nearly alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from pinnlab.algebra.condensation import Rows, Solver, condensed
from pinnlab.algebra.conjugate_gradients import conjugate_gradients
from pinnlab.algebra.low_rank import corrected
from pinnlab.algebra.substructures import Cost, Face, Front, Shares, cost, shared, substructures
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.solvers.cut_cells.places import real_product
from pinnlab.solvers.cut_cells.rows import Parts, PointRows
from pinnlab.solvers.local_experts.system import Pace

Array = np.ndarray
_FAR = 1e-3
"""Relative step below which the old factorization serves for the next one."""
_FLAT = 0.9
"""Share of the misfit that a step with an old factorization leaves, from which on there is nothing left to lower."""
_TURNS, _SMALL = 40, 1e-6
"""Turns of conjugate gradients in a step, and the share of what is left at which they end."""
_SHORTEST = 1 / 64
"""Of a full step, to which it is shortened where residuals grow."""
_MIXING, _FEWER = 2.5, 5.0
"""Multiplications of large products that take as long as one of an expert's functions with the basis, and as one of those
that combine the rows of a face."""
_COPIES = 2.2
"""Of the factor's numbers, at the height of a factorization, with the blocks in work."""


_WORTH_SHARING = 3e8
"""Multiplications in a factorization from which on several processes share it: measured."""


class SingularError(ValueError):
    """The normal equations could not be factorized."""


@dataclass(frozen=True, eq=False)
class Found:
    """What Gauss-Newton found.

    Attributes:
        coefficients: (K, m, N).
        converged: whether steps became small.
        misfit: root of the sum of squares of all weighted rows.
        factorizations: that it took; a linear problem takes one.
        solver: the last one, None where steps did not become small.
        linear: what the rows of every group depend on there; empty where steps did not become small.
    """

    coefficients: Array
    converged: bool
    misfit: float
    factorizations: int
    solver: Solver | None = None
    linear: Sequence[Sequence[Parts]] = ()


class CellSystem:
    """All rows of the cells.

    Args:
        groups: rows; those with two sites couple the cells on both sides of a face.
        mixing: per expert (N, N_e), from its combinations to the basis.
        places: (K, d) middles of the experts' cells.
        counts: (K, m) how much values of an unknown in an expert count next to those in others.
        order: of the equations; of rows of third derivatives and higher the normal equations lose too much.
        on_face: independent functions of the basis on a flat face, at most.
        processes: that share factorizations.
    """

    def __init__(
        self,
        groups: Sequence[PointRows],
        mixing: Sequence[Array],
        places: Array,
        counts: Array,
        order: int,
        on_face: int,
        processes: Processes = ALONE,
    ):
        self.groups, self.mixing = tuple(group for group in groups if group.count), list(mixing)
        self.counts, self.m, self.high_order = counts, counts.shape[1], order > 2
        self.sizes = {e: self.m * each.shape[1] for e, each in enumerate(self.mixing)}
        self.widths: dict[Face, int] = {}
        """Numbers that experts have in common, at most: values and derivatives of each unknown at nodes of their faces."""
        self._of_faces = 0.0
        for group in self.groups:
            for a, b, points, count in group.joined(on_face):
                face = (min(a, b), max(a, b))
                self.widths[face] = self.widths.get(face, 0) + count * self.m * order
                rows, both = points * self.m * order, self.sizes[a] + self.sizes[b]
                self._of_faces += rows * min(rows, both) * both
        self._places, self._beside = places, processes

    @cached_property
    def fronts(self) -> list[Front]:
        """In which order faces are eliminated."""
        return substructures(self.sizes, self.widths, self._places)

    @cached_property
    def _processes(self) -> Processes:
        """Those that share a factorization: none where exchanges take longer than they spare."""
        return self._beside if self.cost.work > _WORTH_SHARING else ALONE

    @cached_property
    def _shares(self) -> Shares:
        """Which process eliminates what."""
        return shared(self.fronts, self.sizes, self.widths, self._processes.count)

    @cached_property
    def cost(self) -> Cost:
        """Of one factorization, with all that is made of rows before it, in multiplications of large products."""
        found, size = cost(self.fronts, self.sizes, self.widths), max(self.sizes.values())
        rows = sum(len(g.sites) * g.count for g in self.groups)
        made_of_rows = rows * size * (size + _MIXING * self.m * len(self.mixing[0])) + _FEWER * self._of_faces
        return Cost(found.work + made_of_rows, found.entries)

    @property
    def bytes(self) -> float:
        """Memory at the height of a factorization."""
        rows = sum(len(g.sites) * g.count for g in self.groups) * self.m * max(self.sizes.values())
        return 8.0 * (_COPIES * self.cost.entries + (2.0 * rows if self.high_order else 0.0))

    def residuals(self, coefficients: Array) -> list[Array]:
        """Weighted residuals (r, n) of every group."""
        return self.linearized(coefficients)[0]

    def solve(
        self,
        start: Array,
        tolerance: float,
        most: int,
        pace: Pace | None = None,
        deadline: Deadline | None = None,
        left: Sequence[Array] | None = None,
    ) -> Found:
        """Damped Gauss-Newton from ``start`` (K, m, N) until steps are below ``tolerance``.

        Args:
            start: (K, m, N).
            tolerance: of the root mean square of a step in a cell, relative to the largest in any.
            most: steps.
            pace: of factorizations.
            deadline: raise TimeIsUpError after it.
            left: (r, n) of every group, residuals that are to be left in place of zero.

        Raises:
            SingularError: the normal equations cannot be factorized.
            TimeIsUpError: the time is up, or a factorization would end too late.
        """
        pace, deadline = pace or Pace(), deadline or Deadline()
        now, solver, change, count = start, None, np.inf, 0
        residuals, linear = self.linearized(now, left)
        misfit = _norm(residuals)
        for _ in range(most):
            deadline.check()
            fresh = solver is None
            if solver is None:
                deadline.require(pace.seconds(self.cost.work), "the next factorization")
                began = deadline.now()
                solver = self.factorized(linear)
                count += 1
                pace.learn(self.cost.work, deadline.now() - began)
            step, length = self._step(solver, residuals, linear, deadline)
            share, before = 1.0, change
            while True:
                trial = now - share * step
                residuals, linear = self.linearized(trial, left)
                found = _norm(residuals)
                if found <= misfit * (1 + 1e-8) or share <= _SHORTEST or not fresh:
                    break
                share /= 2
            if not np.isfinite(found):
                return Found(start, False, np.inf, count)
            size = largest(self.groups[0], trial, self.counts)
            change = share * length / size if size else 0.0
            if not fresh and found > 1.01 * misfit and change > tolerance:
                # what the old factorization does not see
                residuals, linear = self.linearized(now, left)
                solver = None
                continue
            # what steps still change in tiny cells may be what no row sees; of high order, slow modes hardly touch the rows
            flat = not self.high_order and not fresh and change < _FAR and found > _FLAT * misfit
            now, misfit = trial, found
            if flat:
                return Found(now, True, misfit, count, solver, linear)
            if change < tolerance or (not fresh and change > 0.3 * before):
                if change < max(tolerance, 1e-6):
                    return Found(now, True, misfit, count, solver, linear)
                solver = None
            elif change > _FAR and not fresh:
                solver = None
            elif change > _FAR and before < np.inf:
                solver = None
        return Found(now, False, misfit, count)

    def linearized(
        self, coefficients: Array, left: Sequence[Array] | None = None
    ) -> tuple[list[Array], list[list[Parts]]]:
        """Weighted residuals (r, n) of every group, and what they depend on.

        Args:
            coefficients: (K, m, N).
            left: (r, n) of every group, residuals that are to be left.
        """
        found = [group.linearized(coefficients) for group in self.groups]
        residuals = [mine for mine, _ in found]
        if left is not None:
            residuals = [mine - theirs for mine, theirs in zip(residuals, left, strict=True)]
        return residuals, [parts for _, parts in found]

    def _step(
        self, solver: Solver, residuals: Sequence[Array], linear: Sequence[Sequence[Parts]], deadline: Deadline
    ) -> tuple[Array, float]:
        """The step (K, m, N) to be subtracted, and its largest root mean square in a cell."""
        found = self.descent(solver, self.mixed_gradient(residuals, linear), linear, deadline)
        return self.spread(found), self.largest_mean(found, 1 / self.counts)

    def descent(self, solver: Solver, gradient: Array, linear: Sequence[Sequence[Parts]], deadline: Deadline) -> Array:
        """Numbers of all experts' combinations that solve the normal equations of linearized rows for a gradient.

        Conjugate gradients, with a factorization as preconditioner: one turn, where the factorization is accurate, and some
        more where it is of other coefficients, or where rounding or the shift has spoilt a few combinations.
        """
        rows = list(zip(self.groups, linear, strict=True))
        product = partial(self.normal_product, rows)
        return conjugate_gradients(product, solver, gradient, _TURNS, _SMALL, each=deadline.check)

    def normal_product(self, rows: Sequence[tuple[PointRows, Sequence[Parts]]], combined: Array) -> Array:
        """J^H J times numbers of all experts' combinations, with the Jacobian J of groups, given what these depend on."""
        change = self.spread(combined)
        return self.pulled_back([(group, group.changes(parts, change), parts) for group, parts in rows])

    def mixed_gradient(self, residuals: Sequence[Array], linear: Sequence[Sequence[Parts]]) -> Array:
        """The transposed (conjugate) Jacobian times residuals, by the experts' combinations."""
        return self.pulled_back(list(zip(self.groups, residuals, linear, strict=True)))

    def pulled_back(self, rows: Sequence[tuple[PointRows, Array, Sequence[Parts]]]) -> Array:
        """The transposed (conjugate) Jacobian of some groups times their residuals (r, n), by the experts' combinations.

        Args:
            rows: groups, residuals, and what these depend on.
        """
        dtype = np.result_type(float, *(residuals for _, residuals, _ in rows))
        gradient = np.zeros((len(self.mixing), self.m, self.mixing[0].shape[0]), dtype)
        for group, mine, parts in rows:
            group.pull_back(parts, mine, gradient)
        return np.concatenate([real_product(g, mix).ravel() for g, mix in zip(gradient, self.mixing, strict=True)])

    def spread(self, combined: Array) -> Array:
        """(K, m, N) of numbers of the experts' combinations."""
        own = np.split(combined, np.cumsum(list(self.sizes.values()))[:-1])
        return np.stack([mine.reshape(self.m, -1) @ mix.T for mine, mix in zip(own, self.mixing, strict=True)])

    def of_unknowns(self, numbers: Array) -> Array:
        """A number for each unknown, (m,) or (K, m) of each expert's, repeated for all experts' combinations."""
        each = np.broadcast_to(numbers, (len(self.mixing), self.m))
        return np.concatenate([np.repeat(each[e], size // self.m) for e, size in self.sizes.items()])

    def largest_mean(self, combined: Array, of: Array) -> float:
        """The largest root mean square of an expert, of (..., numbers of all experts' combinations).

        Args:
            combined: those numbers.
            of: (m,) or (K, m) sizes of the unknowns, relative to which it is.
        """
        own = np.split(combined / self.of_unknowns(of), np.cumsum(list(self.sizes.values()))[:-1], axis=-1)
        return max(float(np.sqrt((mine**2).sum(axis=-1)).max()) for mine in own)

    def factorized(self, linear: Sequence[Sequence[Parts]]) -> Solver:
        """The solver of normal equations of linearized rows.

        Raises:
            SingularError: they cannot be factorized.
        """
        try:
            solver = condensed(
                self._rows(linear), self.sizes, self.fronts, self.high_order, self._processes, self._shares
            )
        except np.linalg.LinAlgError as error:
            raise SingularError("the normal equations are singular to rounding") from error
        whole = [(group, parts) for group, parts in zip(self.groups, linear, strict=True) if group.of_all]
        if not whole:
            return solver
        one = np.ones((1, 1))
        rows = [self.pulled_back([(group, one, parts)]).conj() for group, parts in whole]
        pins = [self._pin(group, parts) for group, parts in whole]
        return corrected(solver, np.stack(rows), np.stack(pins))

    def _pin(self, group: PointRows, parts: Sequence[Parts]) -> Array:
        """What stands for a row of all experts in the factorization, as one of all experts' combinations."""
        (((expert, jacobian),),) = group.jacobians(parts, np.full(len(self.mixing), True))
        ends = np.cumsum([0, *self.sizes.values()])
        found = np.zeros(ends[-1], jacobian.dtype)
        found[ends[expert] : ends[expert + 1]] = self._mixed(expert, jacobian)[0]
        return found

    def _rows(self, linear: Sequence[Sequence[Parts]]) -> Iterator[Rows]:
        """Those that touch experts of this process."""
        mine = np.array([self._shares.groups[e] == self._processes.rank for e in range(len(self.mixing))])
        for group, parts in zip(self.groups, linear, strict=True):
            for sites in group.jacobians(parts, mine):
                found: dict[int, Array] = {}
                for expert, jacobian in sites:
                    mixed = self._mixed(expert, jacobian)
                    found[expert] = found[expert] + mixed if expert in found else mixed
                yield found

    def _mixed(self, expert: int, jacobian: Array) -> Array:
        """(rows, m N_e) from (rows, m, N)."""
        return (jacobian @ self.mixing[expert]).reshape(len(jacobian), -1)


def largest(equations: PointRows, coefficients: Array, counts: Array) -> float:
    """The largest value of any unknown, each times what it counts (K, m), at the points of equations."""
    return float(np.abs(_counted(equations, coefficients, counts)).max())


def mean(equations: PointRows, coefficients: Array, counts: Array, volumes: Array) -> float:
    """The root of the mean square over the region of all unknowns, each times what it counts.

    Args:
        equations: at whose points they are looked at.
        coefficients: (K, m, N).
        counts: (K, m).
        volumes: (K,) shares of the experts in the region.
    """
    site, squares = equations.sites[0], (_counted(equations, coefficients, counts) ** 2).sum(axis=1)
    means = np.add.reduceat(squares, site.starts[:-1]) / np.diff(site.starts)
    return float(np.sqrt(means @ volumes[site.experts]))


def _counted(equations: PointRows, coefficients: Array, counts: Array) -> Array:
    site = equations.sites[0]
    each = np.repeat(counts[site.experts], np.diff(site.starts), axis=0)
    return each * np.stack([site.derivative(coefficients[:, j], ()) for j in range(counts.shape[1])], axis=1)


def _norm(residuals: Sequence[Array]) -> float:
    return float(np.sqrt(sum((r**2).sum() for r in residuals)))
