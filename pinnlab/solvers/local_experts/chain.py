"""All time slabs of an ordinary differential equation at once, where they are known from a march with similar numbers.

Letters: K slabs, m unknowns, N basis functions, M = m N, r residuals, q nodes of a slab, c initial values, p numbers.

A march minimizes the squares of one slab's rows after the other's; those of its start alone know of the slab before. Their
linearization is therefore one evaluation of the equations at the nodes of all slabs, their factorizations are one batch,
and what is left to be done slab by slab is the product of small matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.march import NEXT_TO_NOTHING, SlabMarch
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.local_experts.rows import CellJacobian, Numbers

Array = np.ndarray
_MOST = 12
"""Steps of Gauss-Newton."""
_FAR, _SMALL = 1e-3, 1e-8
"""Relative steps: below the first the old factorization serves for the next one; the second may be rounding."""
_GROWN = 10.0
"""Times the least misfit so far, from which on a step has led astray."""
_CUTS, _MORE = 3, 2
"""How often slabs that are too long are cut, and how many times as many there may be as there were."""


def is_chain(made: Discretization) -> bool:
    """Whether nothing but the initial state and equations makes up its rows: slabs follow one another as they are."""
    others = (made.space, made.boundary, made.seams, made.integrals, made.data, made.lift, made.corners)
    return made.time is not None and bool(made.initial) and not any(others) and not made.problem.jumps


def slabs(pieces: Sequence[Piece]) -> Cells:
    """The time slabs of the pieces of an ordinary differential equation, as cells."""
    (name,), time = pieces[0].cells.edges, pieces[0].cells.time
    return Cells(
        {name: np.concatenate([pieces[0].cells.edges[name][:1], *(p.cells.edges[name][1:] for p in pieces)])}, time
    )


def followed(march: SlabMarch, other: SlabMarch) -> bool:
    """Come to the end of a march at once, on the slabs of another one; those that are too long are cut.

    False where it has to be marched slab by slab.

    Args:
        march: at its start.
        other: at its end, of the same problem with similar numbers.
    """
    made, limits = march.discretization, march.settings
    if limits.stops or not (is_chain(made) and is_chain(other.discretization)):
        return False
    cells, known, floor = slabs(other.pieces), other.field(), march.size
    most = _MORE * cells.count
    for _ in range(1 + _CUTS):
        chain = Chain(made, cells)
        start = made.sampled(known, cells)
        weights = chain.solve(start, 1e-3 * limits.tolerance, NEXT_TO_NOTHING * floor, other.linear)
        if weights is None:
            return False
        sizes = np.maximum.accumulate(np.maximum(np.abs(made.values(weights)).max(axis=2), floor))
        piece = Piece(march.problem.unknowns, cells, march.basis, weights, made.parameters)
        off = march.tails(weights, sizes) > limits.tolerance
        if not off.any():
            if met := march.meets_start(chain.missed(weights), sizes[-1]):
                march.take(piece, sizes[-1], other.linear)
            return met
        (name,) = cells.edges
        cells, known = Cells({name: halved(cells.edges[name], off)}, cells.time), piece.values
        if cells.count > most:
            return False
    return False


class Chain:
    """The rows of all slabs of an ordinary differential equation.

    Args:
        made: the problem's discretization, for which ``is_chain`` holds.
        cells: K slabs, one after the other.
    """

    def __init__(self, made: Discretization, cells: Cells):
        assert made.time is not None
        self.made, self.cells, unknowns = made, cells, made.problem.unknowns
        self.rows = made.equation_rows(cells, made.interior)
        count, size = cells.count, made.basis.size
        self.weight = made.weight
        keys = [(u, key) for u, key, _, _ in made.initial]
        ends = [made.face(made.time, upper) for upper in (False, True)]
        self._first, self._last = (np.zeros((len(keys), len(unknowns) * size)) for _ in ends)
        for i, (unknown, key) in enumerate(keys):
            j = unknowns.index(unknown)
            for rows, nodes in zip((self._first, self._last), ends, strict=True):
                rows[i, j * size : (j + 1) * size] = nodes.rows((len(key),))[0]
        # derivatives in reference coordinates, from those of the slab before
        stretches = np.stack([cells.stretch(np.arange(count), (len(key),)) for _, key in keys], axis=1)
        self._passed = stretches[:-1] / stretches[1:]
        self._keys, self._stretch = keys, stretches[0]
        self._begin = np.array([[cells.region.time_interval[0]]])

    def solve(self, start: Array, tolerance: float, floor: Array, linear: bool = False) -> Array | None:
        """Gauss-Newton over all slabs; None where it does not converge.

        Args:
            start: (K, m, N) coefficients.
            tolerance: of a step, relative to the sizes of unknowns.
            floor: (m,) sizes below which no unknown counts as small.
            linear: whether equations seem to be linear: they are not linearized anew until steps contradict that.

        Returns:
            (K, m, N) coefficients.
        """
        self.rows.scale, now, best, change = None, start, np.inf, np.inf
        parts: CellJacobian | None = None
        first = self._start_values({})
        for _ in range(_MOST):
            fresh = parts is None or (change > _FAR and not linear)
            if fresh:
                residuals, (parts,) = self.rows.linearized(now)
                try:
                    inverse = self._inverse(parts)
                except np.linalg.LinAlgError:
                    return None
            else:
                residuals = self.rows.residuals(now)
            assert parts is not None
            jumps = self._jumps(now, first)
            misfit = float(np.sqrt((residuals**2).sum() + (jumps**2).sum() * self.weight**2))
            if not misfit < _GROWN * best:
                return None
            best = min(best, misfit)
            step = -self._passed_on(inverse, self._gradient(parts, residuals)[..., None], jumps[..., None])[..., 0]
            now = now + step.reshape(now.shape)
            size = np.maximum(np.abs(now).max(axis=(0, 2)), floor)
            before, change = change, float((np.abs(step.reshape(now.shape)).max(axis=(0, 2)) / size).max())
            if not np.isfinite(change):
                return None
            if change < tolerance:
                return now
            if before < _FAR and change > 0.3 * before:
                if change < _SMALL:
                    return now
                if fresh:
                    return None
                parts = None
            elif linear and not fresh and change > 0.3 * before:
                linear = False
        return None

    def tangents(self, now: Array, numbers: Numbers) -> Array:
        """(K, p, m, N) derivatives by p numbers of coefficients ``now`` (K, m, N) that solve all slabs."""
        self.rows.scale = None
        _, (parts,) = self.rows.linearized(now, numbers)
        assert parts.numbers is not None
        inverse, slopes = self._inverse(parts), parts.numbers
        jumps = np.zeros((len(now), len(self._keys), len(numbers)))
        jumps[0] = -self._start_slopes(numbers)
        pulled = np.stack([self._gradient(parts, slopes[..., j]) for j in range(len(numbers))], axis=-1)
        found = -self._passed_on(inverse, pulled, jumps)
        return found.reshape(*now.shape, len(numbers)).transpose(0, 3, 1, 2)

    def missed(self, now: Array) -> Array:
        """(K, c, 1) weighted rows of the starts of slabs."""
        return self.weight * self._jumps(now, self._start_values({}))[..., None]

    # -- the start of slabs ------------------------------------------------------------------------------------------

    def _start_values(self, numbers: Mapping[str, Tensor]) -> Array:
        """(c,) initial state, in reference coordinates of the first slab."""
        found = self.made.start_values(self._begin, None, numbers)
        return np.array([float(found[key].detach()) for key in self._keys]) / self._stretch

    def _start_slopes(self, numbers: Numbers) -> Array:
        """(c, p) derivatives of ``_start_values`` by numbers."""
        leaves = {k: torch.full((1,), v, dtype=torch.float64, requires_grad=True) for k, v in numbers.items()}
        found = self.made.start_values(self._begin, None, leaves)
        slopes = np.zeros((len(self._keys), len(numbers)))
        for i, key in enumerate(self._keys):
            if found[key].requires_grad:
                each = torch.autograd.grad(
                    found[key].sum(), list(leaves.values()), allow_unused=True, retain_graph=True
                )
                slopes[i] = [0.0 if g is None else float(g) for g in each]
        return slopes / self._stretch[:, None]

    def _jumps(self, now: Array, first: Array) -> Array:
        """(K, c) by how much slabs miss what they begin with."""
        flat = now.reshape(len(now), -1)
        ends = np.concatenate([first[None], (flat[:-1] @ self._last.T) * self._passed])
        return flat @ self._first.T - ends

    # -- linear algebra ----------------------------------------------------------------------------------------------

    def _inverse(self, parts: CellJacobian) -> Array:
        """(K, M, M) inverses of the normal equations of the slabs, each alone."""
        dense = parts.dense()
        normal = dense.transpose(0, 2, 1) @ dense + self.weight**2 * self._first.T @ self._first
        unit = 1 / np.sqrt(np.einsum("kii->ki", normal))
        if not np.isfinite(unit).all():
            raise np.linalg.LinAlgError("an unknown is in no row")
        scaled = normal * unit[:, :, None] * unit[:, None, :]
        return np.linalg.inv(scaled) * unit[:, :, None] * unit[:, None, :]

    @staticmethod
    def _gradient(parts: CellJacobian, residuals: Array) -> Array:
        """(K, M)."""
        return parts.pull_back(residuals).reshape(len(residuals), -1)

    def _passed_on(self, inverse: Array, gradient: Array, jumps: Array) -> Array:
        """(K, M, s) solutions of the slabs' normal equations, each with what the slab before it passes on.

        Args:
            inverse: (K, M, M).
            gradient: (K, M, s) of the equations, s right-hand sides.
            jumps: (K, c, s) by how much starts are missed.
        """
        found = inverse @ (gradient + self.weight**2 * self._first.T @ jumps)
        answers = inverse @ (self.weight**2 * self._first.T)
        for k, (answer, ratio) in enumerate(zip(answers[1:], self._passed, strict=True), start=1):
            found[k] += answer @ (ratio[:, None] * (self._last @ found[k - 1]))
        return found


def halved(edges: Array, which: Sequence[bool] | Array) -> Array:
    """Edges (K + 1,) of slabs of which some are cut in the middle."""
    middles = (edges[1:] + edges[:-1]) / 2
    return np.sort(np.concatenate([edges, middles[np.asarray(which, dtype=bool)]]))
