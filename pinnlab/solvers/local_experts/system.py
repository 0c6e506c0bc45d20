"""The least-squares system of all cells of one time slab (or of a steady problem), and its Gauss-Newton solution.

Letters: K cells, C columns (cells with the same interval of the first space coordinate), m unknowns, N basis functions,
p numbers that are to be found, P = K m N.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.blocks import EquilibratedBlockCholesky
from pinnlab.domains.cells import Cells
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.border import Border, BorderedFactor
from pinnlab.solvers.local_experts.integrals import DenseRows, IntegralRows, stacked
from pinnlab.solvers.local_experts.rows import NO_NUMBERS, CellJacobian, CellRows, Numbers

Array = np.ndarray
_COPIES = 4
"""Of every block at the height of a factorization: summed, equilibrated, factorized, and the part in work."""
_TELLING = 0.02
"""Seconds from which on a factorization tells how fast the next one will be."""
_PLACES = (0.0, 0.37, 0.71, 1.0)
"""Where unknowns are pinned besides, as a share of all nodes."""
Linear = Sequence[tuple[Array, list[CellJacobian]]]
"""Residuals and Jacobians of groups of rows."""
Steps = Callable[[Tensor, Array], tuple[Tensor, Array]]
"""Gradients by coefficients (P,) and numbers (p,) to the solution of the normal equations for them."""
_FAR = 1e-3
"""Relative step below which the old factorization serves for the next one."""
_SMALL = 1e-8
"""Relative step that may be rounding."""


@dataclass(frozen=True, eq=False)
class GaussNewtonResult:
    """What Gauss-Newton found.

    Attributes:
        coefficients: (K, m, N).
        converged: whether steps became small.
        iterations: number of factorizations and steps with an old one.
        misfit: root of the sum of squares of all weighted rows.
        singular: whether the normal equations could not be factorized, or so badly that steps did not shrink.
        numbers: that were found.
        linear: whether rows depend on the coefficients in the same way at the start and at what was found.
        steps: of linear rows, the solution of their normal equations.
    """

    coefficients: Array
    converged: bool
    iterations: int
    misfit: float
    singular: bool = False
    numbers: Numbers = field(default_factory=dict)
    linear: bool = False
    steps: Steps | None = None


def _alike(some: Sequence[CellJacobian], others: Sequence[CellJacobian]) -> bool:
    """Whether the Jacobians of a group are the same."""
    return all(
        a is b
        or (a.parts.keys() == b.parts.keys() and all(np.array_equal(part, b.parts[k]) for k, part in a.parts.items()))
        for a, b in zip(some, others, strict=True)
    )


def bytes_of_slab(columns: int, per_column: int, block: int) -> float:
    """Memory that Gauss-Newton on a slab takes at its height, in bytes, about.

    Args:
        columns: C; each has a block on the diagonal of the normal equations and one beside it.
        per_column: cells of a column.
        block: m N, coefficients of a cell; its equations have about m q = m N rows.
    """
    size = per_column * block
    jacobians = 2 * columns * per_column * block**2
    return 8.0 * (_COPIES * 2 * columns * size**2 + jacobians)


class Pace:
    """How fast systems are factorized, learned from every one that was.

    Args:
        rate: multiplications per second that the first is expected to reach.
    """

    def __init__(self, rate: float = math.inf):
        self.rate = rate

    def seconds(self, work: float) -> float:
        """What so many multiplications will take, about."""
        return work / self.rate

    def learn(self, work: float, seconds: float) -> None:
        """So many multiplications took so long; small ones say nothing of large ones."""
        if seconds > _TELLING:
            self.rate = work / seconds


class SlabSystem:
    """All rows of one slab.

    The cells of a column are one block of the normal equations, which are block tridiagonal, closed to a ring where the
    coordinate is periodic: the cost of a step is linear in the number of columns.

    Args:
        cells: K cells.
        groups: rows; those with two sites couple the cells on both sides of a face.
        unknowns: m.
        size: N.
        axis: number of the coordinate along which columns follow one another.
        integrals: rows that touch all cells.
    """

    def __init__(
        self,
        cells: Cells,
        groups: Sequence[CellRows],
        unknowns: int,
        size: int,
        axis: int,
        integrals: Sequence[IntegralRows] = (),
    ):
        self.cells, self.groups, self.integrals = cells, tuple(groups), tuple(integrals)
        self.columns = cells.shape[axis]
        self.block = unknowns * size
        column = cells.intervals[:, axis]
        order = np.argsort(column, kind="stable")
        self.column, self.position = column, np.empty(len(column), dtype=int)
        self.per_column = len(column) // self.columns
        self.position[order] = np.arange(len(column)) % self.per_column

    @property
    def bytes(self) -> float:
        """See ``bytes_of_slab``."""
        return bytes_of_slab(self.columns, self.per_column, self.block)

    @property
    def work(self) -> float:
        """Multiplications of one factorization, the products of Jacobians that it starts with included."""
        size, cells = self.per_column * self.block, self.columns * self.per_column
        rows = sum(len(group.sites) ** 2 * math.prod(group.shape) for group in self.groups)
        return 2.4 * self.columns * size**3 + max(rows, cells * self.block) * self.block**2

    def solve(
        self,
        start: Array,
        tolerance: float,
        most: int = 10,
        pace: Pace | None = None,
        deadline: Deadline | None = None,
        numbers: Numbers = NO_NUMBERS,
        least: Array | float = 0.0,
        linear: bool = False,
    ) -> GaussNewtonResult:
        """Gauss-Newton from ``start`` (K, m, N) until steps are below ``tolerance`` times the size of the unknowns.

        Args:
            start: (K, m, N).
            tolerance: of a step.
            most: steps.
            pace: of factorizations.
            deadline: raise TimeIsUpError after it.
            numbers: first guesses of numbers that are to be found too.
            least: (m,) sizes below which no unknown counts as small, such as those of its known part.
            linear: whether rows seem to be linear: their derivatives are not computed anew until steps contradict that.

        Raises:
            TimeIsUpError: the time is up, or the next factorization would end too late.
        """
        pace, deadline = pace or Pace(), deadline or Deadline()
        now, at, off = start, np.array(list(numbers.values())), np.zeros(len(numbers))
        unit = np.where(at != 0, np.abs(at), 1.0)
        factor, step, change, best = None, None, np.inf, np.inf

        found: Linear = ()
        # who looks for numbers multiplies unknowns by them
        alike = not (numbers or self.integrals)

        def result(converged: bool, misfit: float, singular: bool = False) -> GaussNewtonResult:
            told, same = self._named(numbers, at), alike and iteration > 1
            return GaussNewtonResult(now, converged, iteration, misfit, singular, told, same, factor if same else None)

        for iteration in range(1, most + 1):
            deadline.check()
            # the first step solves linear rows, and leaves rounding to the others
            linear = linear and alike and (iteration <= 2 or change < _SMALL)
            last, found = found, self._linearized(now, self._named(numbers, at), found if linear else ())
            alike = alike and all(_alike(a, b) for (_, a), (_, b) in zip(last, found, strict=False))
            dense = stacked([rows.linearized(now, self._named(numbers, at)) for rows in self.integrals])
            misfit = float(
                np.sqrt(sum((r**2).sum() for r in (*(residuals for residuals, _ in found), dense.residuals)))
            )
            if not misfit < 10 * best:
                # the step left the range where the equations hold, or went much too far: take half of it
                if step is None:
                    return result(False, misfit)
                step, off = step / 2, off / 2
                now, at = now - step, at - off
                continue
            best = min(best, misfit)
            fresh = False
            if factor is None or (change > _FAR and not alike):
                fresh = True
                what = f"factorizing the equations of {self.cells.count} experts"
                deadline.require(pace.seconds(self.work), what)
                began = time.perf_counter()
                try:
                    factor = self._factorized([linear for _, linear in found], dense, now, len(numbers))
                except np.linalg.LinAlgError:
                    return result(False, misfit, singular=True)
                pace.learn(self.work, time.perf_counter() - began)
            before = change
            gathered, off = factor(self.gathered(self.gradient(found, dense)), self._by_numbers(found, dense))
            step, off = -self.spread(gathered, now.shape), -off
            now, at = now + step, at + off
            size = np.maximum(np.abs(now).max(axis=(0, 2)), least)
            sizes = np.where(size > 0, size, 1.0)
            change = float(
                max([*(np.abs(step).max(axis=(0, 2)) / sizes), *(np.abs(off) / np.maximum(np.abs(at), unit))])
            )
            if not np.isfinite(change):
                return GaussNewtonResult(start, False, iteration, np.inf, numbers=numbers)
            # steps with an old factorization shrink until they are rounding
            if change < tolerance or (before < _FAR and change > 0.3 * before):
                small = change < max(tolerance, _SMALL)
                if not (small or fresh):
                    # not rounding, perhaps, but what the old factorization does not see
                    factor = None
                    continue
                return result(small, misfit, singular=not small)
        return result(False, best)

    def responses(self, now: Array) -> Callable[[Sequence[CellRows], Sequence[IntegralRows]], Array]:
        """Linearize at coefficients ``now`` (K, m, N) and factorize.

        What comes back maps the rows of a problem next to this one, on the same nodes, to the Gauss-Newton step (K, m, N)
        that is to be subtracted from ``now`` for them.
        """
        found = [group.linearized(now) for group in self.groups]
        dense = stacked([rows.linearized(now) for rows in self.integrals])
        solve = self._factorized([linear for _, linear in found], dense, now, 0)

        def respond(groups: Sequence[CellRows], integrals: Sequence[IntegralRows]) -> Array:
            left = [(mine.residuals(now), parts) for mine, (_, parts) in zip(groups, found, strict=True)]
            others = stacked([rows.linearized(now) for rows in integrals])
            gradient = self.gradient(left, replace(dense, residuals=others.residuals))
            return self.spread(solve(self.gathered(gradient), np.zeros(0))[0], now.shape)

        return respond

    def tangents(self, now: Array, numbers: Numbers, moved: Mapping[int, Array], steps: Steps | None = None) -> Array:
        """(p, K, m, N) derivatives by numbers in the rows of coefficients ``now`` (K, m, N) that solve them.

        Args:
            now: coefficients.
            numbers: {name: value}, p of them.
            moved: {number of a group: (k, r, q, p)}, derivatives of its residuals that it does not know of.
            steps: of the same rows where they are linear, see ``GaussNewtonResult``.
        """
        found = [group.linearized(now, numbers) for group in self.groups]
        dense = stacked([rows.linearized(now) for rows in self.integrals])
        solve = steps or self._factorized([linear for _, linear in found], dense, now, 0)
        slopes = list[Array]()
        for i, ((_, parts), group) in enumerate(zip(found, self.groups, strict=True)):
            assert parts[0].numbers is not None and group.scale is not None
            more = moved[i] * group.scale[:, :, None, None] if i in moved else 0.0
            slopes.append(parts[0].numbers + more)
        columns = []
        for j in range(len(numbers)):
            left = [(slope[..., j], parts) for slope, (_, parts) in zip(slopes, found, strict=True)]
            columns.append(-self.spread(solve(self.gathered(self.gradient(left)), np.zeros(0))[0], now.shape))
        return np.stack(columns)

    def _linearized(self, now: Array, numbers: Numbers, kept: Linear) -> Linear:
        """Residuals and Jacobians of all groups at coefficients (K, m, N); the Jacobians are those that are kept, if any."""
        if kept:
            return [(group.residuals(now), parts) for group, (_, parts) in zip(self.groups, kept, strict=True)]
        return [group.linearized(now, numbers) for group in self.groups]

    @staticmethod
    def _named(numbers: Numbers, at: Array) -> Numbers:
        return dict(zip(numbers, at.tolist(), strict=True))

    def gradient(self, found: Linear, dense: DenseRows | None = None) -> Array:
        """(K, m N) transposed Jacobians times residuals."""
        total = np.zeros((self.cells.count, self.block))
        for residuals, parts in found:
            for linear in parts:
                pulled = linear.pull_back(residuals)
                np.add.at(total, linear.site.which, pulled.reshape(len(pulled), -1))
        if dense is not None and len(dense.residuals):
            total += np.tensordot(dense.residuals, dense.jacobian, axes=1)
        return total

    def _by_numbers(self, found: Linear, dense: DenseRows) -> Array:
        """(p,) the gradient by numbers."""
        total = dense.residuals @ dense.numbers if len(dense.residuals) else 0.0
        for residuals, parts in found:
            if parts[0].numbers is not None:
                total = total + np.tensordot(residuals, parts[0].numbers, axes=3)
        return np.asarray(total)

    def _factorized(self, found: Sequence[list[CellJacobian]], dense: DenseRows, now: Array, numbers: int) -> Steps:
        """The solution of the normal equations for a gradient by coefficients and one by numbers."""
        if not numbers and not len(dense.residuals):
            factor = self.factorize(found)
            return lambda gradient, beside: (factor.solve(gradient), beside)
        cells, rows = self._pins(now)
        factor = self.factorize(found, zip(cells, rows, strict=True))
        pins = np.zeros((len(cells), self.cells.count, self.block))
        pins[np.arange(len(cells)), cells] = rows
        columns, squares = [], np.zeros((numbers, numbers))
        for i in range(numbers):
            mine = [(parts[0].numbers[..., i], parts) for parts in found if parts[0].numbers is not None]
            columns.append(self.gathered(self.gradient(mine)).numpy())
        for parts in found:
            if parts[0].numbers is not None:
                flat = parts[0].numbers.reshape(-1, numbers)
                squares += flat.T @ flat
        beside = np.stack(columns, axis=1) if columns else np.zeros((self.cells.count * self.block, 0))
        gathered = [np.stack([self.gathered(row).numpy() for row in rows]) for rows in (dense.jacobian, pins)]
        return BorderedFactor(factor, Border(beside, squares, gathered[0], dense.numbers, gathered[1])).solve

    def _pins(self, now: Array) -> tuple[Array, Array]:
        """Rows (z, m N) that pin each unknown at points, and the cells (z,) of these: where it is largest, and elsewhere.

        Of a time slab the points stand at all times, as integrals do.
        """
        site = next(site for group in self.groups for site in group.sites if len(site.which) == self.cells.count)
        nodes, (_, m, size) = site.nodes.rows((0,) * len(self.cells.edges)), now.shape
        space = [i for i, name in enumerate(self.cells.edges) if name in self.cells.region.space]
        at = site.nodes.points[:, space]
        cells, rows = [], []
        for j in range(m):
            values = np.abs(now[:, j] @ nodes.T)
            places = {int(values.argmax()), *(int(s * (values.size - 1)) for s in _PLACES)}
            pinned = {
                (cell, int(other))
                for cell, node in (divmod(place, values.shape[1]) for place in places)
                for other in np.flatnonzero((at == at[node]).all(axis=1))
            }
            for cell, node in sorted(pinned):
                row = np.zeros((m, size))
                row[j] = nodes[node]
                cells.append(cell)
                rows.append(row.ravel())
        return np.array(cells), np.array(rows)

    def factorize(
        self, found: Sequence[list[CellJacobian]], pins: Iterable[tuple[int, Array]] = ()
    ) -> EquilibratedBlockCholesky:
        """The normal equations of the cells, with rows (m N,) added to some of them."""
        w, p = self.per_column, self.per_column * self.block
        blocks = {(k, k): np.zeros((p, p)) for k in range(self.columns)}
        for parts in found:
            jacobians = [linear.dense() for linear in parts]
            homes = [(self.column[linear.site.which], self.position[linear.site.which]) for linear in parts]
            for i, (ja, (ca, pa)) in enumerate(zip(jacobians, homes, strict=True)):
                for jb, (cb, pb) in zip(jacobians[i:], homes[i:], strict=True):
                    products = ja.transpose(0, 2, 1) @ jb
                    for product, a, x, b, y in zip(products, ca, pa, cb, pb, strict=True):
                        if a < b:
                            a, x, b, y, product = b, y, a, x, product.T
                        if (a, b) not in blocks:
                            blocks[a, b] = np.zeros((p, p))
                        block = blocks[a, b].reshape(w, self.block, w, self.block)
                        block[x, :, y] += product
                        if a == b and ja is not jb:
                            block[y, :, x] += product.T
        for cell, row in pins:
            a, x = self.column[cell], self.position[cell]
            blocks[a, a].reshape(w, self.block, w, self.block)[x, :, x] += np.outer(row, row)
        return EquilibratedBlockCholesky({key: torch.from_numpy(block) for key, block in blocks.items()})

    def gathered(self, cells: Array) -> Tensor:
        """(p,) column after column, from (K, m N)."""
        result = np.empty((self.columns, self.per_column, self.block))
        result[self.column, self.position] = cells
        return torch.from_numpy(result.ravel())

    def spread(self, columns: Tensor, shape: tuple[int, ...]) -> Array:
        """The inverse of ``gathered``, in the shape (K, m, N)."""
        parts = columns.numpy().reshape(self.columns, self.per_column, self.block)
        return parts[self.column, self.position].reshape(shape)
