"""Sparse least squares whose rows touch one or two groups of unknowns, by static condensation: solvers of A^H A x = b.

Letters: g groups, p_i unknowns of group i, n rows, q_f numbers of what joins two groups.

Cells meet on faces, and what they have in common there is less than what is inside them. Rows that join two groups,
J_i x_i + J_j x_j, have the square

    |J_i x_i + J_j x_j|^2 = min_t 2 |J_i x_i - t|^2 + 2 |J_j x_j + t|^2,

so that with t as unknowns of the face every group depends on its own faces only, and is eliminated by itself (static
condensation, Guyan 1965; hybridization, Cockburn, Gopalakrishnan & Lazarov 2009). What is left is a system of the faces, to
which each group adds one full block, as an element does, and which is eliminated from substructure to substructure
(multifrontal; Duff & Reid 1983). In the plane polynomials of degree k have about k numbers on a face next to k^2 / 2 inside,
so that what dominates with many groups becomes smaller by the cube of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy

from pinnlab.algebra.dense import Blas
from pinnlab.algebra.substructures import Face, Front

Array = np.ndarray
Rows = Mapping[int, Array]
"""{group: (n, p_i)}: n rows, by the one or two groups that they touch."""
Solver = Callable[[Array], Array]
"""Right-hand sides (p,) to solutions (p,)."""
_SHIFTS = (1e-15, 1e-13, 1e-11)
"""Added to a unit diagonal, the next one where rounding makes the matrix indefinite."""
_SEEN, _RIDGE = 1e-10, 3e-8
"""Reciprocal condition of a group's own rows, of unit columns, below which they see some combinations of its unknowns too
badly; and what they are then taken to see of each one at least."""
_SAME = 1e-11
"""Size of a combination of a face's rows, next to the largest, below which it is none."""
_DEPENDENT = "the rows are dependent to rounding"
_LAYOUTS = 4
"""Kinds of faces whose combinations of rows are remembered, of each number of rows."""


class Group(Protocol):
    """One group, once its own unknowns are eliminated. M is its matrix, E what faces have of it."""

    size: int

    def down(self, right: Array) -> tuple[Array, Array]:
        """What ``up`` wants to know of a right-hand side (p,), and E M^-1 b (q,)."""
        ...

    def up(self, known: Array, faces: Array) -> Array:
        """M^-1 (b + E^H tau) (p,), for tau (q,) on its faces."""
        ...


class _Inverted:
    """A group by its inverse: products of matrices and vectors are several times faster than substitutions.

    Args:
        triangle: R (p, p) upper, M = R^H R.
        of_faces: E R^-1 (q, p).
    """

    def __init__(self, triangle: Array, of_faces: Array):
        self.size = len(triangle)
        (invert,) = scipy.linalg.get_lapack_funcs(("potri",), (triangle,))
        upper, _ = invert(triangle)
        self.inverse = np.triu(upper) + np.triu(upper, 1).conj().T
        self.of_faces = Blas(triangle.dtype).solve(1.0, triangle, of_faces, side=1, trans_a=2)

    def down(self, right: Array) -> tuple[Array, Array]:
        return self.inverse @ right, self.of_faces @ right

    def up(self, known: Array, faces: Array) -> Array:
        return known + self.of_faces.conj().T @ faces


class _Triangular:
    """A group by substitutions, where an inverse would lose too many digits.

    Args:
        triangle: R (p, p) upper, M = R^H R.
        of_faces: E R^-1 (q, p).
    """

    def __init__(self, triangle: Array, of_faces: Array):
        self.size, self.triangle, self.of_faces = len(triangle), np.asfortranarray(triangle), of_faces
        self._substitute = Blas(triangle.dtype).triangular

    def down(self, right: Array) -> tuple[Array, Array]:
        inner = self._substitute(self.triangle, right, trans=2)
        return inner, self.of_faces @ inner

    def up(self, known: Array, faces: Array) -> Array:
        return np.asarray(self._substitute(self.triangle, known + self.of_faces.conj().T @ faces))


def condensed(
    rows: Iterable[Rows], sizes: Mapping[int, int], fronts: Sequence[Front], orthonormal: bool = False
) -> Solver:
    """A solver of A^H A x = b.

    Args:
        rows: of A.
        sizes: {group: p_i}, in the order of the unknowns.
        fronts: in which order faces are eliminated, see ``substructures``.
        orthonormal: make the rows of each group orthonormal by QR in place of forming their products, which square the
            condition of the rows: where these are high derivatives of polynomials.

    Raises:
        numpy.linalg.LinAlgError: A^H A is not positive definite in floating point.
    """
    made = _OwnRows if orthonormal else _OwnProducts
    own = {i: made(size) for i, size in sizes.items()}
    joined, fewer = dict[Face, list[Rows]](), Fewer()
    for each in rows:
        if len(each) == 1:
            ((i, block),) = each.items()
            own[i].add(block)
        else:
            a, b = sorted(each)
            joined.setdefault((a, b), []).append(fewer(each))
    order = [face for front in fronts for face in front.own if face in joined]
    faces: dict[int, list[Face]] = {i: [] for i in sizes}
    for face in order:
        for i in face:
            faces[i].append(face)
    groups, of_faces = dict[int, Group](), dict[int, Array]()
    for i, size in sizes.items():
        signed = [(-1.0 if i == face[1] else 1.0) * each[i] for face in faces[i] for each in joined[face]]
        groups[i], of_faces[i] = own.pop(i).eliminated(np.concatenate([np.zeros((0, size)), *signed]))
    widths = {face: sum(len(each[face[0]]) for each in joined[face]) for face in order}
    del joined
    return _Solver(groups, of_faces, faces, fronts, widths)


