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

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import scipy

from pinnlab.algebra.dense import Blas
from pinnlab.algebra.multifrontal import DEPENDENT, SHIFTS, Eliminated, FrontSolver, Group
from pinnlab.algebra.substructures import Face, Front, Shares
from pinnlab.machine.processes import ALONE, Processes

Array = np.ndarray
Rows = Mapping[int, Array]
"""{group: (n, p_i)}: n rows, by the one or two groups that they touch."""
Solver = Callable[[Array], Array]
"""Right-hand sides (p,) to solutions (p,)."""
_SEEN, _RIDGE = 1e-10, 3e-8
"""Reciprocal condition of a group's own rows, of unit columns, below which they see some combinations of its unknowns too
badly; and what they are then taken to see of each one at least."""
_SAME = 1e-11
"""Size of a combination of a face's rows, next to the largest, below which it is none."""
_LAYOUTS = 4
"""Kinds of faces whose combinations of rows are remembered, of each number of rows."""


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
    rows: Iterable[Rows],
    sizes: Mapping[int, int],
    fronts: Sequence[Front],
    orthonormal: bool = False,
    processes: Processes = ALONE,
    shares: Shares | None = None,
) -> Solver:
    """A solver of A^H A x = b.

    Args:
        rows: of A; those that touch no group of this process need not be there.
        sizes: {group: p_i}, of groups 0 to g - 1, in the order of the unknowns.
        fronts: in which order faces are eliminated, see ``substructures``.
        orthonormal: make the rows of each group orthonormal by QR in place of forming their products, which square the
            condition of the rows: where these are high derivatives of polynomials.
        processes: that share the work; each has the same solver, to be called by all of them with the same numbers.
        shares: which of them eliminates what; None where one does all.

    Raises:
        numpy.linalg.LinAlgError: in all processes, where A^H A is not positive definite in floating point.
    """
    owners = dict.fromkeys(sizes, processes.rank) if shares is None else shares.groups
    made = _OwnRows if orthonormal else _OwnProducts
    own = {i: made(size) for i, size in sizes.items() if owners[i] == processes.rank}
    # what two processes share is combined alike in both of them, whatever other faces they have
    joined, fewer = dict[Face, list[Rows]](), defaultdict[frozenset[int], Fewer](Fewer)
    for each in rows:
        if len(each) == 1:
            ((i, block),) = each.items()
            if i in own:
                own[i].add(block)
        elif own.keys() & each.keys():
            a, b = sorted(each)
            joined.setdefault((a, b), []).append(fewer[frozenset((owners[a], owners[b]))](each))
    order = [face for front in fronts for face in front.own]
    mine = [
        sum(len(each[face[0]]) for each in joined.get(face, [])) if owners[face[0]] == processes.rank else 0
        for face in order
    ]
    widths = {
        face: int(width)
        for face, width in zip(order, processes.total(np.array(mine, dtype=float)), strict=True)
        if width
    }
    faces: dict[int, list[Face]] = {i: [] for i in sizes}
    for face in widths:
        for i in face:
            faces[i].append(face)
    groups, of_faces = dict[int, Group](), dict[int, Array]()
    failed = False
    for i in [*own]:
        signed = [(-1.0 if i == face[1] else 1.0) * each[i] for face in faces[i] for each in joined[face]]
        try:
            groups[i], of_faces[i] = own.pop(i).eliminated(np.concatenate([np.zeros((0, sizes[i])), *signed]))
        except np.linalg.LinAlgError:
            failed = True
            break
    if processes.any(failed):
        raise np.linalg.LinAlgError(DEPENDENT)
    del joined
    shares = shares or Shares(owners, (processes.rank,) * len(fronts))
    return FrontSolver(Eliminated(groups, of_faces, faces, sizes), fronts, widths, processes, shares)


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
        for shift in SHIFTS:
            shifted = matrix.copy(order="F")
            shifted.flat[:: len(scale) + 1] += shift
            try:
                triangle = scipy.linalg.cholesky(shifted, overwrite_a=True, check_finite=False)
            except np.linalg.LinAlgError:
                continue
            triangle /= scale
            of_faces = Blas(triangle.dtype).solve(1.0, triangle, of_faces, side=1)
            return _Inverted(triangle, of_faces), of_faces
        raise np.linalg.LinAlgError(DEPENDENT)


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
