"""The system of what groups of unknowns have in common on their faces, eliminated front by front, by one process or several.

Letters: g groups, p_i unknowns of group i, q_f numbers of face f, R processes.

Each group adds one full block, -F F^H, to the unit matrix of its faces, as an element does, and each front eliminates the
faces that are inside what it joins (multifrontal; Duff & Reid 1983). Whole substructures belong to one process each, which
hands on what they leave; the last fronts, which join what several processes have, are eliminated by all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import scipy

from pinnlab.algebra.dense import Blas
from pinnlab.algebra.substructures import Face, Front, Shares
from pinnlab.machine.processes import Processes

Array = np.ndarray
SHIFTS = (1e-15, 1e-13, 1e-11)
"""Added to a unit diagonal, the next one where rounding makes the matrix indefinite."""
DEPENDENT = "the rows are dependent to rounding"
Left = tuple[Sequence[Face], Array]
"""Faces, and the lower half of a matrix of their numbers."""


class Group(Protocol):
    """One group, once its own unknowns are eliminated. M is its matrix, E what faces have of it."""

    size: int

    def down(self, right: Array) -> tuple[Array, Array]:
        """What ``up`` wants to know of a right-hand side (p,), and E M^-1 b (q,)."""
        ...

    def up(self, known: Array, faces: Array) -> Array:
        """M^-1 (b + E^H tau) (p,), for tau (q,) on its faces."""
        ...


@dataclass(frozen=True, eq=False)
class Eliminated:
    """The groups of this process, and the faces of all.

    Attributes:
        groups: {group: eliminated}.
        of_faces: {group: F_i (q, p)}.
        faces: {group: those it has, in the order of elimination}, of all groups.
        sizes: {group: p_i}, of all groups, in the order of the unknowns.
    """

    groups: Mapping[int, Group]
    of_faces: Mapping[int, Array]
    faces: Mapping[int, Sequence[Face]]
    sizes: Mapping[int, int]


@dataclass(frozen=True, eq=False)
class _Step:
    """The elimination of the faces of one front.

    Attributes:
        own, near: where its numbers stand among all, and those that they couple to.
        lower: factor of its own.
        below: what couples it to these.
    """

    own: slice
    near: Array
    lower: Array
    below: Array


class FrontSolver:
    """Solves A^H A x = b with the factor of the faces' matrix I - sum_i F_i F_i^H, and the groups.

    Args:
        eliminated: the groups.
        fronts: in order.
        widths: {face: its numbers}, in the order of elimination.
        processes: R, with the same fronts and widths.
        shares: which of them has what.

    Raises:
        numpy.linalg.LinAlgError: in all processes, where the matrix is not positive definite in floating point.
    """

    def __init__(
        self,
        eliminated: Eliminated,
        fronts: Sequence[Front],
        widths: Mapping[Face, int],
        processes: Processes,
        shares: Shares,
    ):
        self._groups, self._faces, self._widths = eliminated.groups, eliminated.faces, widths
        self._processes = processes
        ends = np.cumsum([0, *widths.values()]).tolist()
        self._at = {face: np.arange(a, b) for face, a, b in zip(widths, ends, ends[1:], strict=False)}
        self._where = {i: self._places(self._faces[i]) for i in self._groups}
        self._count = ends[-1]
        ends = np.cumsum([0, *eliminated.sizes.values()]).tolist()
        self._spans = {i: slice(a, b) for i, a, b in zip(eliminated.sizes, ends, ends[1:], strict=False)}
        of_faces = eliminated.of_faces
        kinds = processes.any(any(np.iscomplexobj(each) for each in of_faces.values()))
        self._dtype = np.dtype(complex if kinds else float)
        self._blas = Blas(self._dtype)
        self._fronts = [
            replace(front, own=self._present(front.own), near=self._present(front.near)) for front in fronts
        ]
        self._begins = np.cumsum([0, *(self._width(front.own) for front in self._fronts)])
        common = [k for k, owner in enumerate(shares.fronts) if owner is None]
        self._between = np.concatenate([np.zeros(0, int), *(self._places(self._fronts[k].own) for k in common)])
        for shift in SHIFTS:
            try:
                self._own, self._common = self._eliminated(of_faces, shift, shares, common)
            except np.linalg.LinAlgError:
                continue
            return
        raise np.linalg.LinAlgError(DEPENDENT)

    def _eliminated(
        self, of_faces: Mapping[int, Array], shift: float, shares: Shares, common: Sequence[int]
    ) -> tuple[list[_Step], list[_Step]]:
        """The factor: fronts of this process, and those of all. Lower halves count, in the order of elimination."""
        left: dict[int, Left] = {}

        def group(i: int) -> Left:
            return self._faces[i], self._blas.square(-1.0, of_faces[i], lower=1)

        def eliminated(k: int, groups: Iterable[Left]) -> _Step:
            front = self._fronts[k]
            step, rest = self._front(front, [*groups, *(left.pop(j) for j in front.fronts)], shift, self._begins[k])
            left[k] = front.near, rest
            return step

        mine = [k for k, owner in enumerate(shares.fronts) if owner == self._processes.rank]
        failed, own = False, list[_Step]()
        try:
            own = [eliminated(k, map(group, self._joined(k))) for k in mine]
        except np.linalg.LinAlgError:
            failed = True
        if self._processes.any(failed):
            raise np.linalg.LinAlgError(DEPENDENT)
        passed = self._passed(common, shares, left, group)
        steps = [eliminated(k, (passed[i] for i in self._joined(k))) for k in common]
        return [step for step in own if len(step.lower)], [step for step in steps if len(step.lower)]

    def _present(self, faces: Iterable[Face]) -> tuple[Face, ...]:
        """Those with rows."""
        return tuple(f for f in faces if f in self._widths)

    def _joined(self, k: int) -> list[int]:
        """Groups that a front joins, which have faces."""
        return [i for i in self._fronts[k].groups if self._faces[i]]

    def _passed(
        self, common: Sequence[int], shares: Shares, left: dict[int, Left], group: Callable[[int], Left]
    ) -> dict[int, Left]:
        """What groups of single processes leave to fronts of all; what fronts do is put into ``left``."""
        fronts = [j for k in common for j in self._fronts[k].fronts if shares.fronts[j] is not None]
        groups = [i for k in common for i in self._joined(k)]
        faces = [*(self._fronts[j].near for j in fronts), *(self._faces[i] for i in groups)]
        if not faces:
            return {}
        sizes = [self._width(each) ** 2 for each in faces]
        mine = [left.get(j) for j in fronts] + [group(i) if i in self._groups else None for i in groups]
        together = np.zeros(sum(sizes), self._dtype)
        for known, there in zip(mine, np.split(together, np.cumsum(sizes)[:-1]), strict=True):
            if known is not None:
                there[:] = known[1].ravel(order="F")
        parts = np.split(self._processes.total(together), np.cumsum(sizes)[:-1])
        found = [
            (each, part.reshape((self._width(each),) * 2, order="F")) for each, part in zip(faces, parts, strict=True)
        ]
        left.update(zip(fronts, found, strict=False))
        return dict(zip(groups, found[len(fronts) :], strict=True))

    def _front(self, front: Front, parts: Sequence[Left], shift: float, first: int) -> tuple[_Step, Array]:
        """One front, and what it leaves to those faces that are near."""
        count, near = self._width(front.own), self._width(front.near)
        at = self._slices([*front.own, *front.near])
        matrix = np.zeros((count + near,) * 2, self._dtype, order="F")
        matrix[range(count), range(count)] = 1.0 + shift
        for part in parts:
            self._add(matrix, at, *part)
        lower, below, rest = matrix[:count, :count], matrix[count:, :count], matrix[count:, count:]
        if count:
            lower = scipy.linalg.cholesky(lower, lower=True, check_finite=False)
            below = self._blas.solve(1.0, lower, below, side=1, lower=1, trans_a=self._blas.adjoint)
        if count and near:
            rest = self._blas.square(-1.0, below, beta=1.0, c=rest, lower=1)
        return _Step(slice(first, first + count), self._places(front.near), lower, below), rest

    def _width(self, faces: Iterable[Face]) -> int:
        return sum(self._widths[f] for f in faces)

    def _places(self, faces: Sequence[Face]) -> Array:
        """Where the numbers of faces stand among all."""
        return np.concatenate([np.zeros(0, dtype=int), *(self._at[f] for f in faces)])

    def _slices(self, faces: Sequence[Face]) -> dict[Face, slice]:
        """Where each of some faces stands, one after the other."""
        ends = np.cumsum([0, *(self._widths[f] for f in faces)]).tolist()
        return {f: slice(a, b) for f, a, b in zip(faces, ends, ends[1:], strict=False)}

    def _add(self, matrix: Array, at: Mapping[Face, slice], faces: Sequence[Face], part: Array) -> None:
        """Add the lower half of a matrix of some faces to that of more."""
        runs: list[tuple[slice, slice]] = []
        for face, here in self._slices(faces).items():
            there = at[face]
            if runs and runs[-1][1].stop == there.start:
                here, there = slice(runs[-1][0].start, here.stop), slice(runs[-1][1].start, there.stop)
                runs.pop()
            runs.append((here, there))
        for k, (columns, across) in enumerate(runs):
            for rows, down in runs[k:]:
                matrix[down, across] += part[rows, columns]

    def __call__(self, right: Array) -> Array:
        """X (p,) of b (p,), in every process."""
        right, known, faces = right.astype(self._dtype, copy=False), {}, np.zeros(self._count, self._dtype)
        for i, group in self._groups.items():
            known[i], taken = group.down(right[self._spans[i]])
            faces[self._where[i]] += taken
        self._forward(self._own, faces)
        faces[self._between] = self._processes.total(faces[self._between])
        self._forward(self._common, faces)
        self._back(self._common, faces)
        self._back(self._own, faces)
        found = np.zeros(len(right), self._dtype)
        for i, group in self._groups.items():
            found[self._spans[i]] = group.up(known[i], faces[self._where[i]])
        return self._processes.total(found)

    def _forward(self, steps: Sequence[_Step], faces: Array) -> None:
        for step in steps:
            mine = faces[step.own] = self._blas.triangular(step.lower, faces[step.own], lower=1)
            if len(step.near):
                faces[step.near] -= self._blas.product(1.0, step.below, mine)

    def _back(self, steps: Sequence[_Step], faces: Array) -> None:
        for step in reversed(steps):
            mine = faces[step.own]
            if len(step.near):
                mine = self._blas.product(
                    -1.0, step.below, faces[step.near], beta=1.0, y=mine, trans=self._blas.adjoint
                )
            faces[step.own] = self._blas.triangular(step.lower, mine, lower=1, trans=self._blas.adjoint)
