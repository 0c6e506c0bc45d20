"""Gauss-Newton for what is sought, with the unknowns solved for exactly on the way, and the strength chosen at each step.

Letters: K cells, m unknowns, N basis functions, p coefficients of what is sought.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.inverse.linear import InverseSystem, Linearized, UndecidedError
from pinnlab.solvers.local_experts.inverse.strength import Regularized, Strength

Array = np.ndarray
_SETTLED = 1e-9
"""Relative step of the unknowns at which the equations hold."""
_SETTLING = 30
_HALVINGS = 8
_SMALL = 1e-9
"""The same, relative to what is sought."""
_CLOSE = 0.02
"""Step of what is sought, in standard deviations, at which it is found."""


@dataclass(frozen=True, eq=False)
class Place:
    """Coefficients, and everything linearized there.

    Attributes:
        unknowns: (K, m, N), which solve the equations.
        weights: (p,) of what is sought.
        linear: all rows there.
    """

    unknowns: Array
    weights: Array
    linear: Linearized


class NotSettledError(ValueError):
    """The equations could not be solved."""


def settled(system: InverseSystem, unknowns: Array, weights: Array, deadline: Deadline, most: int = _SETTLING) -> Place:
    """The unknowns that solve the equations for given functions and numbers, by Newton's method.

    Args:
        system: all rows.
        unknowns: (K, m, N) to start from.
        weights: (p,) of what is sought.
        deadline: of it.
        most: steps.

    Raises:
        NotSettledError: Newton's method does not converge.
        UndecidedError: many unknowns solve them.
        TimeIsUpError: the time is up.
    """
    best, damping, now, step, last = np.inf, 1.0, unknowns, np.zeros_like(unknowns), np.inf
    for _ in range(most):
        deadline.check()
        try:
            linear = system.linearized(now, weights)
        except (FloatingPointError, np.linalg.LinAlgError) as error:
            linear, why = None, error
        if linear is None or not linear.residual < 100 * best:
            damping /= 2
            if damping < 1e-2 or not np.isfinite(best):
                raise NotSettledError(f"the equations could not be solved for the first guess ({why if linear is None else 'Newton steps diverge'})")
            now = now - damping * step
            continue
        best, step = min(best, linear.residual), linear.step.reshape(now.shape)
        sizes = np.maximum(np.abs(now + step).max(axis=(0, 2)), 1e-300)
        change = float((np.abs(step).max(axis=(0, 2)) / sizes).max())
        if change < _SETTLED or (change < 1e-6 and change > 0.3 * last):
            return Place(now, weights, linear)
        now, last = now + damping * step, change
        damping = min(1.0, 2 * damping)
    raise NotSettledError("the equations could not be solved: Newton's method does not converge")


class InverseFit:
    """Gauss-Newton for what is sought.

    Args:
        system: rows.
        place: where it starts.
        strength: of the regularization, where it is known already.

    Attributes:
        place: where it is.
        regularized: the measurements, linearized there.
        strength: of the regularization.
        found: whether it is at the end.
        change: of the last step, in standard deviations.
    """

    def __init__(self, system: InverseSystem, place: Place, strength: Strength | None = None):
        self.system, self.place, self.strength = system, place, strength
        self.found, self.change, self.steps = False, np.inf, 0
        self._look()

    def _look(self) -> None:
        self.regularized = Regularized(self.system.sought, self.place.linear.quantities, self.place.weights)

    def merit(self, place: Place, strength: Strength) -> float:
        """What Gauss-Newton lowers: the sum of squares of misfits and regularization, in units of the noise."""
        regularized = self.regularized
        off = place.weights - regularized.middle
        total = float(off @ regularized.precision(strength) @ off)
        variances = regularized.variances(strength)
        return total + sum(float((q.misfits**2).sum() / v) for q, v in zip(place.linear.quantities, variances, strict=True))

    def step(self, deadline: Deadline) -> bool:
        """One step; whether it led somewhere.

        Raises:
            TimeIsUpError: the time is up.
        """
        self.steps += 1
        self.strength = self.regularized.strongest(self.strength)
        if self.steps == 3:
            self.strength = self.regularized.any_order(self.strength)
        posterior = self.regularized.posterior(self.strength)
        whole = posterior.mean + self.regularized.middle - self.place.weights
        # in standard deviations: the factor's inverse is a triangle
        away = np.linalg.solve(posterior.factor, whole)
        self.change = float(np.sqrt((away**2).mean()))
        here, share = self.merit(self.place, self.strength), 1.0
        for _ in range(_HALVINGS):
            weights = self.place.weights + share * whole
            moved = self.place.linear.step + share * (self.place.linear.sensitivity @ whole)
            try:
                there = settled(self.system, self.place.unknowns + moved.reshape(self.place.unknowns.shape), weights, deadline, 12)
            except (NotSettledError, UndecidedError):
                share /= 3
                continue
            if self.merit(there, self.strength) <= here + 1e-3 * max(1.0, self.change**2):
                self.place = there
                self._look()
                relative = np.abs(share * whole).max() / max(float(np.abs(weights).max()), 1e-300)
                self.found = self.steps > 3 and (relative < _SMALL or (share == 1.0 and self.change < _CLOSE))
                return True
            share /= 3
        self.found = True
        return False
