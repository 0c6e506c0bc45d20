"""Radau IIA collocation of any order for R(U, U', t) = 0, with adaptive steps and the collocation polynomial as output.

Letters: s stages, c components, N = size of the state, flattened.

In each step the solution is a polynomial of degree s in time that meets the system at the s Radau points. With s = 7
its end value is of order 13 and the polynomial itself, which is the dense output, of order 8, so tight tolerances need
few steps and few factorizations. Boundary conditions are algebraic rows of the system; Radau methods are made for that
(Hairer & Wanner, Solving Ordinary Differential Equations II, sections IV.8 and VI.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

import numpy as np
import scipy
import torch
from numpy.polynomial import legendre
from torch import Tensor

from pinnlab.derivatives.stencils import Array, interpolation_weights
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cost import TooLargeError, look_ahead
from pinnlab.reference.refinement import HopelessError

_DENSE = 450
_NEWTON = 12
_SMALL = 1e-4


@dataclass(frozen=True)
class Tableau:
    """Constants of the method.

    Attributes:
        nodes: (s + 1,) 0 and the Radau points of [0, 1]; the last is 1.
        rates: (s, s + 1) derivative at the Radau points of the polynomial through values at all nodes.
        tail: (s + 1,) the highest Legendre coefficient of that polynomial.
        eigenvalues, vectors, inverse: of the square part of ``rates``; one of each conjugate pair, real one first.
        counts: 1 for the real eigenvalue, 2 for those that stand for a pair.
    """

    nodes: Array
    rates: Array
    tail: Array
    eigenvalues: Array
    vectors: Array
    inverse: Array
    counts: Array


@cache
def tableau(stages: int) -> Tableau:
    """The Radau IIA method with an odd number of stages."""
    inner = (scipy.special.roots_jacobi(stages - 1, 1.0, 0.0)[0] + 1) / 2
    nodes = np.concatenate([[0.0], inner, [1.0]])
    vandermonde = legendre.legvander(2 * nodes - 1, stages)
    inverse = np.linalg.inv(vandermonde)
    slopes = 2 * np.stack(
        [legendre.legval(2 * nodes[1:] - 1, legendre.legder(unit)) for unit in np.eye(stages + 1)], axis=1
    )
    rates = slopes @ inverse
    values, vectors = np.linalg.eig(rates[:, 1:])
    back = np.linalg.inv(vectors)
    chosen = [int(np.argmin(np.abs(values.imag)))]
    chosen += [i for i in range(stages) if values[i].imag > 1e-8 * abs(values[i])]
    counts = np.array([1.0] + [2.0] * (len(chosen) - 1))
    return Tableau(nodes, rates, inverse[-1], values[chosen], vectors[:, chosen], back[chosen], counts)


Solver = Callable[[Any], Callable[[Array], Array]]
"""A sparse matrix (N, N), real or complex, -> the solver of its systems."""


class Factorized:
    """(z M + J)^-1 for each eigenvalue z of a step's stage matrix.

    Raises:
        TimeIsUpError, TooLargeError: as for ``look_ahead``.
    """

    def __init__(
        self,
        jacobian: scipy.sparse.csr_array,
        mass: scipy.sparse.csr_array,
        shifts: Array,
        full: bool,
        deadline: Deadline,
        solver: Solver | None = None,
    ):
        self.solvers = []
        n = jacobian.shape[0]
        look_ahead(n, full, deadline, copies=2 * len(shifts), work=4 * len(shifts))
        # full Chebyshev matrices leave no sparsity in a factorization, even where the matrix itself is sparse
        dense = n <= _DENSE or full
        for i, shift in enumerate(shifts):
            deadline.check()
            matrix = (shift.real if i == 0 else shift) * mass + jacobian
            if solver is not None:
                self.solvers.append(solver(scipy.sparse.csr_array(matrix)))
            elif dense:
                # torch's LAPACK runs on one thread here; threads that wait for one another cost more than they give
                factors, pivots, info = torch.linalg.lu_factor_ex(torch.from_numpy(matrix.toarray()))
                if int(info):
                    raise RuntimeError("singular")
                self.solvers.append(partial(_dense_solve, factors, pivots))
            else:
                self.solvers.append(scipy.sparse.linalg.splu(scipy.sparse.csc_array(matrix)).solve)

    def solve(self, method: Tableau, residual: Array) -> Array:
        """The Newton step (s, N) for stage residuals (s, N)."""
        mixed = method.inverse @ residual
        total = np.zeros_like(residual)
        for k, solver in enumerate(self.solvers):
            right = mixed[k].real if k == 0 else mixed[k]
            found = solver(np.ascontiguousarray(right))
            total += method.counts[k] * np.outer(method.vectors[:, k], found).real
        return total


def _dense_solve(factors: Tensor, pivots: Tensor, right: Array) -> Array:
    return torch.linalg.lu_solve(factors, pivots, torch.from_numpy(right)[:, None])[:, 0].numpy()


class ImplicitSystem(Protocol):
    """What is integrated: R(U, U', t) = 0 for a state U (c, *shape)."""

    counted: Array
    """(N,) which entries of the state count when errors are measured."""

    @property
    def components(self) -> Sequence[object]:
        """C of them."""
        ...

    @property
    def axes(self) -> Mapping[str, object]:
        """One per dimension of the state's shape."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether the Jacobians have no sparsity worth keeping."""
        ...

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (s, N) for states and rates (s, c, *shape) at s times."""
        ...

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU'), each (N, N), at one instant; state and rate (c, *shape)."""
        ...


@dataclass(frozen=True)
class Trajectory:
    """A solution in time.

    Attributes:
        times: (steps * s + 1,) start and Radau points of all steps.
        states: (steps * s + 1, c, *shape).
        stages: s.
        steps: number of steps.
    """

    times: Array
    states: Array
    stages: int

    @property
    def steps(self) -> int:
        """Number of steps."""
        return (len(self.times) - 1) // self.stages


class Integrator:
    """Advances one system.

    Args:
        system: what to solve.
        tolerance: size of the highest Legendre coefficient of each step's polynomial, relative to the solution.
        stages: s, odd.
        deadline: raise TimeIsUpError after it.
        solver: of linear systems, in place of factorizations.
        linear: whether the system is, with constant coefficients: then the first iteration is exact.
    """

    def __init__(
        self,
        system: ImplicitSystem,
        tolerance: float,
        stages: int = 7,
        deadline: Deadline | None = None,
        solver: Solver | None = None,
        linear: bool = False,
    ):
        self.linear = linear
        self.system, self.tolerance, self.deadline = system, tolerance, deadline or Deadline()
        self.solver = solver
        self.method = tableau(stages)
        self.counted, self.full = system.counted, system.is_full
        # in two dimensions a factorization costs as much as dozens of iterations, so it is kept as long as it serves
        self.patience, self.growth = (0.3, 1.8) if len(system.axes) > 1 else (0.02, 1.25)
        self.factorizations = 0

    def run(
        self,
        state: Array,
        start: float,
        stop: float,
        floor: Array | float = 0.0,
        stops: Sequence[float] = (),
        met: Callable[[Array, float], Array] | None = None,
        past: float = 0.0,
    ) -> Trajectory:
        """Integrate from a state (c, *shape); errors are relative to each component's size, ``floor`` (c,) at least.

        Args:
            state, start, stop, floor: see above.
            stops: increasing times at which steps end, as something jumps there or begins to change steeply.
            met: makes a state (c, *shape) of such a time meet what is asked for ``past`` it. Where that changes it,
                steps begin again there, and in between the solution is a straight line: no polynomial runs through a jump.
            past: a time that is no longer than rounding makes it.

        Raises:
            ValueError: no step is short enough, or the solution left the range of numbers.
            TimeIsUpError: the deadline has passed.
            TooLargeError: the matrices do not fit into the memory.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # steps that are too long overflow, and are taken back
            return self._run(state, start, [*(t for t in stops if start < t < stop), stop], floor, met, past)

    def _run(
        self,
        state: Array,
        start: float,
        stops: Sequence[float],
        floor: Array | float,
        met: Callable[[Array, float], Array] | None,
        past: float,
    ) -> Trajectory:
        shape, s = state.shape, len(self.method.nodes) - 1
        end, stop, ahead = stops[0], stops[-1], list(stops[1:])
        now, u, h, since = start, state.reshape(-1), (end - start) / 64, start
        times, states = [np.array([start])], [u[None]]
        scale = np.maximum(self._grown(np.zeros(len(self.system.components)), u[None]), floor)
        last: tuple[float, Array] | None = None
        factors: Factorized | None = None
        while now < stop:
            self.deadline.check()
            if end - now < 1.05 * h and h != end - now:
                h, factors = end - now, None
            # a start may be singular, where states and boundary values meet; later, tiny steps mean the end
            least = (1e-8 if now - since > 1e-3 * (end - since) else 1e-13) * (stop - start)
            if h < min(least, 1e-3 * (end - now)) or h < 1e-6 * least:
                raise ValueError(
                    f"reference_solution: no time step is short enough at t = {now:g}; the solution blows up there, or "
                    "the problem is not well posed (check signs, and boundary conditions against the initial state)."
                )
            guess = self._predict(u, last, h, s)
            fresh = factors is None
            if factors is None:
                factors = self._factorize(guess, u, now, h, shape)
            found, rate = self._newton(guess, u, now, h, shape, factors, scale)
            if found is None:
                factors = None
                h = h / 3 if fresh else h
                continue
            table = np.concatenate([u[None], found])
            tail = self._norms(self.method.tail @ table)
            scale = self._grown(scale, found)
            error = float((tail / scale).max())
            factor = 0.85 * (self.tolerance / max(error, 1e-300)) ** (1 / s)
            if error > self.tolerance:
                h, factors = h * max(0.15, min(factor, 0.8)), None
                continue
            times.append(now + h * self.method.nodes[1:])
            states.append(found)
            now, u, last = end if h == end - now else now + h, found[-1], (h, table)
            if now == end and ahead:
                since, end, last, factors = now, ahead.pop(0), None, None
                if met is not None and now + past < end:
                    after = met(u.reshape(shape), now + past).reshape(-1)
                    if np.abs(after - u).max() > self.tolerance * np.abs(u).max():
                        times.append(now + past * self.method.nodes[1:])
                        states.append(u + self.method.nodes[1:, None] * (after - u))
                        now += past
                    u = after
                h = (end - now) / 16
                continue
            if rate > self.patience:
                factors = None
            if factor > self.growth or factor < 0.95:
                h *= min(max(factor, 0.5), 3.0)
                factors = None
        return Trajectory(np.concatenate(times), np.concatenate(states).reshape(-1, *shape), s)

    def _norms(self, flat: Array) -> Array:
        """Root mean square per component, over what counts."""
        blocks = np.where(self.counted, flat, 0.0).reshape(len(self.system.components), -1)
        return np.sqrt((blocks**2).mean(axis=1))

    def _grown(self, scale: Array, states: Array) -> Array:
        """The size (c,) of each component so far; one that is zero, or nearly, is measured against the others."""
        scale = np.maximum(scale, np.max([self._norms(state) for state in states], axis=0))
        return np.maximum(scale, max(_SMALL * float(scale.max()), 1e-300))

    def _predict(self, u: Array, last: tuple[float, Array] | None, h: float, s: int) -> Array:
        if last is None or h > 2.5 * last[0]:
            return np.repeat(u[None], s, axis=0)
        at = 1 + self.method.nodes[1:] * h / last[0]
        return interpolation_weights(np.broadcast_to(self.method.nodes, (s, s + 1)), at) @ last[1]

    def _rates(self, u: Array, stages: Array, h: float) -> Array:
        return self.method.rates @ np.concatenate([u[None], stages]) / h

    def _factorize(self, guess: Array, u: Array, now: float, h: float, shape: tuple[int, ...]) -> Factorized:
        middle = len(guess) // 2
        rate = self._rates(u, guess, h)[middle]
        at = now + h * self.method.nodes[1 + middle]
        jacobian, mass = self.system.jacobians(guess[middle].reshape(shape), rate.reshape(shape), at)
        self.factorizations += 1
        try:
            return Factorized(jacobian, mass, self.method.eigenvalues / h, self.full, self.deadline, self.solver)
        except TooLargeError:
            raise
        except RuntimeError as error:
            raise HopelessError(
                "reference_solution: the linearized equations are singular; an unknown is not determined by its "
                "equation, or a boundary condition is missing or doubled."
            ) from error

    def _newton(
        self, guess: Array, u: Array, now: float, h: float, shape: tuple[int, ...], factors: Factorized, scale: Array
    ) -> tuple[Array | None, float]:
        """Stages (s, N), or None where the iteration does not converge, and its contraction rate."""
        stages, before, theta = guess.copy(), np.inf, 0.0
        times = now + h * self.method.nodes[1:]
        for iteration in range(_NEWTON):
            rates = self._rates(u, stages, h)
            residual = self.system.residual(stages.reshape(-1, *shape), rates.reshape(-1, *shape), times)
            if not np.isfinite(residual).all():
                return None, 1.0
            step = factors.solve(self.method, -residual)
            stages += step
            if not np.isfinite(stages).all():
                return None, 1.0
            if self.linear:
                return stages, 0.0
            scale = self._grown(scale, stages)
            size = max(float((self._norms(d) / scale).max()) for d in step)
            if iteration:
                theta = size / before
                # at rounding level steps stop shrinking, and that is as good as it gets
                if theta > 0.9 and size > 0.3 * self.tolerance:
                    return None, theta
            if size * max(theta, 0.01) < 0.02 * self.tolerance or size < 3e-15:
                return stages, theta
            before = size
        return None, theta
