"""Steady equations on grids of three and four dimensions: iterations on polynomials, led by differences of low order.

Letters: n nodes of an axis, N = size of the system.

A matrix of polynomials in three dimensions and more is large and full once it is factorized. That of differences of second
order on the same nodes is sparse, and so close to it that iterations on their quotient converge in some dozens of steps
(S. A. Orszag, Spectral methods for problems in complex geometries, J. Comput. Phys. 37, 1980).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from pinnlab.derivatives.axes import DifferentiableAxis, FourierAxis
from pinnlab.derivatives.stencils import Array, derivative_weights
from pinnlab.machine.capacity import gigabytes, usable_memory
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.grids.newton import Linear
from pinnlab.reference.grids.system import GridSystem

_ACCURATE, _ENOUGH = 1e-11, 1e-11
"""Residuals of linear systems and of equations at which to stop, relative to the first."""
_RESTART, _CYCLES = 80, 5
_FILL = 240.0
"""Bytes of the factors of differences, in units of N^1.5: five times what 10,000 unknowns in four dimensions have."""


class LowOrderAxis(DifferentiableAxis):
    """The nodes of another axis with difference quotients on as few of them as a derivative needs.

    Args:
        axis: not periodic.
    """

    scheme = "differences"

    def __init__(self, axis: DifferentiableAxis):
        self.points, self._axis = axis.points, axis

    def stencil(self, at: Array, order: int = 0) -> tuple[Array, Array]:
        return self._axis.stencil(at, order)

    def matrix(self, order: int) -> scipy.sparse.csr_array:
        n, rows = self.size, np.arange(self.size)
        width = min(n, 3 if order <= 2 else order + 1 + order % 2)
        start = np.clip(rows - width // 2, 0, n - width)
        index = start[:, None] + np.arange(width)
        weights = derivative_weights(self.points[index], rows - start, order)
        return scipy.sparse.csr_array((weights.ravel(), index.ravel(), np.arange(n + 1) * width), shape=(n, n))


class Led:
    """A system whose linearized equations are solved by iterations.

    Args:
        system: on polynomials.

    Raises:
        TooLargeError: the factors of its differences do not fit into the memory.
    """

    def __init__(self, system: GridSystem):
        need, most = _FILL * system.size**1.5, usable_memory()
        if need > most:
            raise TooLargeError(
                f"{system.size} unknowns need {gigabytes(need)} of memory, of which {gigabytes(most)} may be used"
            )
        self.system, self.size, self.deadline, self.is_full = system, system.size, system.deadline, False
        axes = {name: a if isinstance(a, FourierAxis) else LowOrderAxis(a) for name, a in system.axes.items()}
        self._low = GridSystem(system.problem, system.structure, axes, system.deadline)
        self._matrix = scipy.sparse.csr_array((self.size, self.size))

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (1, N) of the system on polynomials."""
        return self.system.residual(states, rates, times)

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU') of the system on polynomials; those of differences are kept beside."""
        self._matrix, _ = self._low.jacobians(state, rate, t)
        return self.system.jacobians(state, rate, t)

    @property
    def linear(self) -> Linear:
        """How ``newton`` solves its linearized equations."""
        return Linear(self._solver, _ENOUGH)

    def _solver(self, matrix: scipy.sparse.csr_array) -> Callable[[Array], Array]:
        """The solver of systems of the last Jacobian.

        Raises:
            RuntimeError: it is singular on differences.
        """
        scale = scipy.sparse.diags_array(1 / np.maximum(abs(matrix).max(axis=1).toarray().reshape(-1), 1e-300))
        low = scipy.sparse.linalg.splu(scipy.sparse.csc_array(scale @ self._matrix))
        led = scipy.sparse.linalg.LinearOperator(matrix.shape, low.solve)
        scaled = scipy.sparse.csr_array(scale @ matrix)

        def solve(right: Array) -> Array:
            found, left = scipy.sparse.linalg.gmres(
                scaled, scale @ right, rtol=_ACCURATE, atol=0.0, restart=_RESTART, maxiter=_CYCLES, M=led,
                callback=lambda _: self.deadline.check(), callback_type="pr_norm",
            )  # fmt: skip
            if left:
                lacking = np.linalg.norm(scaled @ found - scale @ right) / np.linalg.norm(scale @ right)
                if not lacking < np.sqrt(_ACCURATE):
                    raise ValueError(f"reference_solution: iterations on {self.size} unknowns stall at {lacking:.0e}.")
            return found

        return solve
