"""Numbers found from data: Gauss-Newton over the numbers around a solver of everything else.

The state is no unknown of the fit: whatever the numbers are, equations hold to the accuracy of the solver, far below any
noise, and the covariance of the numbers follows from the derivatives of the measurements by them alone.

Letters: N measurements and priors, p numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.confidence import covariance
from pinnlab.algebra.nonlinear_fit import Fit
from pinnlab.declaration.problem import Problem
from pinnlab.inverse.measured import Noise
from pinnlab.inverse.responses import Response, Responses, Solve, UnsolvedError
from pinnlab.inverse.scan import candidates, promising
from pinnlab.inverse.spread import TRACE, doubts, far_off, spread_of
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.machine.interrupts import load
from pinnlab.training.part import Part
from pinnlab.training.plans import Advance, March, NothingSolvedError
from pinnlab.training.status import Status
from pinnlab.training.uncertainty import Uncertainty

Array = np.ndarray
_SETTLED = 1e-4
"""What a step may still take from the sum of squares, in units of the noise's variance, when the numbers have settled."""
_LONGEST = 1.0
"""Step of a free variable: a factor of e of what is positive."""
_NEAR_ZERO = 0.1
"""Step of a number without bounds that is about zero."""
_ROUNDS = 8
"""How often the noise of several quantities is estimated anew."""
_SAME_NOISE = 0.03
_FLAT = 1.0
"""Deviation of a free variable from which on a minimum is so flat that there may be another."""
_WORSE = 100.0
"""How many times as large the sum of squares of another first guess may be that is worth a fit."""
_BEGINNINGS = 3
"""Solutions for other first guesses of which a fit begins at the best, where there is none for the one that was given."""
_ROUNDING = 1e-6
"""Share of the sum of squares below which what a refused step promised is the solver's own error."""


@dataclass(frozen=True, eq=False)
class Found:
    """A fit that has come to its end, or stands at its best so far."""

    fit: Fit
    response: Response
    jacobian: list[Array]


