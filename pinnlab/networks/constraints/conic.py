"""The solver that cvxpylayers calls here: conic programs with a quadratic objective, their status, exact derivatives.

Letters: n variables, m rows of cones, s samples.

cvxpylayers turns a parametrized problem into data P, q, A, b of

    minimize 1/2 x^T P x + q^T x  subject to  A x + z = b, z in K,

and takes care of everything around it. Its own way through diffcp has no quadratic objective (which costs half of the
digits of a projection), looks at no status that Clarabel returns (an infeasible sample would pass as solved), and computes
gradients by an iteration with a loose tolerance. So the solving and the derivative are done here, through the interface
for solvers that cvxpylayers offers.

This module imports cvxpylayers; only ``layers.py`` may import it, inside functions.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import diffcp
import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg
import torch
from cvxpy.reductions.solvers.conic_solvers.scs_conif import dims_to_solver_dict
from cvxpylayers.interfaces.base import SolverInterface
from diffcp import _diffcp
from diffcp.cones import parse_cone_dict, parse_cone_dict_cpp
from torch import Tensor

_METHODS = {"clarabel": "Clarabel", "scs": "SCS"}
_RESIDUAL = 1e-9
"""Relative residual of the sparse solve above which the linear system counts as singular."""


class NotSolvedError(RuntimeError):
    """A sample has no solution or none was found: ``sample``, ``status``."""

    def __init__(self, sample: int, status: str):
        super().__init__(f"sample {sample}: {status}")
        self.sample, self.status = sample, status


@dataclass(frozen=True)
class SolvedSample:
    """One sample's data and solution: primal x (n,), dual y (m,), slack z (m,)."""

    P: sp.csc_array
    A: sp.csc_array
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