class Fewer:
    """Combinations of rows with the same products, fewer where rows depend on each other as those of polynomials do.

    Faces whose rows depend on each other alike share them.
    """

    def __init__(self) -> None:
        self._known: dict[int, list[Array]] = {}

    def __call__(self, rows: Rows) -> Rows:
        both = np.concatenate(list(rows.values()), axis=1)
        size, known = np.linalg.norm(both), self._known.setdefault(len(both), [])
        for combinations in known:
            found = combinations @ both
            if np.linalg.norm(both - combinations.conj().T @ found) <= _SAME * size:
                return self._split(found, rows)
        directions, upper, _ = scipy.linalg.qr(both, mode="economic", pivoting=True, check_finite=False)
        sizes = np.abs(upper.diagonal())
        combinations = np.ascontiguousarray(directions[:, sizes > _SAME * sizes[0]].conj().T)
        known[:] = [combinations, *known[: _LAYOUTS - 1]]
        return self._split(combinations @ both, rows)

    def _split(self, both: Array, rows: Rows) -> Rows:
        ends = np.cumsum([block.shape[1] for block in rows.values()])[:-1]
        return dict(zip(rows, np.split(both, ends, axis=1), strict=True))


class _OwnProducts:
    """What rows of one group add to its matrix."""

    def __init__(self, size: int):
        self.matrix: Array = np.zeros((size, size))

    def add(self, block: Array) -> None:
        """Rows (n, p)."""
        self.matrix = self.matrix + block.conj().T @ block

    def eliminated(self, of_faces: Array) -> tuple[Group, Array]:
        """The group, and F = E R^-1, for what faces have of it, E (q, p), and M = R^H R."""
        matrix = self.matrix + 2 * (of_faces.conj().T @ of_faces)
        scale = 1 / np.sqrt(np.maximum(matrix.diagonal().real, 1e-300))
        matrix *= scale
        matrix *= scale[:, None]
        for shift in _SHIFTS:
            shifted = matrix.copy(order="F")
            shifted.flat[:: len(scale) + 1] += shift
            try:
                triangle = scipy.linalg.cholesky(shifted, overwrite_a=True, check_finite=False)
            except np.linalg.LinAlgError:
                continue
            triangle /= scale
            of_faces = Blas(triangle.dtype).solve(1.0, triangle, of_faces, side=1)
            return _Inverted(triangle, of_faces), of_faces
        raise np.linalg.LinAlgError(_DEPENDENT)


class _OwnRows:
    """The rows of one group themselves."""

    def __init__(self, size: int):
        self.size, self.rows = size, list[Array]()

    def add(self, block: Array) -> None:
        """Rows (n, p)."""
        self.rows.append(block)

    def eliminated(self, of_faces: Array) -> tuple[Group, Array]:
        """The group, and F = E R^-1, for what faces have of it, E (q, p), and M = R^H R."""
        orthonormal, triangle = factors([np.sqrt(2.0) * of_faces, *self.rows], self.size)
        of_faces = orthonormal[: len(of_faces)] / np.sqrt(2.0)
        return _Triangular(triangle, of_faces), of_faces


def factors(rows: Sequence[Array], size: int) -> tuple[Array, Array]:
    """Q (n, p) and R (p, p) of the n rows of a group; with a ridge under the rows where these do not see all unknowns.

    Args:
        rows: blocks (n_k, p).
        size: p.
    """
    stacked = np.concatenate([*rows, np.zeros((0, size))])
    norms = np.sqrt(np.maximum((np.abs(stacked) ** 2).sum(axis=0), 1e-300))
    stacked /= norms
    if len(stacked) >= size:
        q, r = scipy.linalg.qr(stacked, mode="economic", check_finite=False)
        if _reciprocal_condition(r) > _SEEN:
            return q, r * norms
    below = np.concatenate([stacked, _RIDGE * np.eye(size)])
    q, r = scipy.linalg.qr(below, mode="economic", check_finite=False)
    return q[: len(stacked)], r * norms


def _reciprocal_condition(upper: Array) -> float:
    (estimate,) = scipy.linalg.get_lapack_funcs(("trcon",), (upper,))
    return float(estimate(upper)[0])