class FittedMarch(March):
    """Solutions for one set of numbers after the other, until the numbers have settled.

    Args:
        problem: with numbers to be found, data, and conditions that suffice without data.
        solve: solves a problem without either.
        accuracy: of a solution, relative.
        guesses: {name: first guess} in place of the problem's.

    Raises:
        NothingSolvedError: there is no solution for the first guess of the numbers.
    """

    def __init__(
        self,
        problem: Problem,
        solve: Solve,
        accuracy: float,
        guesses: Mapping[str, float],
    ):
        load("scipy.optimize")
        self.problem, self.responses = problem, Responses(problem, solve, guesses)
        self.noise = Noise(self.responses.groups, self.responses.sizes, accuracy)
        self.found: Found | None = None
        self.uncertainty: Uncertainty | None = None
        self.best: Found | None = None
        self._first: Found | None = None
        self._rounds, self._pieces, self._told = 0, list[Part](), list[str]()
        self._starts: list[Array] | None = None
        self._blind = 0

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        """How it was solved."""
        names = ", ".join(self.responses.names)
        return (
            f"single instance: solved for {self.responses.solves} guesses of {names}, fitted to the data",
            *self._told,
        )

    @property
    def pieces(self) -> Sequence[Part]:
        return self._pieces

    def advance(self, deadline: Deadline | None = None) -> Advance:
        deadline = deadline or Deadline()
        if self.found is None:
            return self._begin(deadline)
        fit = self.found.fit
        fit.longest = self._longest(fit.at)
        proposal = fit.propose()
        promised = fit.promised / self._variance
        if promised < _SETTLED or fit.stuck:
            return self._settled(deadline)
        try:
            response = self.responses.at(proposal, deadline)
            left = self._whitened(response)
            if not fit.improves(left):
                fit.refuse()
                if fit.promised < _ROUNDING * fit.square:
                    return self._settled(deadline)
                return self._advance(False)
            jacobian = self.responses.jacobian(response, deadline)
        except UnsolvedError:
            fit.refuse()
            return self._settled(deadline) if fit.stuck else self._advance(False)
        except TimeIsUpError:
            self._weigh()
            self._choose()
            # numbers that have not settled have no interval
            self._told.append(f"{', '.join(self.responses.names)} had not settled when the time was up")
            return self._advance(True, Status.BUDGET_REACHED)
        fit.take(left, self._rows(jacobian, response))
        self._keep(Found(fit, response, jacobian))
        return self._advance(True)

    def field(self) -> Callable[[Tensor], Tensor]:
        if self.found is None:
            raise NothingSolvedError(
                f"HardConstraintMoE: nothing could be solved: time was up before the first guess of "
                f"{', '.join(self.responses.names)} was. {Status.INCOMPLETE.value}."
            )
        return self.found.response.state.field()

    # -- how it goes on ----------------------------------------------------------------------------------------------

    def _begin(self, deadline: Deadline) -> Advance:
        try:
            response = self._first_response(deadline)
            jacobian = self.responses.jacobian(response, deadline)
        except TimeIsUpError:
            return Advance(False, 0.0, stopped=Status.INCOMPLETE)
        except UnsolvedError as error:
            raise self._nothing_solved("numbers next to the first guess", error) from error
        self._keep(Found(self._fit(response, jacobian), response, jacobian))
        self._blind = len(covariance(self._rows(jacobian, response), least=TRACE).blind)
        return self._advance(True)

    def _first_response(self, deadline: Deadline) -> Response:
        """The solution for the first guess; where it has none, the best of those for the guesses next to it that have.

        Raises:
            NothingSolvedError: none of them has.
            TimeIsUpError: the deadline has passed.
        """
        names, start = ", ".join(self.responses.names), self.responses.start
        try:
            return self.responses.at(start, deadline)
        except UnsolvedError as error:
            why, found = error, list[Response]()
        points = candidates(self.responses.frees, start)
        for point in sorted(points, key=lambda point: float(np.abs(point - start).max())):
            try:
                found.append(self.responses.at(point, deadline))
            except UnsolvedError:
                continue
            if len(found) == _BEGINNINGS:
                break
        if not found:
            raise self._nothing_solved(f"the first guess of {names}", why) from why
        best = min(found, key=self._square)
        values = ", ".join(f"{name} = {value:.4g}" for name, value in best.numbers.items())
        self._told.append(
            f"for the first guess of {names} there is no solution over the whole domain; begun from {values}"
        )
        return best

    @staticmethod
    def _nothing_solved(what: str, why: UnsolvedError) -> NothingSolvedError:
        return NothingSolvedError(
            f"HardConstraintMoE: nothing could be solved for {what}: {why}. {Status.UNRESOLVED.value}."
        )

    def _fit(self, response: Response, jacobian: list[Array]) -> Fit:
        longest = self._longest(response.at)
        return Fit(response.at, self._whitened(response), self._rows(jacobian, response), longest)

    def _longest(self, at: Array) -> Array:
        """(2, p) of a step, back and ahead.

        A number without bounds, such as a diffusivity, goes as far as a positive one, and changes its sign near zero only;
        towards zero it goes no further than two first guesses.
        """
        to_zero, off_zero = (abs(math.expm1(s * _LONGEST)) * np.abs(at) for s in (-1, 1))
        to_zero = np.minimum(to_zero, 2 * _LONGEST)
        plain = np.maximum(np.where(at > 0, (to_zero, off_zero), (off_zero, to_zero)), _NEAR_ZERO)
        return np.where([free.plain for free in self.responses.frees], plain, _LONGEST)

    def _keep(self, found: Found) -> None:
        self.found = found
        self._pieces = found.response.state.parts(found.response.numbers)

    def _whitened(self, response: Response) -> Array:
        return np.concatenate([self.noise.whitened(response.left), self.responses.priors(response.at)[0]])

    def _rows(self, jacobian: list[Array], response: Response) -> Array:
        return np.concatenate([self.noise.rows(jacobian, response.left), self.responses.priors(response.at)[1]])

    @property
    def _variance(self) -> float:
        """Of the whitened residuals: one where the noise was given."""
        assert self.found is not None
        fit = self.found.fit
        return 1.0 if self.noise.known else max(fit.square / max(len(fit.residuals) - len(fit.at), 1), 1e-300)

    def _settled(self, deadline: Deadline) -> Advance:
        """The end, unless the noise of several quantities is another than was thought."""
        assert self.found is not None
        found = self.found
        if not self.noise.known:
            change = self.noise.estimate(found.response.left, len(found.fit.at))
            several = (
                len(self.responses.groups) > 1
                or self.noise.robust
                or any(u.prior is not None for u in self.responses.unknowns)
            )
            self._rounds += 1
            self._keep(Found(self._fit(found.response, found.jacobian), found.response, found.jacobian))
            if several and change > _SAME_NOISE and self._rounds < _ROUNDS:
                return self._advance(False)
        self._weigh()
        if self._starts is None:
            try:
                self._starts = self._others(deadline)
            except TimeIsUpError:
                self._starts = []
                self._told.append("there was no time to look for another minimum, where more of the data is met")
        while self._starts:
            try:
                self._go_on_from(self._starts.pop(0), deadline)
                return self._advance(False)
            except UnsolvedError:
                continue
            except TimeIsUpError:
                break
        self._choose()
        resolved = self.found.response.state.resolved
        return self._advance(True, self._ended(deadline, Status.CONVERGED if resolved else Status.UNRESOLVED))

    # -- other first guesses -----------------------------------------------------------------------------------------

    def _weigh(self) -> None:
        """Remember the fit that has come to its end, if it is the best so far."""
        assert self.found is not None
        if self.best is None:
            self._first = self.found
        if self.best is None or self._square(self.found.response) < self._square(self.best.response):
            self.best = self.found

    def _others(self, deadline: Deadline) -> list[Array]:
        """Other first guesses from which a fit is worth its time; none where what is left looks like noise.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        assert self.found is not None
        rows = self._rows(self.found.jacobian, self.found.response)
        told = covariance(rows, least=TRACE)
        # what data tell at the first guess they may tell at a better one too
        lost = len(told.blind) > self._blind or bool((_FLAT < told.deviations[np.isfinite(told.deviations)]).any())
        numbers = zip(self.responses.frees, self.found.response.numbers.values(), strict=True)
        # data tell nothing of how near its bound a number is
        held = any(free.bound_near(number) is not None for free, number in numbers)
        if not ((lost and not held) or doubts(self.noise, self.found.response.left)):
            return []
        points, squares = candidates(self.responses.frees, self.responses.start), []
        for point in points:
            try:
                squares.append(self._square(self.responses.at(point, deadline)))
            except UnsolvedError:
                squares.append(math.nan)
        found = np.array(squares)
        chosen = [i for i in promising(found, points) if found[i] < _WORSE * self._square(self.found.response)]
        return [points[i] for i in chosen]

    def _go_on_from(self, point: Array, deadline: Deadline) -> None:
        response = self.responses.at(point, deadline)
        jacobian = self.responses.jacobian(response, deadline)
        self._rounds, self.found = _ROUNDS, Found(self._fit(response, jacobian), response, jacobian)

    def _choose(self) -> None:
        """Go back to the best of all fits."""
        assert self.found is not None and self.best is not None
        first, best = self._first, self.best
        if first is not None and first is not best:
            ratio = math.sqrt(self._square(first.response) / max(self._square(best.response), 1e-300))
            if ratio > 1.01:
                self._told.append(
                    f"the first guess leads to another minimum, whose misfit is {ratio:.2g} times as large; a scan of other "
                    "guesses found the one that was taken"
                )
        if not self.noise.known:
            self.noise.estimate(best.response.left, len(best.response.at))
        self._keep(Found(self._fit(best.response, best.jacobian), best.response, best.jacobian))

    def _square(self, response: Response) -> float:
        white = self._whitened(response)
        return float(white @ white)

    def _ended(self, deadline: Deadline, status: Status) -> Status:
        assert self.found is not None
        found = self.found
        self.uncertainty = spread_of(self.responses, self.noise, found.response, found.jacobian, deadline)
        self._told += far_off(self.noise, found.response.left)
        return status

    def _advance(self, accepted: bool, stopped: Status | None = None) -> Advance:
        assert self.found is not None
        done = stopped not in (None, Status.BUDGET_REACHED)
        info = {"solutions": float(self.responses.solves), "share": 1.0 if done else 0.5}
        loss = sum(float((left**2).mean()) for left in self.found.response.left)
        return Advance(accepted, info["share"], loss, math.nan, info, stopped)

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        if self.found is None:
            return {}
        fit = self.found.fit
        return {
            "at": torch.from_numpy(fit.at), "damping": fit.damping, "rounds": self._rounds,
            "deviations": list(self.noise.deviations), "solves": self.responses.solves,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        response = self.responses.at(state["at"].cpu().numpy(), Deadline())
        jacobian = self.responses.jacobian(response, Deadline())
        self.noise.deviations = tuple(state["deviations"])
        self._rounds, self.responses.solves = state["rounds"], state["solves"]
        fit = self._fit(response, jacobian)
        fit.damping = state["damping"]
        self._keep(Found(fit, response, jacobian))
