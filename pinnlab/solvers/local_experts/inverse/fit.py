"""Gauss-Newton for what is sought, with the unknowns solved for exactly on the way, and the strength chosen at each step.

Letters: K cells, m unknowns, N basis functions, p coefficients of what is sought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import scipy

from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.local_experts.inverse.quantities import Linearized, System, UndecidedError
from pinnlab.solvers.local_experts.inverse.sought import SoughtFunction, split
from pinnlab.solvers.local_experts.inverse.strength import Regularized, Strength

S = TypeVar("S", bound=System)
Array = np.ndarray
_SETTLED = 1e-9
"""Relative step of the unknowns at which the equations hold."""
_SETTLING = 30
_HALVINGS = 8
_SMALL = 1e-9
"""The same, relative to what is sought."""
_ENOUGH = 0.05
"""Share of the decrease that the linearization promises which a step must bring."""
_NEAR, _FIRST = 1.0, 8
"""Step, in standard deviations, from which on the strength is chosen anew; and most steps before that."""
_CLOSE, _NEARLY = 0.02, 0.3
"""Step of what is sought, in standard deviations, at which it is found, and at which its spread can be told."""


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


def settled(system: System, unknowns: Array, weights: Array, deadline: Deadline, most: int = _SETTLING) -> Place:
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
    why, best, damping, now, step, last = "", np.inf, 1.0, unknowns, np.zeros_like(unknowns), np.inf
    for _ in range(most):
        deadline.check()
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                whole, residual = system.newton(now, weights)
        except (FloatingPointError, np.linalg.LinAlgError) as error:
            residual, why = np.nan, str(error)
        if not residual < 100 * best:
            damping /= 2
            if damping < 1e-2 or not np.isfinite(best):
                reason = why if np.isnan(residual) else "Newton steps diverge"
                raise NotSettledError(f"the equations could not be solved for the first guess ({reason})")
            now = now - damping * step
            continue
        best, step = min(best, residual), whole.reshape(now.shape)
        sizes = np.maximum(np.abs(now + step).max(axis=(0, 2)), 1e-300)
        change = float((np.abs(step).max(axis=(0, 2)) / sizes).max())
        if change < _SETTLED or (change < 1e-6 and change > 0.3 * last):
            return Place(now, weights, system.linearized(now, weights))
        now, last = now + damping * step, change
        damping = min(1.0, 2 * damping)
    raise NotSettledError("the equations could not be solved: Newton's method does not converge")


class InverseFit(Generic[S]):
    """Gauss-Newton for what is sought.

    Args:
        system: rows.
        place: where it starts.
        strength: of the regularization, where it is known already.
        rival: whether that is another start than the first: the first few steps hold on to it, and then the search goes by
            the data alone (``Regularized.score``).
        seconds: that ``average`` takes, as a fit before this one has told.

    Attributes:
        place: where it is.
        regularized: the measurements, linearized there.
        strength: of the regularization.
        rival: see above.
        found: whether it is at the end.
        change: of the last step, in standard deviations.
        seconds: that ``average`` takes, about, as far as steps have told.
        settling: seconds of the last solve for the unknowns.
    """

    def __init__(
        self, system: S, place: Place, strength: Strength | None = None, rival: bool = False, seconds: float = 0.0
    ):
        self.system, self.place, self.strength = system, place, strength
        self.found, self.change, self.steps = False, np.inf, 0
        self._drawing, self.settling = seconds, 0.0
        self.rival = rival
        self._near = self._any_order = strength is not None and not rival
        self._look()

    def continued(self, system: S, place: Place) -> InverseFit[S]:
        """A fit of other rows that goes on from the strength of this one."""
        found = InverseFit(system, place, self.strength, seconds=self.seconds)
        found.rival = found.regularized.alone = self.rival
        return found

    @property
    def settled(self) -> bool:
        """Whether it is so near its end that its spread is that of what is sought."""
        return self.found or (self._any_order and self.change < _NEARLY)

    @property
    def seconds(self) -> float:
        return self._drawing + self.settling

    @property
    def progress(self) -> dict[str, Any]:
        """How far it is, as plain data."""
        return {
            "found": self.found, "change": self.change, "steps": self.steps, "near": self._near, "orders": self._any_order,
            "rival": self.rival,
        }  # fmt: skip

    @progress.setter
    def progress(self, value: Mapping[str, Any]) -> None:
        self.found, self.change, self.steps = bool(value["found"]), float(value["change"]), int(value["steps"])
        self._near, self._any_order = bool(value["near"]), bool(value["orders"])
        self.rival = self.regularized.alone = bool(value.get("rival", False))

    def _look(self) -> None:
        self.regularized = Regularized(self.system.sought, self.place.linear.quantities, self.place.weights, self.rival)

    def merit(self, place: Place, strength: Strength, step: Array | float = 0.0) -> float:
        """What Gauss-Newton lowers: the sum of squares of misfits and regularization, in units of the noise.

        Args:
            place: where.
            strength: of the regularization.
            step: (p,) on to where the linearized misfits are meant.
        """
        off = place.weights + step - self.regularized.middle
        return float(off @ self.regularized.precision(strength) @ off) + self.misfit(place, strength, step)

    def misfit(self, place: Place, strength: Strength, step: Array | float = 0.0) -> float:
        """The sum of squares of misfits alone; arguments are those of ``merit``."""
        total = 0.0
        for quantity, variance in zip(place.linear.quantities, self.regularized.variances(strength), strict=True):
            misfits = quantity.misfits + (quantity.slopes @ step if isinstance(step, np.ndarray) else 0.0)
            total += float((misfits**2).sum() / variance)
        return total

    def step(self, deadline: Deadline) -> bool:
        """One step; whether it led somewhere.

        Raises:
            TimeIsUpError: the time is up.
        """
        self.steps += 1
        # evidence far from the solution misleads: the first steps go on until they are short
        if self.strength is None or self._near:
            first = self.strength is None
            self.strength = self.regularized.strongest(self.strength)
            if not (first or self._any_order):
                self._any_order, self.strength = True, self.regularized.any_order(self.strength)
            # increments are alike until their sizes tell which are jumps
            self.strength = self.strength if first else self.regularized.reweighted(self.strength)
            self._drawing = self.regularized.averaging(self.strength, deadline)
        posterior = self.regularized.posterior(self.strength)
        whole = posterior.mean + self.regularized.middle - self.place.weights
        # in standard deviations: the factor's inverse is a triangle
        away = np.linalg.solve(posterior.factor, whole)
        self.change = float(np.sqrt((away**2).mean()))
        tuned, self._near = self._near, self._near or self.change < _NEAR or self.steps >= _FIRST
        here, share = self.merit(self.place, self.strength), 1.0
        hoped = here - self.merit(self.place, self.strength, whole)
        for _ in range(_HALVINGS):
            began, weights = deadline.now(), self.place.weights + share * whole
            moved = self.place.linear.step + share * (self.place.linear.sensitivity @ whole)
            try:
                there = settled(
                    self.system, self.place.unknowns + moved.reshape(self.place.unknowns.shape), weights, deadline, 12
                )
            except (NotSettledError, UndecidedError):
                share /= 3
                continue
            self.settling = deadline.now() - began
            if self.merit(there, self.strength) <= here - _ENOUGH * share * hoped + 1e-3:
                self.place = there
                self._look()
                relative = np.abs(share * whole).max() / max(float(np.abs(weights).max()), 1e-300)
                self.found = (
                    tuned and self._any_order and (relative < _SMALL or (share == 1.0 and self.change < _CLOSE))
                )
                return True
            share /= 3
        self.found, self._near = tuned, True
        return False

    def average(self, deadline: Deadline) -> Array | None:
        """Move to the average over all strengths that data allow; (p, p) F, where F F^T is the covariance there.

        None where the time was up before enough strengths were drawn: then it stays where it is. It also stays, with what
        the average is off as uncertain, where the average misses the data, because they are not linear as far as that, and
        where functions jump: averages of jumps in several places are none.
        """
        assert self.strength is not None
        averaged = self.regularized.marginal(self.strength, deadline)
        if averaged is None:
            return None
        mean, factor = averaged
        off = mean - self.place.weights
        if self.strength.weights:
            return np.concatenate([factor, off[:, None], self._displaced()], axis=1)
        moved = self.place.linear.step + self.place.linear.sensitivity @ off
        try:
            deadline.require(self.settling, "the average over strengths")
            there = settled(
                self.system, self.place.unknowns + moved.reshape(self.place.unknowns.shape), mean, deadline, 12
            )
        except (NotSettledError, UndecidedError, TimeIsUpError):
            there = None
        if there is None or self._bent(there, off):
            # it stays, and what it is off the average counts as uncertain
            return np.concatenate([factor, off[:, None]], axis=1)
        self.place = there
        return factor

    def _displaced(self) -> Array:
        """(p, c) what changes where functions that jump do so a little earlier or later."""
        parts = zip(self.system.sought, split(self.place.weights, self.system.sought), strict=True)
        found = [
            each.displaced(mine) if isinstance(each, SoughtFunction) and each.jumps else np.zeros((each.size, 0))
            for each, mine in parts
        ]
        return np.asarray(scipy.linalg.block_diag(*found))

    def _bent(self, there: Place, step: Array) -> bool:
        """Whether a place misses the data by more than the linearization says, and than data decide coefficients."""
        assert self.strength is not None
        freedom = sum(self.regularized.posterior(self.strength).freedom)
        return self.misfit(there, self.strength) > self.misfit(self.place, self.strength, step) + freedom