class _Solver:
    """The factor of the faces' matrix I - sum_i F_i F_i^H, and the groups.

    Args:
        groups: {group: eliminated}.
        of_groups: {group: F_i}.
        faces: {group: those it has, in the order of elimination}.
        fronts: in order.
        widths: {face: its numbers}, in the order of elimination.
    """

    def __init__(
        self,
        groups: Mapping[int, Group],
        of_groups: Mapping[int, Array],
        faces: Mapping[int, Sequence[Face]],
        fronts: Sequence[Front],
        widths: Mapping[Face, int],
    ):
        self._groups, self._faces, self._widths = groups, faces, widths
        ends = np.cumsum([0, *widths.values()]).tolist()
        self._at = {face: np.arange(a, b) for face, a, b in zip(widths, ends, ends[1:], strict=False)}
        self._where = {i: self._places(mine) for i, mine in faces.items()}
        self._count, self._ends = ends[-1], np.cumsum([each.size for each in groups.values()])[:-1]
        dtype = np.result_type(float, *of_groups.values())
        self._blas, self._dtype = Blas(dtype), dtype
        for shift in _SHIFTS:
            try:
                self._steps = [step for step in self._eliminated(of_groups, fronts, shift) if len(step.lower)]
            except np.linalg.LinAlgError:
                continue
            return
        raise np.linalg.LinAlgError(_DEPENDENT)

    def _eliminated(self, of_groups: Mapping[int, Array], fronts: Sequence[Front], shift: float) -> Iterator[_Step]:
        """The factor, front by front. Of all matrices the lower halves count, in the order of elimination."""
        left: list[tuple[list[Face], Array]] = []
        first = 0
        for front in fronts:
            own, near = ([f for f in faces if f in self._widths] for faces in (front.own, front.near))
            count = sum(self._widths[f] for f in own)
            at = self._spans([*own, *near])
            matrix = np.zeros((sum(self._widths[f] for f in near) + count,) * 2, self._dtype, order="F")
            matrix[range(count), range(count)] = 1.0 + shift
            for i in front.groups:
                if self._faces[i]:
                    self._add(matrix, at, self._faces[i], self._blas.square(-1.0, of_groups[i], lower=1))
            for other in front.fronts:
                self._add(matrix, at, *left[other])
                left[other] = [], np.zeros((0, 0))
            lower, below, rest = matrix[:count, :count], matrix[count:, :count], matrix[count:, count:]
            if count:
                lower = scipy.linalg.cholesky(lower, lower=True, check_finite=False)
                below = self._blas.solve(1.0, lower, below, side=1, lower=1, trans_a=self._blas.adjoint)
            if count and near:
                rest = self._blas.square(-1.0, below, beta=1.0, c=rest, lower=1)
            left.append((near, rest))
            yield _Step(slice(first, first + count), self._places(near), lower, below)
            first += count

    def _places(self, faces: Sequence[Face]) -> Array:
        """Where the numbers of faces stand among all."""
        return np.concatenate([np.zeros(0, dtype=int), *(self._at[f] for f in faces)])

    def _spans(self, faces: Sequence[Face]) -> dict[Face, slice]:
        """Where each of some faces stands, one after the other."""
        ends = np.cumsum([0, *(self._widths[f] for f in faces)]).tolist()
        return {f: slice(a, b) for f, a, b in zip(faces, ends, ends[1:], strict=False)}

    def _add(self, matrix: Array, at: Mapping[Face, slice], faces: Sequence[Face], part: Array) -> None:
        """Add the lower half of a matrix of some faces to that of more."""
        runs: list[tuple[slice, slice]] = []
        for face, here in self._spans(faces).items():
            there = at[face]
            if runs and runs[-1][1].stop == there.start:
                here, there = slice(runs[-1][0].start, here.stop), slice(runs[-1][1].start, there.stop)
                runs.pop()
            runs.append((here, there))
        for k, (columns, across) in enumerate(runs):
            for rows, down in runs[k:]:
                matrix[down, across] += part[rows, columns]

    def __call__(self, right: Array) -> Array:
        """X (p,) of b (p,)."""
        parts = np.split(right.astype(self._dtype, copy=False), self._ends)
        known, faces = {}, np.zeros(self._count, self._dtype)
        for (i, group), part in zip(self._groups.items(), parts, strict=True):
            known[i], taken = group.down(part)
            faces[self._where[i]] += taken
        for step in self._steps:
            mine = faces[step.own] = self._blas.triangular(step.lower, faces[step.own], lower=1)
            if len(step.near):
                faces[step.near] -= self._blas.product(1.0, step.below, mine)
        for step in reversed(self._steps):
            mine = faces[step.own]
            if len(step.near):
                mine = self._blas.product(
                    -1.0, step.below, faces[step.near], beta=1.0, y=mine, trans=self._blas.adjoint
                )
            faces[step.own] = self._blas.triangular(step.lower, mine, lower=1, trans=self._blas.adjoint)
        return np.concatenate([group.up(known[i], faces[self._where[i]]) for i, group in self._groups.items()])


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