class Conic(SolverInterface):
    """Clarabel or SCS behind cvxpylayers.

    Args:
        solver: ``"clarabel"`` or ``"scs"``.
        options: passed on to the solver, by its own names.
    """

    canon_solver = "SCS"  # fixes the order of rows, for both solvers
    supports_quad_obj = True

    def __init__(self, solver: str, options: dict[str, Any]):
        self._method, self._options = _METHODS[solver], options

    def setup(self, ctx: Any) -> None:
        """Keeps the sparsity patterns; called by cvxpylayers once."""
        self._a_pattern = ctx.reduced_A.problem_data_index
        if self._a_pattern is None:  # no constraint at all
            columns = ctx.q.shape[0]
            self._a_pattern = (np.zeros(0, dtype=int), np.zeros(columns + 1, dtype=int), (0, columns))
        self._p_pattern = None if ctx.reduced_P.reduced_mat is None else ctx.reduced_P.problem_data_index
        self._cones = dims_to_solver_dict(ctx.cone_dims)
        if any(self._cones.get(kind) for kind in ("p", "pnd")):
            raise ValueError(
                "problem: power cones have no derivative here; write powers with cp.quad_over_lin or cp.exp."
            )
        rows, first = self._a_pattern[0], self._a_pattern[1]
        self._b_rows = rows[first[-2] : first[-1]]

    def solve_torch_batch(
        self, P: Tensor | None, q: Tensor, A: Tensor, dims: Any, solver_args: Any, needs_grad: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """Solves sample by sample; rows of P, q, A are the samples' numbers in the patterns' order."""
        solved = []
        for number in range(len(q)):
            p = None if P is None else P[number].numpy()
            solved.append(self._solve(number, p, q[number, :-1].numpy(), A[number].numpy()))
        primal = torch.from_numpy(np.stack([s.x for s in solved]))
        return primal, torch.from_numpy(np.stack([s.y for s in solved])), solved if needs_grad else None

    def derivative_torch_batch(
        self, dprimal: Tensor, ddual: Tensor, saved_state: list[SolvedSample]
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """Cotangents of the numbers of P, q and A, from those of x (s, n) and y (s, m)."""
        found = [
            self._pull_back(solved, dx, dy)
            for solved, dx, dy in zip(saved_state, dprimal.numpy(), ddual.numpy(), strict=True)
        ]
        p = None if self._p_pattern is None else torch.from_numpy(np.stack([f[0] for f in found]))
        return p, torch.from_numpy(np.stack([f[1] for f in found])), torch.from_numpy(np.stack([f[2] for f in found]))

    def _solve(self, number: int, p: np.ndarray | None, q: np.ndarray, a: np.ndarray) -> SolvedSample:
        rows, first, shape = self._a_pattern
        both = sp.csc_array((a, rows, first), shape=shape)
        matrix, b = sp.csc_array(-both[:, :-1]), both[:, [-1]].toarray()[:, 0]
        quadratic = sp.csc_array((len(q), len(q)))
        if p is not None and self._p_pattern is not None:
            quadratic = sp.csc_array((p, *self._p_pattern[:2]), shape=self._p_pattern[2])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what diffcp warns of is in the status
            result = diffcp.solve_internal(
                sp.csc_matrix(matrix), b, q, self._cones, solve_method=self._method, raise_on_error=False,
                P=sp.csc_matrix(sp.triu(quadratic, format="csc")), **self._options,
            )  # fmt: skip
        status = result["info"]["status"]
        if status not in ("Solved", "solved", "Optimal Inaccurate"):
            raise NotSolvedError(number, status.lower())
        return SolvedSample(quadratic, matrix, *(np.asarray(result[key]) for key in ("x", "y", "s")))

    def _pull_back(
        self, solved: SolvedSample, dx: np.ndarray, dy: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One sample's cotangents, by the implicit function theorem on

        P x + q + A^T pi(v) = 0,  A x + pi(v) - v = b,  with v = y - z and pi the projection onto the dual cone.
        """
        d = self._projection_derivative(solved.y - solved.z)
        jacobian = sp.block_array([[solved.P, solved.A.T @ d], [solved.A, d - sp.eye_array(d.shape[0])]], format="csc")
        found = _least_squares(sp.csc_array(jacobian.T), np.concatenate([dx, d.T @ dy]))
        a, c = found[: len(dx)], found[len(dx) :]
        p_cotangent = np.zeros(0)
        if self._p_pattern is not None:
            rows, columns = _entries(self._p_pattern)
            p_cotangent = -0.5 * (a[rows] * solved.x[columns] + a[columns] * solved.x[rows])
        rows, columns = _entries(self._a_pattern)
        inside = columns < len(dx)
        rows, columns = rows[inside], columns[inside]
        matrix = solved.y[rows] * a[columns] + c[rows] * solved.x[columns]  # of -A, which cvxpylayers stores
        return p_cotangent, np.append(-a, 0.0), np.concatenate([matrix, c[self._b_rows]])

    def _projection_derivative(self, v: np.ndarray) -> sp.csc_array:
        """The derivative of the projection onto the dual cone at v, (m, m) and block diagonal."""
        if not len(v):
            return sp.csc_array((0, 0))
        zero, orthant = self._cones["z"], self._cones["l"]
        straight = zero + orthant
        diagonal = np.concatenate([np.ones(zero), (v[zero:straight] > 0).astype(float)])
        blocks = [sp.diags_array(diagonal, format="csc")] if straight else []
        if len(v) > straight:
            curved = {key: size for key, size in self._cones.items() if key not in ("z", "l")}
            parsed = parse_cone_dict_cpp(parse_cone_dict(curved))
            operator = _diffcp.dprojection(v[straight:], parsed, True)
            columns = [operator.matvec(unit) for unit in np.eye(len(v) - straight)]
            blocks.append(sp.csc_array(np.stack(columns, axis=1)))
        return sp.csc_array(sp.block_diag(blocks, format="csc"))


def _entries(pattern: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the stored numbers of a compressed sparse column pattern."""
    rows, first = pattern[0], pattern[1]
    return np.asarray(rows), np.repeat(np.arange(len(first) - 1), np.diff(first))


def _least_squares(matrix: sp.csc_array, right: np.ndarray) -> np.ndarray:
    """Matrix x = right; the shortest least-squares solution where the matrix is singular, as for redundant rows."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = scipy.sparse.linalg.splu(matrix).solve(right)
        if np.linalg.norm(matrix @ x - right) <= _RESIDUAL * np.linalg.norm(right):
            return x
    except (RuntimeError, RuntimeWarning):
        pass  # exactly singular
    return scipy.linalg.lstsq(matrix.toarray(), right, cond=1e-9)[0]
